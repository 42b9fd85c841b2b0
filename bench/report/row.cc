#include "bench/report/row.h"

#include <algorithm>
#include <cstdio>

namespace tessera::bench {
namespace {

std::string Number(double value, const char* format) {
  if (value < 0) return "";
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

template <std::string Row::*field>
std::string Text(const Row& row) {
  return row.*field;
}
template <uint64_t Row::*field>
std::string Count(const Row& row) {
  return std::to_string(row.*field);
}
template <double Row::*field>
std::string Share(const Row& row) {
  return Number(row.*field, "%.4f");
}
template <double Row::*field>
std::string Rate(const Row& row) {
  return Number(row.*field, "%.1f");
}
template <double Row::*field>
std::string Finest(const Row& row) {
  return Number(row.*field, "%.5f");
}
template <double Row::*field>
std::string Fine(const Row& row) {
  return Number(row.*field, "%.3f");
}

std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

struct TableColumn {
  const char* title;
  std::string (*value)(const Row&);
};

std::string RerankText(const Row& row) {
  return row.rerank == "none" ? row.rerank : row.rerank + ":" + std::to_string(row.depth);
}

constexpr TableColumn kTable[] = {
    {"engine", Text<&Row::engine>},
    {"quantizer", Text<&Row::quantizer>},
    {"mode", Text<&Row::mode>},
    {"threads", Count<&Row::threads>},
    {"nprobe", Count<&Row::nprobe>},
    {"rerank", RerankText},
    {"target", Share<&Row::target>},
    {"recall@10", Share<&Row::recall_at_10>},
    {"recall@100", Share<&Row::recall_at_100>},
    {"1-recall@1", Share<&Row::first_at_1>},
    {"QPS wall", Rate<&Row::qps_wall>},
    {"QPS CPU", Rate<&Row::qps_cpu>},
    {"p50 us", Rate<&Row::p50_us>},
    {"p99 us", Rate<&Row::p99_us>},
    {"B/vector", Rate<&Row::bytes_total>},
    {"scanned", Rate<&Row::rows_scanned>},
    {"coarse us", Rate<&Row::coarse_us>},
    {"tables us", Rate<&Row::tables_us>},
    {"scan us", Rate<&Row::scan_us>},
    {"rerank us", Rate<&Row::rerank_us>},
    {"fetch us", Rate<&Row::fetch_us>},
};

std::vector<std::string> RightAligned(std::vector<std::string> cells) {
  size_t width = 0;
  for (const std::string& cell : cells) width = std::max(width, cell.size());
  for (std::string& cell : cells) cell.insert(0, width - cell.size(), ' ');
  return cells;
}

}  // namespace

const std::vector<Column>& Columns() {
  static const std::vector<Column> columns = {
      {"engine", "engine that was measured", Text<&Row::engine>},
      {"data", "data set", Text<&Row::data>},
      {"metric", "l2, ip or cosine", Text<&Row::metric>},
      {"quantizer", "index as it was built", Text<&Row::quantizer>},
      {"rows", "vectors in the index", Count<&Row::rows>},
      {"dim", "their dimension", Count<&Row::dim>},
      {"queries", "distinct queries asked", Count<&Row::queries>},
      {"k", "neighbours asked for", Count<&Row::k>},
      {"mode", "single: one query a call; batch: `batch` queries a call", Text<&Row::mode>},
      {"batch", "queries a call", Count<&Row::batch>},
      {"threads", "caller threads (single) or threads of the executor (batch)",
       Count<&Row::threads>},
      {"nprobe", "lists probed", Count<&Row::nprobe>},
      {"rerank", "form that orders the candidates: none (codes), refine (8 bit in memory), raw",
       Text<&Row::rerank>},
      {"depth", "candidates reranked", Count<&Row::depth>},
      {"target", "recall_at_10 the parameters were tuned for, on other queries than these",
       Share<&Row::target>},
      {"asked", "spec as given, where it is not the index as it was built", Text<&Row::asked>},
      {"note", "what a reader must know, or why nothing was measured", Text<&Row::note>},
      {"commit", "of the engine", Text<&Row::commit>},
      {"recall_at_10", "of the true 10 nearest, the share among the first 10 found",
       Share<&Row::recall_at_10>},
      {"recall_at_100", "the same with 100, measured if k >= 100", Share<&Row::recall_at_100>},
      {"first_at_1", "share of queries whose nearest is the first found", Share<&Row::first_at_1>},
      {"first_at_10", "share of queries whose nearest is among the first 10",
       Share<&Row::first_at_10>},
      {"first_at_100", "the same with 100, measured if k >= 100", Share<&Row::first_at_100>},
      {"pick_recall_at_10", "recall_at_10 on other queries, for choosing among indexes",
       Share<&Row::pick_recall_at_10>},
      {"reconstruction_error",
       "mean squared distance of vectors to what their codes decode to, as a share of that to "
       "their mean",
       Finest<&Row::reconstruction_error>},
      {"qps_wall", "queries a second of wall time, median over rounds", Rate<&Row::qps_wall>},
      {"qps_cpu",
       "queries a second of CPU time, median over rounds: one thread, its own clock "
       "(CLOCK_THREAD_CPUTIME_ID); several, the sum of the callers' (single) or the process' "
       "(batch)",
       Rate<&Row::qps_cpu>},
      {"p50_us", "microseconds a query, median over the calls, median over rounds; single only",
       Rate<&Row::p50_us>},
      {"p99_us", "the same, 99th of 100", Rate<&Row::p99_us>},
      {"rounds", "rounds of the medians", Count<&Row::rounds>},
      {"bytes_total", "resident bytes a vector, sum of the components", Fine<&Row::bytes_total>},
      {"bytes_codes", "product codes", Fine<&Row::bytes_codes>},
      {"bytes_corrections", "correction of each code", Fine<&Row::bytes_corrections>},
      {"bytes_refine", "8-bit codes for rerank; raw vectors of engines that keep them in memory",
       Fine<&Row::bytes_refine>},
      {"bytes_row_ids", "row numbers", Fine<&Row::bytes_row_ids>},
      {"bytes_external_ids", "ids as users know them", Fine<&Row::bytes_external_ids>},
      {"bytes_padding", "unused rows of blocks and pages", Fine<&Row::bytes_padding>},
      {"bytes_headers", "lists, chunks, snapshots, live bits; graphs of engines that have one",
       Fine<&Row::bytes_headers>},
      {"bytes_centroids", "coarse centroids", Fine<&Row::bytes_centroids>},
      {"bytes_model", "rotation and codebooks", Fine<&Row::bytes_model>},
      {"load_seconds", "reading and writing of all vectors, all threads", Fine<&Row::load_seconds>},
      {"train_seconds", "training and encoding, all threads", Fine<&Row::train_seconds>},
      {"encode_us", "CPU microseconds to encode a vector, one thread", Fine<&Row::encode_us>},
      {"rows_scanned", "codes compared a query, mean", Rate<&Row::rows_scanned>},
      {"coarse_us", "transform and coarse search, mean of a pass of its own",
       Fine<&Row::coarse_us>},
      {"tables_us", "lookup tables", Fine<&Row::tables_us>},
      {"scan_us", "scan of the lists", Fine<&Row::scan_us>},
      {"rerank_us", "rerank and final order", Fine<&Row::rerank_us>},
      {"fetch_us", "ids of the hits", Fine<&Row::fetch_us>},
  };
  return columns;
}

std::string CsvHeader() {
  std::string header;
  for (const Column& column : Columns())
    header += (header.empty() ? "" : ",") + std::string(column.name);
  return header;
}

std::string CsvLine(const Row& row) {
  std::string line;
  for (const Column& column : Columns()) {
    if (&column != &Columns().front()) line += ',';
    line += Quoted(column.value(row));
  }
  return line;
}

std::string CsvTop(const std::vector<std::string>& comments) {
  std::string out;
  for (const std::string& comment : comments) out += "# " + comment + "\n";
  for (const Column& column : Columns()) {
    out += std::string("# ") + column.name + ": " + column.meaning + "\n";
  }
  return out + CsvHeader() + "\n";
}

std::string ToCsv(const std::vector<std::string>& comments, const std::vector<Row>& rows) {
  std::string out = CsvTop(comments);
  for (const Row& row : rows) out += CsvLine(row) + "\n";
  return out;
}

std::string ToTable(const std::vector<Row>& rows) {
  std::string shared;
  std::vector<std::vector<std::string>> columns;
  for (const TableColumn& column : kTable) {
    std::vector<std::string> cells;
    for (const Row& row : rows) cells.push_back(column.value(row));
    if (std::ranges::all_of(cells, &std::string::empty)) continue;
    if (rows.size() > 1 && std::ranges::all_of(cells, [&](auto& c) { return c == cells[0]; })) {
      shared += (shared.empty() ? "" : ", ") + std::string(column.title) + " " + cells[0];
      continue;
    }
    cells.insert(cells.begin(), column.title);
    columns.push_back(RightAligned(std::move(cells)));
  }
  std::string out = shared.empty() ? "" : shared + "\n";
  for (size_t i = 0; i < rows.size() + 1; ++i) {
    for (size_t c = 0; c < columns.size(); ++c) out += (c == 0 ? "" : "  ") + columns[c][i];
    out += "\n";
  }
  return out;
}

}  // namespace tessera::bench
