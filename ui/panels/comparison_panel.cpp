#include "ui/panels/comparison_panel.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QPainter>
#include <QSplitter>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

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
  table_->setModel(model_);
  table_->setObjectName(QStringLiteral("comparison"));
  table_->setAccessibleName(tr("Settings compared"));
  table_->setItemDelegateForColumn(ComparisonModel::Name, new PinDelegate(table_));
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::EditKeyPressed | QAbstractItemView::SelectedClicked);
  table_->setFrameShape(QFrame::NoFrame);
  table_->setShowGrid(false);
  table_->setWordWrap(false);
  table_->setTabKeyNavigation(false);
  table_->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  table_->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  table_->horizontalHeader()->setHighlightSections(false);

  auto* buttons = new QHBoxLayout;
  buttons->setContentsMargins(8, 4, 4, 0);
  const auto add = [&](const QString& text, const QString& toolTip,
                       void (ComparisonPanel::*slot)()) {
    QAction* action = addButton(text, toolTip, slot);
    auto* button = new QToolButton(this);
    button->setDefaultAction(action);
    button->setAccessibleName(toolTip);
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    buttons->addWidget(button);
    return action;
  };
  pin_ = add(tr("Pin"), tr("Pin the current settings"), &ComparisonPanel::pinCurrent);
  use_ = add(tr("Use"), tr("Go to the tensor of this pin and use its settings"),
             &ComparisonPanel::usePin);
  baseline_ =
      add(tr("Baseline"), tr("Compare the others with this pin"), &ComparisonPanel::makeBaseline);
  remove_ = add(tr("Remove"), tr("Remove this pin"), &ComparisonPanel::removePin);
  copy_ = addButton(tr("&Copy Table"), tr("Copy the table as tab-separated text"), nullptr);
  connect(copy_, &QAction::triggered, this, &ComparisonPanel::copyTable);
  buttons->addStretch(1);
  table_->addActions({pin_, use_, baseline_, remove_, copy_});
  table_->setContextMenuPolicy(Qt::ActionsContextMenu);

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
  splitter->setSizes({640, 360});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(4, 0, 4, 4);
  layout->addWidget(splitter);
  plot_->setMinimumWidth(120);
  followFont(this, [this] {
    setMinimumWidth(fontMetrics().averageCharWidth() * 45);
    table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 7);
  });

  connect(table_, &QTableView::doubleClicked, this, [this](const QModelIndex& index) {
    if (index.column() != ComparisonModel::Name) usePin();
  });
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &ComparisonPanel::updateButtons);
  connect(model_, &QAbstractItemModel::modelReset, this, [this] {
    showPoints();
    updateButtons();
  });
  showPoints();
  updateButtons();
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
    if (!shown || !number(ComparisonModel::Sqnr).isValid()) continue;
    points.push_back({model_->index(row, ComparisonModel::Name).data().toString(),
                      number(ComparisonModel::Bits).toDouble(),
                      number(ComparisonModel::Sqnr).toDouble(), pin != nullptr ? pin->color : -1});
  }
  plot_->setPoints(std::move(points));
}

void ComparisonPanel::updateButtons() {
  const bool chosen = chosenPin() != nullptr;
  pin_->setEnabled(!session_->currentTensor().isEmpty());
  for (QAction* action : {use_, baseline_, remove_}) action->setEnabled(chosen);
}

}  // namespace quantoscope::ui
