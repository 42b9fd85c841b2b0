// The bytes of every value in the database, described in index/store/README.md. Integers and floats
// are little-endian.
//
// Pure functions, thread-safe. Encoders append to `out`. Decoders treat their input as hostile:
// DataLoss says what was expected and what came; the caller adds the family and the key. What a
// decoder gives as a view borrows `value`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "index/status.h"
#include "index/store/store.h"
#include "index/types.h"

namespace tessera::store {

inline constexpr uint8_t kRecordVersion = 1;
inline constexpr uint8_t kCentroidVersion = 1;
inline constexpr uint8_t kPayloadVersion = 1;
inline constexpr uint8_t kRequestVersion = 1;

// Family `default`: version byte, payload, crc32c of all before it.
void EncodeRecord(std::string_view payload, std::string& out);
Status DecodeRecord(std::string_view value, std::string_view& payload);

// Family `ids`: row id. Families `assign-<gen>`: list id.
void EncodeU32(uint32_t number, std::string& out);
Status DecodeU32(std::string_view value, uint32_t& number);

// Family `rows`: version, norm, tagged external id. InvalidArgument if the id is an empty or too
// long string; nothing is appended then.
Status EncodeRow(const RowRecord& record, std::string& out);
Status DecodeRow(std::string_view value, RowRecord& record);

// Family `vectors`: a head (tag, of quantized vectors also scale and zero point), then the components.
// CheckVector is DataLoss if the type is unknown, there is no component, the last one is cut, or scale
// or zero point are none of the type.
Status CheckVector(const VectorView& vector);
void EncodeVectorHead(const VectorView& vector, std::string& out);
Status DecodeVector(std::string_view value, VectorView& vector);

// Family `payload`: version byte, text, crc32c of all before it.
void EncodePayload(std::string_view text, std::string& out);
Status DecodePayload(std::string_view value, std::string_view& text);

// Family `requests`: version byte, place, time, fingerprint, reply, crc32c of all before it; by place:
// version byte, time, id, crc32c.
void EncodeRequest(const RequestRecord& record, std::string& out);
Status DecodeRequest(std::string_view value, RequestRecord& record);
void EncodeRequestPlace(int64_t time_ms, std::string_view id, std::string& out);
Status DecodeRequestPlace(std::string_view value, int64_t& time_ms, std::string_view& id);

// Family `centroids-<gen>`: version byte, dim floats, crc32c of all before it.
void EncodeCentroid(const float* centroid, uint32_t dim, std::string& out);
// Writes dim floats to `centroid`.
Status DecodeCentroid(std::string_view value, uint32_t dim, float* centroid);

// Family `postings-<gen>`: code, correction, refine record; the lengths of code and refine record
// belong to the generation's model.
Status DecodePosting(std::string_view value, uint32_t code_bytes, uint32_t refine_bytes,
                     PostingView& posting);

}  // namespace tessera::store
