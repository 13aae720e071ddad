#include "core/exporting/registry.h"

#include "core/base/text.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/formats/neural_compressor_config.h"

namespace quantoscope {

const std::vector<ExportFormat>& exportFormats() {
  static const std::vector<ExportFormat> formats = {
      nativeFormat(),
      neuralCompressorFormat(),
  };
  return formats;
}

Result<const ExportFormat*> findExportFormat(std::string_view id) {
  std::vector<std::string> ids;
  for (const ExportFormat& format : exportFormats()) {
    if (format.id == id) return &format;
    ids.emplace_back(format.id);
  }
  return Error{ErrorCode::InvalidArgument,
               "format " + std::string(id) + ": allowed are " + join(ids, ", ")};
}

}  // namespace quantoscope
