#include "ui/plots/image_file.h"

#include <QtCore/QBuffer>
#include <QtGui/QImage>
#include <QtGui/QPageLayout>
#include <QtGui/QPageSize>
#include <QtGui/QPdfWriter>
#include <QtSvg/QSvgGenerator>

#include "core/base/file_output.h"

namespace quantoscope::ui {

namespace {

constexpr double kPointsPerInch = 72;

/// Puts the same date into every PDF: equal plots give equal bytes. As long as the one that Qt
/// writes, since offsets count from the beginning of the file.
void forgetDate(QByteArray& pdf) {
  const QByteArray begin("/CreationDate (D:");
  const QByteArray date("19700101000000");
  const auto at = pdf.lastIndexOf(begin);
  if (at >= 0) pdf.replace(at + begin.size(), date.size(), date);
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
    generator.setTitle(notes.title.toHtmlEscaped());  // written as it is
    generator.setDescription(notes.description.toHtmlEscaped());
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
  forgetDate(buffer.buffer());
  return buffer.data();
}

QByteArray pngBytes(const QImage& image) {
  QBuffer buffer;
  if (!buffer.open(QIODevice::WriteOnly) || !image.save(&buffer, "PNG")) return {};
  return buffer.data();
}

Status writeWhole(const QString& path, const QByteArray& content) {
  return writeFile(path.toStdString(), {content.data(), static_cast<std::size_t>(content.size())});
}

}  // namespace quantoscope::ui
