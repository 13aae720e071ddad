#include "core/quant/weight_only.h"

#include <string>

#include "core/base/text.h"
#include "core/quant/codebooks.h"
#include "core/quant/double_quant.h"

namespace quantoscope {

namespace {

/// A tensor over rows that the caller owns; valid as long as they are.
WeightTensor borrowed(WeightView weight, const char* name) {
  TensorInfo info;
  info.name = name;
  info.shape = {weight.rows(), weight.cols()};
  info.dtype = nameOf(weight.type());
  setAxes(info, AxisMap::rows(2));
  const std::shared_ptr<const void> caller(weight.data(), [](const void*) {});
  return WeightTensor(std::move(info), weight.type(), caller, weight.data());
}

/// The weights as float32.
Matrix floatsOf(WeightView weight) {
  std::vector<float> scratch;
  const WeightTensor tensor = borrowed(weight, "weight");
  const auto values = tensor.block(0, tensor.rows(), scratch).all();
  return Matrix(weight.rows(), weight.cols(), {values.begin(), values.end()});
}

/// A number format by its name; a codebook of one's own has none.
Result<Dtype> dtypeOf(std::string_view text) {
  const auto dtype = parseDtype(text);
  if (dtype && formatOf(*dtype).isNamed()) return dtype;
  return Error{ErrorCode::InvalidArgument, "dtype " + std::string(text) + ": allowed are " +
                                               formatNames(&NumberFormat::isNamed)};
}

/// A spec from published arguments; scheme, bits and full_range do not matter to a codebook.
Result<QuantSpec> specOf(int bits, long long groupSize, std::string_view scheme, double quantile,
                         std::string_view dtype, bool fullRange, Compute compute) {
  auto parsedDtype = dtypeOf(dtype);
  if (!parsedDtype) return parsedDtype.error();
  auto parsedScheme = parseScheme(scheme);
  if (!parsedScheme) return parsedScheme.error();
  QuantSpec spec = QuantSpec{}.withDtype(*parsedDtype);
  spec.groupSize = groupSize;
  spec.clip = ClipPolicy::fixed(quantile);
  spec.compute = compute;
  if (!spec.isFloat()) {
    spec.bits = bits;
    spec.scheme = *parsedScheme;
    // The reference takes full_range with scheme asym and does not look at it.
    spec.fullRange = fullRange && *parsedScheme == Scheme::Sym;
  }
  if (auto status = spec.validate(); !status) {
    return Error{ErrorCode::InvalidArgument, status.error().message};
  }
  return spec;
}

/// The same where each row is one group. A format that prescribes its group size takes rows of that
/// size, or shorter ones; what is longer is refused by that size.
Result<QuantSpec> rowSpecOf(std::size_t cols, int bits, std::string_view scheme, double quantile,
                            std::string_view dtype, bool fullRange, Compute compute) {
  const auto known = parseDtype(dtype);
  const auto prescribed = known ? prescribedGroupSize(*known) : std::nullopt;
  const bool fits = prescribed && cols <= static_cast<std::size_t>(*prescribed);
  return specOf(bits, fits ? *prescribed : -1, scheme, quantile, dtype, fullRange, compute);
}

/// Whether a whole spec suits functions that choose nothing: a ratio at most.
Status checkFixed(const QuantSpec& spec) {
  if (auto status = spec.validate(); !status) return status;
  if (spec.clip.kind == ClipPolicy::Kind::None || spec.clip.kind == ClipPolicy::Kind::Ratio) {
    return ok();
  }
  return Error{ErrorCode::InvalidArgument,
               "clip " + spec.clip.text() + ": allowed are none and a ratio above 0 up to 1"};
}

Matrix floatsFromCodes(const QuantizedTensor::Codes& codes, std::size_t rows, std::size_t cols) {
  return std::visit(
      [&](const auto& values) {
        return Matrix(rows, cols, std::vector<float>(values.begin(), values.end()));
      },
      codes);
}

Matrix perGroup(const GroupLayout& layout, std::vector<float> values) {
  return {layout.rows, layout.groupsPerRow(), std::move(values)};
}

Result<WeightOnlyResult> quantizeWith(const QuantSpec& spec, WeightView weight, const char* name,
                                      bool returnInt, const Executor& executor) {
  if (weight.rows() == 0 || weight.cols() == 0) return WeightOnlyResult{};
  const WeightTensor tensor = borrowed(weight, name);
  const auto survey = surveyFinite(tensor, executor);
  if (!survey) return survey.error();
  const Coding coding = codingOf(tensor, spec, *survey);
  const bool clipped = spec.clip.kind == ClipPolicy::Kind::Ratio;
  const ClipRatios ratios = ClipRatios::whole(clipped ? spec.clip.ratio : 1);
  auto parameters = groupParametersOf(tensor, coding, ratios, executor);
  if (!parameters) return parameters.error();

  WeightOnlyResult result;
  if (returnInt) {
    auto codes = quantized(tensor, coding, std::move(*parameters), ratios, executor);
    if (!codes) return codes.error();
    result.values = floatsFromCodes(codes->codes, weight.rows(), weight.cols());
    *parameters = std::move(codes->parameters);
  } else {
    auto values = dequantized(tensor, coding, *parameters, executor);
    if (!values) return values.error();
    result.values = std::move(*values);
  }
  const GroupLayout& layout = coding.layout;
  result.scale = perGroup(layout, parameters->decoding());
  if (!parameters->zeroPoint.empty()) {
    result.zeroPoint = perGroup(layout, std::move(parameters->zeroPoint));
  }
  return result;
}

std::string shapeText(const Matrix& matrix) {
  return std::to_string(matrix.rows) + "x" + std::to_string(matrix.cols);
}

Status checkScaleShape(const char* what, const Matrix& given, const GroupLayout& layout) {
  if (given.rows == layout.rows && given.cols == layout.groupsPerRow()) return ok();
  return Error{ErrorCode::DoesNotFit, std::string(what) + " has shape " + shapeText(given) +
                                          ": allowed is " + std::to_string(layout.rows) + "x" +
                                          std::to_string(layout.groupsPerRow()) +
                                          " (rows x groups)"};
}

Result<WeightOnlyResult> quantize4bitWithScale(WeightView tensor, const QuantSpec& spec,
                                               bool returnInt, const Matrix& scale) {
  const GroupLayout layout = GroupLayout::of(tensor.rows(), tensor.cols(), -1);
  if (auto status = checkScaleShape("scale", scale, layout); !status) return status.error();
  const WeightTensor weights = borrowed(tensor, "tensor");
  const auto survey = surveyFinite(weights, Executor(1));
  if (!survey) return survey.error();
  const Codec codec = codingOf(weights, spec, *survey).codec;
  const kernels::BlockShape shape{tensor.rows(), tensor.cols(), layout.groupSize};
  std::vector<float> scratch;
  const MatrixView values = weights.block(0, weights.rows(), scratch);
  WeightOnlyResult result{Matrix(tensor.rows(), tensor.cols()), scale, std::nullopt};
  if (returnInt) {
    std::vector<std::int32_t> codes(weights.elements());
    kernels::activeKernels().encode(codec, shape, values.data, scale.values.data(), nullptr,
                                    codes.data());
    result.values.values.assign(codes.begin(), codes.end());
  } else {
    kernels::activeKernels().quantizeDequantize(codec, shape, values.data, scale.values.data(),
                                                nullptr, scale.values.data(),
                                                result.values.values.data());
  }
  return result;
}

}  // namespace

Result<WeightOnlyResult> quantize_4bit(WeightView tensor, double quantile, std::string_view dtype,
                                       bool return_int, const Matrix* scale, Compute compute) {
  auto spec = rowSpecOf(tensor.cols(), 4, "sym", quantile, dtype, false, compute);
  if (!spec) return spec.error();
  if (!spec->isFloat() || spec->bits != 4) {
    return Error{ErrorCode::InvalidArgument,
                 "dtype " + std::string(dtype) + ": allowed are " +
                     formatNames([](const NumberFormat& format) { return format.bits == 4; })};
  }
  if (scale != nullptr) return quantize4bitWithScale(tensor, *spec, return_int, *scale);
  return quantizeWith(*spec, tensor, "tensor", return_int, Executor(1));
}

Result<WeightOnlyResult> qdq_weight_asym(WeightView weight, int bits, double quantile,
                                         bool return_int, Compute compute) {
  return qdq_weight_actor(weight, bits, "asym", quantile, "int", return_int, false, compute);
}

Result<WeightOnlyResult> qdq_weight_sym(WeightView weight, int bits, double quantile,
                                        bool return_int, bool full_range, Compute compute) {
  return qdq_weight_actor(weight, bits, "sym", quantile, "int", return_int, full_range, compute);
}

Result<WeightOnlyResult> qdq_weight_actor(WeightView weight, int bits, std::string_view scheme,
                                          double quantile, std::string_view dtype, bool return_int,
                                          bool full_range, Compute compute) {
  auto spec = rowSpecOf(weight.cols(), bits, scheme, quantile, dtype, full_range, compute);
  if (!spec) return spec.error();
  return quantizeWith(*spec, weight, "weight", return_int, Executor(1));
}

Result<WeightOnlyResult> quant_tensor(WeightView weight, int bits, long long group_size,
                                      std::string_view scheme, double quantile,
                                      std::string_view dtype, bool return_int, bool full_range,
                                      const DoubleQuantArguments& double_quant,
                                      const Executor& executor, Compute compute) {
  if (bits <= 0) return WeightOnlyResult{floatsOf(weight), {}, {}};
  auto spec = specOf(bits, group_size, scheme, quantile, dtype, full_range, compute);
  if (!spec) return spec.error();
  if (double_quant.double_quant) {
    auto dqDtype = parseDtype(double_quant.double_quant_dtype);
    if (!dqDtype) return dqDtype.error();
    auto dqScheme = parseScheme(double_quant.double_quant_scheme);
    if (!dqScheme) return dqScheme.error();
    spec->doubleQuant = DoubleQuant{*dqDtype, double_quant.double_quant_bits, *dqScheme,
                                    double_quant.double_quant_group_size};
    if (auto status = spec->validate(); !status) return status.error();
  }
  return quantizeWith(*spec, weight, "weight", return_int, executor);
}

Result<WeightOnlyResult> quant_tensor(WeightView weight, const QuantSpec& spec, bool return_int,
                                      const Executor& executor) {
  if (auto status = checkFixed(spec); !status) return status.error();
  return quantizeWith(spec, weight, "weight", return_int, executor);
}

Result<ClipCurve> search_clip(WeightView m, int bits, long long group_size, std::string_view scheme,
                              std::string_view dtype, bool enable_full_range,
                              const Executor& executor, Compute compute) {
  auto spec = specOf(bits, group_size, scheme, 1.0, dtype, enable_full_range, compute);
  if (!spec) return spec.error();
  return search_clip(m, *spec, executor);
}

Result<ClipCurve> search_clip(WeightView m, const QuantSpec& spec, const Executor& executor) {
  if (auto status = spec.validate(); !status) return status.error();
  const WeightTensor tensor = borrowed(m, "m");
  const auto survey = surveyFinite(tensor, executor);
  if (!survey) return survey.error();
  return clipCurveOf(tensor, codingOf(tensor, spec, *survey), executor);
}

Result<Matrix> quant_weight_w_scale(WeightView weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, long long group_size,
                                    std::string_view dtype, Compute compute) {
  auto spec = specOf(4, group_size, "sym", 1.0, dtype, false, compute);
  if (!spec) return spec.error();
  return quant_weight_w_scale(weight, scale, zp, *spec);
}

Result<Matrix> quant_weight_w_scale(WeightView weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, const QuantSpec& spec) {
  return quant_weight_w_scale(borrowed(weight, "weight"), scale, zp, spec);
}

Result<Matrix> quant_weight_w_scale(const WeightTensor& weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, const QuantSpec& spec) {
  if (auto status = spec.validate(); !status) return status.error();
  const GroupLayout layout = layoutOf(spec, weight.rows(), weight.cols());
  if (auto status = checkScaleShape("scale", scale, layout); !status) return status.error();
  if (zp) {
    if (auto status = checkScaleShape("zero point", *zp, layout); !status) return status.error();
  }
  const auto survey = surveyFinite(weight, Executor(1));
  if (!survey) return survey.error();
  return codesFromScales(weight, codingOf(weight, spec, *survey), scale, zp ? &*zp : nullptr);
}

}  // namespace quantoscope
