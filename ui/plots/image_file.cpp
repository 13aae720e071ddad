#include "ui/plots/image_file.h"

#include <QtCore/QBuffer>
#include <QtCore/QSaveFile>
#include <QtGui/QImage>
#include <QtGui/QPageLayout>
#include <QtGui/QPageSize>
#include <QtGui/QPdfWriter>
#include <QtSvg/QSvgGenerator>

namespace quantoscope::ui {

namespace {

constexpr double kPointsPerInch = 72;

Error failure(const QString& path, const QString& reason) {
  return {ErrorCode::OutputFailed, (path + QStringLiteral(": ") + reason).toStdString()};
}

}  // namespace

QByteArray svgBytes(QSize size, int dpi, const PictureNotes& notes, const PaintPicture& paint) {
  QBuffer buffer;
  {
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setResolution(dpi);
    generator.setSize(size);
    generator.setViewBox(QRect(QPoint(), size));
    generator.setTitle(notes.title);
    generator.setDescription(notes.description);
    paint(generator);
  }
  return buffer.data();
}

QByteArray pdfBytes(QSize size, int dpi, const PictureNotes& notes, const PaintPicture& paint) {
  QBuffer buffer;
  if (!buffer.open(QIODevice::WriteOnly)) return {};
  {
    QPdfWriter writer(&buffer);
    writer.setTitle(notes.title);
    writer.setCreator(QStringLiteral("Quantoscope"));
    writer.setResolution(dpi);
    const QPageSize page(QSizeF(size) * kPointsPerInch / dpi, QPageSize::Point, notes.title,
                         QPageSize::ExactMatch);
    // Portrait by name only: the page is as wide as asked.
    writer.setPageLayout(QPageLayout(page, QPageLayout::Portrait, QMarginsF()));
    paint(writer);
  }
  return buffer.data();
}

QByteArray pngBytes(const QImage& image) {
  QBuffer buffer;
  if (!buffer.open(QIODevice::WriteOnly) || !image.save(&buffer, "PNG")) return {};
  return buffer.data();
}

Status writeWhole(const QString& path, const QByteArray& content) {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return failure(path, file.errorString());
  if (file.write(content) != content.size() || !file.commit()) {
    return failure(path, file.errorString());
  }
  return ok();
}

}  // namespace quantoscope::ui
