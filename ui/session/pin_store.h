// The pinned configurations.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <QObject>

#include "ui/session/pin.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// Up to kMost pins in the order in which they were made, one of which may be the baseline that the
/// others are compared with. Every change is an undoable step of the file that is shown at the
/// time; without a file it is final. Measures are facts, no choices: they take no part in undo.
class PinStore : public QObject {
  Q_OBJECT

 public:
  static constexpr int kMost = 8;

  /// The session must outlive the store.
  explicit PinStore(Session* session, QObject* parent = nullptr);

  const std::vector<Pin>& pins() const { return pins_; }
  /// Null where there is none with this id.
  const Pin* find(int id) const;
  /// The pin that others are compared with: the one chosen, else the first; null without pins.
  const Pin* baseline() const;

  /// Pins the session's tensor under its present spec, with what is known of it; its name is the
  /// spec in words. Returns the id, or tells by refused() why not: no tensor, kMost pins, or a pin
  /// that says the same, whose id is then returned.
  int pinCurrent();
  void remove(int id);
  void removeAll();
  /// An empty name is ignored.
  void rename(int id, const QString& name);
  void setColor(int id, int color);
  void setShown(int id, bool shown);
  void setBaseline(int id);

  /// Replaces everything, with new ids and without a step of undo: for what was saved.
  void restore(std::vector<Pin> pins, int baselineIndex);
  /// All of them for a file, and back. What cannot be read is left out; refused() says so.
  QString toText() const;
  void restoreText(const QString& json);
  /// What a pin leads to, or why that cannot be known.
  void setMeasure(int id, SharedPinMeasure measure, const QString& problem = {});
  /// Follows a file that was found in another place; what was measured of the old one is dropped
  /// unless `same`.
  void relocate(const QString& from, const QString& to, bool same);

 Q_SIGNALS:
  void changed();  ///< the pins, or anything of one
  void refused(const QString& message);

 private:
  class Step;
  /// A pin with its place; without one it does not exist.
  struct Slot {
    std::optional<Pin> pin;
    std::size_t place = 0;
    int baseline = 0;  ///< id of the chosen baseline, 0 for none
  };

  std::vector<Pin>::iterator place(int id);
  void edit(int id, const QString& step, const std::function<void(Pin&)>& change);
  void push(const QString& step, int id, const Slot& before, const Slot& after);
  void apply(int id, const Slot& slot);
  int freeColor() const;

  Session* session_;
  std::vector<Pin> pins_;
  int baseline_ = 0;
  int lastId_ = 0;
};

}  // namespace quantoscope::ui
