// tessera backup create|list|verify|delete|restore|download|upload.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>

#include "client/cli/archive_file.h"
#include "client/cli/backup_text.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/operation_watch.h"
#include "client/cli/options.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  uint32_t id = 0;
  std::string name;
  std::string file;
  uint64_t bytes_per_second = 0;
  bool json = false;
  bool no_wait = false;
};

double SecondsSince(Progress::Clock::time_point begin) {
  return std::chrono::duration<double>(Progress::Clock::now() - begin).count();
}

double Fraction(uint64_t done, uint64_t total) {
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
}

Status CheckInterrupt() { return InterruptRequested() ? Cancelled("interrupted") : OkStatus(); }

// Follows what was started; its result is told between the two, and how long it took at the end.
StatusOr<int> Follow(client::Client& client, const Options& options, StatusOr<client::Operation> started,
                     const std::string& before, const std::string& after) {
  TESSERA_RETURN_IF_ERROR(started.status());
  if (options.no_wait) {
    std::printf("%s\n", started->name.c_str());
    return kExitOk;
  }
  const auto begin = Progress::Clock::now();
  TESSERA_ASSIGN_OR_RETURN(const client::Operation done,
                           FollowOperation(client, *std::move(started), OnInterrupt::kCancel));
  if (options.json) {
    JsonWriter json;
    if (done.backup) WriteBackup(*done.backup, json);
    if (done.restored) WriteRestore(*done.restored, json);
    std::printf("%s\n", json.text().c_str());
    return kExitOk;
  }
  const std::string what = done.backup     ? BackupLine(*done.backup)
                           : done.restored ? RestoreLine(*done.restored)
                                           : done.name;
  std::fprintf(stderr, "%s%s%s in %s\n", before.c_str(), what.c_str(), after.c_str(),
               FormatDuration(SecondsSince(begin)).c_str());
  return kExitOk;
}

StatusOr<int> Create(client::Client& client, const Options& options) {
  return Follow(client, options, client.CreateBackup(options.collection, options.bytes_per_second),
                "", ", made");
}

StatusOr<int> List(client::Client& client, const Options& options) {
  TESSERA_ASSIGN_OR_RETURN(const auto all, client.ListBackups(options.collection));
  if (!options.json) {
    std::fputs(BackupTable(all, std::time(nullptr)).c_str(), stdout);
    return kExitOk;
  }
  JsonWriter json;
  json.BeginArray();
  for (const client::BackupInfo& info : all) WriteBackup(info, json);
  std::printf("%s\n", json.EndArray().text().c_str());
  return kExitOk;
}

StatusOr<int> Verify(client::Client& client, const Options& options) {
  return Follow(client, options, client.VerifyBackup(options.collection, options.id),
                "", ": every byte is as it was written, read");
}

StatusOr<int> Delete(client::Client& client, const Options& options) {
  TESSERA_RETURN_IF_ERROR(client.DeleteBackup(options.collection, options.id));
  std::fprintf(stderr, "deleted backup %u of %s\n", options.id, options.collection.c_str());
  return kExitOk;
}

StatusOr<int> Restore(client::Client& client, const Options& options) {
  return Follow(
      client, options,
      client.RestoreBackup(options.collection, options.id, options.name, options.bytes_per_second),
      "restored ", ",");
}

StatusOr<int> Download(client::Client& client, const Options& options) {
  CatchInterrupts();
  ArchiveOutput file(options.file);
  TESSERA_RETURN_IF_ERROR(file.Open());
  const auto begin = Progress::Clock::now();
  Progress progress("download");
  TESSERA_RETURN_IF_ERROR(client.DownloadBackup(
      options.collection, options.id, [&](std::string_view bytes, uint64_t total) -> Status {
        TESSERA_RETURN_IF_ERROR(CheckInterrupt());
        TESSERA_RETURN_IF_ERROR(file.Append(bytes));
        progress.UpdateStage(Fraction(file.bytes(), total), FormatBytes(file.bytes()));
        return OkStatus();
      }));
  TESSERA_RETURN_IF_ERROR(file.Finish());
  progress.Clear();
  std::fprintf(stderr, "backup %u of %s: %s in %s, in %s\n", options.id, options.collection.c_str(),
               FormatBytes(file.bytes()).c_str(), options.file.c_str(),
               FormatDuration(SecondsSince(begin)).c_str());
  return kExitOk;
}

