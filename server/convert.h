// Ids and vectors between the wire and the engine. Pure functions; everything from the wire is
// hostile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "index/collection.h"
#include "index/status.h"
#include "index/types.h"
#include "tessera/v1/types.pb.h"

namespace tessera::server {

// What a vector's length is checked against and named by in messages.
struct Shape {
  uint32_t dim = 0;
  const std::string& collection;
};

// InvalidArgument if neither form is set or a key is not 1 to 256 bytes; `field` names it.
StatusOr<PointId> FromProto(const v1::PointId& id, const std::string& field);
void ToProto(const PointId& id, v1::PointId* out);

// The packed components of `vector`, borrowed from it.
struct VectorBytes {
  ElementType type = ElementType::kF32;
  std::string_view bytes;
  ScalarParams quantization{};  // of i8 and u8
  size_t components() const { return bytes.size() / ElementSize(type); }
};
// InvalidArgument if no form is set, the bytes are not whole components, or scale or zero point are
// none: points[17].vector.quantized.scale is -1.000000, expected ...
StatusOr<VectorBytes> BytesOf(const v1::Vector& vector, const std::string& field);
// Also checks that it is one vector of the collection:
// points[17].vector has 100 components, collection "a" has 128
StatusOr<VectorBytes> OneVector(const v1::Vector& vector, const Shape& shape,
                                const std::string& field);
// Also checks that it is whole rows of the collection, at least one and at most max_rows.
StatusOr<VectorBytes> Rows(const v1::Vector& vector, const Shape& shape, const std::string& field,
                           size_t max_rows);

void ToProto(ElementType type, const ScalarParams& quantization, std::string bytes,
             v1::Vector* out);

// Rows as floats: borrowed where the wire holds aligned floats, else converted. Not copyable.
class FloatRows {
 public:
  // bytes: whole rows of `dim` components; must outlive this if f32.
  FloatRows(const VectorBytes& bytes, uint32_t dim);
  FloatRows(FloatRows&&) = default;
  MatrixView<const float> view() const { return view_; }

 private:
  std::vector<float> converted_;
  MatrixView<const float> view_;
};

// InvalidArgument unless `rows` is at most `max_rows`; `field` names what is counted.
Status CheckRows(size_t rows, size_t max_rows, const std::string& field);

}  // namespace tessera::server
