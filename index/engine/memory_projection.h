// What collections, trainings and samples will take of memory, from above, before there is anything.
#pragma once

#include <cstdint>

#include "index/collection.h"
#include "index/lists/chunk.h"
#include "index/quantizer_spec.h"
#include "index/types.h"

namespace tessera::engine {

// Floats that training and evaluation hold for each of their sample: the sample itself, transformed, and residuals.
inline constexpr uint64_t kSampleCopies = 3;

// Resident bytes of `rows` rows in `nlist` lists (0: as many as training makes at most) under a model of
// `model_bytes`. external_id_bytes: a row takes for its id.
uint64_t ProjectResident(uint64_t rows, uint32_t dim, uint32_t nlist, const lists::RowLayout& layout,
                         uint64_t model_bytes, double external_id_bytes);

// The same of rows that a spec is trained on, whose choices may be open.
uint64_t ProjectTrained(const QuantizerSpec& spec, Metric metric, uint32_t dim, uint64_t rows,
                        double external_id_bytes, bool refine_on_disk);

// Before training: raw rows.
uint64_t ProjectUntrained(uint32_t dim, uint64_t rows, double external_id_bytes);

// What a collection of `rows` rows will be trained to: the spec, or what its goal allows.
uint64_t ProjectGoal(const CollectionSpec& spec, uint64_t rows, double external_id_bytes);

// Bytes held, beside the lists themselves, while `rows` rows are encoded anew and their lists are built.
uint64_t ProjectEncoding(uint32_t dim, uint64_t rows, uint64_t row_ids, const lists::RowLayout& layout);

// The most that the first training of a collection takes beside its raw rows, with the smallest sample that does.
uint64_t ProjectFirstTraining(const CollectionSpec& spec, uint64_t rows, double external_id_bytes);

// The spec as training such a collection would resolve it.
QuantizerSpec ResolveForRows(const QuantizerSpec& spec, uint32_t dim, uint64_t rows);

// Layout of the rows under a model of the spec, which has no choices left.
lists::RowLayout ProjectLayout(const QuantizerSpec& resolved, Metric metric, uint32_t dim);

}  // namespace tessera::engine
