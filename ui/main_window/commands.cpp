#include "ui/main_window/commands.h"

#include <functional>

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QStatusBar>

#include "core/base/text.h"
#include "ui/main_window/main_window.h"
#include "ui/plots/plot.h"
#include "ui/plots/plot_rows.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

using Command = std::function<QString()>;

QString quoted(const QString& text) {
  return QString::fromStdString(shellQuoted(text.toStdString()));
}

/// With how the current tensor is read, which the specification does not tell.
QString optionsOf(const Session& session, const QuantSpec& spec) {
  QString options = QString::fromStdString(commandLineOptions(spec));
  if (session.orientation() != Orientation::Auto) {
    options +=
        QStringLiteral(" --orientation ") + QString::fromLatin1(nameOf(session.orientation()));
  }
  if (session.wordsAreBFloat16()) options += QStringLiteral(" --bfloat16");
  return options;
}

QString command(const char* verb, const Session& session, const QString& options) {
  return QStringLiteral("quantoscope-cli %1 %2 %3 %4")
      .arg(QString::fromLatin1(verb), quoted(session.currentPath()),
           quoted(session.currentTensor()), options);
}

void offer(MainWindow& window, QWidget* view, const Command& made) {
  auto* action = new QAction(MainWindow::tr("Copy as C&ommand"), view);
  action->setObjectName(QStringLiteral("copyAsCommand"));
  QObject::connect(action, &QAction::triggered, &window, [&window, made] {
    const QString text = made();
    if (text.isEmpty()) return;
    constexpr int kStatusMs = 5000;
    QApplication::clipboard()->setText(text);
    window.statusBar()->showMessage(MainWindow::tr("Copied: %1").arg(shownText(text)), kStatusMs);
  });
  view->addAction(action);
}

}  // namespace

QString inspectCommand(const Session& session, bool detail) {
  if (!session.hasTensor()) return {};
  const QString options = optionsOf(session, session.spec());
  return command("inspect", session, detail ? options + QStringLiteral(" --detail") : options);
}

QString searchCommand(const Session& session) {
  if (!session.hasTensor()) return {};
  QuantSpec spec = session.spec();
  spec.clip = ClipPolicy{};  // the curve does not depend on it
  return command("search", session, optionsOf(session, spec));
}

QString overviewCommand(const Session& session) {
  if (session.currentFile() < 0) return {};
  return QStringLiteral("quantoscope-cli overview %1 %2")
      .arg(quoted(session.currentPath()),
           QString::fromStdString(commandLineOptions(session.plan().defaultSpec)));
}

void offerCommands(MainWindow& window, const Session* session) {
  const Command plain = [session] { return inspectCommand(*session, false); };
  const Command detailed = [session] { return inspectCommand(*session, true); };
  const Command search = [session] { return searchCommand(*session); };
  for (Plot* plot : window.plots()) {
    switch (rowOf(*plot).command) {
      case PlotCommand::Inspect:
        offer(window, plot, plain);
        break;
      case PlotCommand::InspectDetail:
        offer(window, plot, detailed);
        break;
      case PlotCommand::Search:
        offer(window, plot, search);
        break;
    }
  }
  const auto offerIn = [&](const char* name, const Command& made) {
    auto* view = window.findChild<QWidget*>(QString::fromLatin1(name));
    if (view == nullptr) return;
    offer(window, view, made);
    if (view->contextMenuPolicy() == Qt::DefaultContextMenu) {
      view->setContextMenuPolicy(Qt::ActionsContextMenu);
    }
  };
  offerIn("metrics", detailed);
  offerIn("groupTable", detailed);
  offerIn("tensors", [session] { return overviewCommand(*session); });
}

}  // namespace quantoscope::ui
