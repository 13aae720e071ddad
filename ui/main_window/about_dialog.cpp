#include "ui/main_window/about_dialog.h"

#include <QApplication>
#include <QDialog>
#include <QDialogButtonBox>
#include <QIcon>
#include <QLabel>
#include <QVBoxLayout>

#include "core/io/hdf5_border.h"
#include "core/kernels/kernels.h"
#include "core/parallel/executor.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

void showAbout(QWidget* parent) {
  auto* dialog = new QDialog(parent);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(QDialog::tr("About Quantoscope"));
  auto* icon = new QLabel(dialog);
  icon->setPixmap(QApplication::windowIcon().pixmap(64));
  auto* text = new QLabel(dialog);
  text->setTextFormat(Qt::RichText);
  text->setWordWrap(true);
  text->setTextInteractionFlags(Qt::TextBrowserInteraction);
  text->setAccessibleName(QDialog::tr("About Quantoscope"));
  text->setText(
      QDialog::tr(
          "<h3>Quantoscope %1</h3>"
          "<p>See and tune what quantization does to neural-network weights.</p>"
          "<p>Free software under the GNU General Public License, version 3 or later, without any "
          "warranty.</p>"
          "<p>Built on Qt %2 (LGPL-3.0), QCustomPlot %3 (GPL-3.0-or-later), HDF5 %4 "
          "(BSD-3-Clause), oneTBB %5 (Apache-2.0), Highway (Apache-2.0 or BSD-3-Clause), "
          "libdeflate (MIT), OpenSSL "
          "(Apache-2.0) and JSON for Modern C++ (MIT).</p><p>Kernels in use: %6.</p>")
          .arg(QApplication::applicationVersion(), QString::fromLatin1(qVersion()),
               Plot::libraryVersion(), QString::fromStdString(hdf5Version()),
               QString::fromStdString(tbbVersion()),
               QString::fromLatin1(kernels::activeKernels().name)));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
  auto* layout = new QVBoxLayout(dialog);
  layout->addWidget(icon);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->resize(440, dialog->sizeHint().height());
  dialog->open();
}

}  // namespace quantoscope::ui
