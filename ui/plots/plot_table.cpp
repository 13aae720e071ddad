#include "ui/plots/plot_table.h"

#include <algorithm>

#include <QtCore/QSortFilterProxyModel>
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtGui/QKeyEvent>
#include <QtWidgets/QDialogButtonBox>
#include <QtWidgets/QHeaderView>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QTableView>
#include <QtWidgets/QVBoxLayout>

#include "ui/plots/brush_plot.h"

namespace quantoscope::ui {

void PlotTableModel::setTable(Plot::Table table) {
  const bool sameShape = table.header == table_.header && table.rows.size() == table_.rows.size();
  if (sameShape) {  // the selection and the place in the view stay
    table_ = std::move(table);
    if (rowCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    return;
  }
  beginResetModel();
  table_ = std::move(table);
  endResetModel();
}

int PlotTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(table_.rows.size());
}

int PlotTableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(table_.header.size());
}

QVariant PlotTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
  if (role != Qt::DisplayRole && role != NumberRole) return {};
  const double number = table_.rows[index.row()].value(index.column());
  if (role == NumberRole) return number;
  return QLocale().toString(number, 'g', QLocale::FloatingPointShortest);
}

QVariant PlotTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (role != Qt::DisplayRole) return {};
  return orientation == Qt::Horizontal ? QVariant(table_.header.value(section)) : QVariant(section);
}

PlotTable::PlotTable(Plot* plot)
    : QDialog(plot, Qt::Window),
      plot_(plot),
      model_(new PlotTableModel(this)),
      sorted_(new QSortFilterProxyModel(this)),
      summary_(new QLabel(this)),
      view_(new QTableView(this)) {
  setWindowTitle(tr("%1 as a table").arg(plot->title()));
  sorted_->setSourceModel(model_);
  sorted_->setSortRole(PlotTableModel::NumberRole);
  view_->setModel(sorted_);
  view_->setObjectName(QStringLiteral("plotTable"));
  view_->setAccessibleName(windowTitle());
  view_->setSortingEnabled(true);
  view_->sortByColumn(-1, Qt::AscendingOrder);  // as they stand in the plot
  view_->setSelectionBehavior(QAbstractItemView::SelectRows);
  view_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  view_->setTabKeyNavigation(false);
  view_->verticalHeader()->hide();
  view_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  view_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 5);
  view_->horizontalHeader()->setDefaultSectionSize(fontMetrics().averageCharWidth() * 22);
  view_->horizontalHeader()->setStretchLastSection(true);
  summary_->setWordWrap(true);
  summary_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  summary_->setAccessibleName(tr("Summary"));

  auto* copy = new QAction(tr("&Copy Rows"), view_);
  // The key is caught by eventFilter(): a view takes it itself, for a single cell.
  copy->setText(copy->text() + QLatin1Char('\t') +
                QKeySequence(QKeySequence::Copy).toString(QKeySequence::NativeText));
  connect(copy, &QAction::triggered, this, &PlotTable::copyRows);
  auto* copyAll = new QAction(tr("Copy &Table"), view_);
  connect(copyAll, &QAction::triggered, this,
          [this] { QGuiApplication::clipboard()->setText(plot_->tableAsTsv()); });
  view_->addActions({copy, copyAll});
  view_->setContextMenuPolicy(Qt::ActionsContextMenu);
  view_->installEventFilter(this);

  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  auto* copyButton = buttons->addButton(tr("Copy &Table"), QDialogButtonBox::ActionRole);
  connect(copyButton, &QPushButton::clicked, copyAll, &QAction::trigger);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
  for (auto* button : buttons->findChildren<QPushButton*>()) button->setAutoDefault(false);
  auto* layout = new QVBoxLayout(this);
  layout->addWidget(summary_);
  layout->addWidget(view_, 1);
  layout->addWidget(buttons);
  resize(fontMetrics().averageCharWidth() * 80, fontMetrics().height() * 28);

  connect(plot, &Plot::tableChanged, this, &PlotTable::fill);
  connect(view_, &QTableView::activated, this, [this] {
    auto* brushed = qobject_cast<BrushPlot*>(plot_);
    const std::vector<std::size_t> rows = chosenRows();
    // Sorted by a number, rows beside each other may be items far apart.
    const bool together = !rows.empty() && rows.back() - rows.front() + 1 == rows.size();
    if (brushed != nullptr && together) brushed->chooseRows(rows.front(), rows.back());
  });
}

void PlotTable::showEvent(QShowEvent* event) {
  QDialog::showEvent(event);
  fill();
  if (const auto row = plot_->cursorRow()) {
    const QModelIndex index = sorted_->mapFromSource(model_->index(static_cast<int>(*row), 0));
    view_->setCurrentIndex(index);
    view_->scrollTo(index);
  }
  view_->setFocus();
}

bool PlotTable::eventFilter(QObject* watched, QEvent* event) {
  const bool key = event->type() == QEvent::KeyPress;
  if (!key || !static_cast<QKeyEvent*>(event)->matches(QKeySequence::Copy)) {
    return QDialog::eventFilter(watched, event);
  }
  copyRows();
  return true;
}

/// A map has a quarter of a million rows: they are made only while the table is visible.
void PlotTable::fill() {
  if (!isVisible()) return;
  model_->setTable(plot_->table());
  summary_->setText(plot_->summary());
}

/// Ascending.
std::vector<std::size_t> PlotTable::chosenRows() const {
  std::vector<std::size_t> rows;
  for (const QModelIndex& index : view_->selectionModel()->selectedRows()) {
    rows.push_back(static_cast<std::size_t>(sorted_->mapToSource(index).row()));
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void PlotTable::copyRows() const {
  Plot::Table chosen{model_->table().header, {}};
  for (const std::size_t row : chosenRows()) {
    chosen.rows.append(model_->table().rows[static_cast<qsizetype>(row)]);
  }
  QGuiApplication::clipboard()->setText(Plot::asTsv(chosen));
}

}  // namespace quantoscope::ui
