// The base of all plots: a themed canvas with our manners.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <QtCore/QRectF>
#include <QtCore/QSize>
#include <QtCore/QString>
#include <QtCore/QStringList>
#include <QtCore/QTimer>
#include <QtCore/QVector>
#include <QtGui/QImage>
#include <QtWidgets/QWidget>

#include "core/base/result.h"
#include "core/engine/detail.h"
#include "ui/plots/pin_overlay.h"
#include "ui/plots/theme.h"

QT_BEGIN_NAMESPACE
class QAction;
class QPaintDevice;
class QPainter;
QT_END_NAMESPACE
class QCustomPlot;

namespace quantoscope::ui {

/// A plot that follows the palette, the font and the screen's pixel ratio, can be zoomed by mouse
/// and keyboard, tells assistive tools what it shows, and can be copied and saved as image or data.
///
/// Mouse: the wheel zooms the horizontal axis about the pointer (with Shift, or sideways, it pans);
/// dragging marks the range to zoom into; dragging with the middle button pans; a double click
/// resets. Keyboard: Left and Right move a cursor, `+` and `-` zoom about it, Page Up and Page Down
/// move the view, Home resets, Escape removes the cursor; `T` shows the data as a table, Ctrl+C
/// copies the value under the cursor; the menu key opens the context menu. The vertical axis fits
/// what is in view.
///
/// It is in one of three states: empty (a text says how to get something to see), failed (a text
/// says why there is nothing), or showing data, which may be stale.
class Plot : public QWidget {
  Q_OBJECT

 public:
  enum class ImageFormat { Png, Svg, Pdf };

  /// What is plotted, as numbers. The header's names are fit for a file: "bin_from", "count".
  struct Table {
    QStringList header;
    QVector<QVector<double>> rows;
  };

  ~Plot() override;

  /// Of the library that draws.
  static QString libraryVersion();

  /// For instance "Error histogram"; also the accessible name.
  QString title() const { return title_; }

  /// What the data belong to, "kernel:0, int4 g128 asym": stands beside the title in images.
  void setSubject(const QString& subject);
  QString subject() const { return subject_; }

  /// One sentence for assistive tools, also the accessible description. Numbers in the user's
  /// locale.
  virtual QString summary() const = 0;

  /// What is plotted; without rows where nothing is.
  virtual Table table() const = 0;
  /// The same as text: tab-separated or comma-separated (RFC 4180), numbers in the C locale with
  /// full precision.
  QString tableAsTsv() const { return asTsv(table()); }
  QString tableAsCsv() const;
  static QString asTsv(const Table& numbers);

  /// The row of table() that the pointer or the keyboard cursor is on.
  virtual std::optional<std::size_t> cursorRow() const { return std::nullopt; }
  /// How many steps a key moves that cursor while a modifier is held.
  static constexpr int kBigStep = 10;
  /// That row's value (see valueColumn()), alone, with full precision in the C locale, and the row
  /// below the header, tab-separated; empty without a cursor.
  QString valueAsText() const;
  QString rowAsTsv() const;
  /// Opens the table in a window of its own, which follows the plot; again: brings it to the front.
  void showAsTable();

  // What the window knows of the current tensor is handed to every plot that asks for it by its
  // row (see plot_rows.h). Null: nothing is known (yet).

  /// The quick answer.
  virtual void setResult(SharedResult) {}
  /// The longer answer, to the same or an earlier question.
  virtual void setDetail(SharedDetail) {}
  /// Whether what is chosen to be shown needs a detail that is not there, or not of the result's
  /// spec.
  virtual bool awaitsDetail() const { return false; }
  /// Pinned configurations of the tensor, to be laid over what is shown.
  virtual void setPins(std::vector<PinOverlay>) {}

  /// New controls for what is plotted, for the headline of the plot; they follow the plot's own
  /// keys and menu.
  virtual std::vector<QWidget*> makeControls(QWidget*) { return {}; }

  /// Marks what is shown as not yet the answer to the newest question: dimmed, with a small tag.
  /// Seen after a short delay, so that quick answers do not flicker. Showing new data does not
  /// end it; the caller knows whether more is under way.
  void setStale(bool stale);
  bool isStale() const { return stale_; }

