// What the locator finds.
#include <QAction>
#include <QFileInfo>
#include <QMenu>
#include <QMenuBar>

#include "ui/main_window/main_window.h"
#include "ui/panels/locator.h"
#include "ui/session/presets.h"

namespace quantoscope::ui {

/// Tensors of the file, everything the menus offer, presets, and open and recent files.
void MainWindow::locate() {
  std::vector<Locator::Entry> entries;
  for (const TensorInfo& info : session_->tensors()) {
    if (!info.quantizable) continue;
    const QString name = QString::fromStdString(info.name);
    entries.push_back({name, tr("tensor"), [this, name] { session_->selectTensor(name); }});
  }
  for (const QMenu* menu : menuBar()->findChildren<QMenu*>()) {
    for (QAction* action : menu->actions()) {
      if (action->menu() != nullptr || action->isSeparator() || !action->isEnabled()) continue;
      QString name = action->text();
      name.remove(QLatin1Char('&'));
      entries.push_back({name, tr("action"), [action] { action->trigger(); }});
    }
  }
  if (!session_->currentTensor().isEmpty()) {
    for (const Preset& preset : presets()) {
      entries.push_back({preset.name, tr("preset"), [this, preset] {
                           session_->editSpec(preset.spec, tr("preset %1").arg(preset.name));
                         }});
    }
  }
  const QStringList open = session_->openFiles();
  for (int i = 0; i < open.size(); ++i) {
    entries.push_back({QFileInfo(open[i]).fileName(), tr("open file"),
                       [this, i] { session_->setCurrentFile(i); }});
  }
  (new Locator(std::move(entries), this))->open();
}

}  // namespace quantoscope::ui
