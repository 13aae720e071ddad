#include "ui/main_window/plain_text.h"

#include <QCoreApplication>
#include <QEvent>
#include <QLabel>
#include <QMessageBox>

namespace quantoscope::ui {

namespace {

class PlainText : public QObject {
 public:
  using QObject::QObject;

  bool eventFilter(QObject* watched, QEvent* event) override {
    // Polishing comes before a label is measured for the first time. A tip's label is polished
    // before it is given its text.
    if (event->type() == QEvent::Polish) {
      auto* label = qobject_cast<QLabel*>(watched);
      if (label != nullptr && label->textFormat() == Qt::AutoText && !isOfQt(*label)) {
        label->setTextFormat(Qt::PlainText);
      }
    }
    return false;
  }

 private:
  /// Qt's words about itself, which are markup and name no file.
  static bool isOfQt(const QLabel& label) {
    return label.window()->windowTitle() == QMessageBox::tr("About Qt");
  }
};

}  // namespace

void showPlainTextOnly() {
  const QString name = QStringLiteral("plainText");
  QCoreApplication* application = QCoreApplication::instance();
  if (application->findChild<QObject*>(name, Qt::FindDirectChildrenOnly) != nullptr) return;
  auto* filter = new PlainText(application);
  filter->setObjectName(name);
  application->installEventFilter(filter);
}

}  // namespace quantoscope::ui
