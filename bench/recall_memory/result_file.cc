#include "bench/recall_memory/result_file.h"

#include <fstream>
#include <sstream>

#include "bench/plot/results.h"

namespace tessera::bench {
namespace {

Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::app);
  out << text;
  out.close();
  return out ? OkStatus() : Unavailable("--csv: cannot write " + path);
}

}  // namespace

StatusOr<ResultFile> ResultFile::Open(const std::string& path,
                                      const std::vector<std::string>& comments) {
  ResultFile file(path);
  std::ifstream in(path);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (text.str().empty()) {
    TESSERA_RETURN_IF_ERROR(WriteText(path, CsvTop(comments)));
    return file;
  }
  TESSERA_RETURN_IF_ERROR(file.Read(text.str()));
  return file;
}

Status ResultFile::Read(const std::string& text) {
  if (text.find("\n" + CsvHeader() + "\n") == std::string::npos) {
    return InvalidArgument("--csv " + path_ + " has other columns than this version writes");
  }
  if (text.back() != '\n') {
    return InvalidArgument("--csv " + path_ + ": the last line was cut short, remove it");
  }
  TESSERA_ASSIGN_OR_RETURN(const auto results, ParseResults(text, path_, {"data", "asked"}));
  for (const Result& result : results) {
    const auto key = std::make_pair(result.Text("data"), result.Text("asked"));
    const bool failed = result.Text("recall_at_10").empty();
    recall_.insert(key);
    if (failed || !result.Text("qps_wall").empty()) speed_.insert(key);
  }
  return OkStatus();
}

bool ResultFile::Has(const std::string& data, const std::string& asked, bool speed) const {
  return (speed ? speed_ : recall_).contains({data, asked});
}

Status ResultFile::Append(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    text += CsvLine(row) + "\n";
    recall_.insert({row.data, row.asked});
    if (row.qps_wall >= 0 || row.recall_at_10 < 0) speed_.insert({row.data, row.asked});
  }
  return WriteText(path_, text);
}

}  // namespace tessera::bench
