// BLAS threads are the process's choice: one here, as in the server.
#include <gtest/gtest.h>

extern "C" void openblas_set_num_threads(int threads);

namespace {

class OneBlasThread : public testing::Environment {
 public:
  void SetUp() override { openblas_set_num_threads(1); }
};

[[maybe_unused]] const auto* const kEnvironment =
    testing::AddGlobalTestEnvironment(new OneBlasThread);

}  // namespace
