// A specification resolved for one tensor.
#pragma once

#include "core/base/result.h"
#include "core/kernels/codec.h"
#include "core/parallel/executor.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/group_layout.h"
#include "core/tensor/health.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Whether a group's parameters follow from its weights and a clip ratio alone under a spec: not
/// with double quantization, the optimal policy, or a scale that all groups share.
bool standsAlone(const QuantSpec& spec);

/// The arithmetic of the published functions for the weights of a tensor: the type they are stored
/// as, float16 or bfloat16; float32 for all others.
Arithmetic storedArithmeticOf(const TensorInfo& info);

/// A valid spec with what follows from it for one tensor: resolved once by codingOf() and handed
/// down to every function that quantizes, so that none of them resolves it again. A value; copies
/// are independent and keep a user's own codebook alive.
struct Coding {
  QuantSpec spec;
  /// Its tensorScale and arithmetic are the tensor's own; a codebook of one's own belongs to
  /// `spec`.
  Codec codec;
  GroupLayout layout;

  /// The same with another clip policy, which neither format nor groups depend on.
  Coding withClip(ClipPolicy policy) const;
  /// The same with another grid of clip ratios.
  Coding withGrid(const RatioGrid& grid) const;
  /// The same without quantization of the scales.
  Coding onPlainScales() const;
  /// The same with another scale of the tensor, where the format has one (nvfp4), so that tensors
  /// share it: `scale` is the largest tensorScale of theirs, or any ordinary number above 0. Of
  /// other formats an equal copy.
  Coding withTensorScale(float scale) const;

  bool scalesStandAlone() const { return standsAlone(spec); }
};

/// Resolves a valid spec. Formats with one scale a tensor (nvfp4) take it from the largest
/// |weight|, in a pass of its own; a clip ratio does not change that scale. Errors: Cancelled.
Result<Coding> codingOf(const WeightTensor& tensor, const QuantSpec& spec, const Executor& executor,
                        const TaskControl& control = {});

/// The same, with no pass, for finite weights that were surveyed already.
Coding codingOf(const WeightTensor& tensor, const QuantSpec& spec, const WeightSurvey& survey);

}  // namespace quantoscope
