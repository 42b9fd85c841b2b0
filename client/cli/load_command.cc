// tessera load.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "client/cli/bad_rows.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/element_options.h"
#include "client/cli/filter_options.h"
#include "client/cli/goal_options.h"
#include "client/cli/interrupt.h"
#include "client/cli/load_input.h"
#include "client/cli/load_state.h"
#include "client/cli/loader.h"
#include "client/cli/options.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string collection;
  std::vector<std::string> files;
  formats::OpenOptions open;
  std::string format = "auto";
  std::optional<ElementType> store_as;
  size_t dim = 0;
  bool create = false;
  bool has_metric = false;
  client::CollectionConfig config;  // for --create
  bool no_auto_train = false;
  LoaderOptions loader;
  uint64_t skip = 0;
  std::string payload_file;
  TimeToLive ttl;
  std::string bad_rows;
  std::string state;
  bool no_resume = false;
  int retries = 12;
  bool json = false;
};

// Of the identity of a load: the same file with another scale is another load.
std::string DescribeElements(const formats::OpenOptions& open, std::optional<ElementType> store_as) {
  return std::string("dtype ") + (open.type ? ElementTypeName(*open.type) : "auto") + " scale " +
         std::to_string(open.quantization.scale) + " zero-point " +
         std::to_string(open.quantization.zero_point) + " store-as " +
         (store_as ? ElementTypeName(*store_as) : "file");
}

StatusOr<std::optional<ElementType>> ParseStoreAs(const std::string& text) {
  TESSERA_ASSIGN_OR_RETURN(const ElementType type, ParseElementType(text));
  if (type != ElementType::kI8 && type != ElementType::kU8) return std::optional(type);
  return InvalidArgument("floats are not quantized on the way: expected f32, f16 or bf16");
}

// What one run of the command works with.
class Load {
 public:
  Load(const Invocation& chosen, const Options& options)
      : options_(options), client_(ClientOptions(chosen, options)), progress_("load") {}

  StatusOr<int> Run();

 private:
  static client::ClientOptions ClientOptions(const Invocation& chosen, const Options& options) {
    client::ClientOptions client = chosen.MakeClientOptions();
    client.retry.max_attempts = options.retries + 1;
    return client;
  }

  Status FindCollection();
  Status CreateCollection();
  Status OpenInput();
  StatusOr<bool> Resume();
  StatusOr<bool> StillThere(const LoadState& saved);
  void SaveState(const LoadState& state, bool now);
  StatusOr<int> Report(const LoadState& state, const Status& ended, double seconds);

  const Options& options_;
  client::Client client_;
  Progress progress_;
  std::optional<client::CollectionInfo> collection_;
  std::unique_ptr<LoadInput> input_;
  std::string state_path_;  // empty: this load cannot be resumed
  LoadState begin_;
  ReadBatch first_;  // read already, to learn the dim of a new collection
  bool has_first_ = false;
  Clock::time_point last_save_ = Clock::now();
};

Status Load::FindCollection() {
  StatusOr<client::CollectionInfo> found = client_.GetCollection(options_.collection);
  if (found.ok()) {
    if (options_.has_metric && found->config.metric != options_.config.metric) {
      return FailedPrecondition(options_.collection + " is there already, with metric " +
                                MetricName(found->config.metric));
    }
    collection_ = *std::move(found);
    return OkStatus();
  }
  if (!absl::IsNotFound(found.status())) return found.status();
  if (options_.create) return OkStatus();
  return NotFound("no collection " + options_.collection + "; --create makes it");
}

