#include "client/convert.h"

namespace tessera::client {

VerifyResult FromProto(const v1::VerifyResult& in) {
  VerifyResult result;
  result.commit = in.commit();
  result.generation = in.generation();
  result.files = in.files();
  result.file_bytes = in.file_bytes();
  result.records = in.records();
  result.rows = in.rows();
  result.ids = in.ids();
  result.vectors = in.vectors();
  result.payloads = in.payloads();
  result.requests = in.requests();
  result.lists = in.lists();
  result.assignments = in.assignments();
  result.postings = in.postings();
  result.memory_rows = in.memory_rows();
  result.encoded_rows = in.encoded_rows();
  result.tied_rows = in.tied_rows();
  result.seconds = in.seconds();
  result.found = in.found();
  for (const v1::Finding& finding : in.findings()) {
    result.findings.push_back({finding.where(), {}, {}, finding.message()});
    if (finding.has_point()) result.findings.back().point = FromProto(finding.point());
    if (finding.has_list()) result.findings.back().list = finding.list();
  }
  return result;
}

}  // namespace tessera::client
