// A whole model, or some tensors of it, in a few numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <QString>

#include "ui/session/session.h"

namespace quantoscope::ui {

/// Sums over the tensors of a file that can be quantized, under their present specs.
struct ModelTotals {
  std::size_t tensors = 0;
  std::size_t measured = 0;         ///< of them, those whose error under the present spec is known
  std::uint64_t weights = 0;        ///< of all of them
  std::uint64_t storedBytes = 0;    ///< as stored, uncompressed
  std::uint64_t quantizedBits = 0;  ///< with every overhead
  std::uint64_t otherBytes = 0;     ///< of arrays that are not quantized
  double signal = 0;                ///< sum of w^2 over the weights of the measured ones
  double noise = 0;                 ///< sum of e^2 over the same

  double bitsPerWeight() const;  ///< 0 without weights
  /// 10 log10(signal / noise): that of all weights together, so that large tensors count for more.
  /// Nothing until something is measured.
  std::optional<double> sqnrDb() const;

  /// Of the current file; `rows` are places in Session::tensors(), those that cannot be quantized
  /// count as others.
  static ModelTotals of(const Session& session, const std::vector<int>& rows);
  static ModelTotals of(const Session& session);
};

/// One line for people, in the user's locale: "24 tensors, 7.1 MB → 0.92 MB, 4.16 bits/weight, SQNR
/// 21.34 dB (12 of 24 measured)".
QString totalsText(const ModelTotals& totals);

}  // namespace quantoscope::ui
