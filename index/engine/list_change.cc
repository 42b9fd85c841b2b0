#include "index/engine/list_change.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "index/base/failpoint.h"
#include "index/engine/loader.h"
#include "index/engine/metadata.h"
#include "index/engine/recluster.h"
#include "index/engine/sample.h"
#include "index/quant/encoder.h"
#include "index/simd/kernels.h"

namespace tessera::engine {
namespace {

constexpr size_t kPieceRows = 8192;  // read and encoded at a time
constexpr size_t kLeastSampled = 16; // rows read for each centroid made of them, at least
constexpr size_t kFinalRows = 1000;  // few enough to be encoded inside a commit turn
constexpr int kRounds = 8;           // of catching up with writes, before it is given up
constexpr size_t kNeighbours = 16;   // lists whose rows are looked at for each new centroid
// A row is read if its code says that it is nearer to a new centroid, or almost: on the way from the old centroid to
// the new one it is past the middle, 0.5, where both are as near.
constexpr float kAlmostNearer = 0.4f;

class ListChange {
 public:
  ListChange(Core& core, Committer& committer, SnapshotPtr start, const ListChangeRequest& request,
             const StopToken& stop)
      : core_(core),
        committer_(committer),
        start_(std::move(start)),
        request_(request),
        stop_(stop),
        code_bytes_(start_->lists.layout().code_bytes),
        refine_bytes_(start_->lists.layout().record_bytes),
        paced_(inline_, *core.options.pace, core.closing, stop) {}

  StatusOr<ListChangeResult> Run() {
    gone_ = request_.lists;
    std::sort(gone_.begin(), gone_.end());
    if (request_.come > 0) {
      TESSERA_RETURN_IF_ERROR(MakeCentroids());
      result_.refused = come_.centroids.size() / start_->table->dim() <= gone_.size();
      if (result_.refused) return result_;
    }
    Arrange();
    if (waiting_.empty()) {
      for (const ListId list : gone_) TESSERA_RETURN_IF_ERROR(EncodeList(list, *start_, paced_));
    }
    TESSERA_RETURN_IF_ERROR(EncodeWaiting(paced_));
    seen_ = RowId{start_->next_row};
    TESSERA_RETURN_IF_ERROR(MoveNeighbours());
    TESSERA_ASSIGN_OR_RETURN(const bool caught_up, CatchUp());
    if (!caught_up) return result_;
    TESSERA_RETURN_IF_ERROR(Failpoint("lists.encoded"));
    Status status;
    committer_.RunExclusive([&] { status = ChangeInTurn(); });
    TESSERA_RETURN_IF_ERROR(status);
    return result_;
  }

 private:
  struct Move {
    RowId row;
    ListId from;
    ListId to;
  };

  bool IsGone(ListId list) const { return std::binary_search(gone_.begin(), gone_.end(), list); }
  Status CheckStop() const {
    if (core_.closing) return Cancelled("the collection is being closed");
    return stop_.Check();
  }

  Status MakeCentroids();
  void Arrange();
  std::vector<RowId> RowsOf(const Snapshot& snapshot, ListId list) const;
  Status Read(const Snapshot& snapshot, ListId list, const std::vector<RowId>& rows);
  Status EncodeWaiting(Executor& executor);
  Status EncodeRows(const Snapshot& snapshot, ListId list, const std::vector<RowId>& rows, Executor& executor);
  Status EncodeList(ListId list, const Snapshot& snapshot, Executor& executor) {
    return EncodeRows(snapshot, list, RowsOf(snapshot, list), executor);
  }
  Status MoveNeighbours();
  std::vector<RowId> Nearer(ListId list, const std::vector<ListId>& centroids) const;
  size_t LateRows(const Snapshot& now) const;
  StatusOr<bool> CatchUp();
  Status ChangeInTurn();
  Status AddToBatch(const Snapshot& now, store::Batch& batch);
  Status Rename(const Snapshot& now, ListId from, ListId to, store::Batch& batch) const;
  std::shared_ptr<const Snapshot> NextSnapshot(const Snapshot& now);

  Core& core_;
  Committer& committer_;
  const SnapshotPtr start_;
  const ListChangeRequest& request_;
  const StopToken& stop_;
  const size_t code_bytes_;
  const size_t refine_bytes_;
  ListChangeResult result_;
  InlineExecutor inline_;
  PacedExecutor paced_;

