// What a ratio of its own for each row or group gains.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ui/session/session.h"

namespace quantoscope::ui {

/// The outcome of a search per row or per group. Immutable.
struct ClipSpread {
  ClipPolicy::Kind kind = ClipPolicy::Kind::SearchRows;  ///< or SearchGroups
  RatioGrid window;                                      ///< the ratios that were tried
  std::vector<double> ratios;                            ///< of the window
  std::vector<std::uint64_t> counts;                     ///< rows or groups that chose each
  double mse = 0;                                        ///< of the tensor with them
  double unclippedMse = 0;                               ///< without clipping
  double wholeMse = 0;  ///< with the best single ratio of the window

  std::uint64_t total() const;
  /// How many chose the smallest ratio of the window, so that a smaller one may suit them better.
  std::uint64_t atEdge() const;
};

using SharedClipSpread = std::shared_ptr<const ClipSpread>;

/// Searches. `spec` is valid; its clip policy and grid play no part. Errors: DoesNotFit, Cancelled.
/// Thread-safe.
Result<SharedClipSpread> clipSpreadOf(const WeightTensor& tensor, const QuantSpec& spec,
                                      ClipPolicy::Kind kind, const RatioGrid& window,
                                      const Executor& executor, const TaskControl& control);

/// Searches the tensor that is shown under its spec, in the background, when asked to. Lives on the
/// GUI thread.
class ClipSpreads : public QObject {
  Q_OBJECT

 public:
  /// The session must outlive it.
  explicit ClipSpreads(Session* session, QObject* parent = nullptr);

  /// What is wanted from now on; nothing where `kind` is neither SearchRows nor SearchGroups.
  void want(ClipPolicy::Kind kind, const RatioGrid& window);
  /// Of what is wanted; null until it is known.
  SharedClipSpread spread() const;
  /// Why it cannot be known; empty where it can.
  QString problem() const;

 Q_SIGNALS:
  void changed();

 private:
  bool wanted() const;
  const Result<SharedClipSpread>* known() const;
  std::optional<Question> question() const;
  std::optional<BackgroundJob> next();

  Session* session_;
  ClipPolicy::Kind kind_ = ClipPolicy::Kind::None;
  RatioGrid window_;
  std::unordered_map<Question, Result<SharedClipSpread>, QuestionHash> spreads_;
};

}  // namespace quantoscope::ui
