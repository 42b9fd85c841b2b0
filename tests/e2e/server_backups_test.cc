// Backups over the wire, on the real engine.
#include <filesystem>
#include <thread>

#include "tessera/v1/backups.grpc.pb.h"
#include "tests/e2e/server_fixture.h"

namespace tessera::testing {
namespace {

using grpc::StatusCode;
using Stub = v1::Backups::Stub;

class ServerBackupsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    Connect();
    Create("a", 16, v1::METRIC_L2, "IVF8,PQ8,Refine(SQ8)");
    Load("a", 16, 3000);
  }
  void Connect() { backups_ = v1::Backups::NewStub(channel_); }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (backups_.get()->*method)(&context, request, response);
  }
  v1::Operation Wait(const std::string& name) {
    v1::WaitOperationRequest wait;
    wait.set_name(name);
    wait.set_timeout_seconds(60);
    grpc::ClientContext context;
    SetDeadline(context, 90);
    v1::Operation operation;
    EXPECT_TRUE(training_->WaitOperation(&context, wait, &operation).ok());
    EXPECT_TRUE(operation.done());
    return operation;
  }
  template <typename Request>
  v1::Operation Finish(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Operation*),
                       const Request& request) {
    v1::Operation operation;
    const grpc::Status status = Call(method, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Wait(operation.name());
  }
  template <typename Request>
  static Request Of(uint32_t id) {
    Request request;
    request.set_collection("a");
    request.set_id(id);
    return request;
  }
  v1::Backup Backup() {
    v1::CreateBackupRequest request;
    request.set_collection("a");
    const v1::Operation done = Finish(&Stub::Create, request);
    EXPECT_EQ(done.error_code(), 0) << done.error_message();
    return done.backup_result().backup();
  }
  int Listed() {
    v1::ListBackupsResponse response;
    EXPECT_TRUE(Call(&Stub::List, v1::ListBackupsRequest(), &response).ok());
    return response.backups_size();
  }
  grpc::Status Download(uint32_t id, std::string* archive) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto reader = backups_->Download(&context, Of<v1::DownloadBackupRequest>(id));
    for (v1::DownloadBackupResponse message; reader->Read(&message);) {
      EXPECT_LT(message.ByteSizeLong(), size_t{1} << 20);
      *archive += message.data();
    }
    return reader->Finish();
  }
  grpc::Status Upload(const std::string& name, const std::string& archive, v1::RestoreResult* result,
                      size_t piece = 100000) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto writer = backups_->Upload(&context, result);
    v1::UploadBackupRequest message;
    message.set_name(name);
    bool open = writer->Write(message);
    for (size_t at = 0; open && at < archive.size(); at += piece) {
      message.set_data(archive.substr(at, piece));
      open = writer->Write(message);
    }
    writer->WritesDone();
    return writer->Finish();
  }
  v1::QueryResponse Nearest(const std::string& collection) {
    v1::QueryRequest query;
    query.set_collection(collection);
    query.mutable_vector()->set_f32_le(F32Le(Row(17, 16)));
    query.set_limit(10);
    v1::QueryResponse found = Query(query);
    return found;
  }
  // What is in the folder of collections.
  std::vector<std::string> Folder() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(config_.data + "/collections")) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::unique_ptr<Stub> backups_;
};

