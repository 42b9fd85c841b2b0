#include "index/engine/verify_lists.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "index/engine/sample.h"
#include "index/engine/verify_codes.h"
#include "index/lists/code_block.h"

namespace tessera::engine {
namespace {

constexpr size_t kDeepRows = 1024;  // encoded anew at a time

std::string InList(ListId list) { return "list " + std::to_string(list.value); }

class PostingCheck {
 public:
  explicit PostingCheck(VerifyRun& run)
      : run_(run),
        state_(run.state()),
        where_("postings-" + std::to_string(state_.generation.value)),
        encoder_(*state_.model, *state_.table, run.options().executor ? *run.options().executor : inline_) {}

  Status Run() {
    SortByList();
    for (uint32_t l = 0; l < state_.table->nlist(); ++l) TESSERA_RETURN_IF_ERROR(CheckList(ListId{l}));
    CheckTotals();
    return CheckBeyond();
  }

 private:
  void SortByList();
  Status CheckList(ListId list);
  Status ReadList(ListId list);
  Status ReadOneByOne(ListId list);
  void AddPosting(RowId row, std::string_view code, float correction, std::string_view refine);
  void CompareWithAssigned(ListId list);
  void CompareWithMemory(ListId list);
  void CompareRow(ListId list, size_t i, const lists::Chunk& chunk, size_t position);
  bool SameCorrection(ListId list, const lists::Chunk& chunk, size_t position, size_t i) const;
  Status CompareWithVectors(ListId list);
  Status CompareSome(ListId list, size_t begin, size_t end);
  void CheckTotals();
  Status CheckBeyond();

