// Which group's quantization levels are shown.
#pragma once

#include <QWidget>

#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QComboBox;
class QSpinBox;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// A typical group, or one by row and place in the row.
class GroupChooser : public QWidget {
  Q_OBJECT

 public:
  /// The session must outlive the chooser.
  explicit GroupChooser(Session* session, QWidget* parent = nullptr);

 private:
  void showState();
  void fitWidth();
  void choose();

  Session* session_;
  QComboBox* kind_;
  QSpinBox* row_;
  QSpinBox* group_;
};

}  // namespace quantoscope::ui
