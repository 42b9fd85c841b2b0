// A backup as one stream of bytes, from one machine to another.
//
// The bytes are described in index/engine/README.md. They come from anywhere: no name in them leads out of the
// directory, no length allocates more than a piece, and what is not whole is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "index/backup.h"
#include "index/status.h"
#include "index/store/backup.h"

namespace tessera::engine {

// Not thread-safe, but may be handed from thread to thread.
class ArchiveWriter final : public store::FileSink {
 public:
  explicit ArchiveWriter(Backups::ArchiveSink take) : take_(std::move(take)) {}

  // First: what the backup is, and how many bytes its files have.
  Status Header(const BackupInfo& info);
  Status Begin(const std::string& name) override;
  Status Append(std::string_view bytes) override;
  Status End() override;
  // Last: without it the archive is refused.
  Status Trailer();

 private:
  // With the checksum of `bytes` behind them.
  Status Give(std::string& bytes);
  Status Frame(char kind, std::string_view content);

  const Backups::ArchiveSink take_;
  // Of all given so far but the checksums: over bytes with their checksum behind them it would be the same whatever they are.
  uint32_t crc_ = 0;
  uint32_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t file_bytes_ = 0;
};

// Writes the files of an archive into a directory, synced one by one. Not thread-safe.
class ArchiveReader {
 public:
  // `directory` exists and is empty.
  explicit ArchiveReader(std::string directory) : directory_(std::move(directory)) {}
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;
  ~ArchiveReader();

  // The next bytes, of any number. DataLoss, FailedPrecondition (newer format), InvalidArgument (no archive),
  // ResourceExhausted (no space). After an error every further call gives it again.
  Status Append(std::string_view bytes);
  // DataLoss unless the trailer has come.
  Status Finish() const;
  bool has_header() const { return has_header_; }
  const BackupInfo& info() const { return info_; }  // once it has its header; what follows may still be damaged

 private:
  Status Parse();
  // Takes the header, or a frame, off the buffer; false: not all of it is there yet.
  StatusOr<bool> TakeHeader();
  StatusOr<bool> TakeFrame();
  Status OnFrame(char kind, std::string_view content);
  Status OnName(std::string_view name);
  Status OnData(std::string_view data);
  Status OnEnd(std::string_view content);
  Status OnTrailer(std::string_view content);
  // Takes so many bytes and their checksum off the buffer.
  void Consume(size_t size);

  const std::string directory_;
  Status failed_;
  std::string buffer_;   // what has come and was not taken; shorter than a frame after each call
  size_t taken_ = 0;     // of buffer_
  uint32_t crc_ = 0;     // of all taken but the checksums
  bool has_header_ = false;
  bool has_trailer_ = false;
  BackupInfo info_;
  int fd_ = -1;          // of the file being written
  std::string file_;
  uint32_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace tessera::engine
