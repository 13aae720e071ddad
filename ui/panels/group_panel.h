// One group in every detail.
#pragma once

#include <QWidget>

#include "ui/models/group_model.h"
#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QSplitter;
class QTableView;
QT_END_NAMESPACE

namespace quantoscope::ui {

class GroupPlot;

/// Scale, zero point, clip ratio and range of the group whose levels are shown, and its weights
/// with their codes, decoded values and errors: as a table, sortable, and as a small plot, beside
/// it where the panel is wide. Choosing rows selects their weights in all views; Ctrl+C copies them
/// as tab-separated text with full precision.
class GroupPanel : public QWidget {
  Q_OBJECT

 public:
  explicit GroupPanel(Session* session, QWidget* parent = nullptr);

  GroupPlot* plot() const { return plot_; }

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void showResult();
  void showHeadline();
  void selectRows();
  QString rowsAsTsv(QList<int> rows) const;

  Session* session_;
  GroupModel* model_;
  QLabel* headline_;
  QTableView* table_;
  GroupPlot* plot_;
  QSplitter* halves_;
};

}  // namespace quantoscope::ui
