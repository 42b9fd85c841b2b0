// The standard services: health and reflection, spoken in raw bytes since their stubs are not
// packaged.
#include <grpcpp/generic/generic_stub.h>

#include <future>

#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  return bytes;
}

// Sends one message on a stream and takes one reply.
class OneMessage final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit OneMessage(const std::string& bytes) : sent_(BufferOf(bytes)) {}
  void Begin() {
    StartWriteLast(&sent_, grpc::WriteOptions());
    StartRead(&received_);
    StartCall();
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }
  grpc::Status Wait() { return done_.get_future().get(); }
  const grpc::ByteBuffer& received() const { return received_; }

 private:
  grpc::ByteBuffer sent_;
  grpc::ByteBuffer received_;
  std::promise<grpc::Status> done_;
};

using ServerStandardTest = ServerTest;

TEST_F(ServerStandardTest, HealthIsServing) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::ByteBuffer request = BufferOf("");
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(BytesOf(response), "\x08\x01");  // status: SERVING
}

TEST_F(ServerStandardTest, ReflectionNamesTheServices) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  OneMessage message("\x3a\x01*");  // list_services: "*"
  stub.PrepareBidiStreamingCall(&context,
                                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                grpc::StubOptions(), &message);
  message.Begin();
  const grpc::Status status = message.Wait();
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::string names = BytesOf(message.received());
  for (const char* name : {"tessera.v1.Collections", "tessera.v1.Points", "tessera.v1.Training",
                           "tessera.v1.Quantizers", "grpc.health.v1.Health"}) {
    EXPECT_NE(names.find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace tessera::testing
