#include "index/store/records.h"

#include <cstring>

#include "index/base/bytes.h"
#include "index/base/format_version.h"
#include "index/elements.h"
#include "index/store/keys.h"

namespace tessera::store {
namespace {

constexpr size_t kRowHeaderBytes = sizeof(uint64_t) + sizeof(float);
// In place of an id's tag: an expiry, and the tagged id behind it.
constexpr char kExpiryTag = 2;
// In place of the element type: i8 and u8 with scale and zero point behind it.
constexpr uint8_t kQuantizedI8Tag = 16;
constexpr uint8_t kQuantizedU8Tag = 17;
constexpr size_t kQuantizedHeadBytes = 1 + sizeof(float) + 1;
// Version and crc included.
constexpr size_t kRequestHeadBytes = 1 + 8 + 8 + 4 + 4;
constexpr size_t kRequestPlaceHeadBytes = 1 + 8 + 4;

Status WrongLength(size_t expected, size_t got) {
  return DataLoss("value is " + std::to_string(got) + " bytes, expected " +
                  std::to_string(expected));
}

void AppendCrc(std::string& out, size_t begin) {
  const uint32_t crc = Crc32c(std::string_view(out).substr(begin));
  ByteWriter(out).Put(crc);
}

// Checks the version byte in front and the crc32c behind; gives what stands between them.
Status OpenEnvelope(std::string_view value, uint8_t version, std::string_view& inside) {
  if (value.size() < 1 + sizeof(uint32_t)) return WrongLength(1 + sizeof(uint32_t), value.size());
  const std::string_view covered = value.substr(0, value.size() - sizeof(uint32_t));
  if (ByteReader(value.substr(covered.size())).Get<uint32_t>() != Crc32c(covered)) {
    return DataLoss("crc32c does not match");
  }
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion("the record", static_cast<uint8_t>(value[0]), version));
  inside = covered.substr(1);
  return OkStatus();
}

void AppendEnvelope(uint8_t version, std::string_view inside, std::string& out) {
  const size_t begin = out.size();
  ByteWriter writer(out);
  writer.Put(version);
  writer.PutBytes(inside.data(), inside.size());
  AppendCrc(out, begin);
}

}  // namespace

void EncodeRecord(std::string_view payload, std::string& out) { AppendEnvelope(kRecordVersion, payload, out); }

Status DecodeRecord(std::string_view value, std::string_view& payload) {
  return OpenEnvelope(value, kRecordVersion, payload);
}

void EncodeU32(uint32_t number, std::string& out) { ByteWriter(out).Put(number); }

Status DecodeU32(std::string_view value, uint32_t& number) {
  if (value.size() != sizeof(number)) return WrongLength(sizeof(number), value.size());
  std::memcpy(&number, value.data(), sizeof(number));
  return OkStatus();
}

Status EncodeRow(const RowRecord& record, std::string& out) {
  const size_t begin = out.size();
  ByteWriter writer(out);
  writer.Put(record.version);
  writer.Put(record.norm);
  if (record.expire_at_ms > 0) {
    out.push_back(kExpiryTag);
    writer.Put(record.expire_at_ms);
  }
  if (AppendIdKey(record.id, out)) return OkStatus();
  out.resize(begin);
  return InvalidArgument("id is a string of " + std::to_string(record.id.key().size()) +
                         " bytes, expected 1 to " + std::to_string(kMaxPointKeyBytes));
}

Status DecodeRow(std::string_view value, RowRecord& record) {
  if (value.size() <= kRowHeaderBytes) return WrongLength(kRowHeaderBytes + 9, value.size());
  std::memcpy(&record.version, value.data(), sizeof(record.version));
  std::memcpy(&record.norm, value.data() + sizeof(record.version), sizeof(record.norm));
  std::string_view id = value.substr(kRowHeaderBytes);
  record.expire_at_ms = 0;
  if (id[0] == kExpiryTag) {
    if (id.size() <= 1 + sizeof(record.expire_at_ms)) return WrongLength(kRowHeaderBytes + 18, value.size());
    std::memcpy(&record.expire_at_ms, id.data() + 1, sizeof(record.expire_at_ms));
    if (record.expire_at_ms <= 0) return DataLoss("expiry is " + std::to_string(record.expire_at_ms));
    id.remove_prefix(1 + sizeof(record.expire_at_ms));
  }
  if (ParseIdKey(id, record.id)) return OkStatus();
  return DataLoss("external id is malformed");
}

Status CheckVector(const VectorView& vector) {
  const size_t size = ElementSize(vector.type);
  if (size == 0) return DataLoss("element type is " + std::to_string(static_cast<int>(vector.type)));
  if (vector.bytes.empty() || vector.bytes.size() % size != 0) {
    return DataLoss("vector is " + std::to_string(vector.bytes.size()) + " bytes of " +
                    ElementTypeName(vector.type));
  }
  const Status suit = CheckQuantization(vector.type, vector.quantization);
  return suit.ok() ? suit : DataLoss(MessageOf(suit));
}

