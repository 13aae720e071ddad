// Statistics of selected weights.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine/detail.h"
#include "core/engine/selection.h"

namespace quantoscope {

struct SelectionRequest {
  std::uint64_t id = 0;  ///< copied into the answer
  std::shared_ptr<const WeightTensor> tensor;
  Selection selection;
  /// The whole answers to the tensor under one specification: their clip ratios, bins, cells and
  /// points are those that the selected weights are counted in.
  SharedResult result;
  SharedDetail detail;
};

/// Immutable once made; sizes are fit for plotting. Errors are y - w, in weight units where nothing
/// else is said. Where nothing is selected all numbers are 0.
struct SelectedWeights {
  std::uint64_t id = 0;
  Selection selection;
  TensorInfo info;
  QuantSpec spec;

  std::uint64_t total = 0;  ///< weights of the tensor
  std::uint64_t count = 0;  ///< of them, selected
  double share() const;     ///< 0..1

  float minWeight = 0;
  float maxWeight = 0;
  double meanWeight = 0;
  double stdWeight = 0;  ///< of the population

  ErrorTally errors;       ///< |e|, e^2 and w^2 added up, and the largest
  double meanError = 0;    ///< of y - w
  Position maxAbsErrorAt;  ///< the first of the largest
  std::uint64_t clipped = 0;
  double squaredErrorShare = 0;  ///< of the tensor's squared error, 0..1

  Histogram weights;                      ///< with the bins of the result's
  std::array<Histogram, 3> errorsByUnit;  ///< by ErrorUnit, with the bins of the detail's
  std::vector<std::uint64_t> codes;       ///< in the order of the detail's CodeUse
  std::vector<std::uint64_t> cells;       ///< of the detail's map
  std::vector<std::uint64_t> rows;        ///< of the points of the detail's profiles
  std::vector<std::uint64_t> groupPositions;
  std::vector<std::uint64_t> columns;
  double elapsedMs = 0;
};

using SharedSelection = std::shared_ptr<const SelectedWeights>;

/// Finds and counts the selected weights, in a pass for the groups' parameters and one that skips
/// rows in which nothing can be selected. The same bits for any number of threads. Memory: a block
/// and one set of counts a thread. Errors: InvalidArgument where result and detail are missing, a
/// preview, or do not answer this tensor under one specification; what groupParametersOf says;
/// Cancelled. Thread-safe.
Result<SharedSelection> selectWeights(const SelectionRequest& request, const Executor& executor,
                                      const TaskControl& control = {});

}  // namespace quantoscope
