#include "client/cli/operation_watch.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "client/cli/backup_text.h"
#include "client/cli/codebook_text.h"
#include "client/cli/command_line.h"
#include "client/cli/evaluation_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace tessera::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};

void Summarize(const client::Operation& operation, double seconds) {
  if (operation.evaluation) {
    std::fputs(DescribeEvaluation(*operation.evaluation).c_str(), stdout);
    return;
  }
  if (operation.codebook) {
    std::fprintf(stderr, "%s in %s\n", CodebookLine(operation.collection, *operation.codebook).c_str(),
                 FormatDuration(seconds).c_str());
    return;
  }
  if (operation.backup) {
    std::fprintf(stderr, "%s, in %s\n", BackupLine(*operation.backup).c_str(), FormatDuration(seconds).c_str());
    return;
  }
  if (operation.restored) {
    std::fprintf(stderr, "restored %s, in %s\n", RestoreLine(*operation.restored).c_str(),
                 FormatDuration(seconds).c_str());
    return;
  }
  if (!operation.result) {
    std::fprintf(stderr, "%s is done\n", operation.name.c_str());
    return;
  }
  std::fprintf(stderr,
               "trained %s in %s: %s from %s rows, mean squared error %g, generation %u\n",
               operation.collection.c_str(), FormatDuration(seconds).c_str(),
               operation.result->quantizer.c_str(),
               FormatCount(operation.result->trained_rows).c_str(),
               operation.result->training_error, operation.result->generation);
}

}  // namespace

std::string OperationName(const std::string& text) {
  const bool number = !text.empty() && std::ranges::all_of(text, [](char c) {
    return c >= '0' && c <= '9';
  });
  return number ? "operations/" + text : text;
}

StatusOr<client::Operation> FollowOperation(client::Client& client, client::Operation operation,
                                            OnInterrupt on_interrupt) {
  CatchInterrupts();
  bool cancelled = false;
  Progress progress(operation.kind.empty() ? "operation" : operation.kind);
  while (!operation.done) {
    progress.UpdateStage(operation.progress, operation.stage);
    if (InterruptRequested() && on_interrupt == OnInterrupt::kCancel) {
      if (!std::exchange(cancelled, true)) {
        TESSERA_RETURN_IF_ERROR(client.CancelOperation(operation.name).status());
      }
    } else if (InterruptRequested()) {
      progress.Clear();
      std::fprintf(stderr,
                   "%s goes on in the server\n"
                   "  to follow it: tessera operation wait %s\n"
                   "  to stop it:   tessera operation cancel %s\n",
                   operation.name.c_str(), operation.name.c_str(), operation.name.c_str());
      return operation;
    }
    TESSERA_ASSIGN_OR_RETURN(operation, client.WaitOperation(operation.name, kPoll));
  }
  progress.Clear();
  TESSERA_RETURN_IF_ERROR(Annotate(operation.error, operation.name + " failed: "));
  return operation;
}

StatusOr<int> WatchOperation(client::Client& client, client::Operation operation) {
  const auto begin = Progress::Clock::now();
  TESSERA_ASSIGN_OR_RETURN(operation, FollowOperation(client, std::move(operation)));
  if (!operation.done) return kExitInterrupted;
  Summarize(operation, std::chrono::duration<double>(Progress::Clock::now() - begin).count());
  return kExitOk;
}

StatusOr<int> WatchTraining(client::Client& client, const std::string& collection) {
  CatchInterrupts();
  std::fprintf(stderr, "%s is being trained already: following that\n", collection.c_str());
  const auto begin = Progress::Clock::now();
  Progress progress("train");
  for (;;) {
    TESSERA_ASSIGN_OR_RETURN(client::CollectionStats stats, client.Stats(collection));
    if (!stats.training) {
      progress.Clear();
      if (stats.generation == 0) return FailedPrecondition("the training came to nothing");
      client::Operation done;
      done.collection = collection;
      done.result = client::TrainResult{stats.generation, stats.quantizer, stats.trained_rows,
                                        stats.training_error};
      Summarize(done, std::chrono::duration<double>(Progress::Clock::now() - begin).count());
      return kExitOk;
    }
    progress.UpdateStage(stats.training_fraction, stats.training_stage);
    if (InterruptRequested()) return Cancelled("interrupted");
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace tessera::cli
