#include "index/quant/spec_bytes.h"

namespace tessera::quant {

StatusOr<std::string_view> CheckEnvelope(const std::string& bytes, uint32_t magic, uint32_t version,
                                         const char* name) {
  const auto bad = [name](const std::string& what) {
    return DataLoss(std::string(name) + ": " + what);
  };
  constexpr size_t kHeader = 2 * sizeof(uint32_t);
  constexpr size_t kTrailer = sizeof(uint32_t);
  if (bytes.size() < kHeader + kTrailer) {
    return bad("truncated, " + std::to_string(bytes.size()) + " bytes");
  }
  ByteReader header(bytes);
  if (header.Get<uint32_t>() != magic) return bad("wrong magic, not a file of this kind");
  const auto found = header.Get<uint32_t>();
  if (found != version) {
    return bad("format version " + std::to_string(found) + ", this build reads " +
               std::to_string(version));
  }
  const std::string_view all = bytes;
  ByteReader trailer(all.substr(all.size() - kTrailer));
  if (trailer.Get<uint32_t>() != Crc32c(all.substr(0, all.size() - kTrailer))) {
    return bad("checksum does not match");
  }
  return all.substr(kHeader, all.size() - kHeader - kTrailer);
}

void WriteSpec(const QuantizerSpec& spec, ByteWriter& out) {
  out.Put(static_cast<uint8_t>(spec.rotation));
  out.Put(static_cast<uint8_t>(spec.code));
  out.Put(static_cast<uint8_t>(spec.inverted_lists));
  out.Put(static_cast<uint8_t>(spec.refine));
  out.Put(spec.nlist);
  out.Put(spec.pq_m);
  out.Put(spec.pq_bits);
  out.Put(spec.vq_k);
}

StatusOr<QuantizerSpec> ReadSpec(ByteReader& in, const char* name) {
  const auto rotation = in.Get<uint8_t>();
  const auto code = in.Get<uint8_t>();
  const auto inverted_lists = in.Get<uint8_t>();
  const auto refine = in.Get<uint8_t>();
  QuantizerSpec spec;
  spec.nlist = in.Get<uint32_t>();
  spec.pq_m = in.Get<uint32_t>();
  spec.pq_bits = in.Get<uint32_t>();
  spec.vq_k = in.Get<uint32_t>();
  if (!in.ok()) return DataLoss(std::string(name) + ": truncated in the spec");
  if (rotation > static_cast<uint8_t>(RotationKind::kOptimized) ||
      code > static_cast<uint8_t>(CodeKind::kVector) || inverted_lists > 1 ||
      refine > static_cast<uint8_t>(RefineKind::kStatic8)) {
    return DataLoss(std::string(name) + ": unknown kind in the spec");
  }
  spec.rotation = static_cast<RotationKind>(rotation);
  spec.code = static_cast<CodeKind>(code);
  spec.inverted_lists = inverted_lists != 0;
  spec.refine = static_cast<RefineKind>(refine);
  return spec;
}

Status CheckResolved(const QuantizerSpec& spec, uint32_t dim, const char* name) {
  if (const Status status = spec.Validate(dim); !status.ok()) {
    return DataLoss(std::string(name) + ": " + MessageOf(status));
  }
  if (spec.code == CodeKind::kProduct && (spec.nlist == 0 || spec.pq_m == 0 || spec.pq_bits == 0)) {
    return DataLoss(std::string(name) + ": the spec has choices left open");
  }
  return OkStatus();
}

}  // namespace tessera::quant
