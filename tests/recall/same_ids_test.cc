// Every instruction set gives the same ids and the same scores, bit for bit.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "index/simd/kernels.h"
#include "tests/unit/engine/collection_fixture.h"

namespace tessera {
namespace {

std::string AnswersOf(const std::string& isa, const std::string& directory) {
  const std::string command = "TESSERA_ISA=" + isa + " " TESSERA_RECALL_IDS " " + directory;
  FILE* out = popen(command.c_str(), "r");
  std::string text;
  char buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof(buffer), out)) > 0;) text.append(buffer, n);
  EXPECT_EQ(pclose(out), 0) << command;
  return text;
}

class SameIds : public CollectionTest {};

TEST_F(SameIds, OnEveryInstructionSet) {
  constexpr uint32_t kDim = 40;
  const struct {
    const char* name;
    const char* quantizer;
    Metric metric;
  } kCollections[] = {{"l2", "RR,IVF32,PQ10x8,Refine(SQ8)", Metric::kL2},
                      {"l2x4", "IVF32,PQ13x4,Refine(SQ8S)", Metric::kL2},
                      {"l2x6", "IVF32,PQ15x6,Refine(SQ8)", Metric::kL2},
                      {"ip", "IVF32,PQ7x8,Refine(SQ8)", Metric::kInnerProduct},
                      {"cosine", "RR,IVF32,PQ20x4,Refine(SQ8)", Metric::kCosine}};
  const auto rows = ClusteredRows(5000, kDim, 1);
  for (const auto& c : kCollections) {
    CollectionSpec spec;
    spec.dim = kDim;
    spec.metric = c.metric;
    spec.auto_train = false;
    spec.quantizer = *QuantizerSpec::Parse(c.quantizer);
    collection_ = *catalog_->Create(c.name, spec);
    Load(rows, kDim);
    ASSERT_TRUE(collection_->Train({}).ok());
  }
  collection_.reset();
  catalog_.reset();
  const std::string want = AnswersOf("scalar", directory_.path());
  ASSERT_GT(want.size(), 10000u);
  for (const simd::Isa& isa : simd::AllIsas()) {
    if (!isa.supported) continue;
    EXPECT_EQ(AnswersOf(isa.name, directory_.path()), want) << isa.name;
  }
}

TEST_F(SameIds, AnUnknownInstructionSetIsAnError) {
  const std::string command = "TESSERA_ISA=quantum " TESSERA_RECALL_IDS " " + directory_.path() + "/new";
  FILE* out = popen(command.c_str(), "r");
  EXPECT_NE(pclose(out), 0);
}

}  // namespace
}  // namespace tessera
