// tessera encode.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/interrupt.h"
#include "client/cli/model_file.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/formats/vector_reader.h"
#include "client/formats/vector_writer.h"

namespace tessera::cli {
namespace {

constexpr size_t kBlockRows = 16384;

struct Options {
  std::string model;
  formats::OpenOptions open;
  std::string format = "auto";
  std::string output;
};

// Row i of the codes must be row i of the vectors, so one bad row ends the work.
Status CheckBatch(const formats::VectorBatch& batch, const std::vector<float>& floats,
                  const std::string& file) {
  if (!batch.bad.empty()) return batch.bad.front().reason;
  for (size_t i = 0; i < floats.size(); ++i) {
    if (std::isfinite(floats[i])) continue;
    return InvalidArgument(file + " row " + std::to_string(batch.row_numbers[i / batch.dim]) +
                           ": vector[" + std::to_string(i % batch.dim) + "] is " +
                           (std::isnan(floats[i]) ? "NaN" : "infinite"));
  }
  return OkStatus();
}

StatusOr<int> Encode(const Options& options) {
  CatchInterrupts();
  TESSERA_ASSIGN_OR_RETURN(auto model, ReadModel(options.model));
  formats::OpenOptions open = options.open;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options.format));
  open.expected_dim = model->dim();
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  TESSERA_ASSIGN_OR_RETURN(
      auto writer, formats::VectorWriter::Create(options.output, formats::Format::kNpy,
                                                 ElementType::kU8, model->code_bytes()));
  const std::unique_ptr<Executor> pool = MakeComputePool();
  Progress progress("encode");
  formats::VectorBatch batch;
  std::vector<float> floats;
  std::vector<uint8_t> codes;
  for (;;) {
    if (InterruptRequested()) return Cancelled("interrupted");
    TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(kBlockRows, batch));
    if (!more) break;
    floats.clear();
    formats::AppendFloats(batch, floats);
    TESSERA_RETURN_IF_ERROR(CheckBatch(batch, floats, open.path));
    codes.resize(batch.rows * model->code_bytes());
    TESSERA_RETURN_IF_ERROR(Annotate(
        model->Encode({floats.data(), batch.rows, batch.dim}, codes.data(), pool.get()),
        open.path + " behind row " + std::to_string(batch.first_row) + ": "));
    TESSERA_RETURN_IF_ERROR(writer->Append(codes));
    const formats::ReadProgress at = reader->progress();
    std::optional<double> fraction;
    if (at.total_bytes) {
      fraction = static_cast<double>(at.bytes_read) / static_cast<double>(*at.total_bytes);
    }
    progress.Update(writer->rows(), fraction);
  }
  TESSERA_RETURN_IF_ERROR(writer->Finish());
  progress.Clear();
  std::fprintf(stderr, "%s: %s codes of %u bytes\n", options.output.c_str(),
               FormatCount(writer->rows()).c_str(), model->code_bytes());
  return kExitOk;
}

}  // namespace

void AddEncodeCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("encode", "Turn a file of vectors into codes (no server needed)");
  command->add_option("model", options->model, "Model file of `tessera fit`")->required();
  command->add_option("file", options->open.path, "Vectors")->required();
  command->add_option("-o,--output", options->output, "NumPy file to write: u1 [rows, code bytes]")
      ->required();
  command->add_option("--format", options->format, "Format of the vectors")->capture_default_str();
  AddElementOptions(command, options->open);
  command->add_option("--dataset", options->open.dataset, "Data set of an HDF5 file")
      ->capture_default_str();
  command->footer(
      "Row i of the codes is row i of the vectors, so a bad row is an error. With inverted lists\n"
      "a code begins with the number of its list, 4 bytes, little-endian.\n\n"
      "Example: tessera encode base.model base.fvecs -o codes.npy");
  command->callback([options, &chosen] { chosen.run = [options] { return Encode(*options); }; });
}

}  // namespace tessera::cli
