#include "index/engine/backup_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "index/base/bytes.h"
#include "index/engine/backup_record.h"

namespace tessera::engine {
namespace {

constexpr std::string_view kMagic = "TSBACKUP";
constexpr size_t kMaxDescription = 64u << 10;
constexpr size_t kPiece = 256u << 10;  // of a file in one frame
constexpr size_t kHead = sizeof(char) + sizeof(uint32_t);
constexpr size_t kCrc = sizeof(uint32_t);

constexpr char kName = 'F';
constexpr char kData = 'D';
constexpr char kEnd = 'E';
constexpr char kTrailer = 'T';

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 20 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The names of files that a database consists of; so none of them has a slash.
bool IsDatabaseFile(std::string_view name) {
  if (name == "CURRENT") return true;
  for (const std::string_view prefix : {"MANIFEST-", "OPTIONS-"}) {
    if (name.starts_with(prefix)) return IsNumber(name.substr(prefix.size()));
  }
  for (const std::string_view suffix : {".sst", ".blob", ".log"}) {
    if (name.ends_with(suffix)) return IsNumber(name.substr(0, name.size() - suffix.size()));
  }
  return false;
}

Status FileError(const std::string& doing, const std::string& path, int error) {
  const std::string message = doing + " " + path + ": " + std::strerror(error);
  return error == ENOSPC || error == EDQUOT ? ResourceExhausted(message) : Unavailable(message);
}

Status Damaged(const std::string& what) { return DataLoss("the archive is damaged: " + what); }

}  // namespace

Status ArchiveWriter::Give(std::string& bytes) {
  crc_ = Crc32c(bytes, crc_);
  ByteWriter(bytes).Put(Crc32c(bytes));
  return take_(bytes);
}

Status ArchiveWriter::Frame(char kind, std::string_view content) {
  std::string frame;
  frame.reserve(kHead + content.size() + kCrc);
  ByteWriter writer(frame);
  writer.Put(kind);
  writer.PutString(content);
  return Give(frame);
}

Status ArchiveWriter::Header(const BackupInfo& info) {
  std::string header(kMagic);
  ByteWriter writer(header);
  writer.Put(kBackupFormat);
  writer.PutString(EncodeBackup(info));
  writer.Put(info.bytes);
  return Give(header);
}

Status ArchiveWriter::Begin(const std::string& name) {
  ++files_;
  file_bytes_ = 0;
  return Frame(kName, name);
}

Status ArchiveWriter::Append(std::string_view bytes) {
  file_bytes_ += bytes.size();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size()))) {
    TESSERA_RETURN_IF_ERROR(Frame(kData, bytes.substr(0, kPiece)));
  }
  return OkStatus();
}

Status ArchiveWriter::End() {
  bytes_ += file_bytes_;
  std::string content;
  ByteWriter(content).Put(file_bytes_);
  return Frame(kEnd, content);
}

Status ArchiveWriter::Trailer() {
  std::string content;
  ByteWriter writer(content);
  writer.Put(files_);
  writer.Put(bytes_);
  writer.Put(crc_);
  return Frame(kTrailer, content);
}

ArchiveReader::~ArchiveReader() {
  if (fd_ >= 0) close(fd_);
}

