#include "index/engine/hit_builder.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tessera::engine {

Status FetchHits(const Core& core, const Snapshot& snapshot, std::span<const RankedRow> rows, bool with_vector,
                 bool with_payload, std::vector<Hit>& hits) {
  const bool with_more = with_vector || with_payload;
  std::vector<RowId> wanted;
  std::vector<size_t> owner;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].string_id && !with_more) continue;
    wanted.push_back(rows[i].row);
    owner.push_back(i);
  }
  if (wanted.empty()) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(auto records, core.store->GetRows(wanted, snapshot.store.get()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!records[i]) return DataLoss("row " + std::to_string(wanted[i].value) + " has no record");
    hits[owner[i]].id = std::move(records[i]->id);
    if (with_more) hits[owner[i]].version = records[i]->version;
  }
  if (with_payload && core.has_payloads) {
    TESSERA_ASSIGN_OR_RETURN(auto payloads, core.store->GetPayloads(wanted, snapshot.store.get()));
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (payloads[i]) hits[owner[i]].payload = *std::move(payloads[i]);
    }
  }
  if (!with_vector) return OkStatus();
  TESSERA_ASSIGN_OR_RETURN(auto vectors, core.store->GetVectors(wanted, snapshot.store.get()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!vectors[i]) return DataLoss("row " + std::to_string(wanted[i].value) + " has no vector");
    hits[owner[i]].vector = std::move(vectors[i]->bytes);
    hits[owner[i]].vector_type = vectors[i]->type;
    hits[owner[i]].vector_quantization = vectors[i]->quantization;
  }
  return OkStatus();
}

Status HitBuilder::Build(std::vector<RankedRow>& rows, bool all_searched, QueryResult& result) const {
  const size_t found = rows.size();
  if (!left_out_.empty()) {
    std::erase_if(rows, [&](const RankedRow& r) {
      return std::find(left_out_.begin(), left_out_.end(), r.row) != left_out_.end();
    });
  }
  if (params_.score_threshold) {
    std::erase_if(rows, [&](const RankedRow& r) {
      return RanksBefore(core_.metric, *params_.score_threshold, r.score);
    });
  }
  // Everything was ranked if all rows that could came back, or the threshold cut some off.
  const bool complete = all_searched && (found >= passing_ || rows.size() < params_.offset + params_.limit);
  result.exhausted = complete && rows.size() <= size_t{params_.offset} + params_.limit;
  const size_t begin = std::min<size_t>(params_.offset, rows.size());
  const size_t end = std::min<size_t>(rows.size(), begin + params_.limit);
  result.hits.resize(end - begin);
  for (size_t i = begin; i < end; ++i) {
    Hit& hit = result.hits[i - begin];
    hit = {};
    hit.score = rows[i].score;
    hit.exact = rows[i].exact;
    if (!rows[i].string_id) hit.id = PointId(rows[i].number);
  }
  return FetchHits(core_, snapshot_, {rows.data() + begin, end - begin}, params_.with_vector,
                   params_.with_payload, result.hits);
}

}  // namespace tessera::engine
