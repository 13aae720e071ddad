// The window as an image, without a display.
#pragma once

#include <QObject>
#include <QString>

#include "ui/main_window/main_window.h"
#include "ui/session/session.h"

namespace quantoscope {

/// Waits until nothing runs any more, saves the window as an image and ends the application with an
/// exit status of app/exit_status.h. Errors are a line on stderr.
class Picture : public QObject {
  Q_OBJECT

 public:
  /// `tensor`: what the user asked to see; may be empty.
  Picture(ui::MainWindow* window, ui::Session* session, QString path, QString tensor);

 private:
  void look();
  void take();
  void fail(const QString& message);
  void leave(int status);

  ui::MainWindow* window_;
  ui::Session* session_;
  QString path_;
  QString tensor_;
  bool done_ = false;
};

}  // namespace quantoscope
