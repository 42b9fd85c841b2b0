// tessera codebook: against a real server process.
#include <filesystem>

#include "tests/e2e/cli_fixture.h"

namespace tessera::e2e {
namespace {

using CliCodebook = CliTest;

TEST_F(CliCodebook, TrainCompareSwitchMoveAndRollBack) {
  const std::string base = Write("base.fvecs", Fvecs(MakeRows(3000, 16)));
  Good({"load", "books", base, "--create", "--no-auto-train"});
  Good({"train", "books", "--quantizer", "IVF8,PQ8x8"});
  const Finished train =
      Good({"codebook", "train", "books", "--quantizer", "IVF8,PQ4x8", "--label", "small"});
  EXPECT_NE(train.err.find("codebook 2 of books is candidate: IVF8,PQ4x8"), std::string::npos) << train.err;
  const Finished list = Good({"codebook", "list", "books"});
  EXPECT_NE(list.out.find("active"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("candidate"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("small"), std::string::npos) << list.out;
  EXPECT_NE(Good({"codebook", "show", "books", "2"}).out.find("left-out error"), std::string::npos);
  const Finished json = Good({"codebook", "show", "books", "2", "--json"});
  EXPECT_EQ(json.out.find("{\"version\":2,\"state\":\"candidate\""), 0u) << json.out;
  EXPECT_NE(Good({"codebook", "evaluate", "books", "2"}).out.find("IVF8,PQ4x8"), std::string::npos);

  const Finished activate = Good({"codebook", "activate", "books", "2"});
  EXPECT_NE(activate.err.find("codebook 2 of books is active"), std::string::npos) << activate.err;
  EXPECT_NE(Good({"collection", "show", "books"}).out.find("drift           "), std::string::npos);
  EXPECT_NE(Good({"codebook", "rollback", "books"}).err.find("codebook 1 of books is active"),
            std::string::npos);

  // What is exported is a file for encode, and what fit makes is imported.
  Good({"codebook", "export", "books", "1", "-o", Path("one")});
  Good({"encode", Path("one"), base, "-o", Path("codes.npy")});
  Good({"fit", base, "-o", Path("fitted"), "--quantizer", "IVF4,PQ8x4"});
  const Finished import = Good({"codebook", "import", "books", Path("fitted"), "--label", "by fit"});
  EXPECT_NE(import.err.find("codebook 3 of books is candidate: IVF4,PQ8x4"), std::string::npos) << import.err;
  Good({"codebook", "delete", "books", "3"});

  EXPECT_NE(Bad(1, {"codebook", "delete", "books", "1"}).err.find("in force"), std::string::npos);
  EXPECT_NE(Bad(1, {"codebook", "show", "books", "9"}).err.find("no codebook 9"), std::string::npos);
  EXPECT_NE(Bad(1, {"codebook", "import", "books", base}).err.find("base.fvecs"), std::string::npos);
  Bad(1, {"codebook", "import", "books", Path("none")});
  Bad(1, {"codebook", "list", "nowhere"});
  Bad(2, {"codebook"});
  Bad(2, {"codebook", "show", "books"});
  Good({"collection", "delete", "books", "--yes"});
}

TEST_F(CliCodebook, RetrainingOnDriftIsTheDefaultWhereTrainingIs) {
  const auto retrains = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> words{"collection", "create", "drifts", "--dim", "4"};
    words.insert(words.end(), flags.begin(), flags.end());
    Good(words);
    const std::string shown = Good({"collection", "show", "drifts", "--json"}).out;
    Good({"collection", "delete", "drifts", "--yes"});
    return shown.find("\"retrain_on_drift\":true") != std::string::npos;
  };
  EXPECT_TRUE(retrains({}));
  EXPECT_FALSE(retrains({"--no-auto-train"}));
  EXPECT_FALSE(retrains({"--no-retrain-on-drift"}));
  EXPECT_TRUE(retrains({"--no-auto-train", "--retrain-on-drift"}));
  Bad(2, {"collection", "create", "c", "--dim", "4", "--retrain-on-drift", "--no-retrain-on-drift"});
}

}  // namespace
}  // namespace tessera::e2e