  /// Marks what is shown as an estimate that a better answer will replace: a small tag says `note`,
  /// "preview", undimmed and after the same delay. Empty: it is none.
  void setEstimate(const QString& note);
  QString estimate() const { return estimate_; }

  /// Shows `message` in place of the data, until new data are shown or the message is empty.
  void setFailure(const QString& message);
  QString failure() const { return failure_; }

  /// The text of the empty state; each plot has one of its own.
  void setEmptyText(const QString& text);

  /// The whole data in view; also key Home and double click.
  void resetView();
  /// This range of the horizontal axis in view, as far as there are data; nothing without any.
  void showRange(double lower, double upper);
  /// What the horizontal axis measures, for plots to be linked by; empty: nothing that others have.
  virtual QString axisKey() const { return {}; }
  /// Whether the user zoomed or panned since the view was last reset.
  bool isZoomed() const { return zoomed_; }

  /// The plot in the colours of the screen, without pointer and keyboard cursor, below a line with
  /// title and subject. `size` is in logical pixels of the screen, so text keeps its size; the
  /// image has size * scale pixels. A null image where size or scale are not positive or the
  /// image would not fit into memory.
  QImage image(QSize size, double scale) const;

  /// Writes such an image, whole or not at all; the suffix .png, .svg or .pdf tells the format, and
  /// `scale` matters to .png only. An existing file is replaced. InvalidArgument for another
  /// suffix or an empty size, OutputFailed with path and reason where it cannot be written.
  Status exportImage(const QString& path, QSize size, double scale) const;

  /// Asked before a file that a person has named in the context menu is written: an error keeps it
  /// as it is. Without one every file may be.
  void setWriteGuard(std::function<Status(const QString&)> mayWrite) {
    mayWrite_ = std::move(mayWrite);
  }

  /// Writes tableAsCsv() in the same way.
  Status exportTable(const QString& path) const;

  static std::optional<ImageFormat> imageFormatOf(const QString& path);

  /// What the pointer or the keyboard cursor is on, as in hovered().
  QString hoverText() const { return hoverText_; }

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  /// table() is another one.
  void tableChanged();
  /// The range in view, after the user or showRange() changed it; not after new data.
  void viewChanged(double lower, double upper);
  /// The value under the mouse or the keyboard cursor, "" when there is none.
  void hovered(const QString& text);
  /// A file was written from the context menu, or could not be.
  void saved(const QString& path);
  void saveFailed(const QString& message);

 protected:
  /// Where the mouse is, for a plot that handles a drag itself: what is hovered follows new data.
  void setPointer(QPointF position) { pointer_ = position; }

  /// Pixels and values of the plotted area while something is drawn on it.
  struct Frame {
    QRectF area;
    std::function<double(double)> xToPixel;
    std::function<double(double)> yToPixel;
  };
  using Drawing = std::function<void(QPainter&, const Frame&)>;

  /// Layers from back to front; captions stand outside the plotted area. Those from Cursor on have
  /// buffers of their own, so that redrawing them leaves the others alone.
  enum class Layer { Shade, Data, Marks, Caption, Cursor, Hover };

  explicit Plot(QString title, QWidget* parent);

  QCustomPlot& canvas() const { return *canvas_; }
  const PlotTheme& theme() const { return theme_; }

  /// Calls `drawing` whenever `layer` is drawn, clipped to the plotted area unless `clipped` is
  /// false. Only with data to show.
  void addDrawing(Layer layer, Drawing drawing, bool clipped = true);
  void redraw();             ///< everything, at the end of this turn of the event loop
  void redraw(Layer layer);  ///< Cursor or Hover, now

  /// The theme's colours and the font on axes and grid; constructors of plots call it once, before
  /// applyTheme().
  void styleCanvas();

  /// To be called after the data changed: leaves the failed state, fits the view (kept where
  /// `keepZoom` holds and the user zoomed), updates what assistive tools are told.
  void dataChanged(bool keepZoom);

  /// Adds `action` to the context menu, before the entries that all plots have.
  void addPlotAction(QAction* action);

