// The list of tensors to choose from.
#pragma once

#include <QWidget>

#include "ui/models/tensor_list_model.h"
#include "ui/session/session.h"

QT_BEGIN_NAMESPACE
class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QTableView;
class QToolButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

class NameDelegate;
class TensorDetails;

/// Open files (when there are several), a filter, the tensors of the current file and a line about
/// what is shown. Moving through the table chooses tensors; Down and Enter lead from the filter
/// into it. A click on a header sorts; a third one returns to the file's order.
class TensorBrowser : public QWidget {
  Q_OBJECT

 public:
  /// The session must outlive the browser.
  explicit TensorBrowser(Session* session, QWidget* parent = nullptr);

  void focusFilter();
  void focusTable();
  /// Chooses the next (+1) or previous (-1) row that is shown and can be quantized.
  void step(int direction);

  QSize sizeHint() const override;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void setUpTable();
  QWidget* tableAndDetails();
  void updateDetails();
  void showFiles();
  void showCurrentTensor();
  void rowChosen(const QModelIndex& current);
  void updateNote();
  void showNote(const QString& text, const QString& link = {});
  void fitColumns();
  void fitRows();
  int widestName() const;

  Session* session_;
  TensorListModel* model_;
  TensorFilterModel* filter_;
  QComboBox* files_;
  QLineEdit* words_;
  QCheckBox* showAll_;
  QTableView* table_;
  QLabel* note_;
  TensorDetails* details_;
  QToolButton* showDetails_;
  NameDelegate* names_;
  bool following_ = false;  ///< the table follows the session, not the user
};

}  // namespace quantoscope::ui