Status ArchiveReader::Append(std::string_view bytes) {
  // Piece by piece, so that the buffer is bounded whatever comes at once.
  while (failed_.ok() && !bytes.empty()) {
    buffer_.append(bytes.substr(0, kPiece));
    bytes.remove_prefix(std::min(kPiece, bytes.size()));
    failed_ = Parse();
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  return failed_;
}

Status ArchiveReader::Parse() {
  for (bool more = true; more;) {
    if (has_trailer_ && buffer_.size() > taken_) return Damaged("bytes after its trailer");
    TESSERA_ASSIGN_OR_RETURN(more, has_header_ ? TakeFrame() : TakeHeader());
  }
  return OkStatus();
}

Status ArchiveReader::Finish() const {
  TESSERA_RETURN_IF_ERROR(failed_);
  return has_trailer_ ? OkStatus() : DataLoss("the archive ends before its trailer: it is not whole");
}

void ArchiveReader::Consume(size_t size) {
  crc_ = Crc32c({buffer_.data() + taken_, size}, crc_);
  taken_ += size + kCrc;
}

StatusOr<bool> ArchiveReader::TakeHeader() {
  const std::string_view all(buffer_);
  const std::string_view magic = all.substr(0, kMagic.size());
  if (magic != kMagic.substr(0, magic.size())) return InvalidArgument("these bytes are no archive of a backup");
  ByteReader reader(all.substr(magic.size()));
  const uint32_t format = reader.Get<uint32_t>();
  const uint32_t size = reader.Get<uint32_t>();
  if (!reader.ok()) return false;
  // Before the checksum: a newer version may have moved it.
  TESSERA_RETURN_IF_ERROR(CheckBackupFormat(format));
  if (size > kMaxDescription) return Damaged("its header");
  const std::string_view description = reader.GetBytes(size);
  const uint64_t bytes = reader.Get<uint64_t>();
  const size_t covered = all.size() - reader.remaining();
  const uint32_t crc = reader.Get<uint32_t>();
  if (!reader.ok()) return false;
  if (crc != Crc32c(all.substr(0, covered))) return Damaged("its header");
  TESSERA_RETURN_IF_ERROR(DecodeBackup(description, info_));
  TESSERA_RETURN_IF_ERROR(CheckBackupFormat(info_.format));
  info_.bytes = bytes;
  Consume(covered);
  return has_header_ = true;
}

StatusOr<bool> ArchiveReader::TakeFrame() {
  const std::string_view rest = std::string_view(buffer_).substr(taken_);
  ByteReader reader(rest);
  const char kind = reader.Get<char>();
  const uint32_t size = reader.Get<uint32_t>();
  if (!reader.ok()) return false;
  if (size > kPiece) return Damaged("a piece of " + std::to_string(size) + " bytes" + (file_.empty() ? "" : " in " + file_));
  const std::string_view content = reader.GetBytes(size);
  const uint32_t crc = reader.Get<uint32_t>();
  if (!reader.ok()) return false;
  if (crc != Crc32c(rest.substr(0, kHead + size))) {
    return Damaged("a checksum" + (file_.empty() ? "" : " in " + file_));
  }
  TESSERA_RETURN_IF_ERROR(OnFrame(kind, content));
  Consume(kHead + size);
  return true;
}

Status ArchiveReader::OnFrame(char kind, std::string_view content) {
  switch (kind) {
    case kName:
      return OnName(content);
    case kData:
      return OnData(content);
    case kEnd:
      return OnEnd(content);
    case kTrailer:
      return OnTrailer(content);
    default:
      return Damaged("a piece of an unknown kind");
  }
}

Status ArchiveReader::OnName(std::string_view name) {
  if (fd_ >= 0) return Damaged(file_ + " has no end");
  if (!IsDatabaseFile(name)) {
    return InvalidArgument("the archive names a file \"" + std::string(name.substr(0, 80)) +
                           "\", which no backup has");
  }
  file_ = std::string(name);
  const std::string path = directory_ + "/" + file_;
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd_ < 0) return errno == EEXIST ? Damaged(file_ + " comes twice") : FileError("cannot create", path, errno);
  ++files_;
  file_bytes_ = 0;
  return OkStatus();
}

Status ArchiveReader::OnData(std::string_view data) {
  if (fd_ < 0) return Damaged("bytes of no file");
  file_bytes_ += data.size();
  while (!data.empty()) {
    const ssize_t written = write(fd_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("cannot write", directory_ + "/" + file_, errno);
    data.remove_prefix(static_cast<size_t>(written));
  }
  return OkStatus();
}

Status ArchiveReader::OnEnd(std::string_view content) {
  if (fd_ < 0) return Damaged("the end of no file");
  ByteReader reader(content);
  const uint64_t size = reader.Get<uint64_t>();
  if (!reader.Finished() || size != file_bytes_) return Damaged(file_ + " has another size than it should");
  const bool synced = fsync(fd_) == 0;
  const int error = errno;
  const bool closed = close(fd_) == 0;
  fd_ = -1;
  if (!synced || !closed) return FileError("cannot sync", directory_ + "/" + file_, synced ? errno : error);
  bytes_ += file_bytes_;
  file_.clear();
  return OkStatus();
}

Status ArchiveReader::OnTrailer(std::string_view content) {
  if (fd_ >= 0) return Damaged(file_ + " has no end");
  ByteReader reader(content);
  const uint32_t files = reader.Get<uint32_t>();
  const uint64_t bytes = reader.Get<uint64_t>();
  const uint32_t crc = reader.Get<uint32_t>();
  if (!reader.Finished() || files != files_ || bytes != bytes_ || crc != crc_) {
    return Damaged("pieces are missing, or not in their places");
  }
  has_trailer_ = true;
  return OkStatus();
}

}  // namespace tessera::engine