  void setHoverText(const QString& text);
  /// A position in this widget as one on the canvas, where all positions below are.
  QPointF onCanvas(QPointF position) const;
  /// Draws a small box with `lines` beside `anchor`, inside `area`.
  void drawCallout(QPainter& painter, const QRectF& area, QPointF anchor,
                   const QStringList& lines) const;

  /// Whether there are data to see, and no failure in their place.
  bool isShowing() const;
  QRectF plottedArea() const;
  /// Room for one line of text over the plotted area, from its left end to the canvas's right one.
  QRectF topStrip() const;
  double xAt(double pixel) const;
  double xToPixel(double x) const;

  /// Pens and brushes after the theme changed; fonts, axes and grid are set already.
  virtual void applyTheme() = 0;
  virtual bool hasData() const = 0;
  /// The horizontal range that shows everything, and the narrowest that zooming leads to. Only
  /// called with data, as is fitVertically().
  virtual std::pair<double, double> fullRange() const = 0;
  virtual double narrowestRange() const = 0;
  /// Sets vertical axes for the horizontal range in view.
  virtual void fitVertically(double lower, double upper) = 0;
  /// The pointer is at `position` in the plotted area.
  virtual void hoverAt(QPointF position) = 0;
  /// The pointer left, or Escape was pressed: no hover text and no cursor from now on.
  virtual void clearHover() = 0;
  /// Left (-1) or Right (+1) was pressed; false where it means nothing.
  virtual bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) = 0;
  /// Up (-1) or Down (+1) likewise.
  virtual bool stepCursorDown(int direction, Qt::KeyboardModifiers modifiers);
  /// The column of table() that holds what is plotted.
  virtual std::size_t valueColumn() const { return 0; }
  /// Where the keyboard zooms about; nothing: the middle.
  virtual std::optional<double> cursorX() const = 0;

  bool event(QEvent* event) override;
  /// Whether Escape ends something here that the pointer holds; it is no shortcut of the window
  /// then.
  virtual bool holdsPointer() const { return drag_ != Drag::None; }
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void leaveEvent(QEvent* event) override;

 private:
  class Veil;
  enum class Drag { None, Armed, Zoom, Pan };

  void createCanvas();
  void createActions();
  void updateActions();
  std::optional<std::size_t> rowToCopy() const;
  void followPalette();
  void followScreen();
  void updateState();
  void tellAssistiveTools();
  void setView(double lower, double upper);
  void zoomAbout(double x, double factor);
  void panBy(double share);
  void reveal(double x);
  void endDrag();
  void drawZoomBand(QPainter& painter, const Frame& frame) const;
  void drawMask(QPainter& painter, const Frame& frame) const;
  void paintMessage(QPainter& painter, const QRectF& rect) const;
  void paintHeader(QPainter& painter, const QRectF& rect) const;
  void paintImage(QPaintDevice& device, QSize size, double scale, bool canClip) const;
  Result<QByteArray> encodedImage(ImageFormat format, QSize size, double scale) const;
  void saveByDialog(const QString& caption, const QStringList& filters, const QString& suffix,
                    const std::function<Status(const QString&)>& save);

  std::function<Status(const QString&)> mayWrite_;
  QString title_;
  QString subject_;
  QString emptyText_;
  QString failure_;
  QString hoverText_;
  PlotTheme theme_;
  QCustomPlot* canvas_ = nullptr;
  Veil* veil_ = nullptr;
  QAction* firstCommonAction_ = nullptr;
  QVector<QAction*> dataActions_;
  QVector<QAction*> cursorActions_;     ///< those that need a cursor
  std::optional<std::size_t> menuRow_;  ///< where the context menu was opened
  QTimer staleDelay_;
  bool stale_ = false;
  QTimer estimateDelay_;
  QString estimate_;
  bool zoomed_ = false;
  bool takingData_ = false;  ///< within dataChanged()
  Drag drag_ = Drag::None;
  QPointF dragStart_;
  QPointF dragNow_;
  std::optional<QPointF> pointer_;
  double panLower_ = 0;
  double panUpper_ = 0;
};

}  // namespace quantoscope::ui
