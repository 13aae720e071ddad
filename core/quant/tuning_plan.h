// Chosen specifications for the tensors of a model.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/sha256.h"
#include "core/metrics/error_metrics.h"
#include "core/quant/quant_spec.h"

namespace quantoscope {

/// One tensor's chosen spec.
struct TensorPlan {
  QuantSpec spec;
  /// What a search found, where the spec searches and one ratio serves the whole tensor.
  std::optional<double> clipRatio;
  bool pinned = false;  ///< the user's own choice, which tuning leaves alone
  /// What the choice leads to, where it was measured.
  std::optional<ErrorMetrics> metrics;  ///< NaN where only some of them are known
  std::optional<double> bitsPerWeight;
};

/// The choices for all tensors of one file: those not listed get the default.
struct TuningPlan {
  std::string sourceFile;
  std::string sourceSha256;  ///< SourceDigest::sha256
  QuantSpec defaultSpec;
  std::map<std::string, TensorPlan> tensors;
  std::vector<FileDigest> sourceFiles = {};  ///< SourceDigest::files

  /// The spec to use for a tensor. A resolved clip ratio replaces a search.
  QuantSpec specFor(const std::string& tensor) const;
};

}  // namespace quantoscope
