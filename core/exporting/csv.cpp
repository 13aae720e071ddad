#include "core/exporting/csv.h"

#include <charconv>
#include <string_view>
#include <system_error>

namespace quantoscope {

namespace {

bool isNumber(const std::string& field) {
  double value = 0;
  const char* begin = field.data() + (field.starts_with('+') ? 1 : 0);
  const char* end = field.data() + field.size();
  const auto [rest, problem] = std::from_chars(begin, end, value);
  return rest == end && (problem == std::errc() || problem == std::errc::result_out_of_range);
}

bool wouldRun(const std::string& field) {
  return !field.empty() && std::string_view("=+-@\t\r").find(field[0]) != std::string_view::npos &&
         !isNumber(field);
}

void appendLine(std::string& text, const std::vector<std::string>& fields) {
  bool first = true;
  for (const std::string& given : fields) {
    if (!first) text += ',';
    first = false;
    const std::string field = wouldRun(given) ? '\'' + given : given;
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
