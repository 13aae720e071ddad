// Whether the codes of a quantized tensor would suit its original better in another order: what is
// tried where a tensor's error is larger than rounding explains.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/audit_pass.h"

namespace quantoscope {

/// Another order of codes, by its id in evidence.
enum class CodeOrder {
  PairsOfInputs,   ///< neighbouring inputs swapped: the other nibble first
  WordsOfInputs,   ///< the codes of each 32-bit word along the inputs in reverse
  PairsOfOutputs,  ///< neighbouring outputs swapped
  AwqToPlain,      ///< outputs 8c + [0,2,4,6,1,3,5,7] are 8c + 0..7
  PlainToAwq,      ///< the other way round
};
const char* sentenceOf(CodeOrder order);

struct OrderTrial {
  CodeOrder order = CodeOrder::PairsOfInputs;
  double gainDb = 0;  ///< by which the error falls
};

struct HeadTrial {
  std::size_t headRows = 0;
  bool fromHalves = false;  ///< rows of [2, d/2] where [d/2, 2] is meant; else the other way round
  double gainDb = 0;
};

struct MovedRow {
  std::size_t row = 0;   ///< where it is
  std::size_t from = 0;  ///< of the original
  double cosine = 0;
};

/// Input channels that were scaled before quantization, as AWQ and SmoothQuant do.
struct InputScaling {
  double gainDb = 0;     ///< by which the error falls if each column has a factor of its own
  double relatedDb = 0;  ///< what remains, against the decoded weights
  double least = 1, greatest = 1;  ///< factors, but for one in twenty at either end
};

/// The trials over one tensor, which has an original. They read stretches of rows all over it, so
/// their time does not depend on its size. Errors: those of reading; Cancelled.
class AuditTrials {
 public:
  AuditTrials(const AuditSubject& subject, const AuditedParameters& parameters,
              const TaskControl& control)
      : subject_(subject), p_(parameters), control_(control) {}

  /// The order that helps most.
  Result<OrderTrial> bestOrder() const;
  /// The rearrangement of q and k rows within heads that helps most; nothing where no size of head
  /// divides the rows.
  Result<std::optional<HeadTrial>> bestHeads() const;
  /// Of these rows, those that are like another row of the original; the first kMostMoved are
  /// looked for.
  Result<std::vector<MovedRow>> movedRows(const std::vector<std::size_t>& rows,
                                          const Executor& executor) const;
  /// Fits a factor to each column, over enough rows that this alone gains nothing.
  Result<InputScaling> inputScaling() const;

  static constexpr std::size_t kMostMoved = 16;
  /// A row that is another one has about its cosine: 0.8 with 1 bit, 0.94 with 2. Unrelated rows
  /// have some 0.1.
  static constexpr double kLikeness = 0.75;

 private:
  struct Stretch;
  Result<Stretch> stretch(std::size_t first, std::size_t rows) const;
  Result<std::vector<Stretch>> stretches(std::size_t each, std::size_t rows) const;
  float valueAt(const Stretch& stretch, std::size_t row, std::size_t codeRow, std::size_t col,
                std::size_t codeCol) const;

  const AuditSubject& subject_;
  const AuditedParameters& p_;
  const TaskControl& control_;
};

}  // namespace quantoscope
