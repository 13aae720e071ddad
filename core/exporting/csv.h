// Tables as comma-separated values.
#pragma once

#include <string>
#include <vector>

namespace quantoscope {

/// RFC 4180 text of a table: fields with commas, quotes or line ends are quoted; lines end in \n.
/// Text that a spreadsheet would run as a formula, since it begins with = + - @, a tab or a
/// carriage return, begins with an apostrophe instead, which spreadsheets take for "this is text".
/// Numbers, inf and nan stay as they are.
std::string csvText(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows);

}  // namespace quantoscope
