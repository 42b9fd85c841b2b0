#include "index/quant/spec_bytes.h"

#include "index/base/format_version.h"

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
  const std::string_view all = bytes;
  ByteReader trailer(all.substr(all.size() - kTrailer));
  if (trailer.Get<uint32_t>() != Crc32c(all.substr(0, all.size() - kTrailer))) {
    return bad("checksum does not match");
  }
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion(std::string("the ") + name, found, version));
  return all.substr(kHeader, all.size() - kHeader - kTrailer);
}

void WriteSpec(const QuantizerSpec& spec, ByteWriter& out) { out.PutString(spec.ToString()); }

StatusOr<QuantizerSpec> ReadSpec(ByteReader& in, const char* name) {
  const std::string_view text = in.GetString();
  if (!in.ok()) return DataLoss(std::string(name) + ": truncated in the spec");
  StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(std::string(text));
  if (!spec.ok()) return DataLoss(std::string(name) + ": " + MessageOf(spec.status()));
  if (spec->ToString() != text) {
    return DataLoss(std::string(name) + ": the spec is written as " + std::string(text) + ", not as " +
                    spec->ToString());
  }
  return spec;
}

Status CheckResolved(const QuantizerSpec& spec, uint32_t dim, const char* name) {
  if (const Status status = spec.Validate(dim); !status.ok()) {
    return DataLoss(std::string(name) + ": " + MessageOf(status));
  }
  const bool product = spec.code == CodeKind::kProduct || spec.code == CodeKind::kAdditive;
  if ((spec.code != CodeKind::kVector && spec.nlist == 0) ||
      (product && (spec.pq_m == 0 || spec.pq_bits == 0))) {
    return DataLoss(std::string(name) + ": the spec has choices left open");
  }
  return OkStatus();
}

}  // namespace tessera::quant
