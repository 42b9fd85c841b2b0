#include "server/convert.h"

#include <bit>
#include <cstdint>
#include <utility>

#include "index/elements.h"

namespace tessera::server {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors travel as little-endian bytes");

std::string Count(size_t n, const char* unit) { return std::to_string(n) + ' ' + unit; }

std::string Wanted(const Shape& shape) {
  return "collection \"" + shape.collection + "\" has " + std::to_string(shape.dim);
}

StatusOr<VectorBytes> QuantizedBytes(const v1::QuantizedVector& vector, const std::string& field) {
  VectorBytes out{vector.is_signed() ? ElementType::kI8 : ElementType::kU8, vector.data(), {}};
  out.quantization = {vector.scale(), vector.zero_point()};
  const Status suit = CheckQuantization(out.type, out.quantization);
  if (!suit.ok()) return Annotate(suit, field + ".quantized.");
  return out;
}

}  // namespace

StatusOr<PointId> FromProto(const v1::PointId& id, const std::string& field) {
  switch (id.id_case()) {
    case v1::PointId::kNum:
      return PointId(id.num());
    case v1::PointId::kKey:
      if (id.key().empty()) return InvalidArgument(field + ".key is empty");
      if (id.key().size() > kMaxPointKeyBytes) {
        return InvalidArgument(field + ".key has " + Count(id.key().size(), "bytes, at most ") +
                               std::to_string(kMaxPointKeyBytes) + " are allowed");
      }
      return PointId(id.key());
    case v1::PointId::ID_NOT_SET:
      break;
  }
  return InvalidArgument(field + " is missing");
}

void ToProto(const PointId& id, v1::PointId* out) {
  if (id.is_number()) {
    out->set_num(id.number());
  } else {
    out->set_key(id.key());
  }
}

StatusOr<VectorBytes> BytesOf(const v1::Vector& vector, const std::string& field) {
  VectorBytes out;
  switch (vector.data_case()) {
    case v1::Vector::kF32: {
      const auto& values = vector.f32().values();
      out.bytes = {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
      return out;
    }
    case v1::Vector::kF32Le:
      out = {ElementType::kF32, vector.f32_le(), {}};
      break;
    case v1::Vector::kF16Le:
      out = {ElementType::kF16, vector.f16_le(), {}};
      break;
    case v1::Vector::kBf16Le:
      out = {ElementType::kBf16, vector.bf16_le(), {}};
      break;
    case v1::Vector::kI8:
      return VectorBytes{ElementType::kI8, vector.i8(), {}};
    case v1::Vector::kU8:
      return VectorBytes{ElementType::kU8, vector.u8(), {}};
    case v1::Vector::kQuantized:
      return QuantizedBytes(vector.quantized(), field);
    case v1::Vector::DATA_NOT_SET:
      return InvalidArgument(field + " is missing");
  }
  if (out.bytes.size() % ElementSize(out.type) != 0) {
    return InvalidArgument(field + " has " + Count(out.bytes.size(), "bytes, not a multiple of ") +
                           std::to_string(ElementSize(out.type)) + " (" +
                           ElementTypeName(out.type) + ')');
  }
  return out;
}

StatusOr<VectorBytes> OneVector(const v1::Vector& vector, const Shape& shape,
                                const std::string& field) {
  StatusOr<VectorBytes> bytes = BytesOf(vector, field);
  if (bytes.ok() && bytes->components() != shape.dim) {
    return InvalidArgument(field + " has " + Count(bytes->components(), "components, ") +
                           Wanted(shape));
  }
  return bytes;
}

StatusOr<VectorBytes> Rows(const v1::Vector& vector, const Shape& shape, const std::string& field,
                           size_t max_rows) {
  StatusOr<VectorBytes> bytes = BytesOf(vector, field);
  if (!bytes.ok()) return bytes;
  const size_t components = bytes->components();
  if (components == 0) return InvalidArgument(field + " is empty");
  if (components % shape.dim != 0) {
    return InvalidArgument(field + " has " + Count(components, "components, not whole rows: ") +
                           Wanted(shape));
  }
  TESSERA_RETURN_IF_ERROR(CheckRows(components / shape.dim, max_rows, field));
  return bytes;
}

void ToProto(ElementType type, const ScalarParams& quantization, std::string bytes,
             v1::Vector* out) {
  if (quantization != ScalarParams()) {
    v1::QuantizedVector* quantized = out->mutable_quantized();
    quantized->set_data(std::move(bytes));
    quantized->set_scale(quantization.scale);
    quantized->set_zero_point(quantization.zero_point);
    quantized->set_is_signed(type == ElementType::kI8);
    return;
  }
  switch (type) {
    case ElementType::kF32:
      return out->set_f32_le(std::move(bytes));
    case ElementType::kF16:
      return out->set_f16_le(std::move(bytes));
    case ElementType::kBf16:
      return out->set_bf16_le(std::move(bytes));
    case ElementType::kI8:
      return out->set_i8(std::move(bytes));
    case ElementType::kU8:
      return out->set_u8(std::move(bytes));
  }
}

FloatRows::FloatRows(const VectorBytes& bytes, uint32_t dim) {
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.bytes.data()) % alignof(float) == 0;
  const float* data = reinterpret_cast<const float*>(bytes.bytes.data());
  if (bytes.type != ElementType::kF32 || !aligned) {
    converted_.resize(bytes.components());
    ToFloats(bytes.type, bytes.quantization, bytes.bytes.data(), converted_.size(),
             converted_.data());
    data = converted_.data();
  }
  view_ = {data, bytes.components() / dim, dim};
}

Status CheckRows(size_t rows, size_t max_rows, const std::string& field) {
  if (rows <= max_rows) return OkStatus();
  return InvalidArgument(field + " has " + Count(rows, "rows, at most ") +
                         std::to_string(max_rows) + " are allowed in one request");
}

}  // namespace tessera::server
