#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "index/base/bytes.h"
#include "index/engine/backup_archive.h"
#include "index/engine/backup_record.h"
#include "tests/fuzz/targets/target.h"

namespace tessera::fuzz {
namespace {

namespace fs = std::filesystem;

using engine::ArchiveReader;

// A directory in memory that lives as long as the process, with the one inside that archives are read into.
class Place {
 public:
  Place() {
    std::string name = fs::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
    name += "/tessera_fuzz_XXXXXX";
    Require(mkdtemp(name.data()) != nullptr, "a directory is made");
    root_ = name;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  std::string Fresh() const {
    const fs::path inside = root_ / "archive";
    fs::remove_all(inside);
    fs::create_directory(inside);
    return inside.string();
  }
  // How many bytes were written; nothing is beside the directory or deeper in it.
  uint64_t Bytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(root_)) {
      Require(entry.path().filename() == "archive", "nothing is written outside of the directory");
    }
    for (const auto& entry : fs::directory_iterator(root_ / "archive")) {
      Require(entry.is_regular_file() && !entry.is_symlink(), "only files are written");
      bytes += entry.file_size();
    }
    return bytes;
  }

 private:
  fs::path root_;
};

// `piece` bytes at a time; 0: all at once.
void Read(const std::string& archive, size_t piece) {
  static const Place place;
  {
    ArchiveReader reader(place.Fresh());
    Status status;
    const size_t step = piece == 0 ? archive.size() : piece;
    for (size_t at = 0; at < archive.size() && status.ok(); at += step) {
      status = reader.Append(std::string_view(archive).substr(at, step));
    }
    Require(status.ok() || (reader.Finish() == status && reader.Append("x") == status), "an error stays");
  }
  Require(place.Bytes() <= archive.size(), "no more is written than came");
}

void Seal(std::string& bytes, size_t begin) {
  const uint32_t crc = Crc32c(std::string_view(bytes).substr(begin));
  ByteWriter(bytes).Put(crc);
}

// A header and frames with their right checksums around what the bytes say; a trailer may be true or not.
class Maker {
 public:
  explicit Maker(std::string_view script) : in_(script) {}

  std::string Make() {
    Header();
    while (in_.ok() && in_.remaining() > 0) Step();
    return std::move(out_);
  }

 private:
  void Header() {
    const size_t begin = out_.size();
    out_ += "TSBACKUP";
    ByteWriter writer(out_);
    writer.Put(uint32_t{in_.Get<uint8_t>()} % 3);  // the format
    BackupInfo info;
    info.collection = "a";
    std::string description = engine::EncodeBackup(info);
    if (in_.Get<uint8_t>() % 4 == 0) {
      const size_t size = in_.Get<uint8_t>();
      description = in_.GetBytes(std::min(in_.remaining(), size));
      Seal(description, 0);
    }
    writer.PutString(description);
    writer.Put(in_.Get<uint64_t>());
    Close(begin);
  }

  void Step() {
    static constexpr std::string_view kNames[] = {"CURRENT", "MANIFEST-000005", "000007.sst", "../CURRENT", "7.log/", ""};
    const uint8_t what = in_.Get<uint8_t>();
    const size_t size = in_.Get<uint8_t>();
    std::string content(in_.GetBytes(std::min(in_.remaining(), size)));
    switch (what % 8) {
      case 0:
        return Frame('F', content);
      case 1:
        return Begin(std::string(kNames[size % std::size(kNames)]));
      case 2:
      case 3:
        file_bytes_ += content.size();
        return Frame('D', content);
      case 4:
        return End();
      case 5:
        return Trailer();
      case 6:
        return Frame(static_cast<char>(what), content);
      default:
        out_ += content;  // without a frame
    }
  }

  void Begin(const std::string& name) {
    ++files_;
    file_bytes_ = 0;
    Frame('F', name);
  }
  void End() {
    bytes_ += file_bytes_;
    std::string content;
    ByteWriter(content).Put(file_bytes_);
    Frame('E', content);
  }
  void Trailer() {
    std::string content;
    ByteWriter writer(content);
    writer.Put(files_);
    writer.Put(bytes_);
    writer.Put(crc_);
    Frame('T', content);
  }
  void Frame(char kind, const std::string& content) {
    const size_t begin = out_.size();
    out_ += kind;
    ByteWriter(out_).PutString(content);
    Close(begin);
  }
  void Close(size_t begin) {
    crc_ = Crc32c(std::string_view(out_).substr(begin), crc_);
    Seal(out_, begin);
  }

  ByteReader in_;
  std::string out_;
  uint32_t crc_ = 0;
  uint32_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace

// The first byte chooses: an archive as it comes, or one made of the bytes; and how much of it comes at once.
void RunBackupArchive(std::string_view bytes) {
  const size_t how = Choose(bytes, 8);
  const size_t piece = how / 2 == 0 ? 0 : how / 2 == 1 ? 1 : how / 2 == 2 ? 13 : 300;
  Read(how % 2 == 0 ? std::string(bytes) : Maker(bytes).Make(), piece);
}

}  // namespace tessera::fuzz
