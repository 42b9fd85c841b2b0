#include "client/cli/model_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "index/thread_pool.h"

extern "C" void openblas_set_num_threads(int threads) __attribute__((weak));

namespace tessera::cli {

Status WriteModel(const std::string& path, const Quantizer& quantizer) {
  return WriteModelBytes(path, quantizer.Serialize());
}

Status WriteModelBytes(const std::string& path, const std::string& bytes) {
  const std::string tmp = path + ".tmp";
  const auto failed = [&](const char* what) {
    const int error = errno;
    unlink(tmp.c_str());
    return FailedPrecondition(std::string(what) + " " + path + ": " + strerror(error));
  };
  const int fd = open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return failed("cannot create");
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<size_t>(n);
  }
  const bool written = done == bytes.size() && fsync(fd) == 0;
  if ((close(fd) != 0) || !written) return failed("cannot write");
  if (std::rename(tmp.c_str(), path.c_str()) != 0) return failed("cannot write");
  return OkStatus();
}

StatusOr<std::string> ReadModelBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return NotFound("cannot read " + path + ": " + strerror(errno));
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

StatusOr<std::unique_ptr<Quantizer>> ReadModel(const std::string& path) {
  TESSERA_ASSIGN_OR_RETURN(const std::string bytes, ReadModelBytes(path));
  auto model = Quantizer::Parse(bytes);
  if (!model.ok()) return Annotate(model.status(), path + ": ");
  return model;
}

std::unique_ptr<Executor> MakeComputePool() {
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
  return std::make_unique<ThreadPoolExecutor>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace tessera::cli