Status Load::OpenInput() {
  formats::OpenOptions open = options_.open;
  TESSERA_ASSIGN_OR_RETURN(open.format, formats::ParseFormat(options_.format));
  open.expected_dim = collection_ ? collection_->config.dim : options_.dim;
  TESSERA_ASSIGN_OR_RETURN(input_, LoadInput::Open(options_.files, open, options_.store_as, options_.payload_file));
  std::vector<std::string> files = options_.files;
  if (!options_.payload_file.empty()) files.push_back(options_.payload_file);
  begin_.identity =
      LoadIdentity({"server " + client_.options().address, "collection " + options_.collection,
                    "id-offset " + std::to_string(options_.loader.id_offset),
                    "skip " + std::to_string(options_.skip), "dataset " + open.dataset,
                    "format " + options_.format, DescribeElements(open, options_.store_as),
                    "payload-field " + open.payload_field,
                    "ttl " + std::to_string(options_.ttl.seconds)},
                   files);
  if (!begin_.identity.empty()) {
    state_path_ =
        options_.state.empty() ? DefaultLoadStatePath(begin_.identity) : options_.state;
  }
  TESSERA_ASSIGN_OR_RETURN(bool resumed, Resume());
  if (resumed || options_.skip == 0) return OkStatus();
  TESSERA_RETURN_IF_ERROR(input_->SkipRows(options_.skip));
  begin_.position = input_->position();
  return OkStatus();
}

StatusOr<bool> Load::Resume() {
  if (state_path_.empty() || options_.no_resume || !collection_) return false;
  StatusOr<LoadState> saved = ReadLoadState(state_path_);
  if (absl::IsNotFound(saved.status())) return false;
  if (!saved.ok() || saved->identity != begin_.identity) {
    std::fprintf(stderr, "%s is of another load: starting at the first row\n",
                 state_path_.c_str());
    return false;
  }
  TESSERA_ASSIGN_OR_RETURN(bool there, StillThere(*saved));
  if (!there) {
    std::fprintf(stderr, "%s is not what it was when this load was interrupted: "
                 "starting at the first row\n", options_.collection.c_str());
    return false;
  }
  TESSERA_RETURN_IF_ERROR(input_->SkipTo(saved->position));
  begin_ = *std::move(saved);
  std::fprintf(stderr, "going on behind %s rows that are there already\n",
               FormatCount(begin_.position.total()).c_str());
  return true;
}

// A collection that was deleted and made anew must be loaded from the first row.
StatusOr<bool> Load::StillThere(const LoadState& saved) {
  TESSERA_ASSIGN_OR_RETURN(client::CollectionStats stats, client_.Stats(options_.collection));
  if (stats.commit < saved.commit) return false;
  if (!saved.last_id) return true;
  TESSERA_ASSIGN_OR_RETURN(client::GetResult found,
                           client_.Get(options_.collection, {*saved.last_id}));
  return found.missing.empty();
}

Status Load::CreateCollection() {
  if (input_->dim() == 0) {
    TESSERA_ASSIGN_OR_RETURN(has_first_, input_->Next(1024, first_.batch));
    first_.Note(*input_);
    if (input_->dim() == 0) {
      return InvalidArgument(options_.files.front() + " has no good row among the first: " +
                             (first_.batch.bad.empty() ? std::string("it is empty")
                                                 : MessageOf(first_.batch.bad.front().reason)));
    }
  }
  client::CollectionConfig config = options_.config;
  config.name = options_.collection;
  config.dim = static_cast<uint32_t>(input_->dim());
  config.auto_train = !options_.no_auto_train;
  TESSERA_ASSIGN_OR_RETURN(collection_, client_.CreateCollection(config));
  std::fprintf(stderr, "created %s: %u dimensions, %s, %s\n", config.name.c_str(), config.dim,
               MetricName(config.metric), DescribeGoal(collection_->config).c_str());
  return OkStatus();
}

void Load::SaveState(const LoadState& state, bool now) {
  if (state_path_.empty() || (!now && Clock::now() - last_save_ < std::chrono::seconds(1))) return;
  last_save_ = Clock::now();
  if (const Status saved = WriteLoadState(state_path_, state); !saved.ok()) {
    progress_.Clear();
    std::fprintf(stderr, "this load cannot be resumed: %s\n", MessageOf(saved).c_str());
    state_path_.clear();
  }
}