TEST_F(ServerBackupsTest, MakeListVerifyRestoreAndDelete) {
  ASSERT_EQ(Train("a").error_code(), 0);
  const v1::QueryResponse expected = Nearest("a");
  const v1::Backup made = Backup();
  EXPECT_EQ(made.collection(), "a");
  EXPECT_EQ(made.id(), 1u);
  EXPECT_EQ(made.rows(), 3000u);
  EXPECT_EQ(made.dim(), 16u);
  EXPECT_EQ(made.metric(), v1::METRIC_L2);
  EXPECT_EQ(made.quantizer(), "IVF8,PQ8x8,Refine(SQ8)");
  EXPECT_GT(made.create_time().seconds(), 1700000000);
  EXPECT_GT(made.bytes(), 0u);
  EXPECT_EQ(made.new_bytes(), made.bytes());
  Load("a", 16, 100, 3000);
  EXPECT_LT(Backup().new_bytes(), made.bytes());
  v1::ListBackupsRequest list;
  list.set_collection("a");
  v1::ListBackupsResponse listed;
  ASSERT_TRUE(Call(&Stub::List, list, &listed).ok());
  ASSERT_EQ(listed.backups_size(), 2);
  EXPECT_EQ(listed.backups(0).SerializeAsString(), made.SerializeAsString());

  const v1::Operation verified = Finish(&Stub::Verify, Of<v1::VerifyBackupRequest>(1));
  EXPECT_EQ(verified.kind(), "verify backup");
  EXPECT_EQ(verified.backup_result().backup().id(), 1u);
  v1::RestoreBackupRequest restore = Of<v1::RestoreBackupRequest>(1);
  restore.set_name("b");
  const v1::Operation restored = Finish(&Stub::Restore, restore);
  EXPECT_EQ(restored.kind(), "restore backup");
  EXPECT_EQ(restored.restore_result().collection(), "b");
  EXPECT_EQ(restored.restore_result().rows(), 3000u);
  EXPECT_EQ(restored.restore_result().commit(), made.commit());
  const v1::QueryResponse found = Nearest("b");
  ASSERT_EQ(found.hits_size(), expected.hits_size());
  for (int i = 0; i < found.hits_size(); ++i) {
    EXPECT_EQ(found.hits(i).SerializeAsString(), expected.hits(i).SerializeAsString());
  }
  v1::DeleteBackupResponse deleted;
  EXPECT_TRUE(Call(&Stub::Delete, Of<v1::DeleteBackupRequest>(1), &deleted).ok());
  EXPECT_EQ(Listed(), 1);
}

TEST_F(ServerBackupsTest, ErrorsTellWhatIsWrong) {
  v1::Operation operation;
  v1::CreateBackupRequest create;
  ExpectError(Call(&Stub::Create, create, &operation), StatusCode::INVALID_ARGUMENT, "collection is missing");
  create.set_collection("../a");
  ExpectError(Call(&Stub::Create, create, &operation), StatusCode::INVALID_ARGUMENT, "collection: \"../a\"");
  create.set_collection("nowhere");
  ExpectError(Call(&Stub::Create, create, &operation), StatusCode::NOT_FOUND, "nowhere");
  ExpectError(Call(&Stub::Verify, Of<v1::VerifyBackupRequest>(9), &operation), StatusCode::NOT_FOUND, "backup 9");
  v1::DeleteBackupResponse deleted;
  ExpectError(Call(&Stub::Delete, Of<v1::DeleteBackupRequest>(9), &deleted), StatusCode::NOT_FOUND, "backup 9");
  ExpectError(Call(&Stub::Restore, Of<v1::RestoreBackupRequest>(9), &operation), StatusCode::NOT_FOUND, "backup 9");
  Backup();
  ExpectError(Call(&Stub::Restore, Of<v1::RestoreBackupRequest>(1), &operation), StatusCode::ALREADY_EXISTS, "\"a\"");
  v1::RestoreBackupRequest escape = Of<v1::RestoreBackupRequest>(1);
  escape.set_name("../../x");
  ExpectError(Call(&Stub::Restore, escape, &operation), StatusCode::INVALID_ARGUMENT, "name: ");
  std::string archive;
  ExpectError(Download(9, &archive), StatusCode::NOT_FOUND, "backup 9");
  v1::RestoreResult result;
  ExpectError(Upload("", "x", &result), StatusCode::INVALID_ARGUMENT, "name is missing");
  ExpectError(Upload("../x", "x", &result), StatusCode::INVALID_ARGUMENT, "name: ");
  ExpectError(Upload("a", "x", &result), StatusCode::ALREADY_EXISTS, "\"a\"");
  EXPECT_EQ(Folder(), std::vector<std::string>{"a"});
}

