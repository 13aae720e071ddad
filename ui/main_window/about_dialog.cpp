#include "ui/main_window/about_dialog.h"

#include <chrono>

#include <QApplication>
#include <QClipboard>
#include <QDialog>
#include <QDialogButtonBox>
#include <QIcon>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "core/io/reader/remote_container.h"
#include "core/kernels/kernels.h"
#include "ui/plots/plot.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

QString latin(const char* text) {
  return QString::fromLatin1(text);
}

QString tableOf(const std::vector<Library>& all) {
  QString rows;
  for (const Library& library : all) {
    rows += QStringLiteral("<tr><td>%1&nbsp;&nbsp;</td><td>%2&nbsp;&nbsp;</td><td>%3</td></tr>")
                .arg(QString::fromStdString(library.name), QString::fromStdString(library.version),
                     QString::fromStdString(library.licence));
  }
  return QStringLiteral("<table>%1</table>").arg(rows);
}

/// What confines the process that parses files; asked of one, which is then ended.
QString sandboxText() {
  ReaderSettings settings;
  settings.listingPatience = std::chrono::seconds(1);  // the window waits
  const auto report = sandboxOfReader(settings);
  return report ? QString::fromStdString(describe(*report)) : messageOf(report.error());
}

/// For a report of a bug.
QString plainTextOf(const std::vector<Library>& all) {
  QStringList lines = {QStringLiteral("Quantoscope %1, %2 kernels, on %3, %4")
                           .arg(QApplication::applicationVersion(),
                                latin(kernels::activeKernels().name), QSysInfo::prettyProductName(),
                                QApplication::platformName())};
  lines << QStringLiteral("Sandbox of the reader: ") + sandboxText();
  for (const Library& library : all) {
    lines << QString::fromStdString(library.name + ' ' + library.version);
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace

std::vector<Library> libraries() {
  std::vector<Library> all = coreLibraries();
  all.insert(all.begin(),
             {{"Qt", qVersion(), "LGPL-3.0-only"},
              {"QCustomPlot", Plot::libraryVersion().toStdString(), "GPL-3.0-or-later"}});
  return all;
}

void showAbout(QWidget* parent) {
  auto* dialog = new QDialog(parent);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setObjectName(QStringLiteral("about"));
  dialog->setWindowTitle(QDialog::tr("About Quantoscope"));
  auto* icon = new QLabel(dialog);
  icon->setPixmap(QApplication::windowIcon().pixmap(64));
  icon->setAccessibleName(QDialog::tr("Icon"));
  auto* text = new QLabel(dialog);
  text->setTextFormat(Qt::RichText);
  text->setWordWrap(true);
  text->setTextInteractionFlags(Qt::TextBrowserInteraction);
  text->setAccessibleName(QDialog::tr("About Quantoscope"));
  text->setText(QDialog::tr("<h3>Quantoscope %1</h3>"
                            "<p>See and tune what quantization does to neural-network weights.</p>"
                            "<p>Free software under the GNU General Public License, version 3 or "
                            "later, without any warranty.</p>%2<p>Kernels in use: %3.</p>"
                            "<p>Sandbox of the reader: %4.</p>")
                    .arg(QApplication::applicationVersion(), tableOf(libraries()),
                         latin(kernels::activeKernels().name), sandboxText().toHtmlEscaped()));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  auto* copy = buttons->addButton(QDialog::tr("&Copy Versions"), QDialogButtonBox::ActionRole);
  QObject::connect(copy, &QPushButton::clicked, dialog,
                   [] { QApplication::clipboard()->setText(plainTextOf(libraries())); });
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
  auto* layout = new QVBoxLayout(dialog);
  layout->addWidget(icon);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->resize(dialog->fontMetrics().averageCharWidth() * 70, dialog->sizeHint().height());
  dialog->open();
}

}  // namespace quantoscope::ui
