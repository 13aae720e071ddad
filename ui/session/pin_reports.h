// What pins lead to, beyond the numbers that are kept with them.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/engine/detail.h"
#include "core/engine/question.h"
#include "ui/session/pin_store.h"

namespace quantoscope::ui {

/// The answer to one pin.
struct PinReport {
  SharedResult result;
  SharedDetail detail;
};

/// Analyses the pins of the tensor that is shown, one after another in the background, so that
/// plots can lay them over each other, and completes the measures of those that have none yet. A
/// report lives as long as its pin does and its tensor is shown. Lives on the GUI thread.
class PinReports : public QObject {
  Q_OBJECT

 public:
  /// Both must outlive the reports.
  PinReports(Session* session, PinStore* pins, QObject* parent = nullptr);

  /// Null where it is not known (yet), or the pin is of another tensor.
  const PinReport* of(const Pin& pin) const;

 Q_SIGNALS:
  void changed();

 private:
  bool isShown(const Pin& pin) const;
  /// Nothing where the pin is of another tensor.
  std::optional<Question> questionOf(const Pin& pin) const;
  void follow();
  std::optional<BackgroundJob> next();
  void take(const Question& asked, PinReport report, PinMeasure measure);
  void refuse(const Question& asked, const QString& problem);

  Session* session_;
  PinStore* pins_;
  std::unordered_map<Question, PinReport, QuestionHash> reports_;
  std::unordered_set<Question, QuestionHash> refused_;  ///< tried without success
};

}  // namespace quantoscope::ui
