#include "index/base/format_version.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(FormatVersionTest, OneWordingNamesBothVersionsAndWhatToDo) {
  EXPECT_TRUE(CheckFormatVersion("the model", 4, 4).ok());
  const Status newer = CheckFormatVersion("the model", 5, 4);
  EXPECT_EQ(newer, FailedPrecondition("the model was written by a newer tessera (format 5, this one reads 4): upgrade this one, "
                                      "or restore a backup that an older one made"));
  EXPECT_TRUE(IsNewerFormat(newer));
  EXPECT_TRUE(IsNewerFormat(Annotate(newer, "collection \"c\": ")));
  EXPECT_EQ(CheckFormatVersion("the model", 70000, 4), DataLoss("the model has format 70000, this one reads 4"));
  EXPECT_EQ(CheckFormatVersion("the model", 3, 4), DataLoss("the model has format 3, this one reads 4"));
}

TEST(FormatVersionTest, NoOtherStatusIsOne) {
  EXPECT_FALSE(IsNewerFormat(OkStatus()));
  EXPECT_FALSE(IsNewerFormat(FailedPrecondition("in use by another process")));
  EXPECT_FALSE(IsNewerFormat(DataLoss(MessageOf(NewerFormat("a record", "format 2")))));
}

}  // namespace
}  // namespace tessera
