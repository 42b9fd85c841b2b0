#include "bench/plot/series.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace tessera::bench {
namespace {

constexpr int kRecallTicks = 10;

// The rows that the choice asks for, all of one data set.
StatusOr<std::vector<const Result*>> Choose(const std::vector<Result>& results,
                                            const PlotChoice& choice) {
  std::vector<const Result*> chosen;
  std::set<std::string> sets;
  for (const Result& result : results) {
    if (!result.Number("recall_at_10")) continue;
    if (result.Text("mode") != choice.mode || result.Text("threads") != choice.threads) continue;
    if (!choice.data.empty() && result.Text("data") != choice.data) continue;
    chosen.push_back(&result);
    sets.insert(result.Text("data"));
  }
  if (chosen.empty()) {
    return InvalidArgument("no row has mode " + choice.mode + ", threads " + choice.threads +
                           (choice.data.empty() ? "" : ", data " + choice.data));
  }
  if (sets.size() > 1) {
    std::string names;
    for (const std::string& name : sets) names += (names.empty() ? "" : ", ") + name;
    return InvalidArgument("the rows are of several data sets, name one with --data: " + names);
  }
  return chosen;
}

std::string RerankName(const Result& result) {
  const std::string& rerank = result.Text("rerank");
  return rerank == "none" || rerank.empty() ? "codes alone" : rerank + " rerank";
}

// Of what is read in a search: codes, corrections, and refine codes if they rerank.
std::optional<double> CodeBytes(const Result& result) {
  const auto codes = result.Number("bytes_codes");
  if (!codes) return std::nullopt;
  double bytes = *codes + result.Number("bytes_corrections").value_or(0);
  if (result.Text("rerank") == "refine") bytes += result.Number("bytes_refine").value_or(0);
  return bytes;
}

std::string Trimmed(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::string FrontNote(const Result& result) {
  std::string note = result.Text("engine") + " " + result.Text("quantizer") + ", " +
                     RerankName(result) + ": recall@10 " + result.Text("recall_at_10");
  if (const auto bytes = CodeBytes(result)) note += ", " + Trimmed(*bytes) + " bytes";
  if (result.Number("qps_wall")) {
    note += ", nprobe " + result.Text("nprobe") + ", " + result.Text("qps_wall") + " QPS";
  }
  return note;
}

std::string Note(const Result& result) {
  std::string note = result.Text("engine") + " " + result.Text("quantizer") + ", nprobe " +
                     result.Text("nprobe") + ", " + RerankName(result);
  if (result.Text("rerank") != "none") note += " of " + result.Text("depth");
  return note + ": recall@10 " + result.Text("recall_at_10") + ", " + result.Text("qps_wall") +
         " QPS, " + result.Text("bytes_total") + " bytes";
}

std::string Subtitle(const Result& first, const PlotChoice& choice) {
  // Recall at given bytes does not depend on how many queries a call has.
  if (choice.fronts && choice.mode == "batch") {
    return first.Text("metric") + ", " + first.Text("k") + " neighbours a query";
  }
  std::string text =
      choice.mode == "batch" ? "batches of " + first.Text("batch") : "one query a call";
  text += choice.threads == "1" ? ", one thread" : ", " + choice.threads + " threads";
  return text + ", " + first.Text("metric") + ", k = " + first.Text("k");
}

std::string Title(const char* what, const Result& first) {
  return std::string(what) + ": " + first.Text("data") + ", " + first.Text("rows") + " x " +
         first.Text("dim");
}

std::vector<double> Values(const std::vector<Series>& series, double Point::*field) {
  std::vector<double> values;
  for (const Series& one : series) {
    for (const Point& p : one.line) values.push_back(p.*field);
    for (const Point& p : one.faint) values.push_back(p.*field);
  }
  return values;
}

// The same with x the smaller the better.
void KeepSmallFrontier(Series& series) {
  std::vector<Point> points = std::move(series.line);
  for (Point& point : points) point.x = -point.x;
  SplitFrontier(std::move(points), series.line, series.faint);
  for (Point& point : series.line) point.x = -point.x;
  for (Point& point : series.faint) point.x = -point.x;
}

}  // namespace

void SplitFrontier(std::vector<Point> points, std::vector<Point>& frontier,
                   std::vector<Point>& others) {
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return a.x != b.x ? a.x > b.x : a.y > b.y;
  });
  frontier.clear();
  others.clear();
  for (Point& point : points) {
    const bool beaten = !frontier.empty() && point.y <= frontier.back().y;
    (beaten ? others : frontier).push_back(std::move(point));
  }
  std::reverse(frontier.begin(), frontier.end());
}

StatusOr<Chart> SpeedChart(const std::vector<Result>& results, const PlotChoice& choice) {
  TESSERA_ASSIGN_OR_RETURN(const auto chosen, Choose(results, choice));
  std::map<std::string, std::vector<Point>> points;
  for (const Result* result : chosen) {
    const auto recall = result->Number("recall_at_10");
    const auto qps = result->Number(choice.cpu_time ? "qps_cpu" : "qps_wall");
    if (!recall || !qps || *qps <= 0) continue;
    const std::string index = choice.fronts ? "" : " " + result->Text("quantizer");
    const std::string name = result->Text("engine") + index + ", " + RerankName(*result);
    points[name].push_back({*recall, *qps, choice.fronts ? FrontNote(*result) : Note(*result)});
  }
  std::vector<Series> series;
  for (auto& [name, all] : points) {
    Series one{name, {}, {}};
    SplitFrontier(std::move(all), one.line, one.faint);
    series.push_back(std::move(one));
  }
  return Chart{Title("Recall and speed", *chosen[0]),
               Subtitle(*chosen[0], choice),
               "recall@10",
               choice.cpu_time ? "queries a second of CPU time" : "queries a second",
               Axis::LinearUpTo(Values(series, &Point::x), 1, kRecallTicks),
               Axis::Log(Values(series, &Point::y)),
               series};
}

StatusOr<Chart> BytesChart(const std::vector<Result>& results, const PlotChoice& choice) {
  TESSERA_ASSIGN_OR_RETURN(const auto chosen, Choose(results, choice));
  std::map<std::string, std::map<std::string, Point>> points;  // by series, by index
  for (const Result* result : chosen) {
    const auto recall = result->Number("recall_at_10");
    const auto bytes = choice.fronts ? CodeBytes(*result) : result->Number("bytes_total");
    if (!recall || !bytes || *bytes <= 0) continue;
    const std::string name = result->Text("engine") + ", " + RerankName(*result);
    Point& best = points[name][result->Text("quantizer")];
    if (best.note.empty() || *recall > best.y) {
      best = {*bytes, *recall, choice.fronts ? FrontNote(*result) : Note(*result)};
    }
  }
  std::vector<Series> series;
  for (const auto& [name, by_index] : points) {
    Series one{name, {}, {}};
    for (const auto& [index, point] : by_index) one.line.push_back(point);
    if (choice.fronts) KeepSmallFrontier(one);
    std::stable_sort(one.line.begin(), one.line.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
    series.push_back(std::move(one));
  }
  return Chart{Title("Recall and bytes", *chosen[0]),
               Subtitle(*chosen[0], choice),
               choice.fronts ? "bytes a vector: codes, corrections, refine codes"
                             : "resident bytes a vector",
               "best recall@10",
               Axis::Log(Values(series, &Point::x)),
               Axis::LinearUpTo(Values(series, &Point::y), 1, kRecallTicks),
               series};
}

}  // namespace tessera::bench
