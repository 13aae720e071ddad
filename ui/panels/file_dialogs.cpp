#include "ui/panels/file_dialogs.h"

#include <utility>

#include <QDir>
#include <QFileDialog>
#include <QRegularExpression>

namespace quantoscope::ui {

void askForFiles(QWidget* parent, Settings& settings, const QString& title,
                 const QStringList& filters, std::function<void(const QStringList&)> then) {
  auto* dialog = new QFileDialog(parent, title, settings.lastDirectory());
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFiles);
  dialog->setNameFilters(filters);
  QObject::connect(dialog, &QFileDialog::filesSelected, parent,
                   [&settings, then = std::move(then)](const QStringList& files) {
                     settings.rememberDirectoryOf(files.first());
                     then(files);
                   });
  dialog->open();
}

void askForSavePath(QWidget* parent, Settings& settings, const SaveQuestion& question,
                    std::function<void(const QString&)> then) {
  auto* dialog = new QFileDialog(parent, question.title, settings.lastDirectory());
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters(question.filters);
  dialog->setDefaultSuffix(question.suffix);
  dialog->selectFile(question.suggestedName);
  // With several formats the chosen filter names the suffix: "PNG image (*.png)".
  const auto followFilter = [dialog](const QString& filter) {
    static const QRegularExpression kSuffix(QStringLiteral("\\*\\.([a-z0-9]+)\\)"));
    const QString suffix = kSuffix.match(filter).captured(1);
    if (!suffix.isEmpty()) dialog->setDefaultSuffix(suffix);
  };
  QObject::connect(dialog, &QFileDialog::filterSelected, dialog, followFilter);
  QObject::connect(dialog, &QFileDialog::fileSelected, parent,
                   [&settings, then = std::move(then)](const QString& file) {
                     settings.rememberDirectoryOf(file);
                     then(file);
                   });
  dialog->open();
}

}  // namespace quantoscope::ui
