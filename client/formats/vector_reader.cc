#include "client/formats/vector_reader.h"

#include <algorithm>
#include <utility>

#include "client/formats/byte_source.h"
#include "client/formats/detect.h"
#include "client/formats/hdf5_reader.h"
#include "client/formats/json_reader.h"
#include "client/formats/matrix_reader.h"
#include "client/formats/row_appender.h"
#include "client/formats/vecs_reader.h"
#include "index/elements.h"

namespace tessera::formats {
namespace {

StatusOr<std::unique_ptr<VectorReader>> OpenMatrix(std::unique_ptr<ByteSource> source,
                                                   const StatusOr<MatrixHeader>& header,
                                                   size_t expected_dim) {
  TESSERA_RETURN_IF_ERROR(header.status());
  if (expected_dim != 0 && header->dim != expected_dim) {
    return InvalidArgument(source->name() + ": dim is " + std::to_string(header->dim) +
                           ", expected " + std::to_string(expected_dim));
  }
  return MakeMatrixReader(std::move(source), *header);
}

StatusOr<std::unique_ptr<VectorReader>> OpenRaw(std::unique_ptr<ByteSource> source,
                                                const OpenOptions& options) {
  if (!options.type || options.expected_dim == 0) {
    return InvalidArgument(source->name() + ": raw data has no header; name the type and the dim of its rows");
  }
  TESSERA_ASSIGN_OR_RETURN(const MatrixHeader header,
                           RawHeader(*source, ItemOf(*options.type), options.expected_dim));
  return MakeMatrixReader(std::move(source), header);
}

}  // namespace

StatusOr<bool> VectorReader::Next(size_t max_rows, VectorBatch& out) {
  StartBatch(type_, dim_, next_row_, out);
  out.quantization = quantization_;
  if (max_rows == 0) {
    TrimBatch(out);
    return InvalidArgument("max_rows is 0, expected at least 1");
  }
  if (dim_ > 0) {
    max_rows =
        std::min(max_rows, std::max<size_t>(1, kMaxBatchBytes / (dim_ * ElementSize(type_))));
  }
  if (failed_.ok()) failed_ = Fill(max_rows, out);
  TrimBatch(out);
  out.end_row = next_row_;
  if (out.rows > 0 || !out.bad.empty()) return true;
  if (!failed_.ok()) return failed_;
  return false;
}

Status VectorReader::Skip(uint64_t rows) {
  const uint64_t begin = next_row_;
  if (failed_.ok()) failed_ = SkipRows(rows);
  TESSERA_RETURN_IF_ERROR(failed_);
  if (next_row_ - begin == rows) return OkStatus();
  failed_ = InvalidArgument("cannot skip " + std::to_string(rows) + " rows: the file ends after " +
                            std::to_string(next_row_ - begin));
  return failed_;
}

namespace {

StatusOr<std::unique_ptr<VectorReader>> OpenFormat(const OpenOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(DetectedSource detected, OpenDetected(options.path, options.format));
  std::unique_ptr<ByteSource> source = std::move(detected.source);
  const size_t dim = options.expected_dim;
  ByteSource& bytes = *source;
  switch (detected.format) {
    case Format::kFvecs:
      return OpenVecs(std::move(source), ItemType::kF32, dim);
    case Format::kBvecs:
      return OpenVecs(std::move(source), ItemType::kU8, dim);
    case Format::kIvecs:
      return OpenVecs(std::move(source), ItemType::kI32, dim);
    case Format::kFbin:
      return OpenMatrix(std::move(source), ReadBinHeader(bytes, ItemType::kF32), dim);
    case Format::kU8bin:
      return OpenMatrix(std::move(source), ReadBinHeader(bytes, ItemType::kU8), dim);
    case Format::kI8bin:
      return OpenMatrix(std::move(source), ReadBinHeader(bytes, ItemType::kI8), dim);
    case Format::kBin:
      return OpenMatrix(std::move(source),
                        ReadBinHeader(bytes, ItemOf(options.type.value_or(ElementType::kF32))), dim);
    case Format::kRaw:
      return OpenRaw(std::move(source), options);
    case Format::kNpy:
      return OpenMatrix(std::move(source), ReadNpyHeader(bytes, options.type), dim);
    case Format::kIdx:
      return OpenMatrix(std::move(source), ReadIdxHeader(bytes), dim);
    case Format::kJsonLines:
      return OpenJsonLines(std::move(source), options);
    case Format::kHdf5:
      return OpenHdf5(options);
    case Format::kAuto:
      break;
  }
  return Internal("format not handled");
}

}  // namespace

Status VectorReader::CheckType(const OpenOptions& options) const {
  if (options.type && *options.type != type_) {
    return InvalidArgument(options.path + ": its components become " + ElementTypeName(type_) + ", not " +
                           ElementTypeName(*options.type));
  }
  return Annotate(CheckQuantization(type_, options.quantization), options.path + ": ");
}

StatusOr<std::unique_ptr<VectorReader>> OpenVectors(const OpenOptions& options) {
  TESSERA_ASSIGN_OR_RETURN(auto reader, OpenFormat(options));
  TESSERA_RETURN_IF_ERROR(reader->CheckType(options));
  reader->quantization_ = options.quantization;
  return reader;
}

}  // namespace tessera::formats
