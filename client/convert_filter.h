// Filters, payload fields and their values to the wire and back. Internal: pulls in protobuf.
#pragma once

#include <string>
#include <variant>

#include "client/convert.h"
#include "tessera/v1/collections.pb.h"
#include "tessera/v1/filter.pb.h"
#include "tessera/v1/points.pb.h"

namespace tessera::client {

// InvalidArgument: nested too deep, or text that is not UTF-8, which the wire cannot carry. All else is for the server
// to judge.
Status ToProto(const Filter& filter, v1::Filter* out);
// Leaves the request without a filter if there is none.
template <typename Request>
Status SetFilter(const FilterInput& filter, Request* request) {
  if (const auto* tree = std::get_if<Filter>(&filter)) {
    return ToProto(*tree, request->mutable_filter());
  }
  const std::string& expression = std::get<std::string>(filter);
  if (expression.empty()) return OkStatus();
  TESSERA_RETURN_IF_ERROR(CheckText(expression, "filter"));
  request->mutable_filter()->set_expression(expression);
  return OkStatus();
}

void ToProto(const PayloadField& field, v1::PayloadField* out);
PayloadField FromProto(const v1::PayloadField& in);
PayloadValue FromProto(const v1::Value& in);
FacetCount FromProto(const v1::FacetCount& in);

}  // namespace tessera::client
