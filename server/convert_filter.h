// Filters and payload fields between the wire and the engine. Pure functions; everything from the
// wire is hostile.
#pragma once

#include "index/collection.h"
#include "index/filter.h"
#include "index/payload.h"
#include "index/status.h"
#include "tessera/v1/collections.pb.h"
#include "tessera/v1/filter.pb.h"
#include "tessera/v1/points.pb.h"

namespace tessera::server {

// Checked against the schema and the limits of index/filter.h, with work and memory bounded by them. InvalidArgument
// names the place as the wire calls it (filter.must[1].condition ...), or of an expression the column.
StatusOr<Filter> FromProto(const v1::Filter& filter, const PayloadSchema& schema);
// Whether it says nothing: a blank expression, or a group of no members.
bool IsEmpty(const v1::Filter& filter);

// InvalidArgument names collection.payload_fields[i].
StatusOr<PayloadSchema> FromProto(
    const google::protobuf::RepeatedPtrField<v1::PayloadField>& fields);
void ToProto(const PayloadSchema& schema,
             google::protobuf::RepeatedPtrField<v1::PayloadField>* out);

void ToProto(const PayloadValue& value, v1::Value* out);
void ToProto(const FacetCount& count, v1::FacetCount* out);

}  // namespace tessera::server
