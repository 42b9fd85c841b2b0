// What a release leaves on disk for those after it: a data directory with something of every kind, and a text of what is in it.
#pragma once

#include <string>

#include "index/catalog.h"
#include "index/status.h"

namespace tessera::released {

// As the writer has them, the tests too: a clock that stands still, nothing in the background.
CatalogOptions Options(const std::string& path);

// Fills an empty catalog: collections of all metrics, kinds of codes and element types, untrained and trained, with payloads,
// expiries, keys, kept replies, codebooks, a curve and a plan; two backups. The same at every call.
Status Fill(Catalog& catalog);

// Every point with its vector and payload, exact answers, counts of filters, codebooks, backups and what they restore to:
// what is the same in any version that reads the directory.
StatusOr<std::string> Describe(Catalog& catalog);
// Of one collection; `name` stands for its own.
StatusOr<std::string> Describe(Collection& collection, const std::string& name);

// Rows that queries ask for, of any dimension.
std::vector<float> Queries(size_t n, uint32_t dim);

}  // namespace tessera::released
