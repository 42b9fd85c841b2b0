#include "server/admission.h"

#include <gtest/gtest.h>

#include <future>

namespace tessera::server {
namespace {

TEST(AdmissionTest, CountsRequests) {
  Admission admission(2, 100);
  EXPECT_TRUE(admission.Admit(1).ok());
  EXPECT_TRUE(admission.Admit(1).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Admit(1)));
  admission.Release(1);
  EXPECT_TRUE(admission.Admit(1).ok());
  EXPECT_EQ(admission.requests(), 2u);
  EXPECT_EQ(admission.admitted_total(), 3u);
}

TEST(AdmissionTest, CountsBytes) {
  Admission admission(10, 100);
  EXPECT_TRUE(admission.Admit(60).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Admit(41)));
  EXPECT_TRUE(admission.Admit(40).ok());
  admission.Release(60);
  EXPECT_TRUE(admission.Admit(60).ok());
}

TEST(AdmissionTest, OneOversizedRequestIsLetInAlone) {
  Admission admission(10, 100);
  EXPECT_TRUE(admission.Admit(1000).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Admit(1)));
  admission.Release(1000);
  EXPECT_TRUE(admission.Admit(1).ok());
}

TEST(AdmissionTest, ClosedRefusesWithUnavailable) {
  Admission admission(10, 100);
  EXPECT_TRUE(admission.Admit(1).ok());
  admission.Close();
  EXPECT_TRUE(absl::IsUnavailable(admission.Admit(1)));
  admission.WaitUntilIdle(std::chrono::milliseconds(1));
  EXPECT_EQ(admission.requests(), 1u);
  auto released = std::async(std::launch::async, [&] { admission.Release(1); });
  admission.WaitUntilIdle(std::chrono::hours(1));
  EXPECT_EQ(admission.requests(), 0u);
}

}  // namespace
}  // namespace tessera::server
