// Tables as comma-separated values.
#pragma once

#include <string>
#include <vector>

namespace quantoscope {

/// RFC 4180 text of a table: fields with commas, quotes or line ends are quoted; lines end in \n.
std::string csvText(const std::vector<std::string>& header,
                    const std::vector<std::vector<std::string>>& rows);

}  // namespace quantoscope
