// All tensors of a model in one table.
#pragma once

#include <QTimer>
#include <QWidget>

#include "ui/models/tensor_list_model.h"
#include "ui/session/preset_store.h"
#include "ui/session/session.h"
#include "ui/session/settings.h"

QT_BEGIN_NAMESPACE
class QAction;
class QLabel;
class QLineEdit;
class QMenu;
class QStackedWidget;
class QTableView;
class QToolButton;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Every tensor that can be quantized with what its settings lead to, the worst SQNR first, filled
/// in as the session measures. Any column can be sorted by, hidden and moved; how they are is
/// remembered. Ctrl and Shift select several tensors, which are then given the present settings, a
/// preset or the default, as one step each. Enter, or a double click, shows a tensor. The last line
/// sums up the model, or what is selected of it.
class OverviewPanel : public QWidget {
  Q_OBJECT

 public:
  /// All must outlive the panel.
  OverviewPanel(Session* session, Settings* settings, PresetStore* ownPresets,
                QWidget* parent = nullptr);
  ~OverviewPanel() override;

  /// Gives the selected tensors the settings of the one that is shown.
  QAction* applyAction() const { return apply_; }
  void focusFilter();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void createFilter();
  void createTable();
  void createActions();
  int restoreColumns();
  void createColumnMenu();
  void fillPresets(QMenu* menu);
  QWidget* headline();

  QStringList selectedTensors() const;
  std::vector<int> selectedRows() const;
  void applyToSelected(const QuantSpec& spec, const QString& what);
  void showChosen();
  void copyRows() const;
  void updateState();
  void updateActions();

  Session* session_;
  Settings* settings_;
  PresetStore* ownPresets_;
  TensorListModel* model_;
  TensorFilterModel* filter_;
  QLineEdit* words_;
  QLabel* problem_;
  QStackedWidget* pages_;
  QTableView* table_;
  QLabel* message_;
  QLabel* totals_;
  QMenu* columns_;
  QAction* show_;
  QAction* apply_;
  QAction* default_;
  QAction* copy_;
  QToolButton* presets_;
  QTimer later_;  ///< many tensors change at once: one sum is enough
};

}  // namespace quantoscope::ui
