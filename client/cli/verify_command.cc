// tessera verify.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/operation_watch.h"
#include "client/cli/text.h"
#include "client/client.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string collection;
  bool deep = false;
  uint32_t max_findings = 100;
  bool json = false;
};

std::string DescribeFinding(const client::Finding& finding) {
  std::string line = finding.where + ": ";
  if (finding.point) line += "point " + finding.point->ToString() + ": ";
  if (finding.list) line += "list " + std::to_string(*finding.list) + ": ";
  return line + finding.message;
}

void Print(const std::string& collection, const client::VerifyResult& result) {
  for (const client::Finding& finding : result.findings) std::printf("%s\n", DescribeFinding(finding).c_str());
  if (result.found > result.findings.size()) {
    std::printf("and %s more\n", FormatCount(result.found - result.findings.size()).c_str());
  }
  std::printf("%s: %s of %s rows, %s postings in %s lists, %s of files, commit %llu, in %s", collection.c_str(),
              result.found == 0 ? "clean" : (FormatCount(result.found) + " findings").c_str(),
              FormatCount(result.rows).c_str(), FormatCount(result.postings).c_str(), FormatCount(result.lists).c_str(),
              FormatBytes(result.file_bytes).c_str(), static_cast<unsigned long long>(result.commit),
              FormatDuration(result.seconds).c_str());
  if (result.encoded_rows > 0) std::printf("; %s rows encoded anew", FormatCount(result.encoded_rows).c_str());
  if (result.tied_rows > 0) std::printf(", %s to other codes as near", FormatCount(result.tied_rows).c_str());
  std::printf("\n");
}

void PrintJson(const std::string& collection, const client::VerifyResult& result) {
  JsonWriter json;
  json.BeginObject();
  json.Key("collection").String(collection);
  json.Key("commit").Integer(result.commit);
  json.Key("generation").Integer(result.generation);
  json.Key("files").Integer(result.files);
  json.Key("file_bytes").Integer(result.file_bytes);
  json.Key("records").Integer(result.records);
  json.Key("rows").Integer(result.rows);
  json.Key("ids").Integer(result.ids);
  json.Key("vectors").Integer(result.vectors);
  json.Key("payloads").Integer(result.payloads);
  json.Key("requests").Integer(result.requests);
  json.Key("lists").Integer(result.lists);
  json.Key("assignments").Integer(result.assignments);
  json.Key("postings").Integer(result.postings);
  json.Key("memory_rows").Integer(result.memory_rows);
  json.Key("encoded_rows").Integer(result.encoded_rows);
  json.Key("tied_rows").Integer(result.tied_rows);
  json.Key("seconds").Number(result.seconds);
  json.Key("found").Integer(result.found);
  json.Key("findings").BeginArray();
  for (const client::Finding& finding : result.findings) {
    json.BeginObject();
    json.Key("where").String(finding.where);
    if (finding.point && finding.point->is_number()) json.Key("point").Integer(finding.point->number());
    if (finding.point && !finding.point->is_number()) json.Key("point").String(finding.point->key());
    if (finding.list) json.Key("list").Integer(*finding.list);
    json.Key("message").String(finding.message);
    json.EndObject();
  }
  json.EndArray().EndObject();
  std::printf("%s\n", json.text().c_str());
}

StatusOr<int> Verify(const Invocation& chosen, const Options& options) {
  client::Client client(chosen.MakeClientOptions());
  TESSERA_ASSIGN_OR_RETURN(client::Operation operation,
                           client.Verify(options.collection, options.deep, options.max_findings));
  const std::string name = operation.name;
  TESSERA_ASSIGN_OR_RETURN(operation, FollowOperation(client, std::move(operation)));
  if (!operation.done) return kExitInterrupted;
  if (!operation.verified) return Internal(name + " has no result");
  options.json ? PrintJson(options.collection, *operation.verified) : Print(options.collection, *operation.verified);
  return operation.verified->found == 0 ? kExitOk : kExitFailure;
}

}  // namespace

void AddVerifyCommand(CLI::App& app, Invocation& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("verify", "Read everything of a collection and tell what is damaged");
  command->add_option("collection", options->collection, "Collection")->required();
  command->add_flag("--deep", options->deep, "Encode every vector anew as well, and compare with the codes kept");
  command->add_option("--max-findings", options->max_findings, "Findings told one by one; all are counted")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Searches and writes go on while it runs. Exit code 0: all is whole; 1: something is not.\n"
      "Of a data directory that no server has open: tesserad verify --data DIR.\n"
      "What is damaged is made anew from the raw vectors by tesserad repair.\n\n"
      "Example: tessera verify words --deep");
  command->callback([options, &chosen] { chosen.run = [options, &chosen] { return Verify(chosen, *options); }; });
}

}  // namespace tessera::cli
