// One group in every detail.
#pragma once

#include <QWidget>

#include "ui/models/group_model.h"
#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QTableView;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Scale, zero point, clip ratio and range of the group whose levels are shown, and its weights
/// with their codes, decoded values and errors, sortable; selected rows are copied as tab-separated
/// text.
class GroupPanel : public QWidget {
  Q_OBJECT

 public:
  explicit GroupPanel(Session* session, QWidget* parent = nullptr);

 private:
  void showResult();
  void copySelection() const;

  Session* session_;
  GroupModel* model_;
  QLabel* headline_;
  QTableView* table_;
};

}  // namespace quantoscope::ui
