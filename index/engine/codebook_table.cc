#include "index/engine/codebook_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "index/base/bytes.h"
#include "index/base/format_version.h"

namespace tessera {

const char* CodebookStateName(CodebookState state) {
  switch (state) {
    case CodebookState::kCandidate:
      return "candidate";
    case CodebookState::kActive:
      return "active";
    case CodebookState::kPrevious:
      return "previous";
  }
  return "unknown";
}

}  // namespace tessera

namespace tessera::engine {
namespace {

constexpr uint32_t kFormat = 1;

Status Damaged(const std::string& what) {
  return DataLoss(std::string("record \"") + kCodebooksRecord + "\": " + what);
}

void PutEntry(const CodebookEntry& entry, ByteWriter& out) {
  out.Put(entry.version);
  out.Put(entry.generation.value);
  out.Put(entry.created_seconds);
  out.PutString(entry.asked.ToString());
  out.PutString(entry.spec.ToString());
  out.Put(entry.bytes);
  out.Put(entry.checksum);
  out.Put(entry.trained_rows);
  out.Put(entry.training_error);
  out.Put(entry.held_out.rows);
  out.Put(entry.held_out.sum);
  out.Put(entry.held_out.squares);
  out.PutString(entry.label);
}

StatusOr<QuantizerSpec> GetSpec(ByteReader& in) {
  const std::string text(in.GetString());
  StatusOr<QuantizerSpec> spec = QuantizerSpec::Parse(text);
  if (!spec.ok() || spec->ToString() != text) return Damaged("holds no quantizer where one is expected");
  return spec;
}

StatusOr<CodebookEntry> GetEntry(ByteReader& in) {
  CodebookEntry entry;
  entry.version = in.Get<uint32_t>();
  entry.generation = Generation{in.Get<uint32_t>()};
  entry.created_seconds = in.Get<int64_t>();
  TESSERA_ASSIGN_OR_RETURN(entry.asked, GetSpec(in));
  TESSERA_ASSIGN_OR_RETURN(entry.spec, GetSpec(in));
  entry.bytes = in.Get<uint64_t>();
  entry.checksum = in.Get<uint32_t>();
  entry.trained_rows = in.Get<uint64_t>();
  entry.training_error = in.Get<double>();
  entry.held_out.rows = in.Get<uint64_t>();
  entry.held_out.sum = in.Get<double>();
  entry.held_out.squares = in.Get<double>();
  entry.label = std::string(in.GetString());
  if (!in.ok()) return Damaged("is too short");
  const std::string name = "version " + std::to_string(entry.version);
  for (const double number : {entry.training_error, entry.held_out.sum, entry.held_out.squares}) {
    if (!(number >= 0) || !std::isfinite(number)) return Damaged(name + " has an impossible error");
  }
  if (!CheckLabel(entry.label).ok()) return Damaged(name + " has an impossible label");
  return entry;
}

}  // namespace

std::string CodebookRecord(uint32_t version) {
  char name[32];
  std::snprintf(name, sizeof(name), "codebook/%08x", version);
  return name;
}

CodebookEntry* CodebookTable::Find(uint32_t version) {
  const auto it = std::ranges::find(entries, version, &CodebookEntry::version);
  return it == entries.end() ? nullptr : &*it;
}

const CodebookEntry* CodebookTable::Find(uint32_t version) const {
  return const_cast<CodebookTable*>(this)->Find(version);
}

const CodebookEntry* CodebookTable::Active(Generation active) const {
  if (active == Generation()) return nullptr;
  const auto it = std::ranges::find(entries, active, &CodebookEntry::generation);
  return it == entries.end() ? nullptr : &*it;
}

const CodebookEntry* CodebookTable::Previous(Generation active) const {
  const CodebookEntry* last = nullptr;
  for (const CodebookEntry& entry : entries) {
    if (entry.generation == Generation() || entry.generation >= active) continue;
    if (!last || entry.generation > last->generation) last = &entry;
  }
  return last;
}

void CodebookTable::Remove(uint32_t version) {
  std::erase_if(entries, [&](const CodebookEntry& entry) { return entry.version == version; });
}

std::vector<uint32_t> CodebookTable::Retire(Generation active, size_t kept) {
  std::vector<std::pair<Generation, uint32_t>> previous;
  for (const CodebookEntry& entry : entries) {
    if (entry.generation == Generation() || entry.generation >= active) continue;
    previous.emplace_back(entry.generation, entry.version);
  }
  std::ranges::sort(previous, std::greater<>());
  std::vector<uint32_t> retired;
  for (size_t i = kept; i < previous.size(); ++i) {
    if (Find(previous[i].second)->label.empty()) retired.push_back(previous[i].second);
  }
  for (const uint32_t version : retired) Remove(version);
  return retired;
}

CodebookInfo Describe(const CodebookEntry& entry, Generation active) {
  CodebookInfo info;
  info.version = entry.version;
  if (entry.generation > Generation()) {
    info.state = entry.generation == active ? CodebookState::kActive : CodebookState::kPrevious;
  }
  info.asked = entry.asked;
  info.spec = entry.spec;
  info.bytes = entry.bytes;
  info.checksum = entry.checksum;
  info.created_seconds = entry.created_seconds;
  info.label = entry.label;
  info.generation = entry.generation;
  info.trained_rows = entry.trained_rows;
  info.training_error = entry.training_error;
  info.held_out_error = entry.held_out.mean();
  info.held_out_rows = entry.held_out.rows;
  return info;
}

Status CheckLabel(const std::string& label) {
  const bool printable = std::ranges::all_of(label, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (printable && label.size() <= kMaxCodebookLabelBytes) return OkStatus();
  return InvalidArgument("label must be up to " + std::to_string(kMaxCodebookLabelBytes) +
                         " printable ASCII characters");
}

std::string EncodeCodebooks(const CodebookTable& table) {
  std::string bytes;
  ByteWriter out(bytes);
  out.Put(kFormat);
  out.Put(table.next_version);
  out.Put(static_cast<uint32_t>(table.entries.size()));
  for (const CodebookEntry& entry : table.entries) PutEntry(entry, out);
  return bytes;
}

StatusOr<CodebookTable> DecodeCodebooks(const std::string& bytes) {
  ByteReader in(bytes);
  const auto format = in.Get<uint32_t>();
  if (!in.ok()) return Damaged("is too short");
  TESSERA_RETURN_IF_ERROR(CheckFormatVersion(std::string("record \"") + kCodebooksRecord + '"', format, kFormat));
  CodebookTable table;
  table.next_version = in.Get<uint32_t>();
  const auto count = in.Get<uint32_t>();
  uint32_t before = 0;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    TESSERA_ASSIGN_OR_RETURN(CodebookEntry entry, GetEntry(in));
    if (entry.version <= before || entry.version >= table.next_version) {
      return Damaged("version " + std::to_string(entry.version) + " is out of order");
    }
    before = entry.version;
    if (table.Active(entry.generation)) {
      return Damaged("two versions serve generation " + std::to_string(entry.generation.value));
    }
    table.entries.push_back(std::move(entry));
  }
  if (!in.Finished() || table.next_version == 0) return Damaged("has a wrong length or number");
  return table;
}

}  // namespace tessera::engine
