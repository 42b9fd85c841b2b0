// GET /metrics, read as Prometheus does.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

// The whole reply of an HTTP/1.0 server to a GET.
std::string Get(const std::string& address, const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  std::string reply;
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    char part[4096];
    for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;)
      reply.append(part, static_cast<size_t>(n));
  }
  close(fd);
  return reply;
}

// The value of a line that begins with `metric`; -1 if there is none.
double Value(const std::string& text, const std::string& metric) {
  const size_t at = text.find('\n' + metric + ' ');
  return at == std::string::npos ? -1 : std::stod(text.substr(at + metric.size() + 2));
}

class ServerMetricsTest : public ServerTest {
 protected:
  void SetUp() override {
    config_.metrics_listen = "127.0.0.1:0";
    ServerTest::SetUp();
  }
  std::string Scrape() { return Get(server_->metrics_address(), "/metrics"); }
};

TEST_F(ServerMetricsTest, TellsOfEveryCollection) {
  Create("a", 16, v1::METRIC_L2, "IVF8,PQ8,Refine(SQ8)");
  Create("b", 4);
  Load("a", 16, 1500);
  ASSERT_TRUE(Train("a").done());
  const std::string text = Scrape();
  EXPECT_NE(text.find("200 OK"), std::string::npos) << text;
  EXPECT_EQ(Value(text, "tessera_ready"), 1);
  EXPECT_EQ(Value(text, "tessera_rows{collection=\"a\"}"), 1500);
  EXPECT_EQ(Value(text, "tessera_rows{collection=\"b\"}"), 0);
  EXPECT_EQ(Value(text, "tessera_generation{collection=\"a\"}"), 1);
  EXPECT_EQ(Value(text, "tessera_lists{collection=\"a\"}"), 8);
  EXPECT_GE(Value(text, "tessera_memory_bytes{collection=\"a\",component=\"codes\"}"), 1500 * 8);
  EXPECT_EQ(Value(text, "tessera_memory_limit_bytes{collection=\"a\"}"), 0);
  EXPECT_GE(Value(text, "tessera_memory_used_bytes{collection=\"a\"}"), 1500 * 24);
  EXPECT_EQ(Value(text, "tessera_memory_refused_total{collection=\"a\"}"), 0);
  EXPECT_EQ(Value(text, "tessera_server_memory_bytes{component=\"collections\"}"),
            Value(text, "tessera_memory_used_bytes{collection=\"a\"}") +
                Value(text, "tessera_memory_used_bytes{collection=\"b\"}"));
  EXPECT_GT(Value(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_GT(Value(text, "tessera_requests_admitted_total"), 3);
  EXPECT_EQ(text.find("tessera_live_recall"), std::string::npos) << "not asked for";
}

TEST_F(ServerMetricsTest, LiveRecallComesWithItsInterval) {
  v1::CreateCollectionRequest create;
  create.mutable_collection()->set_name("a");
  create.mutable_collection()->set_dim(16);
  create.mutable_collection()->set_metric(v1::METRIC_L2);
  create.mutable_collection()->set_quantizer("IVF8,PQ8,Refine(SQ8)");
  create.mutable_collection()->set_recall_sampling(1);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::Collection created;
  ASSERT_TRUE(collections_->Create(&context, create, &created).ok());
  Load("a", 16, 1500);
  ASSERT_TRUE(Train("a").done());
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string text;
  for (size_t i = 0; Value(text, "tessera_live_recall_queries{collection=\"a\"}") < 3; ++i) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << text;
    v1::QueryRequest query;
    query.set_collection("a");
    query.mutable_vector()->set_f32_le(F32Le(Row(100000 + i, 16)));
    query.set_limit(10);
    Query(query);
    text = Scrape();
  }
  const double recall = Value(text, "tessera_live_recall{collection=\"a\"}");
  EXPECT_GT(recall, 0.2);
  EXPECT_LE(Value(text, "tessera_live_recall_low{collection=\"a\"}"), recall);
  EXPECT_GE(Value(text, "tessera_live_recall_high{collection=\"a\"}"), recall);
  const double losses = Value(text, "tessera_live_recall_loss{collection=\"a\",by=\"probe\"}") +
                        Value(text, "tessera_live_recall_loss{collection=\"a\",by=\"code\"}");
  EXPECT_NEAR(recall + losses, 1, 1e-6);
}

TEST_F(ServerMetricsTest, OtherPathsAreNotFound) {
  EXPECT_NE(Get(server_->metrics_address(), "/").find("404"), std::string::npos);
  EXPECT_EQ(Get(server_->metrics_address(), "no path\r\n\r\n").find("200"), std::string::npos);
  EXPECT_NE(Scrape().find("200 OK"), std::string::npos) << "goes on";
}

TEST_F(ServerMetricsTest, GoesWithTheServer) {
  const std::string address = server_->metrics_address();
  Stop();
  EXPECT_EQ(Get(address, "/metrics"), "");
}

TEST_F(ServerMetricsTest, AddressesThatCannotBeServedAreRefused) {
  server::Config config = config_;
  config.data = dir_.path() + "/other";
  config.metrics_listen = server_->metrics_address();
  EXPECT_EQ(server::Server::Start(config, Catalog::Open).status().code(),
            absl::StatusCode::kUnavailable);
  for (const char* wrong : {"9090", ":9090", "127.0.0.1:", "127.0.0.1:80s"}) {
    config.metrics_listen = wrong;
    EXPECT_EQ(server::Server::Start(config, Catalog::Open).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

}  // namespace
}  // namespace tessera::testing
