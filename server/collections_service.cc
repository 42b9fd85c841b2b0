#include <algorithm>

#include "server/call.h"
#include "server/convert_codebooks.h"
#include "server/convert_collections.h"
#include "server/page.h"
#include "server/process_memory.h"
#include "server/services.h"
#include "tessera/v1/collections.grpc.pb.h"

namespace tessera::server {
namespace {

constexpr const char* kPageKind = "collections";

// Changes run one after another on the admin thread: a drop waits for calls that need the other
// pools. The rest may wait for the disk, so it runs on the io pool.
class CollectionsService final : public v1::Collections::CallbackService {
 public:
  explicit CollectionsService(ServiceState& state) : state_(state) {}

  grpc::ServerUnaryReactor* Create(grpc::CallbackServerContext* context,
                                   const v1::CreateCollectionRequest* request,
                                   v1::Collection* response) override {
    return Run(
        context, "Collections.Create", *request, state_.runtime.admin(), [=, this]() -> Status {
          TESSERA_ASSIGN_OR_RETURN(const CollectionSpec spec, FromProto(request->collection()));
          TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
          TESSERA_ASSIGN_OR_RETURN(const auto collection,
                                   catalog->Create(request->collection().name(), spec));
          Describe(*collection, response);
          return OkStatus();
        });
  }

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context,
                                const v1::GetCollectionRequest* request,
                                v1::Collection* response) override {
    return Run(context, "Collections.Get", *request, state_.runtime.io(), [=, this]() -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request->name(), "name"));
      Describe(*collection, response);
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const v1::ListCollectionsRequest* request,
                                 v1::ListCollectionsResponse* response) override {
    return Run(context, "Collections.List", *request, state_.runtime.io(),
               [=, this] { return ListPage(*request, response); });
  }

  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context,
                                   const v1::UpdateCollectionRequest* request,
                                   v1::Collection* response) override {
    return Run(context, "Collections.Update", *request, state_.runtime.admin(), [=, this]() -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request->name(), "name"));
      TESSERA_RETURN_IF_ERROR(collection->Update(FromProto(*request)));
      Describe(*collection, response);
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteCollectionRequest* request,
                                   v1::DeleteCollectionResponse*) override {
    return Run(context, "Collections.Delete", *request, state_.runtime.admin(),
               [=, this]() -> Status {
                 TESSERA_ASSIGN_OR_RETURN(Catalog * catalog, state_.OpenedCatalog());
                 if (!catalog->Unopened().contains(request->name())) {
                   TESSERA_RETURN_IF_ERROR(state_.Find(request->name(), "name").status());
                 }
                 state_.operations.CancelCollection(request->name());
                 return catalog->Drop(request->name());
               });
  }

  grpc::ServerUnaryReactor* Stats(grpc::CallbackServerContext* context,
                                  const v1::CollectionStatsRequest* request,
                                  v1::CollectionStats* response) override {
    return Run(context, "Collections.Stats", *request, state_.runtime.io(), [=, this]() -> Status {
      TESSERA_ASSIGN_OR_RETURN(const auto collection, state_.Find(request->name(), "name"));
      TESSERA_ASSIGN_OR_RETURN(const Catalog* catalog, state_.OpenedCatalog());
      ToProto(collection->Stats(), catalog->Memory(), ReadProcessMemory(), state_.isa, response);
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetDrift(grpc::CallbackServerContext* context,
                                     const v1::GetDriftRequest* request,
                                     v1::Drift* response) override {
    return Run(context, "Collections.GetDrift", *request, state_.runtime.io(),
               [=, this]() -> Status {
                 TESSERA_ASSIGN_OR_RETURN(const auto collection,
                                          state_.Find(request->name(), "name"));
                 TESSERA_ASSIGN_OR_RETURN(const DriftReport drift, collection->Drift());
                 ToProto(drift, response);
                 return OkStatus();
               });
  }

 private:
  template <typename Request, typename Work>
  Call* Run(grpc::CallbackServerContext* context, const char* method, const Request& request,
            Executor& executor, Work work) {
    return Call::Start(state_, context, {method, request.ByteSizeLong(), {}}, executor,
                       [work](Call&) { return work(); });
  }

  static void Describe(const Collection& collection, v1::Collection* out) {
    ToProto(collection.name(), collection.spec(), collection.Stats(), out);
  }

  Status ListPage(const v1::ListCollectionsRequest& request,
                  v1::ListCollectionsResponse* response) const {
    TESSERA_ASSIGN_OR_RETURN(const size_t size, PageSize(request.page_size()));
    TESSERA_ASSIGN_OR_RETURN(const std::string after,
                             ParsePageToken(kPageKind, request.page_token()));
    TESSERA_ASSIGN_OR_RETURN(const Catalog* catalog, state_.OpenedCatalog());
    std::vector<std::string> names = catalog->List();
    const std::map<std::string, Status> unopened = catalog->Unopened();
    for (const auto& [name, status] : unopened) names.push_back(name);
    std::sort(names.begin(), names.end());
    auto it = std::upper_bound(names.begin(), names.end(), after);
    for (size_t n = 0; n < size && it != names.end(); ++it, ++n) {
      const auto collection = catalog->Get(*it);
      if (collection.ok()) {
        Describe(**collection, response->add_collections());
      } else if (const auto closed = unopened.find(*it); closed != unopened.end()) {
        v1::Collection* out = response->add_collections();
        out->set_name(*it);
        out->set_state(v1::COLLECTION_STATE_UNOPENED);
        out->set_error(MessageOf(closed->second));
      }  // else dropped meanwhile
    }
    if (it != names.end()) response->set_next_page_token(PageToken(kPageKind, *std::prev(it)));
    return OkStatus();
  }

  ServiceState& state_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCollectionsService(ServiceState& state) {
  return std::make_unique<CollectionsService>(state);
}

}  // namespace tessera::server
