#include "index/lists/row_mask.h"

#include <bit>

namespace tessera::lists {

RowMask::RowMask(const ListSet& lists, const Select& select, const RowMask* before)
    : begins_(size_t{lists.nlist()} + 1), rows_(lists.nlist()) {
  std::array<RowId, kChunkRows> rows;
  for (uint32_t l = 0; l < lists.nlist(); ++l) {
    const List* list = lists.list(ListId{l});
    const size_t chunks = list ? list->chunks.size() : 0;
    for (size_t c = 0; c < chunks; ++c) {
      const Chunk& chunk = *list->chunks[c];
      const size_t known = before && l < before->rows_.size() ? before->begins_[l] + c : SIZE_MAX;
      Words selected{};
      if (known != SIZE_MAX && known < before->begins_[l + 1] && before->ids_[known] == chunk.ids) {
        selected = before->selected_[known];
      } else {
        for (size_t i = 0; i < chunk.rows; ++i) rows[i] = chunk.row_id(i);
        select({rows.data(), chunk.rows}, selected.data());
      }
      Words live{};
      for (size_t w = 0; w < live.size(); ++w) {
        live[w] = selected[w] & chunk.live[w];
        rows_[l] += static_cast<uint32_t>(std::popcount(live[w]));
      }
      selected_.push_back(selected);
      live_.push_back(live);
      ids_.push_back(chunk.ids);
    }
    begins_[l + 1] = static_cast<uint32_t>(live_.size());
    total_ += rows_[l];
    lists_ += rows_[l] > 0;
  }
}

size_t RowMask::bytes() const {
  return (begins_.capacity() + rows_.capacity()) * sizeof(uint32_t) +
         (live_.capacity() + selected_.capacity()) * sizeof(Words) + ids_.capacity() * sizeof(ids_[0]);
}

}  // namespace tessera::lists
