#include "server/metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/process_memory.h"

namespace tessera::server {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<prometheus::ClientMetric::Label>;

// Families in the order of their names; metrics of one family lie together, as the text format
// wants.
class Families {
 public:
  void Gauge(const std::string& name, const std::string& help, Labels labels, double value) {
    Add(name, help, MetricType::Gauge, std::move(labels)).gauge.value = value;
  }
  void Counter(const std::string& name, const std::string& help, Labels labels, double value) {
    Add(name, help, MetricType::Counter, std::move(labels)).counter.value = value;
  }
  std::vector<MetricFamily> Take() {
    std::vector<MetricFamily> all;
    for (auto& [name, family] : families_) all.push_back(std::move(family));
    return all;
  }

 private:
  prometheus::ClientMetric& Add(const std::string& name, const std::string& help, MetricType type,
                                Labels labels) {
    MetricFamily& family = families_[name];
    family.name = name;
    family.help = help;
    family.type = type;
    family.metric.emplace_back().label = std::move(labels);
    return family.metric.back();
  }
  std::map<std::string, MetricFamily> families_;
};

void AddMemory(const std::string& name, const MemoryUsage& memory, Families& out) {
  const std::pair<const char*, uint64_t> parts[] = {
      {"codes", memory.codes},     {"corrections", memory.corrections},
      {"refine", memory.refine},   {"row_ids", memory.row_ids},
      {"padding", memory.padding}, {"external_ids", memory.external_ids},
      {"headers", memory.headers}, {"centroids", memory.centroids},
      {"model", memory.model},     {"payload_index", memory.payload_index},
      {"filters", memory.filters}, {"expiry", memory.expiry},
  };
  for (const auto& [part, bytes] : parts) {
    out.Gauge("tessera_memory_bytes", "Resident bytes of the index, by component",
              {{"collection", name}, {"component", part}}, static_cast<double>(bytes));
  }
}

void AddBudget(const MemoryBudget& budget, const std::string& of, const Labels& labels, Families& out) {
  out.Gauge(of + "_memory_limit_bytes", "Most bytes that may be used, 0 where there is no limit", labels,
            static_cast<double>(budget.limit));
  out.Gauge(of + "_memory_used_bytes", "Bytes accounted against the limit", labels, static_cast<double>(budget.used));
  out.Gauge(of + "_memory_reserved_bytes", "Bytes held by trainings, evaluations and restores under way", labels,
            static_cast<double>(budget.reserved));
  out.Counter(of + "_memory_refused_total", "Requests, trainings and restores refused for want of memory", labels,
              static_cast<double>(budget.refused));
}

void AddServerMemory(const CatalogMemory& memory, Families& out) {
  AddBudget(memory.budget, "tessera_server", {}, out);
  const std::pair<const char*, uint64_t> parts[] = {
      {"collections", memory.collections}, {"queues", memory.queues}, {"store", memory.store}};
  for (const auto& [part, bytes] : parts) {
    out.Gauge("tessera_server_memory_bytes", "Bytes accounted against the server's limit, by component",
              {{"component", part}}, static_cast<double>(bytes));
  }
}

// Nothing where live recall is off or no query was run again yet: an estimate of nothing would be
// taken for one.
void AddLiveRecall(const std::string& name, const LiveRecall& live, Families& out) {
  if (live.since_unix_ms == 0) return;
  const Labels of = {{"collection", name}};
  out.Gauge("tessera_live_recall_queries", "Queries in the window of the live recall", of,
            static_cast<double>(live.queries));
  out.Counter("tessera_live_recall_dropped_total",
              "Queries drawn but not run again, as the background was busy", of,
              static_cast<double>(live.dropped));
  if (live.queries == 0) return;
  out.Gauge("tessera_live_recall", "Recall of live queries that were run again exactly", of,
            live.recall.value);
  out.Gauge("tessera_live_recall_low", "Lower end of its 95 % confidence interval", of,
            live.recall.low);
  out.Gauge("tessera_live_recall_high", "Upper end of its 95 % confidence interval", of,
            live.recall.high);
  const char* help = "Share of the true neighbours that is lost, by where";
  out.Gauge("tessera_live_recall_loss", help, {{"collection", name}, {"by", "probe"}},
            live.probe_loss);
  out.Gauge("tessera_live_recall_loss", help, {{"collection", name}, {"by", "code"}},
            live.code_loss);
}

void AddCollection(const std::string& name, const CollectionStats& stats, Families& out) {
  const Labels of = {{"collection", name}};
  const auto gauge = [&](const char* metric, const char* help, auto value) {
    out.Gauge(metric, help, of, static_cast<double>(value));
  };
  gauge("tessera_rows", "Live rows", stats.rows);
  gauge("tessera_dead_rows", "Rows erased and not yet compacted away", stats.dead_rows);
  gauge("tessera_commit", "Last commit", stats.commit);
  gauge("tessera_generation", "Codebooks in force, 0 before training", stats.generation.value);
  gauge("tessera_lists", "Inverted lists", stats.nlist);
  gauge("tessera_list_imbalance", "1 where all lists are alike, rising with their differences",
        stats.list_imbalance);
  gauge("tessera_training_error", "Mean squared error of codes on the training sample",
        stats.training_error);
  gauge("tessera_disk_bytes", "Bytes of the collection's files", stats.disk_bytes);
  gauge("tessera_store_memory_bytes", "Bytes of RocksDB's memtables and table readers",
        stats.store_memory_bytes);
  gauge("tessera_read_only", "1 after a write failure", stats.read_only ? 1 : 0);
  gauge("tessera_training", "1 while codebooks are trained or rows encoded anew",
        stats.training ? 1 : 0);
  out.Counter("tessera_accepted_rows_failed_total", "Rows that were accepted and then not written", of,
              static_cast<double>(stats.accepted_rows_failed));
  const char* changes = "Lists that were split or merged in the background, since the server started";
  out.Counter("tessera_list_changes_total", changes, {{"collection", name}, {"kind", "split"}},
              static_cast<double>(stats.list_splits));
  out.Counter("tessera_list_changes_total", changes, {{"collection", name}, {"kind", "merge"}},
              static_cast<double>(stats.list_merges));
  out.Counter("tessera_list_moves_total", "Rows that changed their list in the background", of,
              static_cast<double>(stats.list_moves));
  gauge("tessera_rebalancing", "1 while lists are split and merged", stats.rebalancing ? 1 : 0);
  gauge("tessera_reclaiming", "1 while files are rewritten without what was deleted", stats.reclaiming ? 1 : 0);
  AddMemory(name, stats.memory, out);
  AddBudget(stats.budget, "tessera", of, out);
  AddLiveRecall(name, stats.live_recall, out);
}

class Collector {
 public:
  explicit Collector(const ServiceState& state) : state_(state) {}

