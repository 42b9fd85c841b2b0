// The gRPC services, and what they share. gRPC stays out of this header: one file compiles each
// service.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "index/catalog.h"
#include "index/status.h"
#include "server/admission.h"
#include "server/config.h"
#include "server/operations.h"
#include "server/runtime.h"

namespace grpc {
class Service;
}

namespace tessera::server {

// Outlives the services; all of it thread-safe.
struct ServiceState {
  const Config& config;
  Runtime& runtime;
  Admission& admission;
  Operations& operations;
  std::string isa;                         // name of the kernels in use
  std::atomic<Catalog*> catalog{nullptr};  // null until it is open
  std::atomic<size_t> archives{0};         // of backups, on their way out or in

  // Unavailable until the catalog is open.
  StatusOr<Catalog*> OpenedCatalog() const;
  // InvalidArgument if the name is empty (`field` is missing), NotFound.
  StatusOr<std::shared_ptr<Collection>> Find(const std::string& name,
                                             const std::string& field = "collection") const;
};

std::unique_ptr<grpc::Service> MakeCollectionsService(ServiceState& state);
std::unique_ptr<grpc::Service> MakePointsService(ServiceState& state);
std::unique_ptr<grpc::Service> MakeTrainingService(ServiceState& state);
std::unique_ptr<grpc::Service> MakeQuantizersService(ServiceState& state);
std::unique_ptr<grpc::Service> MakeBackupsService(ServiceState& state);
std::unique_ptr<grpc::Service> MakeUpkeepService(ServiceState& state);

}  // namespace tessera::server
