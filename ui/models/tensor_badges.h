// What is unusual about an array, in a few letters each.
#pragma once

#include <vector>

#include <QCoreApplication>
#include <QString>

#include "core/tensor/tensor_info.h"

namespace quantoscope::ui {

/// One badge and what it means, a sentence for people.
struct TensorBadge {
  enum class Kind { Dtype, Filter, Layout, Refusal };

  Kind kind = Kind::Dtype;
  QString text;
  QString meaning;

  bool operator==(const TensorBadge&) const = default;
};

/// The dtype always; then filters ("gz"), chunks without any, a matrix that is read transposed
/// ("T"), and why it is not shown ("refused", "no weight").
std::vector<TensorBadge> badgesOf(const TensorInfo& info);

/// Which stored axes hold the outputs and which the inputs: "axis 3 (64) = output channels, ...".
QString axesText(const TensorInfo& info);

/// How its elements lie in the file: "in one piece", "in chunks of 64 × 64, through shuffle, gzip".
QString storageText(const TensorInfo& info);

/// "4096 × 4096", "scalar".
QString shapeText(const std::vector<std::size_t>& shape);

}  // namespace quantoscope::ui
