// What the context menu of a plot offers.
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtWidgets/QWidget>

#include "core/base/text.h"
#include "ui/plots/plot.h"
#include "ui/plots/plot_table.h"

namespace quantoscope::ui {

void Plot::createActions() {
  const auto add = [this](const QString& text, const QKeySequence& shortcut, auto slot) {
    auto* action = new QAction(text, this);
    action->setShortcut(shortcut);
    action->setShortcutContext(Qt::WidgetShortcut);
    connect(action, &QAction::triggered, this, slot);
    addAction(action);
    dataActions_.append(action);
    return action;
  };
  const auto addSeparator = [this] {
    auto* separator = new QAction(this);
    separator->setSeparator(true);
    addAction(separator);
  };
  const auto copy = [](const QString& text) { QGuiApplication::clipboard()->setText(text); };

  firstCommonAction_ = add(tr("&Reset View"), Qt::Key_Home, &Plot::resetView);
  addSeparator();
  cursorActions_ = {
      add(tr("Copy &Value"), QKeySequence::Copy, [this, copy] { copy(valueAsText()); }),
      add(tr("Copy R&ow"), Qt::CTRL | Qt::ALT | Qt::Key_C, [this, copy] { copy(rowAsTsv()); })};
  add(tr("Copy &Table"), Qt::CTRL | Qt::SHIFT | Qt::Key_T, [this, copy] { copy(tableAsTsv()); });
  add(tr("Copy &Picture"), Qt::CTRL | Qt::SHIFT | Qt::Key_I,
      [this] { QGuiApplication::clipboard()->setImage(image(size(), devicePixelRatioF())); });
  addSeparator();
  add(tr("S&how as Table"), Qt::Key_T, &Plot::showAsTable);
  addSeparator();
  add(tr("&Save Picture…"), {}, [this] {
    saveByDialog(tr("Save picture"),
                 {tr("PNG image (*.png)"), tr("SVG drawing (*.svg)"), tr("PDF page (*.pdf)")},
                 QStringLiteral("png"),
                 [this](const QString& path) { return exportImage(path, size(), 2); });
  });
  add(tr("Save Table as CS&V…"), {}, [this] {
    saveByDialog(tr("Save table"), {tr("Comma-separated values (*.csv)")}, QStringLiteral("csv"),
                 [this](const QString& path) { return exportTable(path); });
  });
}

void Plot::addPlotAction(QAction* action) {
  action->setShortcutContext(Qt::WidgetShortcut);
  insertAction(firstCommonAction_, action);
}

void Plot::updateActions() {
  const bool showing = isShowing();
  for (QAction* action : std::as_const(dataActions_)) action->setEnabled(showing);
  const bool pointing = showing && (menuRow_ || (!hoverText_.isEmpty() && cursorRow()));
  for (QAction* action : std::as_const(cursorActions_)) action->setEnabled(pointing);
}

std::optional<std::size_t> Plot::rowToCopy() const {
  return menuRow_ ? menuRow_ : cursorRow();
}

QString Plot::valueAsText() const {
  const Table numbers = table();
  const auto row = rowToCopy();
  if (!row || *row >= static_cast<std::size_t>(numbers.rows.size())) return {};
  const double value =
      numbers.rows[static_cast<qsizetype>(*row)].value(static_cast<qsizetype>(valueColumn()));
  return QString::fromStdString(formatNumber(value));
}

QString Plot::rowAsTsv() const {
  Table numbers = table();
  const auto row = rowToCopy();
  if (!row || *row >= static_cast<std::size_t>(numbers.rows.size())) return {};
  numbers.rows = {numbers.rows[static_cast<qsizetype>(*row)]};
  return asTsv(numbers);
}

void Plot::showAsTable() {
  PlotTable* shown = findChild<PlotTable*>();
  if (shown == nullptr) shown = new PlotTable(this);
  shown->show();
  shown->raise();
  shown->activateWindow();
}

}  // namespace quantoscope::ui
