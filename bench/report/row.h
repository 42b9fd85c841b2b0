// One line of a result file: the columns that bench/ann, bench/peers and the plots share.
// Their meaning stands in bench/README.md and, as comments, at the top of every file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::bench {

// A number that was not measured is negative and written as an empty field.
inline constexpr double kNotMeasured = -1;

struct Row {
  // What was measured.
  std::string engine = "tessera";
  std::string data;       // name of the data set
  std::string metric;     // l2, ip, cosine
  std::string quantizer;  // or whatever the engine calls its index; as it was built
  uint64_t rows = 0;
  uint64_t dim = 0;
  uint64_t queries = 0;  // distinct ones
  uint64_t k = 0;
  std::string mode;    // single or batch
  uint64_t batch = 1;  // queries a call
  uint64_t threads = 1;
  uint64_t nprobe = 0;
  std::string rerank = "none";   // none, refine, raw
  uint64_t depth = 0;            // candidates reranked
  double target = kNotMeasured;  // recall@10 that the parameters were tuned for
  std::string asked;             // spec as given, where it is not the index as it was built
  std::string note;              // what a reader must know, or why nothing was measured
  std::string commit;            // of the engine

  double recall_at_10 = kNotMeasured;
  double recall_at_100 = kNotMeasured;
  double first_at_1 = kNotMeasured;
  double first_at_10 = kNotMeasured;
  double first_at_100 = kNotMeasured;
  double pick_recall_at_10 = kNotMeasured;  // on other queries, for choosing among indexes
  // Mean squared distance of vectors to what their codes decode to, as a share of that to their
  // mean.
  double reconstruction_error = kNotMeasured;
  double qps_wall = kNotMeasured;
  double qps_cpu = kNotMeasured;
  double p50_us = kNotMeasured;
  double p99_us = kNotMeasured;
  uint64_t rounds = 0;

  // Resident bytes a vector by component, and their sum.
  double bytes_total = kNotMeasured;
  double bytes_codes = kNotMeasured;
  double bytes_corrections = kNotMeasured;
  double bytes_refine = kNotMeasured;
  double bytes_row_ids = kNotMeasured;
  double bytes_external_ids = kNotMeasured;
  double bytes_padding = kNotMeasured;
  double bytes_headers = kNotMeasured;
  double bytes_centroids = kNotMeasured;
  double bytes_model = kNotMeasured;

  double load_seconds = kNotMeasured;
  double train_seconds = kNotMeasured;
  double encode_us = kNotMeasured;

  // Mean of a query's stages, from a pass of its own.
  double rows_scanned = kNotMeasured;
  double coarse_us = kNotMeasured;
  double tables_us = kNotMeasured;
  double scan_us = kNotMeasured;
  double rerank_us = kNotMeasured;
  double fetch_us = kNotMeasured;
};

struct Column {
  const char* name;
  const char* meaning;
  std::string (*value)(const Row&);
};
// In file order.
const std::vector<Column>& Columns();

// The line of column names and that of a row, without line ends. Fields with commas, quotes or line
// ends are quoted.
std::string CsvHeader();
std::string CsvLine(const Row& row);

// Rows as CSV text: each comment as a line "# ...", then the columns' meanings, the header, the
// rows.
std::string ToCsv(const std::vector<std::string>& comments, const std::vector<Row>& rows);
// Its beginning, header and all.
std::string CsvTop(const std::vector<std::string>& comments);

// The columns that a reader compares, aligned, for a terminal. What was not measured is left out;
// what several rows share stands once, in a line above.
std::string ToTable(const std::vector<Row>& rows);

}  // namespace tessera::bench