StatusOr<int> Upload(client::Client& client, const Options& options) {
  CatchInterrupts();
  ArchiveInput file;
  TESSERA_RETURN_IF_ERROR(file.Open(options.file));
  const auto begin = Progress::Clock::now();
  Progress progress("upload");
  StatusOr<client::RestoreResult> restored =
      client.UploadBackup(options.name, [&]() -> StatusOr<std::string_view> {
        TESSERA_RETURN_IF_ERROR(CheckInterrupt());
        progress.UpdateStage(Fraction(file.read(), file.size()), FormatBytes(file.read()));
        return file.Next();
      });
  progress.Clear();
  TESSERA_RETURN_IF_ERROR(Annotate(restored.status(), options.file + ": "));
  if (options.json) {
    JsonWriter json;
    WriteRestore(*restored, json);
    std::printf("%s\n", json.text().c_str());
    return kExitOk;
  }
  std::fprintf(stderr, "restored %s, in %s\n", RestoreLine(*restored).c_str(),
               FormatDuration(SecondsSince(begin)).c_str());
  return kExitOk;
}

using Run = StatusOr<int> (*)(client::Client&, const Options&);

// Subcommands share their options, of which each offers some.
class Group {
 public:
  Group(CLI::App* group, Invocation& chosen) : group_(group), chosen_(chosen) {}

  CLI::App* Add(const char* name, const char* help, Run run) {
    CLI::App* command = group_->add_subcommand(name, help);
    command->callback([options = options_, &chosen = chosen_, run] {
      chosen.run = [options, &chosen, run]() -> StatusOr<int> {
        client::Client client(chosen.MakeClientOptions());
        return run(client, *options);
      };
    });
    return command;
  }
  CLI::App* AddOfCollection(const char* name, const char* help, Run run) {
    CLI::App* command = Add(name, help, run);
    command->add_option("collection", options_->collection, "Collection")->required();
    return command;
  }
  CLI::App* AddOfBackup(const char* name, const char* help, Run run) {
    CLI::App* command = AddOfCollection(name, help, run);
    command->add_option("id", options_->id, "Number of the backup, see list")->required();
    return command;
  }
  void AddJson(CLI::App* command) { command->add_flag("--json", options_->json, "As JSON"); }
  void AddNoWait(CLI::App* command) {
    command->add_flag("--no-wait", options_->no_wait,
                      "Print the operation's name and return; it goes on in the server");
  }
  void AddRate(CLI::App* command) {
    AddParsed(command, "--rate", options_->bytes_per_second, ParseByteSize,
              "Bytes written a second at most, e.g. 50MiB; as fast as the disk unless given");
  }
  Options& options() { return *options_; }

 private:
  CLI::App* const group_;
  Invocation& chosen_;
  const std::shared_ptr<Options> options_ = std::make_shared<Options>();
};

}  // namespace

void AddBackupCommand(CLI::App& app, Invocation& chosen) {
  CLI::App* group = app.add_subcommand(
      "backup", "Collections as of a commit: kept by the server, checked, restored, moved");
  group->require_subcommand(1);
  group->fallthrough();
  auto commands = std::make_shared<Group>(group, chosen);
  CLI::App* create = commands->AddOfCollection(
      "create", "Make one; queries and writes go on. Copies what earlier ones have not", Create);
  CLI::App* list = commands->Add("list", "Backups of a collection, or of all", List);
  list->add_option("collection", commands->options().collection, "Collection, there or deleted");
  CLI::App* verify = commands->AddOfBackup("verify", "Read every byte of one and compare checksums", Verify);
  CLI::App* restore =
      commands->AddOfBackup("restore", "Make a collection that answers as it did at the backup's commit", Restore);
  restore->add_option("--as", commands->options().name, "Its name; that of the backup unless given");
  commands->AddOfBackup("delete", "Delete one; the others keep what they share with it", Delete);
  CLI::App* download = commands->AddOfBackup("download", "Write one to a file of this machine", Download);
  download->add_option("-o,--output", commands->options().file, "File to write")->required();
  CLI::App* upload = commands->Add("upload", "Make a collection of such a file, on any server", Upload);
  upload->add_option("name", commands->options().name, "Of the collection to be")->required();
  upload->add_option("file", commands->options().file, "File")->required();
  for (CLI::App* command : {create, list, verify, restore, upload}) commands->AddJson(command);
  for (CLI::App* command : {create, verify, restore}) commands->AddNoWait(command);
  for (CLI::App* command : {create, restore}) commands->AddRate(command);
  group->footer(
      "Ctrl-C cancels, and leaves nothing half done.\n"
      "Example:\n"
      "  tessera backup create words\n"
      "  tessera backup verify words 1\n"
      "  tessera backup restore words 1 --as words-monday\n"
      "  tessera backup download words 1 -o words.tsbackup\n"
      "  tessera --server other:7700 backup upload words words.tsbackup");
}

}  // namespace tessera::cli
