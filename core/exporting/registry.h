// The export formats there are.
#pragma once

#include <string_view>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// All formats, in the order in which they are offered. The window's export dialog, `doctor` and
/// the tests read this table; `quantize` always writes the format `native`. Adding a format is a
/// pair of files in formats/ and a row here.
const std::vector<ExportFormat>& exportFormats();

/// The format with this id; InvalidArgument names those there are.
Result<const ExportFormat*> findExportFormat(std::string_view id);

}  // namespace quantoscope
