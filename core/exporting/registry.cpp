#include "core/exporting/registry.h"

#include "core/base/text.h"
#include "core/exporting/formats/awq.h"
#include "core/exporting/formats/bitsandbytes.h"
#include "core/exporting/formats/compressed_tensors.h"
#include "core/exporting/formats/gptq.h"
#include "core/exporting/formats/keras_file.h"
#include "core/exporting/formats/mlx.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/formats/neural_compressor_config.h"
#include "core/exporting/formats/neural_compressor_weights.h"

namespace quantoscope {

const std::vector<ExportFormat>& exportFormats() {
  static const std::vector<ExportFormat> formats = {
      nativeFormat(),
      gptqFormat(),
      gptqV2Format(),
      gptqPlanarFormat(),
      awqFormat(),
      compressedTensorsFormat(),
      bitsandbytesFormat(),
      neuralCompressorFormat(),
      neuralCompressorWeightsFormat(),
      mlxFormat(),
      kerasFormat(),
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
