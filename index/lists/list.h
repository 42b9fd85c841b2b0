// An inverted list, and the set of all lists of a generation. Immutable: an edit makes a new version that
// shares every untouched chunk, list and page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "index/lists/chunk.h"
#include "index/types.h"

namespace tessera::lists {

// Resident bytes; the names are those of tessera::MemoryUsage.
struct ListBytes {
  uint64_t codes = 0;
  uint64_t corrections = 0;
  uint64_t records = 0;
  uint64_t row_ids = 0;
  uint64_t external_ids = 0;
  uint64_t padding = 0;
  uint64_t headers = 0;

  uint64_t total() const { return codes + corrections + records + row_ids + external_ids + padding + headers; }
  ListBytes& operator+=(const ListBytes& other);
  ListBytes& operator-=(const ListBytes& other);
};

// Row ids ascend through the chunks.
struct List {
  std::vector<ChunkPtr> chunks;
  ListBytes bytes;    // of the chunks
  uint32_t rows = 0;  // dead ones included
  uint32_t live_rows = 0;
  // No row's correction is below this (units); INT32_MAX while there are no rows.
  int32_t lowest_correction = INT32_MAX;
};
using ListPtr = std::shared_ptr<const List>;

// Where a live row stands; no chunk: not in the list.
struct RowPlace {
  const Chunk* chunk = nullptr;
  size_t position = 0;
};
RowPlace FindRow(const List& list, RowId row);

// Lists are kept in pages, so that publishing a change of one list copies a page and the root, not all.
inline constexpr size_t kListsPerPage = 128;
using ListPage = std::array<ListPtr, kListsPerPage>;  // null = empty list

class ListSet {
 public:
  ListSet() = default;
  ListSet(uint32_t nlist, RowLayout layout);

  uint32_t nlist() const { return nlist_; }
  const RowLayout& layout() const { return layout_; }
  uint64_t rows() const { return rows_; }
  uint64_t live_rows() const { return live_rows_; }
  // Null if empty.
  const List* list(ListId id) const {
    const auto& page = pages_[id.value / kListsPerPage];
    return page ? (*page)[id.value % kListsPerPage].get() : nullptr;
  }
  // The same, to be put into another version. Null if empty.
  ListPtr share(ListId id) const {
    const auto& page = pages_[id.value / kListsPerPage];
    return page ? (*page)[id.value % kListsPerPage] : nullptr;
  }
  ListBytes Bytes() const;  // kept up to date by each edit, not counted here

 private:
  friend class ListSetEditor;
  uint32_t nlist_ = 0;
  RowLayout layout_;
  uint64_t rows_ = 0;
  uint64_t live_rows_ = 0;
  ListBytes bytes_;  // of the lists, without pages
  std::vector<std::shared_ptr<const ListPage>> pages_;
};

// What `rows` rows in `nlist` lists of about the same length would take; external ids are not known and
// left out.
ListBytes ProjectBytes(uint64_t rows, uint32_t nlist, const RowLayout& layout);

// Collects changes, then makes the next version. Not thread-safe; borrows the rows' bytes until Finish.
class ListSetEditor {
 public:
  explicit ListSetEditor(const ListSet& base) : ListSetEditor(base, base.nlist()) {}
  // The next version has nlist lists: those above are gone with all their rows, new ones are empty.
  ListSetEditor(const ListSet& base, uint32_t nlist) : base_(base), nlist_(nlist) {}

  // Precondition of all: the next version has the list. Rows with ascending ids above all that the list holds
  // are appended; with others among them the list is packed anew.
  void Append(ListId list, const NewRow& row) { edits_[list].added.push_back(row); }
  void Erase(ListId list, RowId row) { edits_[list].erased.push_back(row); }
  // Packs the list anew without its dead rows, however few.
  void Compact(ListId list) { edits_[list].compact = true; }
  // Puts in a whole list in place of what was there (null: an empty one); edits of it start from that.
  void SetList(ListId list, ListPtr built) { set_[list] = std::move(built); }
  static ListPtr BuildList(std::span<const NewRow> rows, const RowLayout& layout);  // rows ascending

  // Erases come before appends. A row to be erased that is not there is ignored; it returns how many rows
  // were erased through `erased` if not null.
  ListSet Finish(size_t* erased = nullptr);

 private:
  struct Edit {
    std::vector<NewRow> added;
    std::vector<RowId> erased;
    bool compact = false;
  };
  const List* Start(ListId list) const;
  ListPtr Edited(const List* start, Edit& edit, size_t& erased_rows) const;

  const ListSet& base_;
  const uint32_t nlist_;
  std::unordered_map<ListId, Edit> edits_;
  std::unordered_map<ListId, ListPtr> set_;
};

}  // namespace tessera::lists
