// Collections and their statistics between the wire and the engine. Pure functions.
#pragma once

#include <string>

#include "index/collection.h"
#include "index/memory.h"
#include "index/status.h"
#include "server/process_memory.h"
#include "tessera/v1/collections.pb.h"

namespace tessera::server {

// InvalidArgument names the field.
StatusOr<CollectionSpec> FromProto(const v1::Collection& collection);
v1::Metric ToProto(Metric metric);
void ToProto(const std::string& name, const CollectionSpec& spec, const CollectionStats& stats,
             v1::Collection* out);
CollectionUpdate FromProto(const v1::UpdateCollectionRequest& request);
void ToProto(const CollectionStats& stats, const CatalogMemory& memory, const ProcessMemory& process,
             const std::string& isa, v1::CollectionStats* out);

}  // namespace tessera::server
