// Two configurations of the tensor that is shown, against each other.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>

#include "core/engine/question.h"
#include "core/engine/win_rate.h"
#include "ui/session/pin_store.h"

namespace quantoscope::ui {

/// Asks in the background which of two configurations has the smaller error where. Each side is a
/// pin, or the present settings. Groups are counted in the larger group size of the two, so that
/// each holds whole groups of both where one divides the other. Lives on the GUI thread.
class HeadToHead : public QObject {
  Q_OBJECT

 public:
  static constexpr int kPresent = 0;  ///< the side that is the present settings

  /// One side as it is drawn.
  struct Side {
    int pin = kPresent;
    QString name;
    int color = -1;  ///< a number for pinColor(); -1: the present settings
    QuantSpec spec;
  };

  /// Both must outlive it.
  HeadToHead(Session* session, PinStore* pins, QObject* parent = nullptr);

  /// The possible sides: the present settings, then the pins of the tensor that is shown.
  std::vector<Side> candidates() const;
  /// By the pin's id or kPresent. Both may be the same, which problem() then says.
  void choose(int first, int second);
  /// The sides; nothing where one is gone. Without a choice: the present settings and the baseline.
  std::optional<std::pair<Side, Side>> sides() const;

  /// Whose sides() and tensor are those of the present; null until it is known.
  SharedWinRate answer() const;
  /// Why there is no answer and none is awaited; empty where there is one, or it is awaited.
  QString problem() const;
  /// Whether the answer is shown; nothing is computed while it is not.
  void setWanted(bool wanted);

 Q_SIGNALS:
  void changed();  ///< sides, answer or problem

 private:
  static constexpr std::size_t kRemembered = 32;

  /// What is asked of the two.
  struct Pairing {
    Question first;
    QuantSpec second;
    bool operator==(const Pairing&) const = default;
  };
  struct PairingHash {
    std::size_t operator()(const Pairing& asked) const noexcept {
      return QuestionHash{}(asked.first);
    }
  };

  std::optional<Side> sideOf(int pin) const;
  WinRateRequest request() const;
  std::optional<Pairing> pairing() const;
  const Result<SharedWinRate>* known() const;
  std::optional<BackgroundJob> next();
  void follow();

  Session* session_;
  PinStore* pins_;
  std::optional<int> first_;
  std::optional<int> second_;
  bool wanted_ = false;
  std::unordered_map<Pairing, Result<SharedWinRate>, PairingHash> answers_;
};

}  // namespace quantoscope::ui
