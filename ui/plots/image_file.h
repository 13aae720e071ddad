// Pictures as bytes, and bytes as whole files.
#pragma once

#include <functional>

#include <QtCore/QByteArray>
#include <QtCore/QSize>
#include <QtCore/QString>

#include "core/base/result.h"

QT_BEGIN_NAMESPACE
class QImage;
class QPaintDevice;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// What vector files say about themselves.
struct PictureNotes {
  QString title;
  QString description;
};

using PaintPicture = std::function<void(QPaintDevice&)>;

/// One page or drawing of `size` pixels at `dpi` pixels per inch; `paint` begins and ends its own
/// painter. Empty where nothing could be painted.
QByteArray svgBytes(QSize size, int dpi, const PictureNotes& notes, const PaintPicture& paint);
QByteArray pdfBytes(QSize size, int dpi, const PictureNotes& notes, const PaintPicture& paint);
QByteArray pngBytes(const QImage& image);

/// Writes to a temporary name and renames; on failure nothing is left behind and an existing file
/// stays as it was. OutputFailed names the path and the system's reason.
Status writeWhole(const QString& path, const QByteArray& content);

}  // namespace quantoscope::ui
