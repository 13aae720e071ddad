#include "core/exporting/csv.h"

namespace quantoscope {

namespace {

void appendLine(std::string& text, const std::vector<std::string>& fields) {
  bool first = true;
  for (const std::string& field : fields) {
    if (!first) text += ',';
    first = false;
    if (field.find_first_of(",\"\r\n") == std::string::npos) {
      text += field;
      continue;
    }
    text += '"';
    for (const char c : field) {
      if (c == '"') text += '"';
      text += c;
    }
    text += '"';
  }
  text += '\n';
}

}  // namespace

std::string csvText(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  appendLine(text, header);
  for (const auto& row : rows) appendLine(text, row);
  return text;
}

}  // namespace quantoscope
