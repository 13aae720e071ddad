// What the locator finds.
#include <QAction>
#include <QFileInfo>
#include <QMenu>
#include <QMenuBar>
#include <QPointer>

#include "ui/main_window/main_window.h"
#include "ui/models/tensor_list_model.h"
#include "ui/panels/locator.h"
#include "ui/session/preset_store.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

using Entries = std::vector<Locator::Entry>;

QString plain(QString text) {
  return text.remove(QLatin1Char('&'));
}

/// An action of a submenu is named with its menu: "Plot Image › Clip Curve…".
QString nameOf(const QAction& action, const QMenu& menu, const QMenuBar& bar) {
  QString name = plain(action.text());
  if (bar.actions().contains(menu.menuAction())) return name;
  return QStringLiteral("%1 › %2").arg(plain(menu.title()), name);
}

void addTensors(Entries& entries, Session* session, const TensorListModel* model) {
  const auto& tensors = session->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].quantizable) continue;
    const QString name = tensorText(tensors[i].name);
    entries.push_back({name, MainWindow::tr("tensor"),
                       [session, name] { session->selectTensor(name); },
                       [model, row = static_cast<int>(i)] { return model->factsOf(row); }});
  }
}

void addMenuEntries(Entries& entries, const QMenuBar& bar) {
  for (const QMenu* menu : bar.findChildren<QMenu*>()) {
    for (QAction* action : menu->actions()) {
      if (action->menu() != nullptr || action->isSeparator() || !action->isEnabled()) continue;
      const QString keys = action->shortcut().toString(QKeySequence::NativeText);
      const QString kind = MainWindow::tr("action");
      entries.push_back({nameOf(*action, *menu, bar),
                         keys.isEmpty() ? kind : QStringLiteral("%1, %2").arg(kind, keys),
                         [action = QPointer<QAction>(action)] {
                           if (action) action->trigger();  // recent files come and go
                         }});
    }
  }
}

void addPresets(Entries& entries, Session* session, const std::vector<Preset>& presets,
                const QString& kind) {
  for (const Preset& preset : presets) {
    entries.push_back({preset.name, kind, [session, preset] {
                         session->editSpec(preset.spec,
                                           MainWindow::tr("preset %1").arg(preset.name));
                       }});
  }
}

}  // namespace

/// Tensors of the file, everything the menus offer, presets, and open files.
void MainWindow::locate() {
  Entries entries;
  auto* model = new TensorListModel(session_);
  addTensors(entries, session_, model);
  addMenuEntries(entries, *menuBar());
  if (session_->hasTensor()) {
    addPresets(entries, session_, presets_->own(), tr("own preset"));
    addPresets(entries, session_, quantoscope::ui::presets(), tr("preset"));
  }
  const QStringList open = session_->openFiles();
  for (int i = 0; i < open.size(); ++i) {
    entries.push_back({shownName(QFileInfo(open[i]).fileName()), tr("open file"),
                       [this, i] { session_->setCurrentFile(i); }});
  }
  auto* locator = new Locator(std::move(entries), this);
  model->setParent(locator);
  // Tensors of another file are none of those that are listed.
  connect(session_, &Session::fileChanged, locator, &QDialog::reject);
  locator->open();
}

}  // namespace quantoscope::ui
