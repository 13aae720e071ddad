#include "core/metrics/channels.h"

#include <algorithm>
#include <cmath>

namespace quantoscope {

namespace {

/// The lower median; 0 of nothing.
double medianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool fartherOut(const OutlierChannel& a, const OutlierChannel& b) {
  return a.times() != b.times() ? a.times() > b.times() : a.channel < b.channel;
}

Error invalid(ErrorCode code, const std::string& name, const std::string& what) {
  return {code, name + ": " + what +
                    "; importance is one finite weight of 0 or more for each input channel, not "
                    "all of them 0"};
}

}  // namespace

ColumnSums::ColumnSums(std::size_t cols)
    : squaredError_(cols),
      absError_(cols),
      squaredWeight_(cols),
      error_(cols),
      cross_(cols),
      clipping_(cols),
      maxAbsError_(cols),
      maxAbsWeight_(cols),
      maxRow_(cols) {}

void ColumnSums::add(MatrixView weights, const float* errors, std::size_t firstRow,
                     const float* clipped) {
  const bool first = rows_ == 0;
  rows_ += weights.rows;
  for (std::size_t r = 0; r < weights.rows; ++r) {
    const float* w = weights.data + r * weights.cols;
    const float* e = errors + r * weights.cols;
    const auto row = static_cast<std::uint32_t>(firstRow + r);
    if (first && r == 0) std::fill(maxRow_.begin(), maxRow_.end(), row);
    for (std::size_t c = 0; c < weights.cols; ++c) {
      const double error = e[c];
      const double weight = w[c];
      squaredError_[c] += error * error;
      absError_[c] += std::fabs(error);
      squaredWeight_[c] += weight * weight;
      error_[c] -= error;
      cross_[c] += weight * error;
      maxRow_[c] = std::fabs(e[c]) > maxAbsError_[c] ? row : maxRow_[c];
      maxAbsError_[c] = std::max(maxAbsError_[c], std::fabs(e[c]));
      maxAbsWeight_[c] = std::max(maxAbsWeight_[c], std::fabs(w[c]));
    }
    if (clipped == nullptr) continue;
    const float* out = clipped + r * weights.cols;
    for (std::size_t c = 0; c < weights.cols; ++c) {
      const double error = out[c];
      clipping_[c] += error * error;
    }
  }
}

void ColumnSums::append(const ColumnSums& next) {
  for (std::size_t c = 0; c < cols(); ++c) {
    squaredError_[c] += next.squaredError_[c];
    absError_[c] += next.absError_[c];
    squaredWeight_[c] += next.squaredWeight_[c];
    error_[c] += next.error_[c];
    cross_[c] += next.cross_[c];
    clipping_[c] += next.clipping_[c];
    if (rows_ == 0 || next.maxAbsError_[c] > maxAbsError_[c]) maxRow_[c] = next.maxRow_[c];
    maxAbsError_[c] = std::max(maxAbsError_[c], next.maxAbsError_[c]);
    maxAbsWeight_[c] = std::max(maxAbsWeight_[c], next.maxAbsWeight_[c]);
  }
  rows_ += next.rows_;
}

ErrorTally ColumnSums::tally(std::size_t col) const {
  ErrorTally tally;
  tally.count = rows_;
  tally.squaredError = squaredError_[col];
  tally.absError = absError_[col];
  tally.squaredWeight = squaredWeight_[col];
  tally.maxAbsError = maxAbsError_[col];
  tally.maxAbsWeight = maxAbsWeight_[col];
  tally.error = error_[col];
  tally.cross = cross_[col];
  tally.clipping = clipping_[col];
  tally.maxAt = static_cast<std::uint64_t>(maxRow_[col]) * cols() + col;
  return tally;
}

ChannelOutliers ChannelOutliers::of(const ColumnSums& columns, std::size_t limit) {
  std::vector<double> rms;
  std::vector<double> maxAbs;
  for (std::size_t c = 0; c < columns.cols(); ++c) {
    const ErrorTally tally = columns.tally(c);
    if (tally.maxAbsWeight == 0) continue;
    rms.push_back(tally.weightRms());
    maxAbs.push_back(tally.maxAbsWeight);
  }
  ChannelOutliers found;
  found.medianRms = medianOf(std::move(rms));
  found.medianMaxAbs = medianOf(std::move(maxAbs));

  for (std::size_t c = 0; c < columns.cols(); ++c) {
    const ErrorTally tally = columns.tally(c);
    if (tally.maxAbsWeight == 0) continue;
    const OutlierChannel channel{c, tally.weightRms(), tally.maxAbsWeight,
                                 tally.weightRms() / found.medianRms,
                                 tally.maxAbsWeight / found.medianMaxAbs};
    if (channel.times() > kFactor) found.channels.push_back(channel);
  }
  found.count = found.channels.size();
  const std::size_t kept = std::min(limit, found.channels.size());
  std::partial_sort(found.channels.begin(),
                    found.channels.begin() + static_cast<std::ptrdiff_t>(kept),
                    found.channels.end(), fartherOut);
  found.channels.resize(kept);
  found.channels.shrink_to_fit();
  return found;
}

Profile profileOf(const ColumnSums& columns, std::size_t limit) {
  return groupPositionProfile(columns, 1, limit);
}

Profile groupPositionProfile(const ColumnSums& columns, std::size_t groupSize, std::size_t limit) {
  ProfileBuilder builder((columns.cols() + groupSize - 1) / groupSize, limit);
  for (std::size_t begin = 0; begin < columns.cols(); begin += groupSize) {
    const std::size_t end = std::min(begin + groupSize, columns.cols());
    ErrorTally group;
    for (std::size_t c = begin; c < end; ++c) group.add(columns.tally(c));
    builder.add(begin / groupSize, group);
  }
  return builder.profile();
}

Result<Importance> Importance::of(std::vector<float> values, std::size_t cols,
                                  const std::string& name) {
  if (values.size() != cols) {
    return invalid(
        ErrorCode::DoesNotFit, name,
        std::to_string(values.size()) + " weights for " + std::to_string(cols) + " input channels");
  }
  bool allZero = true;
  const auto at = [](std::size_t c) { return " for input channel " + std::to_string(c); };
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (!std::isfinite(values[c])) {
      return invalid(ErrorCode::NotFinite, name, "a weight that is not finite" + at(c));
    }
    if (values[c] < 0) {
      return invalid(ErrorCode::InvalidArgument, name, "a negative weight" + at(c));
    }
    if (values[c] != 0) allZero = false;
  }
  if (allZero) return invalid(ErrorCode::InvalidArgument, name, "all weights are 0");
  return Importance(std::move(values));
}

double Importance::sum() const {
  double total = 0;
  for (const float value : values_) total += value;
  return total;
}

double Importance::weightedMse(std::span<const double> squaredErrors, std::size_t rows) const {
  double weighted = 0;
  for (std::size_t c = 0; c < values_.size(); ++c) weighted += values_[c] * squaredErrors[c];
  return weighted / (sum() * static_cast<double>(rows));
}

std::span<const float> valuesOf(const std::shared_ptr<const Importance>& importance) {
  return importance ? importance->values() : std::span<const float>();
}

}  // namespace quantoscope
