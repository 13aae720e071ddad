// Quantoscope's own HDF5 file of quantized tensors.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/metrics/error_metrics.h"
#include "core/quant/quantizer.h"
#include "core/quant/storage_cost.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

struct NativeFileSource {
  std::string file;
  std::string sha256;
};

/// One tensor as it goes into the file.
struct NativeTensor {
  TensorInfo info;
  QuantizedTensor quantized;
  std::optional<ErrorMetrics> metrics;
  std::optional<StorageCost> storage;
  std::optional<Matrix>
      dequantized;  ///< oriented like the codes; stored in the source's axis order
};

/// Writes the file tensor by tensor to a temporary name. commit() flushes, reads everything back,
/// compares it with what was written, and renames. Without a commit nothing is left behind.
class NativeFileWriter {
 public:
  static Result<std::unique_ptr<NativeFileWriter>> create(const std::string& path,
                                                          const NativeFileSource& source);
  virtual ~NativeFileWriter() = default;
  virtual Status add(const NativeTensor& tensor) = 0;
  virtual Status commit() = 0;
};

}  // namespace quantoscope
