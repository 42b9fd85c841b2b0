// Model files of `tessera fit`, read by `tessera encode` and `decode`.
#pragma once

#include <memory>
#include <string>

#include "index/quantizer.h"
#include "index/status.h"

namespace tessera::cli {

// Whole and synced under its name, or not there.
Status WriteModel(const std::string& path, const Quantizer& quantizer);
// The same with the bytes of one.
Status WriteModelBytes(const std::string& path, const std::string& bytes);
// NotFound if there is no file.
StatusOr<std::string> ReadModelBytes(const std::string& path);
// NotFound, or DataLoss for what is no model file.
StatusOr<std::unique_ptr<Quantizer>> ReadModel(const std::string& path);

// A pool for the work on this machine: one thread a core, and OpenBLAS held to one each, since a
// pool of threads inside each task of a pool thrashes.
std::unique_ptr<Executor> MakeComputePool();

}  // namespace tessera::cli