  std::vector<ListId> gone_;  // ascending
  NewLists come_;
  std::vector<ListId> new_ids_;  // of those that come
  std::vector<std::pair<ListId, ListId>> renamed_;
  std::shared_ptr<const quant::ListTable> table_;
  std::shared_ptr<const quant::Model> model_;  // as before, but for the scales of lists

  // Rows read, not yet encoded.
  std::vector<RowId> waiting_;
  std::vector<ListId> waiting_from_;
  std::vector<float> floats_;
  quant::EncodedRows encoded_;

  RowId seen_;  // rows of gone_ below this are read
  std::vector<Move> moves_;
  std::vector<uint8_t> codes_;  // parallel to moves_, as are the next two
  std::vector<float> corrections_;
  std::vector<uint8_t> refine_;
};

// Live rows of a list that are not encoded yet.
std::vector<RowId> ListChange::RowsOf(const Snapshot& snapshot, ListId list) const {
  std::vector<RowId> rows;
  const lists::List* found = snapshot.lists.list(list);
  if (!found) return rows;
  for (const lists::ChunkPtr& chunk : found->chunks) {
    if (chunk->row_id(chunk->rows - 1) < seen_) continue;
    for (size_t i = 0; i < chunk->rows; ++i) {
      if (chunk->is_live(i) && chunk->row_id(i) >= seen_) rows.push_back(chunk->row_id(i));
    }
  }
  return rows;
}

Status ListChange::Read(const Snapshot& snapshot, ListId list, const std::vector<RowId>& rows) {
  TESSERA_ASSIGN_OR_RETURN(const auto vectors, core_.store->GetVectors(rows, snapshot.store.get()));
  size_t at = waiting_.size();
  floats_.resize((at + rows.size()) * core_.dim);
  for (size_t i = 0; i < rows.size(); ++i, ++at) {
    if (!vectors[i]) return DataLoss("vector of row " + std::to_string(rows[i].value) + " is missing");
    TESSERA_RETURN_IF_ERROR(StoredFloats(core_, rows[i], vectors[i]->view(), floats_.data() + at * core_.dim));
  }
  waiting_.insert(waiting_.end(), rows.begin(), rows.end());
  waiting_from_.insert(waiting_from_.end(), rows.size(), list);
  return OkStatus();
}

// Of the rows of the lists that go. These are kept as floats, to be encoded, if they are not too many.
Status ListChange::MakeCentroids() {
  size_t total = 0;
  for (const ListId list : gone_) total += RowsOf(*start_, list).size();
  const size_t step = (total + kPieceRows - 1) / kPieceRows;
  for (const ListId list : gone_) {
    TESSERA_RETURN_IF_ERROR(CheckStop());
    std::vector<RowId> rows = RowsOf(*start_, list);
    const size_t sampled = (rows.size() + step - 1) / step;
    for (size_t i = 0; i < sampled; ++i) rows[i] = rows[i * step];
    rows.resize(sampled);
    TESSERA_RETURN_IF_ERROR(Read(*start_, list, rows));
  }
  const size_t n = waiting_.size();
  const quant::Model& model = *start_->model;
  const auto k = static_cast<uint32_t>(std::min<size_t>(request_.come, n / kLeastSampled));
  if (k > gone_.size()) {
    std::vector<float> transformed(n * model.code_dim());
    quant::TransformRows(model, {floats_.data(), n, core_.dim}, transformed.data());
    TESSERA_ASSIGN_OR_RETURN(come_, Recluster({transformed.data(), n, model.code_dim()}, k,
                                              std::max<size_t>(1, request_.least_rows / step), ScaleUnit(model),
                                              model.residual_limit));
  }
  if (step > 1) {
    waiting_.clear();
    waiting_from_.clear();
  }
  return OkStatus();
}

// The centroids that come take the places of those that go, then new ones; the last lists move to what is left free.
void ListChange::Arrange() {
  const quant::ListTable& old = *start_->table;
  const size_t dim = old.dim();
  const size_t come = come_.centroids.size() / dim;
  const auto nlist = static_cast<uint32_t>(old.nlist() + come - gone_.size());
  std::vector<float> centroids = old.centroids();
  std::vector<float> scales = start_->model->list_scales;
  const bool scaled = !scales.empty();
  centroids.resize(std::max<size_t>(nlist, old.nlist()) * dim);
  if (scaled) scales.resize(std::max(nlist, old.nlist()));
  for (size_t c = 0; c < come; ++c) {
    const uint32_t id = c < gone_.size() ? gone_[c].value : static_cast<uint32_t>(old.nlist() + c - gone_.size());
    new_ids_.push_back(ListId{id});
    std::copy_n(come_.centroids.data() + c * dim, dim, centroids.data() + size_t{id} * dim);
    if (scaled) scales[id] = come_.scales[c];
  }
  uint32_t last = old.nlist();
  for (size_t g = come; g < gone_.size() && gone_[g].value < nlist; ++g) {
    do {
      --last;
    } while (IsGone(ListId{last}));
    const uint32_t to = gone_[g].value;
    renamed_.emplace_back(ListId{last}, ListId{to});
    std::copy_n(old.centroid(ListId{last}), dim, centroids.data() + size_t{to} * dim);
    if (scaled) scales[to] = scales[last];
  }
  centroids.resize(size_t{nlist} * dim);
  table_ = std::make_shared<const quant::ListTable>(old.dim(), std::move(centroids));
  model_ = start_->model;
  if (!scaled) return;
  scales.resize(nlist);
  auto model = std::make_shared<quant::Model>(*start_->model);
  model->list_scales = std::move(scales);
  model_ = std::move(model);
}

// Rows whose list stays, with its centroid, are left alone.
Status ListChange::EncodeWaiting(Executor& executor) {
  TESSERA_RETURN_IF_ERROR(CheckStop());
  const size_t n = waiting_.size();
  quant::EncodeRows(*model_, *table_, {floats_.data(), n, core_.dim}, executor, encoded_);
  for (size_t i = 0; i < n; ++i) {
    if (encoded_.lists[i] == waiting_from_[i] && !IsGone(waiting_from_[i])) continue;
    moves_.push_back({waiting_[i], waiting_from_[i], encoded_.lists[i]});
    codes_.insert(codes_.end(), encoded_.codes.data() + i * code_bytes_, encoded_.codes.data() + (i + 1) * code_bytes_);
    corrections_.push_back(encoded_.corrections[i]);
    refine_.insert(refine_.end(), encoded_.refine.data() + i * refine_bytes_,
                   encoded_.refine.data() + (i + 1) * refine_bytes_);
  }
  waiting_.clear();
  waiting_from_.clear();
  return OkStatus();
}

Status ListChange::EncodeRows(const Snapshot& snapshot, ListId list, const std::vector<RowId>& rows,
                              Executor& executor) {
  for (size_t begin = 0; begin < rows.size();) {
    const size_t count = std::min(rows.size() - begin, kPieceRows - waiting_.size());
    const auto first = rows.begin() + static_cast<ptrdiff_t>(begin);
    TESSERA_RETURN_IF_ERROR(Read(snapshot, list, {first, first + static_cast<ptrdiff_t>(count)}));
    begin += count;
    if (waiting_.size() == kPieceRows) TESSERA_RETURN_IF_ERROR(EncodeWaiting(executor));
  }
  return OkStatus();
}

// Rows of a list that stays which seem nearer to one of these new centroids than to its own.
std::vector<RowId> ListChange::Nearer(ListId list, const std::vector<ListId>& centroids) const {
  const auto& kernels = simd::ActiveKernels();
  const size_t dim = table_->dim();
  const float* own = table_->centroid(list);
  std::vector<float> ways(centroids.size() * dim);
  std::vector<float> least(centroids.size());
  for (size_t c = 0; c < centroids.size(); ++c) {
    float* way = ways.data() + c * dim;
    for (size_t j = 0; j < dim; ++j) way[j] = table_->centroid(centroids[c])[j] - own[j];
    least[c] = kAlmostNearer * kernels.dot(way, way, dim);
  }
  std::vector<RowId> rows;
  std::vector<uint8_t> copy(code_bytes_);
  std::vector<float> residual(dim);
  std::vector<float> along(centroids.size());
  const lists::List* found = start_->lists.list(list);
  for (const lists::ChunkPtr& chunk : found ? found->chunks : std::vector<lists::ChunkPtr>()) {
    for (size_t i = 0; i < chunk->rows; ++i) {
      if (!chunk->is_live(i)) continue;
      quant::DecodeResidual(*start_->model, list, chunk->Code(start_->lists.layout(), i, copy.data()), residual.data());
      kernels.dot_rows(residual.data(), ways.data(), centroids.size(), dim, dim, along.data());
      bool nearer = false;
      for (size_t c = 0; c < centroids.size(); ++c) nearer |= along[c] > least[c];
      if (nearer) rows.push_back(chunk->row_id(i));
    }
  }
  return rows;
}

Status ListChange::MoveNeighbours() {
  const uint32_t nlist = start_->table->nlist();
  const size_t dim = table_->dim();
  std::map<ListId, std::vector<ListId>> looked_at;
  std::vector<float> products(nlist);
  std::vector<std::pair<float, uint32_t>> nearest;
  for (const ListId id : new_ids_) {
    const quant::ListTable& old = *start_->table;
    simd::ActiveKernels().dot_rows(table_->centroid(id), old.centroids().data(), nlist, dim, dim, products.data());
    nearest.clear();
    for (uint32_t l = 0; l < nlist; ++l) {
      if (IsGone(ListId{l})) continue;
      nearest.emplace_back(old.norms()[l] - 2 * products[l], l);
    }
    const size_t count = std::min(kNeighbours, nearest.size());
    std::partial_sort(nearest.begin(), nearest.begin() + static_cast<ptrdiff_t>(count), nearest.end());
    for (size_t i = 0; i < count; ++i) looked_at[ListId{nearest[i].second}].push_back(id);
  }
  for (const auto& [list, centroids] : looked_at) {
    TESSERA_RETURN_IF_ERROR(CheckStop());
    paced_.Breathe();
    TESSERA_RETURN_IF_ERROR(EncodeRows(*start_, list, Nearer(list, centroids), paced_));
  }
  return EncodeWaiting(paced_);
}

size_t ListChange::LateRows(const Snapshot& now) const {
  size_t rows = 0;
  for (const ListId list : gone_) rows += RowsOf(now, list).size();
  return rows;
}

// Until few rows are late. False if the lists are not what they were, or rows come faster than they are encoded.
StatusOr<bool> ListChange::CatchUp() {
  for (int round = 0; round < kRounds; ++round) {
    const SnapshotPtr now = core_.snapshot.Get();
    if (now->table != start_->table) return false;
    if (LateRows(*now) <= kFinalRows) return true;
    for (const ListId list : gone_) TESSERA_RETURN_IF_ERROR(EncodeList(list, *now, paced_));
    TESSERA_RETURN_IF_ERROR(EncodeWaiting(paced_));
    seen_ = RowId{now->next_row};
  }
  return false;
}

// A list takes another number: the same rows and codes under other keys.
Status ListChange::Rename(const Snapshot& now, ListId from, ListId to, store::Batch& batch) const {
  const Generation g = now.generation;
  return core_.store->ScanPostings(g, from, ListId{from.value + 1}, static_cast<uint32_t>(code_bytes_),
                                   static_cast<uint32_t>(refine_bytes_), now.store.get(),
                                   [&](const store::PostingView& p) {
                                     batch.DeletePosting(g, from, p.row);
                                     batch.PutPosting(g, to, p.row, p.code, p.correction, p.refine);
                                     batch.PutAssign(g, p.row, to);
                                     return OkStatus();
                                   });
}

// Rows that were erased meanwhile are taken out of moves_.
Status ListChange::AddToBatch(const Snapshot& now, store::Batch& batch) {
  const Generation g = now.generation;
  uint64_t left = 0;  // rows of gone_ that nothing was done about
  for (const ListId list : gone_) {
    const lists::List* found = now.lists.list(list);
    left += found ? found->live_rows : 0;
  }
  size_t kept = 0;
  for (size_t i = 0; i < moves_.size(); ++i) {
    const Move& move = moves_[i];
    const lists::List* from = now.lists.list(move.from);
    if (!from || !lists::FindRow(*from, move.row).chunk) continue;
    left -= IsGone(move.from);
    if (move.to != move.from) batch.DeletePosting(g, move.from, move.row);
    batch.PutAssign(g, move.row, move.to);
    const auto* code = reinterpret_cast<const char*>(codes_.data()) + i * code_bytes_;
    const auto* refine = reinterpret_cast<const char*>(refine_.data()) + i * refine_bytes_;
    batch.PutPosting(g, move.to, move.row, {code, code_bytes_}, corrections_[i], {refine, refine_bytes_});
    std::copy_n(codes_.data() + i * code_bytes_, code_bytes_, codes_.data() + kept * code_bytes_);
    std::copy_n(refine_.data() + i * refine_bytes_, refine_bytes_, refine_.data() + kept * refine_bytes_);
    corrections_[kept] = corrections_[i];
    moves_[kept++] = move;
  }
  moves_.resize(kept);
  if (left != 0) return DataLoss("lists to be changed have " + std::to_string(left) + " rows that were not read");
  for (const auto& [from, to] : renamed_) TESSERA_RETURN_IF_ERROR(Rename(now, from, to, batch));
  for (const ListId id : new_ids_) PutList(g, id, *model_, *table_, batch);
  for (const auto& [from, to] : renamed_) PutList(g, to, *model_, *table_, batch);
  for (uint32_t l = table_->nlist(); l < start_->table->nlist(); ++l) batch.DeleteCentroid(g, ListId{l});
  batch.PutRecord(kActiveRecord, EncodeActive({g, table_->nlist(), now.rows_at_training}));
  batch.PutRecord(kProgressRecord, EncodeProgress({now.commit + 1, now.next_row, now.written}));
  return OkStatus();
}

std::shared_ptr<const Snapshot> ListChange::NextSnapshot(const Snapshot& now) {
  lists::ListSetEditor editor(now.lists, table_->nlist());
  for (const ListId list : gone_) {
    if (list.value < table_->nlist()) editor.SetList(list, nullptr);
  }
  for (const auto& [from, to] : renamed_) editor.SetList(to, now.lists.share(from));
  for (size_t i = 0; i < moves_.size(); ++i) {
    const Move& move = moves_[i];
    const lists::RowPlace place = lists::FindRow(*now.lists.list(move.from), move.row);
    lists::NewRow row;
    row.row = move.row;
    row.string_id = place.chunk->has_string_id(place.position);
    row.number = row.string_id ? 0 : place.chunk->number(place.position);
    row.code = codes_.data() + i * code_bytes_;
    row.correction = model_->CorrectionUnits(move.to, corrections_[i]);
    row.record = refine_.data() + i * refine_bytes_;
    if (!IsGone(move.from)) editor.Erase(move.from, move.row);
    editor.Append(move.to, row);
  }
  auto next = std::make_shared<Snapshot>(now);
  next->commit = now.commit + 1;
  next->model = model_;
  next->table = table_;
  next->lists = editor.Finish();
  next->store = core_.store->GetSnapshot(next->generation);
  return next;
}

Status ListChange::ChangeInTurn() {
  const SnapshotPtr now = core_.snapshot.Get();
  if (core_.read_only) return core_.ReadOnlyStatus();
  if (now->table != start_->table || LateRows(*now) > 4 * kFinalRows) return OkStatus();
  for (const ListId list : gone_) TESSERA_RETURN_IF_ERROR(EncodeList(list, *now, inline_));
  TESSERA_RETURN_IF_ERROR(EncodeWaiting(inline_));
  const std::unique_ptr<store::Batch> batch = core_.store->NewBatch();
  TESSERA_RETURN_IF_ERROR(AddToBatch(*now, *batch));
  const auto durability = core_.sync_writes ? store::Durability::kSync : store::Durability::kLogged;
  if (Status status = core_.store->Write(*batch, durability); !status.ok()) {
    core_.SetReadOnly(status);
    return status;
  }
  if (core_.sync_writes) core_.store->MarkDurable(now->commit + 1);
  core_.Publish(NextSnapshot(*now));
  result_.applied = true;
  result_.moved_rows = moves_.size();
  return Failpoint("lists.changed");
}

}  // namespace

StatusOr<ListChangeResult> ChangeLists(Core& core, Committer& committer, const SnapshotPtr& start,
                                       const ListChangeRequest& request, const StopToken& stop) {
  return ListChange(core, committer, start, request, stop).Run();
}

}  // namespace tessera::engine
