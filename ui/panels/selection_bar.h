// What the selected weights are, in words.
#pragma once

#include <QWidget>

#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QPushButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// One sentence about the selected weights, with buttons that copy their numbers and clear the
/// selection. Only there while something is selected.
class SelectionBar : public QWidget {
  Q_OBJECT

 public:
  /// The session must outlive the bar.
  explicit SelectionBar(Session* session, QWidget* parent = nullptr);

 private:
  void show();

  Session* session_;
  QLabel* text_;
  QPushButton* copy_;
};

}  // namespace quantoscope::ui
