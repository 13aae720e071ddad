#include "core/model/encode_tensor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/memory_border.h"
#include "core/base/text.h"
#include "core/kernels/half_arithmetic.h"
#include "core/quant/weight_only.h"

namespace quantoscope {

namespace {

/// What codes from given scales decode to, against the weights.
ErrorMetrics metricsOf(const WeightTensor& tensor, const Codec& codec,
                       const QuantizedTensor& coded) {
  const GroupParameters& parameters = coded.parameters;
  const GroupLayout& layout = parameters.layout;
  const Codebook* codebook = codec.codebook;
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  Matrix y(w.rows, w.cols);
  std::visit(
      [&](const auto& codes) {
        for (std::size_t i = 0; i < codes.size(); ++i) {
          const std::size_t g = i / w.cols * layout.groupsPerRow() + i % w.cols / layout.groupSize;
          float level = static_cast<float>(codes[i]);
          float zeroPoint = 0;
          if (codebook != nullptr) {
            const auto entry = std::find(codebook->codes.begin(), codebook->codes.end(), codes[i]);
            level = codebook->levels[static_cast<std::size_t>(entry - codebook->codes.begin())];
          } else if (!parameters.zeroPoint.empty()) {
            zeroPoint = parameters.zeroPoint[g];
          }
          y.values[i] = kernels::decoded(codec, level, zeroPoint, parameters.scale[g]);
        }
      },
      coded.codes);
  kernels::ErrorLanes lanes;
  kernels::ErrorPeak peak;
  kernels::activeKernels().addErrors({w.rows, w.cols, layout.groupSize}, w.data, y.values.data(),
                                     lanes, peak);
  ErrorSums sums;
  sums.add(lanes, peak, 0, w.rows * w.cols);
  return ErrorMetrics::from(sums);
}

/// Codes as 32-bit integers; DoesNotFit names the first that is none.
Result<std::vector<std::int32_t>> integerCodes(const Matrix& codes, const std::string& tensor) {
  std::vector<std::int32_t> integers;
  integers.reserve(codes.values.size());
  for (const float code : codes.values) {
    if (!(std::fabs(code) < 2147483648.0f)) {
      const std::size_t i = integers.size();
      return Error{ErrorCode::DoesNotFit,
                   tensor + ": the code at row " + std::to_string(i / codes.cols) + ", column " +
                       std::to_string(i % codes.cols) + " is " + formatNumber(code) +
                       " with this scale; codes must fit into 32 bits"};
    }
    integers.push_back(static_cast<std::int32_t>(code));
  }
  return integers;
}

Result<ExportTensor> encode(const WeightTensor& tensor, const QuantSpec& spec, Matrix scale,
                            std::optional<Matrix> zeroPoint) {
  auto codes = quant_weight_w_scale(tensor, scale, zeroPoint, spec);
  if (!codes && codes.error().code == ErrorCode::NotFinite) return codes.error();
  if (!codes) {
    return Error{codes.error().code, tensor.info().name + ": " + codes.error().message};
  }
  if (auto status = tensor.intact(); !status) return status.error();
  ExportTensor made;
  made.info = tensor.info();
  made.quantized.spec = spec;
  made.quantized.parameters.layout = layoutOf(spec, tensor.rows(), tensor.cols());
  made.quantized.parameters.scale = std::move(scale.values);
  if (zeroPoint) made.quantized.parameters.zeroPoint = std::move(zeroPoint->values);
  if (const Codebook* codebook = codecOf(spec).codebook) {
    const auto& values = codes->values;
    if (codebook->levels.size() > 16) {
      made.quantized.codes = std::vector<std::uint8_t>(values.begin(), values.end());
    } else {
      made.quantized.codes = std::vector<std::int8_t>(values.begin(), values.end());
    }
    return made;
  }
  auto integers = integerCodes(*codes, tensor.info().name);
  if (!integers) return integers.error();
  made.quantized.codes = std::move(*integers);
  return made;
}

}  // namespace

Result<ExportTensor> encodeTensor(const WeightTensor& tensor, const QuantSpec& spec, Matrix scale,
                                  std::optional<Matrix> zeroPoint) {
  return withinMemory(tensor.info().name, [&]() -> Result<ExportTensor> {
    auto made = encode(tensor, spec, std::move(scale), std::move(zeroPoint));
    if (!made) return made;
    const auto coding = codingOf(tensor, spec, Executor(1));
    if (!coding) return coding.error();
    made->metrics = metricsOf(tensor, coding->codec, made->quantized);
    made->storage = storageCostOf(spec, tensor.rows(), tensor.cols());
    return made;
  });
}

}  // namespace quantoscope
