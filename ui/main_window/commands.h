// What the window shows, as commands for a shell.
#pragma once

#include <QString>

namespace quantoscope::ui {

class MainWindow;
class Session;

/// The command that prints the current tensor's figures; `detail`: with percentiles, use of codes,
/// worst groups and outliers. Empty without a tensor, as the next.
QString inspectCommand(const Session& session, bool detail);
/// The command that prints the current tensor's clip curve and its optimum.
QString searchCommand(const Session& session);
/// The command that measures all tensors of the file under its default settings; empty without one.
QString overviewCommand(const Session& session);

/// Adds "Copy as Command" to the context menus of the window's plots and tables, each with the
/// command that prints what it shows. The session must outlive the window.
void offerCommands(MainWindow& window, const Session* session);

}  // namespace quantoscope::ui