TEST_F(ServerBackupsTest, ASecondOneWaitsForNobodyAndACancelledOneLeavesNothing) {
  v1::CreateBackupRequest slow;
  slow.set_collection("a");
  slow.set_bytes_per_second(20000);
  v1::Operation operation;
  ASSERT_TRUE(Call(&Stub::Create, slow, &operation).ok());
  v1::Operation second;
  ExpectError(Call(&Stub::Create, slow, &second), StatusCode::ALREADY_EXISTS, operation.name());
  // Queries and writes go on.
  Load("a", 16, 10, 5000);
  EXPECT_EQ(Nearest("a").hits_size(), 10);
  grpc::ClientContext context;
  v1::CancelOperationRequest cancel;
  cancel.set_name(operation.name());
  ASSERT_TRUE(training_->CancelOperation(&context, cancel, &operation).ok());
  EXPECT_EQ(Wait(operation.name()).error_code(), static_cast<int>(StatusCode::CANCELLED));
  EXPECT_EQ(Listed(), 0);
  EXPECT_EQ(Folder(), std::vector<std::string>{"a"});
  EXPECT_EQ(Backup().rows(), 3010u);
}

TEST_F(ServerBackupsTest, ArchiveComesBackUnderAnotherName) {
  ASSERT_EQ(Train("a").error_code(), 0);
  const v1::QueryResponse expected = Nearest("a");
  Backup();
  std::string archive;
  ASSERT_TRUE(Download(1, &archive).ok());
  v1::RestoreResult result;
  const grpc::Status uploaded = Upload("b", archive, &result);
  ASSERT_TRUE(uploaded.ok()) << uploaded.error_message();
  EXPECT_EQ(result.collection(), "b");
  EXPECT_EQ(result.rows(), 3000u);
  const v1::QueryResponse found = Nearest("b");
  ASSERT_EQ(found.hits_size(), expected.hits_size());
  for (int i = 0; i < found.hits_size(); ++i) {
    EXPECT_EQ(found.hits(i).SerializeAsString(), expected.hits(i).SerializeAsString());
  }
  ExpectError(Upload("c", archive.substr(0, archive.size() / 2), &result), StatusCode::DATA_LOSS, "not whole");
  std::string flipped = archive;
  flipped[flipped.size() / 3] = static_cast<char>(flipped[flipped.size() / 3] ^ 8);
  ExpectError(Upload("c", flipped, &result), StatusCode::DATA_LOSS, "damaged");
  ExpectError(Upload("c", "no such thing", &result), StatusCode::INVALID_ARGUMENT, "no archive");
  EXPECT_EQ(Folder(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ServerBackupsTest, AClientThatGoesAwayLeavesNothing) {
  Backup();
  std::string archive;
  ASSERT_TRUE(Download(1, &archive).ok());
  {
    grpc::ClientContext context;
    v1::RestoreResult result;
    const auto writer = backups_->Upload(&context, &result);
    v1::UploadBackupRequest message;
    message.set_name("b");
    message.set_data(archive);
    ASSERT_TRUE(writer->Write(message));  // all of it, but not the end
    context.TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), StatusCode::CANCELLED);
  }
  {
    grpc::ClientContext context;
    const auto reader = backups_->Download(&context, Of<v1::DownloadBackupRequest>(1));
    v1::DownloadBackupResponse message;
    ASSERT_TRUE(reader->Read(&message));
    context.TryCancel();
    while (reader->Read(&message)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), StatusCode::CANCELLED);
  }
  Restart();  // waits for both
  Connect();
  EXPECT_EQ(Folder(), std::vector<std::string>{"a"});
  EXPECT_EQ(Listed(), 1);
}

TEST_F(ServerBackupsTest, ShutdownEndsABackupUnderWay) {
  v1::CreateBackupRequest slow;
  slow.set_collection("a");
  slow.set_bytes_per_second(1000);
  v1::Operation operation;
  ASSERT_TRUE(Call(&Stub::Create, slow, &operation).ok());
  Restart();
  Connect();
  EXPECT_EQ(Listed(), 0);
  EXPECT_EQ(Folder(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace tessera::testing
