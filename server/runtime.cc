#include "server/runtime.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <latch>
#include <memory>
#include <thread>
#include <utility>

// Weak: absent where BLAS is another one, which then has its own way to be told.
extern "C" void openblas_set_num_threads(int threads) __attribute__((weak));

namespace tessera::server {
namespace {

class PoolExecutor final : public Executor {
 public:
  explicit PoolExecutor(size_t threads) : threads_(threads), pool_(threads) {}
  // Of lower priority than others. Each thread sets its own: none takes a second of these tasks before all have one.
  PoolExecutor(size_t threads, int nice) : PoolExecutor(threads) {
    const auto all = std::make_shared<std::latch>(static_cast<ptrdiff_t>(threads));
    for (size_t i = 0; i < threads; ++i) {
      Post([all, nice] {
        (void)setpriority(PRIO_PROCESS, 0, nice);
        all->arrive_and_wait();
      });
    }
  }
  void Post(std::function<void()> task) override { boost::asio::post(pool_, std::move(task)); }
  size_t Concurrency() const override { return threads_; }
  void Join() { pool_.join(); }

 private:
  const size_t threads_;
  boost::asio::thread_pool pool_;
};

size_t ComputeThreads(size_t asked) {
  return asked > 0 ? asked : std::max<size_t>(std::thread::hardware_concurrency(), 1);
}

class AsioTimer final : public Runtime::Timer {
 public:
  AsioTimer(boost::asio::io_context& context, std::chrono::nanoseconds delay,
            std::function<void()> task)
      : timer_(context, delay) {
    timer_.async_wait([task = std::move(task)](const boost::system::error_code& error) {
      if (!error) task();
    });
  }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace

// A quarter of the share of others where all want to run.
constexpr int kBackgroundNice = 6;

struct Runtime::Pools {
  explicit Pools(const Sizes& sizes)
      : compute(ComputeThreads(sizes.compute)),
        upkeep(ComputeThreads(sizes.compute), kBackgroundNice),
        io(std::max<size_t>(sizes.io, 1)),
        admin(1),
        jobs(std::max<size_t>(sizes.jobs, 1), kBackgroundNice),
        background(1, kBackgroundNice),
        waiting(2),
        backups(4),
        streams(4),
        timer_thread([this] { timers.run(); }) {}

  PoolExecutor compute;
  PoolExecutor upkeep;
  PoolExecutor io;
  PoolExecutor admin;
  PoolExecutor jobs;
  PoolExecutor background;
  PoolExecutor waiting;
  PoolExecutor backups;
  PoolExecutor streams;
  boost::asio::io_context timers{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_timers{
      timers.get_executor()};
  std::thread timer_thread;
};

Runtime::Runtime(const Sizes& sizes) {
  if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
  pools_ = std::make_unique<Pools>(sizes);
}

Runtime::~Runtime() { Join(); }

Executor& Runtime::compute() { return pools_->compute; }
Executor& Runtime::upkeep() { return pools_->upkeep; }
Executor& Runtime::io() { return pools_->io; }
Executor& Runtime::admin() { return pools_->admin; }
Executor& Runtime::jobs() { return pools_->jobs; }
Executor& Runtime::background() { return pools_->background; }
Executor& Runtime::waiting() { return pools_->waiting; }
Executor& Runtime::backups() { return pools_->backups; }
Executor& Runtime::streams() { return pools_->streams; }

std::unique_ptr<Runtime::Timer> Runtime::After(std::chrono::nanoseconds delay,
                                               std::function<void()> task) {
  return std::make_unique<AsioTimer>(pools_->timers, delay, std::move(task));
}

void Runtime::JoinBackups() { pools_->backups.Join(); }

void Runtime::Join() {
  if (!pools_->timer_thread.joinable()) return;
  pools_->timers.stop();
  pools_->timer_thread.join();
  // In the order in which work flows: a job may post to compute and io, io to compute.
  pools_->admin.Join();
  pools_->jobs.Join();
  pools_->background.Join();
  pools_->waiting.Join();
  pools_->backups.Join();
  pools_->streams.Join();
  pools_->upkeep.Join();
  pools_->io.Join();
  pools_->compute.Join();
}

}  // namespace tessera::server