  std::vector<MetricFamily> Collect() const {
    Families out;
    out.Gauge("tessera_build_info", "Version and instruction set in use",
              {{"version", kVersion}, {"isa", state_.isa}}, 1);
    out.Gauge("process_resident_memory_bytes", "Resident memory size in bytes", {},
              static_cast<double>(ReadProcessMemory().resident));
    out.Gauge("tessera_requests_in_flight", "Requests admitted and not yet answered", {},
              static_cast<double>(state_.admission.requests()));
    out.Counter("tessera_requests_admitted_total", "Requests admitted", {},
                static_cast<double>(state_.admission.admitted_total()));
    const auto catalog = state_.OpenedCatalog();
    out.Gauge("tessera_ready", "1 once the data directory is open", {}, catalog.ok() ? 1 : 0);
    if (!catalog.ok()) return out.Take();
    AddServerMemory((*catalog)->Memory(), out);
    for (const std::string& name : (*catalog)->List()) {
      const auto collection = (*catalog)->Get(name);
      if (collection.ok())
        AddCollection(name, (*collection)->Stats(), out);  // else dropped meanwhile
    }
    return out.Take();
  }

 private:
  const ServiceState& state_;
};

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds kPatience{5};  // with a peer that is slow to ask or to read

// One request of one connection; deletes itself with its last handler.
class Session final : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::ip::tcp::socket socket, const Collector& collector)
      : stream_(std::move(socket)), collector_(collector) {}

  void Start() {
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->Answer();
                     });
  }

 private:
  void Answer() {
    response_ = Response(http::status::ok, request_.version());
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    if (request_.target() != "/metrics") {
      response_.result(http::status::not_found);
      response_.body() = "GET /metrics\n";
    } else if (request_.method() != http::verb::get) {
      response_.result(http::status::method_not_allowed);
      response_.set(http::field::allow, "GET");
    } else {
      response_.body() = prometheus::TextSerializer().Serialize(collector_.Collect());
    }
    response_.keep_alive(false);
    response_.prepare_payload();
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code, size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  const Collector& collector_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  Response response_;
};

class HttpEndpoint final : public MetricsEndpoint {
 public:
  explicit HttpEndpoint(const ServiceState& state) : collector_(state) {}
  ~HttpEndpoint() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Listen(const std::string& host, const std::string& port) {
    beast::error_code error;
    const auto found = asio::ip::tcp::resolver(context_).resolve(host, port, error);
    if (!error) Bind(found.begin()->endpoint(), error);
    if (error) {
      return Unavailable("cannot listen on " + host + ':' + port +
                         " for metrics: " + error.message());
    }
    address_ = host + ':' + std::to_string(acceptor_.local_endpoint().port());
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return OkStatus();
  }
  const std::string& address() const override { return address_; }

 private:
  void Bind(const asio::ip::tcp::endpoint& endpoint, beast::error_code& error) {
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }

  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, asio::ip::tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<Session>(std::move(socket), collector_)->Start();
      Accept();
    });
  }

  const Collector collector_;
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_{context_};
  std::string address_;
  std::thread thread_;
};

}  // namespace

StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const ServiceState& state,
                                                                  const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == listen.size() ||
      listen.find_first_not_of("0123456789", colon + 1) != std::string::npos) {
    return InvalidArgument("metrics-listen: expected host:port, got " + listen);
  }
  auto endpoint = std::make_unique<HttpEndpoint>(state);
  TESSERA_RETURN_IF_ERROR(endpoint->Listen(listen.substr(0, colon), listen.substr(colon + 1)));
  return endpoint;
}

}  // namespace tessera::server
