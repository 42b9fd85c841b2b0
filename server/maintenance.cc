#include "server/maintenance.h"

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "index/repair.h"
#include "index/thread_pool.h"
#include "index/verification.h"
#include "server/convert_verification.h"

namespace tessera::server {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string data = "tessera-data";
  std::string collection;
  bool deep = false;
  bool json = false;
  size_t max_findings = 100;
  uint32_t threads = 0;
};

int Fail(const Status& status) {
  std::fprintf(stderr, "tesserad: %s\n", MessageOf(status).c_str());
  return kFailure;
}

// Fields by the names that they have in the .proto, as everywhere on the command line.
std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto written = google::protobuf::util::MessageToJsonString(message, &text, options);
  return written.ok() ? text : "{}";
}

std::string Line(const Finding& finding) {
  std::string line = finding.where + ": ";
  if (finding.point) line += "point " + finding.point->ToString() + ": ";
  if (finding.list) line += "list " + std::to_string(*finding.list) + ": ";
  return line + finding.message;
}

void Print(const VerifyReport& report) {
  for (const Finding& finding : report.findings) std::printf("%s: %s\n", report.collection.c_str(), Line(finding).c_str());
  if (report.found > report.findings.size()) {
    std::printf("%s: and %llu more\n", report.collection.c_str(),
                static_cast<unsigned long long>(report.found - report.findings.size()));
  }
  std::printf("%s: %s; %llu rows, %llu postings in %llu lists, %llu bytes of files, commit %llu, in %.1f s\n",
              report.collection.c_str(), report.clean() ? "clean" : (std::to_string(report.found) + " findings").c_str(),
              static_cast<unsigned long long>(report.rows), static_cast<unsigned long long>(report.postings),
              static_cast<unsigned long long>(report.lists), static_cast<unsigned long long>(report.file_bytes),
              static_cast<unsigned long long>(report.commit), report.seconds);
}

int Verify(const Arguments& arguments) {
  ThreadPoolExecutor threads(arguments.threads == 0 ? std::thread::hardware_concurrency() : arguments.threads);
  VerifyOptions options;
  options.deep = arguments.deep;
  options.max_findings = arguments.max_findings;
  options.executor = &threads;
  const auto reports = VerifyData(arguments.data, arguments.collection, options);
  if (!reports.ok()) return Fail(reports.status());
  bool clean = true;
  std::string json;
  for (const VerifyReport& report : *reports) {
    clean = clean && report.clean();
    if (arguments.json) {
      v1::VerifyResult result;
      ToProto(report, &result);
      json += (json.empty() ? "" : ",") + Json(result);
    } else {
      Print(report);
    }
  }
  if (arguments.json) std::printf("[%s]\n", json.c_str());
  return clean ? 0 : kFailure;
}

void PrintSome(const char* what, uint64_t count, const std::vector<std::string>& names) {
  if (count == 0) return;
  std::string line;
  for (const std::string& name : names) line += (line.empty() ? "" : ", ") + name;
  std::printf("%llu %s: %s%s\n", static_cast<unsigned long long>(count), what, line.c_str(),
              names.size() < count ? ", ..." : "");
}

void Print(const RepairReport& report) {
  PrintSome("points lost", report.lost_points, report.lost);
  PrintSome("payloads lost", report.lost_payloads, report.lost_payload_points);
  for (const std::string& note : report.notes) std::printf("%s\n", note.c_str());
  std::printf("%s: %llu points, the codes of %llu kept and of %llu made anew%s; what was damaged is in %s\n",
              report.collection.c_str(), static_cast<unsigned long long>(report.rows),
              static_cast<unsigned long long>(report.kept_codes), static_cast<unsigned long long>(report.encoded_rows),
              report.trained ? ", with a model trained anew" : "", report.damaged.c_str());
}

int Repair(const Arguments& arguments) {
  ThreadPoolExecutor threads(arguments.threads == 0 ? std::thread::hardware_concurrency() : arguments.threads);
  RepairOptions options;
  options.executor = &threads;
  const auto report = RepairCollection(arguments.data, arguments.collection, options);
  if (!report.ok()) return Fail(report.status());
  if (arguments.json) {
    v1::RepairResult result;
    ToProto(*report, &result);
    std::printf("%s\n", Json(result).c_str());
  } else {
    Print(*report);
  }
  return report->lost_points + report->lost_payloads == 0 ? 0 : kFailure;
}

void AddPlaces(CLI::App& command, Arguments& arguments) {
  command.add_option("--data", arguments.data, "Data directory; no server may have it open")->capture_default_str();
  command.add_option("--threads", arguments.threads, "Threads that encode; 0 is one a core")->check(CLI::Range(0, 1024));
  command.add_flag("--json", arguments.json, "Print JSON");
}

}  // namespace

std::optional<int> RunMaintenance(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first != "verify" && first != "repair") return std::nullopt;
  Arguments arguments;
  CLI::App app("tesserad");
  CLI::App* verify = app.add_subcommand("verify", "Read everything and tell what is damaged; changes nothing");
  AddPlaces(*verify, arguments);
  verify->add_option("--collection", arguments.collection, "One collection; none: all");
  verify->add_flag("--deep", arguments.deep, "Encode every vector anew as well, and compare with the codes kept");
  verify->add_option("--max-findings", arguments.max_findings, "Findings told one by one; all are counted")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  verify->footer("Exit code 0: all is whole; 1: something is not.");
  CLI::App* repair = app.add_subcommand("repair", "Make a damaged collection anew from its raw vectors");
  AddPlaces(*repair, arguments);
  repair->add_option("--collection", arguments.collection, "Collection")->required();
  repair->footer(
      "It is made beside the old one, verified, and takes its place by one rename; there must be room for\n"
      "both. The old one stays in DIR/damaged until you delete it. Exit code 0: nothing is lost; 1: points\n"
      "or payloads are, which are named, or it could not be repaired.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  return first == "verify" ? Verify(arguments) : Repair(arguments);
}

}  // namespace tessera::server