  VerifyRun& run_;
  const VerifiedState& state_;
  const std::string where_;
  InlineExecutor inline_;
  ListEncoder encoder_;
  std::vector<uint32_t> order_;  // positions of run.rows by list, then row
  std::vector<uint32_t> begin_;  // of each list in order_
  StoredCodes stored_;           // of one list
  std::vector<uint8_t> copy_;
  std::vector<float> floats_;
  std::vector<RowId> read_;
  std::vector<size_t> read_at_;
  quant::EncodedRows encoded_;
};

void PostingCheck::SortByList() {
  const uint32_t nlist = state_.table->nlist();
  begin_.assign(nlist + 1, 0);
  for (const uint32_t list : run_.rows.lists) {
    if (list < nlist) ++begin_[list + 1];
  }
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  order_.resize(begin_.back());
  std::vector<uint32_t> next(begin_.begin(), begin_.end() - 1);
  for (size_t i = 0; i < run_.rows.lists.size(); ++i) {
    if (run_.rows.lists[i] < nlist) order_[next[run_.rows.lists[i]]++] = static_cast<uint32_t>(i);
  }
}

Status PostingCheck::CheckList(ListId list) {
  TESSERA_RETURN_IF_ERROR(ReadList(list));
  ++run_.report().lists;
  run_.report().postings += stored_.rows.size();
  CompareWithAssigned(list);
  if (state_.lists) CompareWithMemory(list);
  if (run_.options().deep) TESSERA_RETURN_IF_ERROR(CompareWithVectors(list));
  return run_.Advance(stored_.rows.size());
}

void PostingCheck::AddPosting(RowId row, std::string_view code, float correction, std::string_view refine) {
  stored_.rows.push_back(row);
  stored_.codes.insert(stored_.codes.end(), code.begin(), code.end());
  stored_.corrections.push_back(correction);
  stored_.refine.insert(stored_.refine.end(), refine.begin(), refine.end());
  if (!std::isfinite(correction)) run_.FindRow(where_, row, "has a correction that is no number");
}

Status PostingCheck::ReadList(ListId list) {
  stored_ = {};
  const Status read = state_.store->ScanPostings(
      state_.generation, list, ListId{list.value + 1}, state_.model->code_bytes(), state_.model->refine_bytes(),
      state_.at, [&](const store::PostingView& p) {
        AddPosting(p.row, p.code, p.correction, p.refine);
        return OkStatus();
      });
  if (read.ok() || read.code() != absl::StatusCode::kDataLoss) return read;
  run_.FindList(where_, list, MessageOf(read));
  return ReadOneByOne(list);
}

// Those rows of the list, by their assignments, whose postings can be read.
Status PostingCheck::ReadOneByOne(ListId list) {
  stored_ = {};
  for (uint32_t o = begin_[list.value]; o < begin_[list.value + 1]; ++o) {
    const RowId row = run_.rows.rows[order_[o]];
    const auto posting = state_.store->GetPostings(state_.generation, {list}, {row}, state_.model->code_bytes(),
                                                   state_.model->refine_bytes(), state_.at);
    if (!posting.ok()) {
      if (posting.status().code() != absl::StatusCode::kDataLoss) return posting.status();
      run_.rows.seen[order_[o]] = 1;
      run_.FindRow(where_, row, MessageOf(posting.status()));
    } else if ((*posting)[0]) {
      AddPosting(row, (*posting)[0]->code, (*posting)[0]->correction, (*posting)[0]->refine);
    }
  }
  return OkStatus();
}

void PostingCheck::CompareWithAssigned(ListId list) {
  uint32_t o = begin_[list.value];
  for (const RowId row : stored_.rows) {
    while (o < begin_[list.value + 1] && run_.rows.rows[order_[o]] < row) ++o;
    if (o < begin_[list.value + 1] && run_.rows.rows[order_[o]] == row) {
      run_.rows.seen[order_[o]] = 1;
      continue;
    }
    const size_t position = run_.rows.Find(row);
    if (position == VerifiedRows::kAbsent) {
      const auto& lost = run_.rows.unreadable;
      if (!std::binary_search(lost.begin(), lost.end(), row)) run_.FindRow(where_, row, InList(list) + " has it, but no point");
    } else {
      const uint32_t assigned = run_.rows.lists[position];
      run_.FindRow(where_, row, InList(list) + " has it, but it is assigned to " +
                                    (assigned == VerifiedRows::kNoList ? "no list that can be read" : InList(ListId{assigned})));
    }
  }
}

void PostingCheck::CompareWithMemory(ListId list) {
  const lists::List* in_memory = state_.lists->list(list);
  size_t i = 0;
  size_t held = 0;
  for (const lists::ChunkPtr& chunk : in_memory ? in_memory->chunks : std::vector<lists::ChunkPtr>()) {
    for (size_t position = 0; position < chunk->rows; ++position) {
      if (!chunk->is_live(position)) continue;
      ++held;
      const RowId row = chunk->row_id(position);
      while (i < stored_.rows.size() && stored_.rows[i] < row) run_.FindRow("memory", stored_.rows[i++], "is not in memory");
      if (i == stored_.rows.size() || stored_.rows[i] != row) {
        run_.FindRow("memory", row, InList(list) + " has it in memory, but not on disk");
      } else {
        CompareRow(list, i++, *chunk, position);
      }
    }
  }
  for (; i < stored_.rows.size(); ++i) run_.FindRow("memory", stored_.rows[i], "is not in memory");
  run_.report().memory_rows += held;
}

void PostingCheck::CompareRow(ListId list, size_t i, const lists::Chunk& chunk, size_t position) {
  const lists::RowLayout& layout = state_.lists->layout();
  copy_.resize(layout.code_bytes);
  const uint8_t* code = chunk.Code(layout, position, copy_.data());
  const RowId row = stored_.rows[i];
  if (std::memcmp(code, stored_.codes.data() + i * layout.code_bytes, layout.code_bytes) != 0) {
    run_.FindRow("memory", row, InList(list) + " has another code in memory");
  }
  if (layout.page_record_bytes() > 0 &&
      std::memcmp(chunk.record(layout, position), stored_.refine.data() + i * layout.record_bytes,
                  layout.record_bytes) != 0) {
    run_.FindRow("memory", row, InList(list) + " has another refine record in memory");
  }
  if (!layout.code_in_pages && !SameCorrection(list, chunk, position, i)) {
    run_.FindRow("memory", row, InList(list) + " has another correction in memory");
  }
  const size_t known = run_.rows.Find(row);
  if (known == VerifiedRows::kAbsent || chunk.has_string_id(position)) return;
  if (HashOfId(PointId(chunk.number(position))) != run_.rows.id_hashes[known]) {
    run_.FindRow("memory", row, "is point " + std::to_string(chunk.number(position)) + " in memory");
  }
}

bool PostingCheck::SameCorrection(ListId list, const lists::Chunk& chunk, size_t position, size_t i) const {
  const lists::CodeBlock& block = *chunk.blocks[position / lists::kBlockRows];
  const int32_t held = block.correction(state_.model->code_bytes(), position % lists::kBlockRows);
  return held == state_.model->CorrectionUnits(list, stored_.corrections[i]);
}

Status PostingCheck::CompareWithVectors(ListId list) {
  for (size_t begin = 0; begin < stored_.rows.size(); begin += kDeepRows) {
    TESSERA_RETURN_IF_ERROR(run_.CheckStop());
    TESSERA_RETURN_IF_ERROR(CompareSome(list, begin, std::min(begin + kDeepRows, stored_.rows.size())));
  }
  return OkStatus();
}

Status PostingCheck::CompareSome(ListId list, size_t begin, size_t end) {
  floats_.resize((end - begin) * state_.dim);
  read_at_.clear();
  for (size_t i = begin; i < end; ++i) {
    // One by one: what cannot be read was found before, and keeps no other from being compared.
    const auto vector = state_.store->GetVectors({stored_.rows[i]}, state_.at);
    if (!vector.ok() || !(*vector)[0]) continue;
    float* to = floats_.data() + read_at_.size() * state_.dim;
    if (!StoredFloats(state_.dim, state_.metric, stored_.rows[i], (*vector)[0]->view(), to, nullptr).ok()) continue;
    read_at_.push_back(i);
  }
  if (read_at_.empty()) return OkStatus();
  encoder_.Encode(list, {floats_.data(), read_at_.size(), state_.dim}, encoded_);
  for (size_t e = 0; e < read_at_.size(); ++e) {
    const CodeMatch match = CompareCodes(*state_.model, *state_.table, list, floats_.data() + e * state_.dim, stored_,
                                         read_at_[e], encoded_, e);
    ++run_.report().encoded_rows;
    run_.report().tied_rows += match == CodeMatch::kTied;
    if (match == CodeMatch::kOther) {
      run_.FindRow(where_, stored_.rows[read_at_[e]], InList(list) + " has a code that is not that of its vector");
    }
  }
  return OkStatus();
}

void PostingCheck::CheckTotals() {
  for (size_t i = 0; i < run_.rows.rows.size(); ++i) {
    if (run_.rows.lists[i] < state_.table->nlist() && !run_.rows.seen[i]) {
      run_.FindRow(where_, run_.rows.rows[i], "is missing in " + InList(ListId{run_.rows.lists[i]}));
    }
  }
  if (state_.lists && state_.lists->nlist() != state_.table->nlist()) {
    run_.Find("memory", "has " + std::to_string(state_.lists->nlist()) + " lists instead of " +
                            std::to_string(state_.table->nlist()));
  }
}

// Lists that there are none of.
Status PostingCheck::CheckBeyond() {
  const Status read = state_.store->ScanPostings(
      state_.generation, ListId{state_.table->nlist()}, ListId{UINT32_MAX}, state_.model->code_bytes(),
      state_.model->refine_bytes(), state_.at, [&](const store::PostingView& p) {
        run_.FindRow(where_, p.row, InList(p.list) + " has it, which is none of the " +
                                        std::to_string(state_.table->nlist()));
        return run_.Advance();
      });
  if (read.ok() || read.code() != absl::StatusCode::kDataLoss) return read;
  run_.Find(where_, MessageOf(read));
  return OkStatus();
}

}  // namespace

Status VerifyAssignments(VerifyRun& run) {
  const VerifiedState& state = run.state();
  const std::string where = "assign-" + std::to_string(state.generation.value);
  std::fill(run.rows.seen.begin(), run.rows.seen.end(), 0);
  TESSERA_RETURN_IF_ERROR(VisitSurviving(
      state.next_row,
      [&](RowId begin, RowId end, const auto& next) {
        return state.store->ScanAssigns(state.generation, begin, end, state.at, next);
      },
      [&](RowId row, const auto& next) -> Status {
        TESSERA_ASSIGN_OR_RETURN(const auto got, state.store->GetAssigns(state.generation, {row}, state.at));
        return got[0] ? next(row, *got[0]) : OkStatus();
      },
      [&](RowId row, ListId list) {
        ++run.report().assignments;
        const size_t position = run.rows.Find(row);
        const auto& lost = run.rows.unreadable;
        if (position == VerifiedRows::kAbsent) {
          if (!std::binary_search(lost.begin(), lost.end(), row)) run.FindRow(where, row, "belongs to no point");
          return run.Advance();
        }
        run.rows.seen[position] = 1;
        run.rows.lists[position] = list.value;
        if (state.table && list.value >= state.table->nlist()) {
          run.FindRow(where, row, "is assigned to " + InList(list) + ", there are " + std::to_string(state.table->nlist()));
        }
        return run.Advance();
      },
      [&](RowId row, const Status& status) {
        const size_t position = run.rows.Find(row);
        if (position == VerifiedRows::kAbsent) return OkStatus();
        run.rows.seen[position] = 1;
        run.FindRow(where, row, MessageOf(status));
        return run.Advance();
      }));
  for (size_t i = 0; i < run.rows.rows.size(); ++i) {
    if (!run.rows.seen[i]) run.FindRow(where, run.rows.rows[i], "is assigned to no list");
  }
  return OkStatus();
}

Status VerifyPostings(VerifyRun& run) {
  std::fill(run.rows.seen.begin(), run.rows.seen.end(), 0);
  return PostingCheck(run).Run();
}

}  // namespace tessera::engine