StatusOr<int> Load::Run() {
  TESSERA_RETURN_IF_ERROR(FindCollection());
  TESSERA_RETURN_IF_ERROR(OpenInput());
  if (!collection_) TESSERA_RETURN_IF_ERROR(CreateCollection());

  BadRows bad([this] { progress_.Clear(); });
  if (!options_.bad_rows.empty()) {
    const bool resumed = begin_.position.total() > options_.skip;
    TESSERA_RETURN_IF_ERROR(bad.WriteTo(options_.bad_rows, resumed));
  }
  LoaderOptions loader_options = options_.loader;
  loader_options.collection = options_.collection;
  loader_options.expire_at_ms = options_.ttl.ExpireAtMs();
  if (loader_options.max_rows > 0) {  // of all runs together
    const uint64_t done = begin_.position.total() - options_.skip;
    if (done >= loader_options.max_rows) return Report(begin_, OkStatus(), 0);
    loader_options.max_rows -= done;
  }
  loader_options.on_progress = [this](const LoadState& state, std::optional<double> fraction) {
    SaveState(state, false);
    progress_.Update(state.position.total(), fraction,
                     state.rejected > 0 ? FormatCount(state.rejected) + " bad" : "");
  };
  CatchInterrupts();
  progress_.Update(begin_.position.total(), input_->fraction());
  const Clock::time_point start = Clock::now();
  Loader loader(client_, *input_, bad, begin_, std::move(loader_options));
  const Status ended = loader.Run(has_first_ ? &first_ : nullptr);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  progress_.Clear();
  TESSERA_RETURN_IF_ERROR(bad.Finish());
  return Report(loader.state(), ended, seconds);
}

StatusOr<int> Load::Report(const LoadState& state, const Status& ended, double seconds) {
  const uint64_t loaded = state.loaded - begin_.loaded;
  const double rate = seconds > 0 ? static_cast<double>(loaded) / seconds : 0;
  std::fprintf(stderr, "loaded %s rows into %s in %s: %s rows/s, %s rejected%s\n",
               FormatCount(loaded).c_str(), options_.collection.c_str(),
               FormatDuration(seconds).c_str(), FormatCount(static_cast<uint64_t>(rate)).c_str(),
               FormatCount(state.rejected).c_str(),
               begin_.rejected > 0 ? " (earlier runs included)" : "");
  if (options_.json) {
    JsonWriter json;
    json.BeginObject().Key("loaded").Integer(loaded).Key("rejected").Integer(state.rejected);
    json.Key("seconds").Number(seconds).Key("rows_per_second").Number(rate);
    json.Key("complete").Bool(ended.ok());
    std::printf("%s\n", json.EndObject().text().c_str());
  }
  if (ended.ok()) {
    if (!state_path_.empty()) RemoveLoadState(state_path_);
    return kExitOk;
  }
  SaveState(state, true);
  if (!state_path_.empty()) {
    std::fprintf(stderr, "the first %s rows of the input are dealt with and durable; "
                 "the same command goes on behind them\n",
                 FormatCount(state.position.total()).c_str());
  }
  return ended;
}

void AddInputOptions(CLI::App* command, Options& options) {
  command->add_option("--format", options.format,
                      "fvecs, bvecs, ivecs, fbin, u8bin, i8bin, bin, raw, npy, idx, hdf5, jsonl; "
                      "auto: by name or content")
      ->capture_default_str();
  AddElementOptions(command, options.open);
  AddParsed(command, "--store-as", options.store_as, ParseStoreAs,
            "f32, f16 or bf16: convert floats before they are sent, to the nearest (a value beyond "
            "65,504 makes a row bad in f16); left out: as the file has them");
  command->add_option("--dim", options.dim, "Numbers a row, of --format raw into a new collection")
      ->check(CLI::Range(1, 65535));
  command->add_option("--dataset", options.open.dataset, "Data set of an HDF5 file")
      ->capture_default_str();
  command->add_option("--id-field", options.open.id_field, "Of JSON lines")->capture_default_str();
  command->add_option("--vector-field", options.open.vector_field, "Of JSON lines")
      ->capture_default_str();
  command->add_option("--payload-field", options.open.payload_field,
                      "Of JSON lines: the field that is the payload, an object; '*': all other fields are");
  AddParsed(command, "--ttl", options.ttl, ParseTimeToLive,
            "How long the points live, from now: 90s, 15m, 12h, 7d; default: for ever");
  command->add_option("--payload-file", options.payload_file,
                      "Payloads beside the files: one JSON object a line, one line a row of all files")
      ->excludes("--payload-field");
  command->add_option("--id-offset", options.loader.id_offset,
                      "Added to row numbers to make ids; not to ids that the file gives");
  command->add_option("--skip", options.skip, "Rows to pass over first (their ids too)");
  command->add_option("--limit", options.loader.max_rows, "Rows to load at most; 0: all");
}