void EncodeVectorHead(const VectorView& vector, std::string& out) {
  ByteWriter writer(out);
  if (vector.quantization == ScalarParams()) {
    writer.Put(static_cast<uint8_t>(vector.type));
    return;
  }
  writer.Put(vector.type == ElementType::kI8 ? kQuantizedI8Tag : kQuantizedU8Tag);
  writer.Put(vector.quantization.scale);
  writer.Put(static_cast<uint8_t>(vector.quantization.zero_point));
}

Status DecodeVector(std::string_view value, VectorView& vector) {
  if (value.empty()) return WrongLength(2, 0);
  const auto tag = static_cast<uint8_t>(value[0]);
  ByteReader reader(value.substr(1));
  vector.quantization = {};
  if (tag == kQuantizedI8Tag || tag == kQuantizedU8Tag) {
    vector.type = tag == kQuantizedI8Tag ? ElementType::kI8 : ElementType::kU8;
    vector.quantization.scale = reader.Get<float>();
    const auto zero_point = reader.Get<uint8_t>();
    vector.quantization.zero_point =
        tag == kQuantizedI8Tag ? static_cast<int8_t>(zero_point) : int32_t{zero_point};
    if (!reader.ok()) return WrongLength(kQuantizedHeadBytes + 1, value.size());
  } else {
    vector.type = static_cast<ElementType>(tag);
  }
  vector.bytes = reader.rest();
  return CheckVector(vector);
}

void EncodePayload(std::string_view text, std::string& out) { AppendEnvelope(kPayloadVersion, text, out); }

Status DecodePayload(std::string_view value, std::string_view& text) {
  return OpenEnvelope(value, kPayloadVersion, text);
}

void EncodeRequest(const RequestRecord& record, std::string& out) {
  const size_t begin = out.size();
  ByteWriter writer(out);
  writer.Put(kRequestVersion);
  writer.Put(record.sequence);
  writer.Put(record.time_ms);
  writer.Put(record.fingerprint);
  writer.PutBytes(record.reply.data(), record.reply.size());
  AppendCrc(out, begin);
}

Status DecodeRequest(std::string_view value, RequestRecord& record) {
  std::string_view inside;
  TESSERA_RETURN_IF_ERROR(OpenEnvelope(value, kRequestVersion, inside));
  ByteReader reader(inside);
  record.sequence = reader.Get<uint64_t>();
  record.time_ms = reader.Get<int64_t>();
  record.fingerprint = reader.Get<uint32_t>();
  if (!reader.ok()) return WrongLength(kRequestHeadBytes, value.size());
  record.reply.assign(reader.rest());
  return OkStatus();
}

void EncodeRequestPlace(int64_t time_ms, std::string_view id, std::string& out) {
  const size_t begin = out.size();
  ByteWriter writer(out);
  writer.Put(kRequestVersion);
  writer.Put(time_ms);
  writer.PutBytes(id.data(), id.size());
  AppendCrc(out, begin);
}

Status DecodeRequestPlace(std::string_view value, int64_t& time_ms, std::string_view& id) {
  std::string_view inside;
  TESSERA_RETURN_IF_ERROR(OpenEnvelope(value, kRequestVersion, inside));
  ByteReader reader(inside);
  time_ms = reader.Get<int64_t>();
  if (!reader.ok()) return WrongLength(kRequestPlaceHeadBytes, value.size());
  id = reader.rest();
  return OkStatus();
}

void EncodeCentroid(const float* centroid, uint32_t dim, std::string& out) {
  const size_t begin = out.size();
  ByteWriter writer(out);
  writer.Put(kCentroidVersion);
  writer.PutBytes(centroid, dim * sizeof(float));
  AppendCrc(out, begin);
}

Status DecodeCentroid(std::string_view value, uint32_t dim, float* centroid) {
  std::string_view floats;
  TESSERA_RETURN_IF_ERROR(OpenEnvelope(value, kCentroidVersion, floats));
  if (floats.size() != dim * sizeof(float)) {
    return WrongLength(dim * sizeof(float) + 1 + sizeof(uint32_t), value.size());
  }
  std::memcpy(centroid, floats.data(), floats.size());
  return OkStatus();
}

Status DecodePosting(std::string_view value, uint32_t code_bytes, uint32_t refine_bytes,
                     PostingView& posting) {
  const size_t expected = size_t{code_bytes} + sizeof(float) + refine_bytes;
  if (value.size() != expected) return WrongLength(expected, value.size());
  posting.code = value.substr(0, code_bytes);
  std::memcpy(&posting.correction, value.data() + code_bytes, sizeof(float));
  posting.refine = value.substr(code_bytes + sizeof(float));
  return OkStatus();
}

}  // namespace tessera::store
