// tessera decode.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/model_file.h"
#include "client/cli/text.h"
#include "client/formats/vector_reader.h"
#include "client/formats/vector_writer.h"

namespace tessera::cli {
namespace {

constexpr size_t kBlockRows = 4096;

struct Options {
  std::string model;
  std::string codes;
  std::string output;
};

StatusOr<int> Decode(const Options& options) {
  CatchInterrupts();
  TESSERA_ASSIGN_OR_RETURN(auto model, ReadModel(options.model));
  formats::OpenOptions open;
  open.path = options.codes;
  open.format = formats::Format::kNpy;
  TESSERA_ASSIGN_OR_RETURN(auto reader, formats::OpenVectors(open));
  if (reader->type() != ElementType::kU8 || reader->dim() != model->code_bytes()) {
    return InvalidArgument(options.codes + " has " + ElementTypeName(reader->type()) + " [rows, " +
                           std::to_string(reader->dim()) + "], expected codes of " +
                           options.model + ": u8 [rows, " + std::to_string(model->code_bytes()) +
                           "]");
  }
  TESSERA_ASSIGN_OR_RETURN(
      auto writer, formats::VectorWriter::Create(options.output, formats::Format::kAuto,
                                                 ElementType::kF32, model->dim()));
  formats::VectorBatch batch;
  std::vector<float> rows;
  for (;;) {
    if (InterruptRequested()) return Cancelled("interrupted");
    TESSERA_ASSIGN_OR_RETURN(bool more, reader->Next(kBlockRows, batch));
    if (!more) break;
    rows.resize(batch.rows * model->dim());
    TESSERA_RETURN_IF_ERROR(
        Annotate(model->Decode(batch.data.data(), batch.rows, rows.data()),
                 options.codes + " behind row " + std::to_string(batch.first_row) + ": "));
    TESSERA_RETURN_IF_ERROR(writer->Append(
        {reinterpret_cast<const uint8_t*>(rows.data()), rows.size() * sizeof(float)}));
  }
  TESSERA_RETURN_IF_ERROR(writer->Finish());
  std::fprintf(stderr, "%s: %s vectors of %u dimensions\n", options.output.c_str(),
               FormatCount(writer->rows()).c_str(), model->dim());
  return kExitOk;
}

}  // namespace

void AddDecodeCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("decode", "Turn a file of codes back into vectors (no server needed)");
  command->add_option("model", options->model, "Model file of `tessera fit`")->required();
  command->add_option("codes", options->codes, "NumPy file of `tessera encode`")->required();
  command->add_option("-o,--output", options->output, "File to write: .fvecs or .npy")->required();
  command->footer("Example: tessera decode base.model codes.npy -o approximate.fvecs");
  command->callback([options, &chosen] { chosen.run = [options] { return Decode(*options); }; });
}

}  // namespace tessera::cli
