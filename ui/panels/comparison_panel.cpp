#include "ui/panels/comparison_panel.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QMenu>
#include <QPainter>
#include <QSplitter>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/panels/metric_delegate.h"
#include "ui/panels/plot_frame.h"
#include "ui/panels/text_size.h"
#include "ui/plots/theme.h"
#include "ui/plots/trade_off_plot.h"

namespace quantoscope::ui {

namespace {

/// The name with a square of the pin's colour before it.
class PinDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    const QVariant number = index.data(ComparisonModel::ColorRole);
    const int side = option->fontMetrics.height() * 2 / 3;
    QPixmap square(side, side);
    square.fill(number.isValid() ? pinColor(PlotTheme::from(option->palette), number.toInt())
                                 : QColor(Qt::transparent));
    option->icon = QIcon(square);
    option->decorationSize = {side, side};
    option->features |= QStyleOptionViewItem::HasDecoration;
  }
};

}  // namespace

ComparisonPanel::ComparisonPanel(Session* session, PinStore* pins, QWidget* parent)
    : QWidget(parent),
      session_(session),
      pins_(pins),
      model_(new ComparisonModel(session, pins, this)),
      table_(new QTableView(this)),
      plot_(new TradeOffPlot) {
  setUpTable();
  auto* buttons = new QHBoxLayout;
  buttons->setContentsMargins(8, 4, 4, 0);
  createActions(buttons);

  auto* left = new QWidget(this);
  left->setAutoFillBackground(true);
  left->setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(left);
  column->setContentsMargins(0, 0, 0, 0);
  column->addLayout(buttons);
  column->addWidget(table_, 1);
  auto* splitter = new QSplitter(this);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(left);
  splitter->addWidget(new PlotFrame(plot_));
  splitter->setSizes({680, 320});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(4, 0, 4, 4);
  layout->addWidget(splitter);
  plot_->setMinimumWidth(120);
  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 45);
    arrangeRows();
  });

  connect(table_, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    if (index.column() != ComparisonModel::Name) usePin();
  });
  connect(table_->selectionModel(), &QItemSelectionModel::currentChanged, this,
          &ComparisonPanel::updateButtons);
  const auto refreshed = [this] {
    showPoints();
    arrangeRows();
    updateButtons();
  };
  connect(model_, &QAbstractItemModel::modelReset, this, refreshed);
  connect(model_, &QAbstractItemModel::dataChanged, this, refreshed);
  refreshed();
}

void ComparisonPanel::setUpTable() {
  table_->setModel(model_);
  table_->setObjectName(QStringLiteral("comparison"));
  table_->setAccessibleName(tr("Settings compared"));
  table_->setItemDelegateForColumn(ComparisonModel::Name, new PinDelegate(table_));
  auto* numbers = new MetricDelegate(table_);
  for (int column = 0; column < ComparisonModel::kColumns; ++column) {
    if (ComparisonModel::isMetric(column)) table_->setItemDelegateForColumn(column, numbers);
    table_->setColumnHidden(
        column, ComparisonModel::isDifference(column) || ComparisonModel::isFurther(column));
  }
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::EditKeyPressed | QAbstractItemView::DoubleClicked);
  table_->setFrameShape(QFrame::NoFrame);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->setTabKeyNavigation(false);
  table_->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->horizontalHeader()->setAccessibleName(tr("Columns of the comparison"));
  table_->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table_->horizontalHeader()->setHighlightSections(false);
  offerColumns();
}

/// In the context menu of the column titles.
void ComparisonPanel::offerColumns() {
  QHeaderView* header = table_->horizontalHeader();
  header->setContextMenuPolicy(Qt::ActionsContextMenu);
  for (int column = 0; column < ComparisonModel::kColumns; ++column) {
    if (!ComparisonModel::isMetric(column)) continue;
    auto* action =
        new QAction(model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString(), header);
    action->setCheckable(true);
    action->setChecked(!table_->isColumnHidden(column));
    connect(action, &QAction::toggled, this,
            [this, column](bool on) { table_->setColumnHidden(column, !on); });
    header->addAction(action);
  }
}

void ComparisonPanel::createActions(QHBoxLayout* buttons) {
  const auto add = [&](QAction* action) {
    auto* button = new QToolButton(this);
    button->setDefaultAction(action);
    button->setAccessibleName(action->toolTip());
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    if (action->menu() != nullptr) button->setPopupMode(QToolButton::InstantPopup);
    buttons->addWidget(button);
  };
  pin_ = addButton(tr("Pin"), tr("Pin the current settings"), &ComparisonPanel::pinCurrent);
  use_ = addButton(tr("Use"), tr("Go to the tensor of this pin and use its settings"),
                   &ComparisonPanel::usePin);
  baseline_ = addButton(tr("Baseline"), tr("Compare the others with this pin"),
                        &ComparisonPanel::makeBaseline);
  color_ = addButton(tr("Colour"), tr("Colour of this pin"), nullptr);
  createColorMenu();
  remove_ = addButton(tr("Remove"), tr("Remove this pin"), &ComparisonPanel::removePin);
  remove_->setShortcut(QKeySequence::Delete);
  remove_->setShortcutContext(Qt::WidgetShortcut);
  for (QAction* action : {pin_, use_, baseline_, color_, remove_}) add(action);
  buttons->addStretch(1);
  removeAll_ = addButton(tr("Remove &All"), tr("Remove all pins"), nullptr);
  connect(removeAll_, &QAction::triggered, pins_, &PinStore::removeAll);
  copy_ = addButton(tr("&Copy Table"), tr("Copy the table as tab-separated text"), nullptr);
  copy_->setShortcut(QKeySequence::Copy);
  copy_->setShortcutContext(Qt::WidgetShortcut);
  connect(copy_, &QAction::triggered, this, &ComparisonPanel::copyTable);
  table_->addActions({pin_, use_, baseline_, color_, remove_, removeAll_, copy_});
  table_->setContextMenuPolicy(Qt::ActionsContextMenu);
}

