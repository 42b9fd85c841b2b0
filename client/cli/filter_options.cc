#include "client/cli/filter_options.h"

#include <utility>

#include "client/cli/options.h"

namespace tessera::cli {
namespace {

// Takes ":word" off the end.
bool TakeOff(std::string& text, const std::string& word) {
  const std::string end = ":" + word;
  if (!text.ends_with(end)) return false;
  text.resize(text.size() - end.size());
  return true;
}

}  // namespace

CLI::Option* AddFilterOption(CLI::App* command, std::string& filter, const std::string& help) {
  return command->add_option("--filter", filter, help);
}

StatusOr<PayloadField> ParsePayloadField(const std::string& text) {
  PayloadField field;
  field.path = text;
  for (bool more = true; more;) {
    more = false;
    if (!field.partition && TakeOff(field.path, "partition")) field.partition = more = true;
    if (field.indexed && TakeOff(field.path, "noindex")) {
      field.indexed = false;
      more = true;
    }
  }
  const size_t colon = field.path.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return InvalidArgument("\"" + text +
                           "\" is no field, expected PATH:TYPE, PATH:keyword:partition or "
                           "PATH:TYPE:noindex");
  }
  TESSERA_ASSIGN_OR_RETURN(field.type, ParseFieldType(field.path.substr(colon + 1)));
  field.path.resize(colon);
  return field;
}

std::string DescribeField(const PayloadField& field) {
  return field.path + ":" + FieldTypeName(field.type) + (field.partition ? ":partition" : "") +
         (field.indexed ? "" : ":noindex");
}

void AddFieldOption(CLI::App* command, client::CollectionConfig& config, const std::string& when) {
  AddParsedList(command, "--field", config.payload_fields, ParsePayloadField,
                when + "a payload field and its type, which payloads must keep to: PATH:TYPE of "
                       "keyword, integer, float, bool, datetime, geo; may be given several times; "
                       "PATH:keyword:partition is the tenant key, PATH:TYPE:noindex is never "
                       "filtered by and takes no memory")
      ->allow_extra_args(false);
}

}  // namespace tessera::cli
