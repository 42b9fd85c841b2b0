// A stranger's first program: opens the directory argv[1], writes three vectors, searches.
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "index/catalog.h"

template <typename T>
T Must(tessera::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::cerr << result.status() << "\n";
  std::exit(1);
}

int main(int, char** argv) {
  auto catalog = Must(tessera::Catalog::Open({.path = argv[1]}));
  auto points = Must(catalog->Create("points", {.dim = 2}));
  const float rows[3][2] = {{0, 0}, {3, 4}, {6, 8}};
  std::vector<tessera::PointInput> batch;
  for (uint64_t i = 0; i < 3; ++i) {
    const std::string_view bytes(reinterpret_cast<const char*>(rows[i]), sizeof(rows[i]));
    batch.push_back({.id = i, .vector = bytes});
  }
  Must(points->Upsert(batch));
  const float query[2] = {5, 7};
  const auto result = Must(points->Query(query, 2, {.limit = 2}));
  for (const auto& hit : result.hits) std::cout << hit.id.ToString() << " " << hit.score << "\n";
}