void ComparisonPanel::createColorMenu() {
  auto* menu = new QMenu(this);
  menu->setObjectName(QStringLiteral("pinColors"));
  const QString names[Pin::kColors] = {tr("Colour &1"), tr("Colour &2"), tr("Colour &3"),
                                       tr("Colour &4"), tr("Colour &5"), tr("Colour &6"),
                                       tr("Colour &7"), tr("Colour &8")};
  for (int color = 0; color < Pin::kColors; ++color) {
    QAction* action = menu->addAction(names[color]);
    action->setCheckable(true);
    connect(action, &QAction::triggered, this, [this, color] {
      if (const Pin* pin = chosenPin()) pins_->setColor(pin->id, color);
    });
  }
  color_->setMenu(menu);
  connect(menu, &QMenu::aboutToShow, this, &ComparisonPanel::fillColors);
}

/// In the theme of the moment, with the chosen pin's own checked.
void ComparisonPanel::fillColors() {
  const PlotTheme theme = PlotTheme::from(palette());
  const Pin* pin = chosenPin();
  const QList<QAction*> actions = color_->menu()->actions();
  for (int color = 0; color < actions.size(); ++color) {
    QPixmap square(16, 16);
    square.fill(pinColor(theme, color));
    actions[color]->setIcon(QIcon(square));
    actions[color]->setChecked(pin != nullptr && pin->color == color);
  }
}

/// Two lines a row where there are differences.
void ComparisonPanel::arrangeRows() {
  bool differences = false;
  for (int row = 0; row < model_->rowCount(); ++row) {
    differences =
        differences ||
        model_->index(row, ComparisonModel::SqnrGain).data(ComparisonModel::NumberRole).isValid();
  }
  const int line = fontMetrics().height();
  table_->verticalHeader()->setDefaultSectionSize(differences ? 2 * line + 4 : line + 7);
}

QAction* ComparisonPanel::addButton(const QString& text, const QString& toolTip,
                                    void (ComparisonPanel::*slot)()) {
  auto* action = new QAction(text, this);
  action->setToolTip(toolTip);
  if (slot != nullptr) connect(action, &QAction::triggered, this, slot);
  return action;
}

const Pin* ComparisonPanel::chosenPin() const {
  const QModelIndex index = table_->currentIndex();
  return index.isValid() ? model_->pinAt(index.row()) : nullptr;
}

void ComparisonPanel::pinCurrent() {
  pins_->pinCurrent();
}

void ComparisonPanel::usePin() {
  const Pin* chosen = chosenPin();
  if (chosen == nullptr) return;
  const Pin pin = *chosen;  // the pins may change on the way
  if (pin.file != session_->currentPath()) {
    // Its settings follow once the file is there and Use is pressed again.
    session_->openFile(pin.file, pin.tensor);
    if (pin.file != session_->currentPath()) return;
  }
  if (pin.tensor != session_->currentTensor()) session_->selectTensor(pin.tensor);
  if (pin.tensor == session_->currentTensor()) {
    session_->editSpec(pin.spec, tr("settings of pin %1").arg(pin.name));
  }
}

void ComparisonPanel::makeBaseline() {
  if (const Pin* pin = chosenPin()) pins_->setBaseline(pin->id);
}

void ComparisonPanel::removePin() {
  if (const Pin* pin = chosenPin()) pins_->remove(pin->id);
}

void ComparisonPanel::copyTable() const {
  QStringList lines;
  QStringList header;
  for (int column = 0; column < ComparisonModel::kColumns; ++column) {
    header << model_->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
  }
  lines << header.join(QLatin1Char('\t'));
  for (int row = 0; row < model_->rowCount(); ++row) {
    QStringList cells;
    for (int column = 0; column < ComparisonModel::kColumns; ++column) {
      const QModelIndex index = model_->index(row, column);
      const QVariant number = index.data(ComparisonModel::NumberRole);
      cells << (number.isValid() ? QString::number(number.toDouble(), 'g', 17)
                                 : index.data().toString());
    }
    lines << cells.join(QLatin1Char('\t'));
  }
  QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

/// Those of the tensor that is shown: others have other weights.
void ComparisonPanel::showPoints() {
  std::vector<TradeOffPlot::Point> points;
  for (int row = 0; row < model_->rowCount(); ++row) {
    const auto number = [&](int column) {
      return model_->index(row, column).data(ComparisonModel::NumberRole);
    };
    const Pin* pin = model_->pinAt(row);
    const bool shown = pin == nullptr || (pin->file == session_->currentPath() &&
                                          pin->tensor == session_->currentTensor());
    const bool hidden = pin != nullptr && !pin->shown;
    if (!shown || hidden || !number(ComparisonModel::Sqnr).isValid()) continue;
    points.push_back({model_->index(row, ComparisonModel::Name).data().toString(),
                      number(ComparisonModel::Bits).toDouble(),
                      number(ComparisonModel::Sqnr).toDouble(), pin != nullptr ? pin->color : -1});
  }
  plot_->setPoints(std::move(points));
}

void ComparisonPanel::updateButtons() {
  const bool chosen = chosenPin() != nullptr;
  pin_->setEnabled(session_->hasTensor());
  for (QAction* action : {use_, baseline_, color_, remove_}) action->setEnabled(chosen);
  removeAll_->setEnabled(!pins_->pins().empty());
}

}  // namespace quantoscope::ui
