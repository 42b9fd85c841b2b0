#include "server/convert_verification.h"

#include "server/convert.h"

namespace tessera::server {
namespace {

constexpr uint32_t kMostFindings = 10000;

}  // namespace

StatusOr<VerifyOptions> FromProto(const v1::VerifyRequest& request) {
  VerifyOptions options;
  options.deep = request.deep();
  if (request.max_findings() > kMostFindings) {
    return InvalidArgument("max_findings is " + std::to_string(request.max_findings()) + ", the most is " +
                           std::to_string(kMostFindings));
  }
  if (request.max_findings() > 0) options.max_findings = request.max_findings();
  return options;
}

void ToProto(const VerifyReport& report, v1::VerifyResult* out) {
  out->set_collection(report.collection);
  out->set_commit(report.commit);
  out->set_generation(report.generation.value);
  out->set_files(report.files);
  out->set_file_bytes(report.file_bytes);
  out->set_records(report.records);
  out->set_rows(report.rows);
  out->set_ids(report.ids);
  out->set_vectors(report.vectors);
  out->set_payloads(report.payloads);
  out->set_requests(report.requests);
  out->set_lists(report.lists);
  out->set_assignments(report.assignments);
  out->set_postings(report.postings);
  out->set_memory_rows(report.memory_rows);
  out->set_encoded_rows(report.encoded_rows);
  out->set_tied_rows(report.tied_rows);
  out->set_seconds(report.seconds);
  out->set_found(report.found);
  for (const Finding& finding : report.findings) {
    v1::Finding* f = out->add_findings();
    f->set_where(finding.where);
    if (finding.point) ToProto(*finding.point, f->mutable_point());
    if (finding.list) f->set_list(*finding.list);
    f->set_message(finding.message);
  }
}

void ToProto(const RepairReport& report, v1::RepairResult* out) {
  out->set_collection(report.collection);
  out->set_rows(report.rows);
  out->set_kept_codes(report.kept_codes);
  out->set_encoded_rows(report.encoded_rows);
  out->set_lost_points(report.lost_points);
  for (const std::string& point : report.lost) out->add_lost(point);
  out->set_lost_payloads(report.lost_payloads);
  for (const std::string& point : report.lost_payload_points) out->add_lost_payload_points(point);
  for (const std::string& note : report.notes) out->add_notes(note);
  out->set_trained(report.trained);
  out->set_damaged(report.damaged);
}

}  // namespace tessera::server
