// What runs, in the status bar.
#pragma once

#include <QTimer>
#include <QWidget>

#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QProgressBar;
class QToolButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Name, progress and duration of what the session does, and a button that cancels it; idle, how
/// long the last analysis took. Work that is over at once is not shown, so that nothing flickers.
class ActivityBar : public QWidget {
  Q_OBJECT

 public:
  /// The session must outlive the bar.
  explicit ActivityBar(Session* session, QWidget* parent = nullptr);

 private:
  void refresh();
  void showMachine();
  void showIdle();

  Session* session_;
  QTimer timer_;
  QLabel* text_;
  QLabel* elapsed_;
  QProgressBar* progress_;
  QToolButton* cancel_;
  QLabel* threads_;
};

}  // namespace quantoscope::ui
