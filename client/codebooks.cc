// The calls of Client that concern codebooks and drift.
#include <algorithm>

#include "client/client.h"
#include "client/connection.h"
#include "client/convert.h"

namespace tessera::client {
namespace {

constexpr CallOptions kNotRepeatable{.repeatable = false};
constexpr uint32_t kExportBytes = 4u << 20;

}  // namespace

StatusOr<Drift> Client::GetDrift(const std::string& name) {
  v1::GetDriftRequest request;
  request.set_name(name);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Drift drift,
      connection_->Call(connection_->collections(), &v1::Collections::Stub::GetDrift, request));
  return FromProto(drift);
}

StatusOr<std::vector<CodebookInfo>> Client::ListCodebooks(const std::string& collection) {
  v1::ListCodebooksRequest request;
  request.set_collection(collection);
  TESSERA_ASSIGN_OR_RETURN(v1::ListCodebooksResponse response,
                           connection_->Call(connection_->quantizers(),
                                             &v1::Quantizers::Stub::ListCodebooks, request));
  std::vector<CodebookInfo> all;
  for (const v1::Codebook& codebook : response.codebooks()) all.push_back(FromProto(codebook));
  return all;
}

StatusOr<CodebookInfo> Client::GetCodebook(const std::string& collection, uint32_t version) {
  v1::GetCodebookRequest request;
  request.set_collection(collection);
  request.set_version(version);
  TESSERA_ASSIGN_OR_RETURN(v1::Codebook codebook,
                           connection_->Call(connection_->quantizers(),
                                             &v1::Quantizers::Stub::GetCodebook, request));
  return FromProto(codebook);
}

StatusOr<Operation> Client::TrainCodebook(const std::string& collection,
                                          const TrainOptions& options, const std::string& label) {
  v1::TrainCodebookRequest request;
  request.set_collection(collection);
  request.set_quantizer(options.quantizer);
  request.set_sample_rows(options.sample_rows);
  if (options.seed) request.set_seed(*options.seed);
  request.set_label(label);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::TrainCodebook, request,
                        kNotRepeatable));
  return FromProto(operation);
}

StatusOr<Operation> Client::EvaluateCodebook(const std::string& collection, uint32_t version,
                                             const EvaluateOptions& options) {
  v1::EvaluateCodebookRequest request;
  request.set_version(version);
  TESSERA_RETURN_IF_ERROR(ToProto(options, request.mutable_options()));
  request.mutable_options()->set_collection(collection);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::EvaluateCodebook, request,
                        kNotRepeatable));
  return FromProto(operation);
}

StatusOr<Operation> Client::ActivateCodebook(const std::string& collection, uint32_t version) {
  v1::ActivateCodebookRequest request;
  request.set_collection(collection);
  request.set_version(version);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::ActivateCodebook, request,
                        kNotRepeatable));
  return FromProto(operation);
}

StatusOr<Operation> Client::RollBackCodebook(const std::string& collection) {
  v1::RollBackCodebookRequest request;
  request.set_collection(collection);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Operation operation,
      connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::RollBackCodebook, request,
                        kNotRepeatable));
  return FromProto(operation);
}

StatusOr<std::string> Client::ExportCodebook(const std::string& collection, uint32_t version) {
  std::string file;
  v1::ExportCodebookRequest request;
  request.set_collection(collection);
  request.set_version(version);
  request.set_max_bytes(
      static_cast<uint32_t>(std::min<size_t>(kExportBytes, options().max_response_bytes / 2)));
  uint64_t all = 0;
  do {
    request.set_offset(file.size());
    TESSERA_ASSIGN_OR_RETURN(v1::ExportCodebookResponse part,
                             connection_->Call(connection_->quantizers(),
                                               &v1::Quantizers::Stub::ExportCodebook, request));
    file += part.data();
    all = part.file_bytes();
    if (part.data().empty() && file.size() < all) {
      return Internal("the server sent nothing of codebook " + std::to_string(version));
    }
  } while (file.size() < all);
  return file;
}

StatusOr<CodebookInfo> Client::ImportCodebook(const std::string& collection,
                                              const std::string& file, const std::string& label) {
  v1::ImportCodebookRequest request;
  request.set_collection(collection);
  request.set_file(file);
  request.set_label(label);
  TESSERA_ASSIGN_OR_RETURN(
      v1::Codebook codebook,
      connection_->Call(connection_->quantizers(), &v1::Quantizers::Stub::ImportCodebook, request,
                        kNotRepeatable));
  return FromProto(codebook);
}

Status Client::DeleteCodebook(const std::string& collection, uint32_t version) {
  v1::DeleteCodebookRequest request;
  request.set_collection(collection);
  request.set_version(version);
  return connection_
      ->Call(connection_->quantizers(), &v1::Quantizers::Stub::DeleteCodebook, request,
             kNotRepeatable)
      .status();
}

}  // namespace tessera::client
