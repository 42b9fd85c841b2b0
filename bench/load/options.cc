#include "bench/load/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

namespace tessera::bench {
namespace {

constexpr int kUsage = 2;

void DeclareServer(CLI::App& app, Options& options) {
  app.add_option("--tesserad", options.tesserad, "Server program to start, on loopback");
  app.add_option("--data", options.data, "Its data directory");
  app.add_option("--server-flags", options.server_flags, "More flags of it, separated by spaces");
  app.add_option("--server", options.server, "Or the address of one that runs");
  app.add_option("--server-pid", options.server_pid, "And its process, for processor time");
  app.add_option("--library", options.library,
                 "Copy of the data directory: the same queries through the library as well");
  app.add_option("--collection", options.collection, "Collection");
  app.add_option("--queries", options.queries, "File of query vectors");
  app.add_option("--port-file", options.echo_port_file)->group("");
  app.add_option("--listen", options.listen)->group("");
}

void DeclareLoad(CLI::App& app, Options& options) {
  static const std::map<std::string, RerankTier> tiers = {{"auto", RerankTier::kAuto},
                                                          {"none", RerankTier::kNone},
                                                          {"refine", RerankTier::kRefine},
                                                          {"raw", RerankTier::kRaw}};
  app.add_option("--max-queries", options.max_queries, "Query vectors to use")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("-k,--limit", options.params.limit, "Neighbours of a query");
  app.add_option("--nprobe", options.params.nprobe, "Lists to probe; 0: the server's choice");
  app.add_option("--rerank", options.params.rerank, "auto, none, refine or raw")
      ->transform(CLI::CheckedTransformer(tiers));
  app.add_option("--rerank-depth", options.params.rerank_depth, "0: the server's choice");
  app.add_option("--mode", options.mode, "What to send")
      ->check(CLI::IsMember({"all", "query", "batch", "echo"}));
  app.add_option("--batch", options.batch, "Queries of a QueryBatch")->check(CLI::Range(1, 65536));
  app.add_option("--outstanding", options.outstanding, "Requests under way in a closed loop")
      ->check(CLI::Range(1, 1000));
  app.add_option("--batch-outstanding", options.batch_outstanding, "The same of batches")
      ->check(CLI::Range(1, 1000));
  app.add_option("--connections", options.connections, "Connections")->check(CLI::Range(1, 1000));
  app.add_option("--rate", options.rate, "Open loop: requests a second; 0: closed loop")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--seconds", options.seconds, "Of one measurement")->check(CLI::Range(0.1, 60.0));
  app.add_option("--rounds", options.rounds, "Measurements of each mode; medians are told")
      ->check(CLI::Range(1, 100));
}

// What the flags lack, or nothing.
const char* Missing(const Options& options) {
  const bool child = !options.tesserad.empty();
  if (child && options.data.empty()) return "--tesserad needs --data";
  if (!child && (options.server.empty() || options.server_pid < 0)) {
    return "give --tesserad with --data, or --server with --server-pid";
  }
  if (options.collection.empty()) return "--collection is missing";
  if (options.queries.empty()) return "--queries is missing";
  return nullptr;
}

}  // namespace

int ParseOptions(int argc, char** argv, Options& options) {
  CLI::App app("Load on a Tessera server, beside the library itself and a gRPC echo", "bench_load");
  app.option_defaults()->always_capture_default();
  DeclareServer(app, options);
  DeclareLoad(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return 1 + (app.exit(error) == 0 ? 0 : kUsage);
  }
  if (!options.echo_port_file.empty()) return 0;
  if (const char* missing = Missing(options)) {
    std::fprintf(stderr, "bench_load: %s\nTry bench_load --help\n", missing);
    return 1 + kUsage;
  }
  return 0;
}

}  // namespace tessera::bench
