// Plots as images and tables.
#include <algorithm>
#include <cmath>

#include <QtCore/QFileInfo>
#include <QtGui/QPainter>
#include <QtWidgets/QFileDialog>
#include <qcustomplot.h>

#include "core/base/text.h"
#include "core/exporting/csv.h"
#include "ui/plots/image_file.h"
#include "ui/plots/plot.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kImagePadding = 6;

QString fileNameFor(const QString& title) {
  return title.toLower().replace(QLatin1Char(' '), QLatin1Char('_'));
}

std::vector<std::string> texts(const QVector<double>& row) {
  std::vector<std::string> fields;
  for (const double value : row) fields.push_back(formatNumber(value));
  return fields;
}

std::vector<std::string> texts(const QStringList& header) {
  std::vector<std::string> fields;
  for (const QString& name : header) fields.push_back(name.toStdString());
  return fields;
}

}  // namespace

void Plot::paintHeader(QPainter& painter, const QRectF& rect) const {
  QFont bold = font();
  bold.setBold(true);
  const QRectF inside = rect.adjusted(2 * kImagePadding, kImagePadding, -2 * kImagePadding, 0);
  painter.setFont(bold);
  painter.setPen(theme_.text);
  painter.drawText(inside, Qt::AlignLeft | Qt::AlignVCenter, title_);
  const double used = QFontMetricsF(bold).horizontalAdvance(title_) + 2 * kImagePadding;
  const QString subject =
      QFontMetricsF(font()).elidedText(subject_, Qt::ElideMiddle, inside.width() - used);
  painter.setFont(font());
  painter.setPen(theme_.mutedText);
  painter.drawText(inside.adjusted(used, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, subject);
}

void Plot::paintImage(QPaintDevice& device, QSize size, double scale, bool canClip) const {
  QCPPainter painter;
  if (!painter.begin(&device)) return;
  painter.setMode(QCPPainter::pmVectorized);
  painter.setMode(QCPPainter::pmNoCaching);
  painter.setMode(QCPPainter::pmNonCosmetic);
  painter.scale(scale, scale);
  painter.fillRect(QRect(QPoint(), size), theme_.background);
  const int header = qCeil(QFontMetricsF(font()).height()) + 2 * kImagePadding;
  const QRectF body(0, header, size.width(), size.height() - header);
  if (!isShowing()) {
    paintMessage(painter, body);
  } else if (body.height() > 0) {
    painter.save();
    painter.translate(0, header);
    canvas_->layer(QStringLiteral("mask"))->setVisible(!canClip);
    canvas_->layer(QStringLiteral("hover"))->setVisible(false);
    canvas_->toPainter(&painter, size.width(), size.height() - header);
    canvas_->layer(QStringLiteral("hover"))->setVisible(true);
    canvas_->layer(QStringLiteral("mask"))->setVisible(false);
    painter.restore();
  }
  painter.setRenderHint(QPainter::Antialiasing);
  painter.fillRect(QRectF(0, 0, size.width(), header), theme_.background);
  paintHeader(painter, QRectF(0, 0, size.width(), header));
}

QImage Plot::image(QSize size, double scale) const {
  if (size.isEmpty() || !(scale > 0)) return {};
  const QSizeF pixels = QSizeF(size) * scale;
  constexpr double kMostPixels = 32767;  // what the raster painter can address
  if (std::max(pixels.width(), pixels.height()) > kMostPixels) return {};
  QImage image(pixels.toSize(), QImage::Format_RGB32);
  if (image.isNull()) return {};
  // Points are as large as on the screen, for which the canvas computes its layout.
  image.setDotsPerMeterX(qRound(logicalDpiX() / 0.0254));
  image.setDotsPerMeterY(qRound(logicalDpiY() / 0.0254));
  paintImage(image, size, scale, true);
  // Painting laid the canvas out for the image.
  canvas_->replot(QCustomPlot::rpRefreshHint);
  return image;
}

Result<QByteArray> Plot::encodedImage(ImageFormat format, QSize size, double scale) const {
  const PictureNotes notes{subject_.isEmpty() ? title_ : title_ + QStringLiteral(": ") + subject_,
                           summary()};
  QByteArray bytes;
  switch (format) {
    case ImageFormat::Png:
      bytes = pngBytes(image(size, scale));
      break;
    case ImageFormat::Svg:
      bytes = svgBytes(size, logicalDpiX(), notes,
                       [this, size](QPaintDevice& device) { paintImage(device, size, 1, false); });
      break;
    case ImageFormat::Pdf:
      bytes = pdfBytes(size, logicalDpiX(), notes,
                       [this, size](QPaintDevice& device) { paintImage(device, size, 1, true); });
      break;
  }
  canvas_->replot(QCustomPlot::rpRefreshHint);
  if (bytes.isEmpty()) {
    return Error{ErrorCode::OutputFailed, "the image could not be painted: too large"};
  }
  return bytes;
}

std::optional<Plot::ImageFormat> Plot::imageFormatOf(const QString& path) {
  const QString suffix = QFileInfo(path).suffix().toLower();
  if (suffix == QStringLiteral("png")) return ImageFormat::Png;
  if (suffix == QStringLiteral("svg")) return ImageFormat::Svg;
  if (suffix == QStringLiteral("pdf")) return ImageFormat::Pdf;
  return std::nullopt;
}

Status Plot::exportImage(const QString& path, QSize size, double scale) const {
  const std::string name = path.toStdString();
  const std::optional<ImageFormat> format = imageFormatOf(path);
  if (!format) {
    return Error{ErrorCode::InvalidArgument, name + ": images are .png, .svg or .pdf"};
  }
  if (size.isEmpty() || !(scale > 0)) {
    return Error{ErrorCode::InvalidArgument, name + ": width, height and scale must be above 0"};
  }
  const Result<QByteArray> bytes = encodedImage(*format, size, scale);
  if (!bytes) return Error{bytes.error().code, name + ": " + bytes.error().message};
  return writeWhole(path, *bytes);
}

QString Plot::asTsv(const Table& numbers) {
  QString text = numbers.header.join(QLatin1Char('\t')) + QLatin1Char('\n');
  for (const QVector<double>& row : numbers.rows) {
    text += QString::fromStdString(join(texts(row), "\t")) + QLatin1Char('\n');
  }
  return text;
}

QString Plot::tableAsCsv() const {
  const Table numbers = table();
  std::vector<std::vector<std::string>> rows;
  for (const QVector<double>& row : numbers.rows) rows.push_back(texts(row));
  return QString::fromStdString(csvText(texts(numbers.header), rows));
}

Status Plot::exportTable(const QString& path) const {
  return writeWhole(path, tableAsCsv().toUtf8());
}

void Plot::saveByDialog(const QString& caption, const QStringList& filters, const QString& suffix,
                        const std::function<Status(const QString&)>& save) {
  auto* dialog = new QFileDialog(this, caption);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters(filters);
  dialog->setDefaultSuffix(suffix);
  connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) {
    const qsizetype dot = filter.lastIndexOf(QStringLiteral("*."));
    dialog->setDefaultSuffix(filter.mid(dot + 2).chopped(1));
  });
  dialog->selectFile(fileNameFor(title_) + QLatin1Char('.') + suffix);
  connect(dialog, &QFileDialog::fileSelected, this, [this, save](const QString& path) {
    Status status = mayWrite_ ? mayWrite_(path) : ok();
    if (status) status = save(path);
    if (status) {
      Q_EMIT saved(path);
    } else {
      Q_EMIT saveFailed(messageOf(status.error()));
    }
  });
  dialog->open();
}

}  // namespace quantoscope::ui
