#include "core/quant/coding.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/scale_formats.h"

namespace quantoscope {

namespace {

Coding withoutTensorScale(const WeightTensor& tensor, const QuantSpec& spec) {
  Coding coding{spec, {}, layoutOf(spec, tensor.rows(), tensor.cols())};
  coding.codec = codecOf(coding.spec);
  if (spec.compute == Compute::Stored) {
    coding.codec = withArithmetic(coding.codec, storedArithmeticOf(tensor.info()));
  }
  return coding;
}

}  // namespace

Arithmetic storedArithmeticOf(const TensorInfo& info) {
  if (info.dtype == nameOf(StoredType::Float16)) return Arithmetic::Float16;
  if (info.dtype == nameOf(StoredType::BFloat16)) return Arithmetic::BFloat16;
  return Arithmetic::Float32;
}

Coding Coding::withClip(ClipPolicy policy) const {
  Coding other = *this;
  other.spec.clip = policy;
  return other;
}

Coding Coding::withGrid(const RatioGrid& grid) const {
  Coding other = *this;
  other.spec.grid = grid;
  return other;
}

Coding Coding::onPlainScales() const {
  Coding other = *this;
  other.spec.doubleQuant.reset();
  return other;
}

Coding Coding::withTensorScale(float scale) const {
  Coding other = *this;
  if (codec.scaleFormat == ScaleFormat::E4m3) other.codec.tensorScale = scale;
  return other;
}

bool standsAlone(const QuantSpec& spec) {
  return !spec.doubleQuant && spec.clip.kind != ClipPolicy::Kind::Optimal &&
         codecOf(spec).scaleFormat != ScaleFormat::E4m3;
}

Result<Coding> codingOf(const WeightTensor& tensor, const QuantSpec& spec, const Executor& executor,
                        const TaskControl& control) {
  Coding coding = withoutTensorScale(tensor, spec);
  if (coding.codec.scaleFormat != ScaleFormat::E4m3) return coding;
  const auto survey = surveyOf(tensor, executor, control);
  if (!survey) return survey.error();
  return codingOf(tensor, spec, *survey);
}

Coding codingOf(const WeightTensor& tensor, const QuantSpec& spec, const WeightSurvey& survey) {
  Coding coding = withoutTensorScale(tensor, spec);
  if (coding.codec.scaleFormat == ScaleFormat::E4m3) {
    const float largest = std::max(std::fabs(survey.min), std::fabs(survey.max));
    coding.codec.tensorScale = kernels::nvfp4TensorScale(largest);
  }
  return coding;
}

}  // namespace quantoscope