void AddSendingOptions(CLI::App* command, Options& options) {
  command->add_option("--batch", options.loader.batch_rows,
                      "Rows a request; 0: about 2 MiB of vectors")
      ->check(CLI::Range(0, 65536));
  command->add_option("--in-flight", options.loader.in_flight, "Requests under way at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--retries", options.retries,
                      "Times that a request is sent again while the server is away or full")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_option("--max-bad", options.loader.max_bad, "Stop when more rows than this are bad")
      ->capture_default_str();
  command->add_option("--bad-rows", options.bad_rows,
                      "File for all bad rows: file, row, reason, separated by tabs");
  command->add_option("--state", options.state, "File that remembers how far the load came");
  command->add_flag("--no-resume", options.no_resume, "Start at the first row");
  command->add_flag("--json", options.json, "The summary as JSON on standard output");
}

constexpr const char* kFooter =
    "Ids are row numbers, from 0 over all files, unless JSON lines give an \"id\" each. A row\n"
    "that is bad (NaN, wrong dimension, a string among the numbers) is reported and left out.\n"
    "When the command ends with 0, every other row is on the server's disk.\n\n"
    "After an interruption (Ctrl-C, a lost server) the same command goes on where it stopped. It\n"
    "remembers in a small file (in $XDG_STATE_HOME/tessera or ~/.local/state/tessera) up to which\n"
    "row the server has acknowledged all. Rows behind that may be sent twice, which changes\n"
    "nothing, as their ids are the same. The memory is dropped when the load is complete, and\n"
    "does not count if a file has changed since. Standard input cannot be resumed.\n\n"
    "Examples:\n"
    "  tessera load sift base.fvecs --create --quantizer 'IVF1024,PQ32x8,Refine(SQ8)'\n"
    "  tessera load words words.hdf5 --dataset train --bad-rows bad.tsv\n"
    "  zcat vectors.jsonl.gz | tessera load words - --format jsonl\n"
    "  tessera load words i8.npy --scale 0.0073 --zero-point -4    quantized elsewhere, kept as it is\n"
    "  tessera load words base.fvecs --create --store-as bf16      half the bytes on disk\n"
    "  tessera load words words.jsonl --payload-field '*'          {\"id\": 1, \"vector\": [...], \"lang\": \"en\"}\n"
    "  tessera load words base.fvecs --payload-file words.jsonl    line i belongs to row i";

}  // namespace

void AddLoadCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("load", "Load files of vectors into a collection");
  command->add_option("collection", options->collection, "Collection")->required();
  command->add_option("files", options->files, "Vector files, or - for standard input")
      ->required();
  command->add_flag("--create", options->create, "Create the collection if it is not there");
  CLI::Option* metric = AddParsed(command, "--metric", options->config.metric, ParseMetric,
                                  "Of a new collection: l2 (default), ip or cosine");
  AddQuantizerOptions(command, options->config, "Of a new collection: ");
  AddFieldOption(command, options->config, "Of a new collection: ");
  command->add_flag("--no-auto-train", options->no_auto_train,
                    "Of a new collection: train only when told to");
  AddInputOptions(command, *options);
  AddSendingOptions(command, *options);
  command->footer(kFooter);
  command->callback([options, metric, &chosen] {
    options->has_metric = metric->count() > 0;
    chosen.run = [options, &chosen] { return Load(chosen, *options).Run(); };
  });
}

}  // namespace tessera::cli
