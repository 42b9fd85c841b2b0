#include "client/formats/vector_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tessera::formats {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
// Room for any row count, so that the header can be written last; a multiple of 64, as NumPy wants.
constexpr size_t kNpyHeaderBytes = 128;

const char* NpyDescr(ElementType type) {
  switch (type) {
    case ElementType::kF32:
      return "<f4";
    case ElementType::kF16:
      return "<f2";
    case ElementType::kBf16:
      return "<V2";  // as NumPy writes ml_dtypes.bfloat16
    case ElementType::kI8:
      return "|i1";
    case ElementType::kU8:
      return "|u1";
  }
  return "";
}

Status CheckTypes(const std::string& path, Format format, ElementType type) {
  if (format == Format::kNpy) return OkStatus();
  if (format == Format::kFvecs && type == ElementType::kF32) return OkStatus();
  if (format == Format::kBvecs && type == ElementType::kU8) return OkStatus();
  return InvalidArgument(path + ": cannot write " + ElementTypeName(type) + " vectors as " +
                         FormatName(format) + ", expected fvecs (f32), bvecs (u8) or npy");
}

Status CheckDim(const std::string& path, size_t dim) {
  if (dim > 0 && dim <= kMaxDim) return OkStatus();
  return InvalidArgument(path + ": dim is " + std::to_string(dim) + ", expected 1 to " +
                         std::to_string(kMaxDim));
}

// A rename is durable once the directory is.
bool SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  return synced;
}

}  // namespace

VectorWriter::VectorWriter(std::string path, Format format, ElementType type, size_t item_bytes,
                           size_t dim)
    : path_(std::move(path)),
      tmp_path_(path_ + ".tmp"),
      format_(format),
      type_(type),
      dim_(dim),
      row_bytes_(dim * item_bytes) {}

VectorWriter::~VectorWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(tmp_path_.c_str());
}

StatusOr<std::unique_ptr<VectorWriter>> VectorWriter::Create(const std::string& path, Format format,
                                                             ElementType type, size_t dim) {
  if (format == Format::kAuto) format = FormatOfName(path);
  TESSERA_RETURN_IF_ERROR(CheckTypes(path, format, type));
  return Open(
      std::unique_ptr<VectorWriter>(new VectorWriter(path, format, type, ElementSize(type), dim)));
}

StatusOr<std::unique_ptr<VectorWriter>> VectorWriter::Open(std::unique_ptr<VectorWriter> writer) {
  TESSERA_RETURN_IF_ERROR(CheckDim(writer->path_, writer->dim_));
  writer->fd_ = open(writer->tmp_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (writer->fd_ < 0) return writer->Failed("create");
  if (writer->format_ == Format::kNpy) writer->buffer_.resize(kNpyHeaderBytes);
  return writer;
}

Status VectorWriter::Failed(const std::string& what) const {
  return FailedPrecondition("cannot " + what + " " + tmp_path_ + ": " + std::strerror(errno));
}

Status VectorWriter::Append(std::span<const uint8_t> rows) {
  if (fd_ < 0) return FailedPrecondition(path_ + " is finished");
  if (rows.size() % row_bytes_ != 0) {
    return InvalidArgument(path_ + ": " + std::to_string(rows.size()) +
                           " bytes are no whole rows of " + std::to_string(row_bytes_));
  }
  const auto dim = static_cast<uint32_t>(dim_);
  const auto* dim_field = reinterpret_cast<const uint8_t*>(&dim);
  for (; !rows.empty(); rows = rows.subspan(row_bytes_)) {
    if (format_ != Format::kNpy) buffer_.insert(buffer_.end(), dim_field, dim_field + sizeof dim);
    buffer_.insert(buffer_.end(), rows.begin(), rows.begin() + static_cast<ptrdiff_t>(row_bytes_));
    ++rows_;
    if (buffer_.size() >= kBufferBytes) TESSERA_RETURN_IF_ERROR(Flush());
  }
  return OkStatus();
}

Status VectorWriter::Flush() {
  TESSERA_RETURN_IF_ERROR(WriteAt(buffer_.data(), buffer_.size(), written_));
  written_ += buffer_.size();
  buffer_.clear();
  return OkStatus();
}

Status VectorWriter::WriteAt(const uint8_t* data, size_t n, uint64_t offset) {
  while (n > 0) {
    const ssize_t done = pwrite(fd_, data, n, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return Failed("write");
    data += done;
    n -= static_cast<size_t>(done);
    offset += static_cast<uint64_t>(done);
  }
  return OkStatus();
}

std::string VectorWriter::NpyHeader() const {
  std::string header("\x93NUMPY\x01\x00", 8);
  constexpr uint16_t kLength = kNpyHeaderBytes - 10;
  header += static_cast<char>(kLength & 0xff);
  header += static_cast<char>(kLength >> 8);
  header += std::string("{'descr': '") + NpyDescr(type_) + "', 'fortran_order': False, 'shape': (" +
            std::to_string(rows_) + ", " + std::to_string(dim_) + "), }";
  header.resize(kNpyHeaderBytes - 1, ' ');
  return header + '\n';
}

Status VectorWriter::Finish() {
  if (fd_ < 0) return FailedPrecondition(path_ + " is finished");
  TESSERA_RETURN_IF_ERROR(Flush());
  if (format_ == Format::kNpy) {
    const std::string header = NpyHeader();
    TESSERA_RETURN_IF_ERROR(
        WriteAt(reinterpret_cast<const uint8_t*>(header.data()), header.size(), 0));
  }
  if (fsync(fd_) != 0) return Failed("sync");
  if (std::rename(tmp_path_.c_str(), path_.c_str()) != 0) return Failed("rename");
  close(fd_);
  fd_ = -1;
  return SyncDirectoryOf(path_) ? OkStatus() : Failed("sync the directory of");
}

Status WriteIvecs(const std::string& path, MatrixView<const int32_t> matrix) {
  TESSERA_ASSIGN_OR_RETURN(
      auto writer, VectorWriter::Open(std::unique_ptr<VectorWriter>(new VectorWriter(
                       path, Format::kIvecs, ElementType::kF32, sizeof(int32_t), matrix.dim()))));
  for (size_t i = 0; i < matrix.rows(); ++i) {
    TESSERA_RETURN_IF_ERROR(writer->Append(
        {reinterpret_cast<const uint8_t*>(matrix.row(i)), matrix.dim() * sizeof(int32_t)}));
  }
  return writer->Finish();
}

}  // namespace tessera::formats
