#include "ui/plots/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <QtCore/QScopedValueRollback>
#include <QtGui/QAccessible>
#include <QtGui/QAction>
#include <QtGui/QKeyEvent>
#include <QtGui/QPainter>
#include <QtGui/QScreen>
#include <QtGui/QWindow>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/plot_accessibility.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kFrameWidth = 2;         // around the canvas, where the focus is shown
constexpr int kStaleDelayMs = 120;     // quicker answers than this do not dim the plot
constexpr double kTickTextSize = 0.9;  // of the widget's font
constexpr int kPadding = 6;
constexpr int kStripPadding = 12;  // above and below the line of text over the plotted area

/// Something drawn by a function, as an item of the canvas.
class DrawingItem final : public QCPAbstractItem {
 public:
  DrawingItem(QCustomPlot* canvas, std::function<void(QPainter&)> draw)
      : QCPAbstractItem(canvas), draw_(std::move(draw)) {}

  double selectTest(const QPointF&, bool, QVariant*) const override { return -1; }

 protected:
  void draw(QCPPainter* painter) override { draw_(*painter); }

 private:
  std::function<void(QPainter&)> draw_;
};

QFont scaled(QFont font, double factor) {
  if (font.pointSizeF() > 0) {
    font.setPointSizeF(font.pointSizeF() * factor);
  } else {
    font.setPixelSize(std::max(1, qRound(font.pixelSize() * factor)));
  }
  return font;
}

}  // namespace

/// Lies over the canvas: messages where there are no data, the haze over stale ones.
class Plot::Veil final : public QWidget {
 public:
  explicit Veil(Plot* plot) : QWidget(plot), plot_(*plot) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setFocusPolicy(Qt::NoFocus);
  }

  void setHazy(bool hazy, const QString& tag) {
    hazy_ = hazy;
    tag_ = tag;
    update();
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (!plot_.isShowing()) {
      painter.fillRect(rect(), plot_.theme_.background);
      plot_.paintMessage(painter, rect());
    }
    if (hazy_) {
      QColor haze = plot_.theme_.background;
      haze.setAlphaF(0.55F);
      painter.fillRect(rect(), haze);
    }
    if (!tag_.isEmpty()) paintTag(painter);
  }

 private:
  void paintTag(QPainter& painter) const {
    const QFontMetricsF metrics(font());
    QRectF box(0, 0, metrics.horizontalAdvance(tag_) + 3 * kPadding, metrics.height() + kPadding);
    box.moveTopRight(QPointF(width() - 2 * kPadding, kPadding));
    painter.setPen(plot_.theme_.axis);
    painter.setBrush(plot_.theme_.background);
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2);
    painter.setPen(plot_.theme_.text);
    painter.drawText(box, Qt::AlignCenter, tag_);
  }

  Plot& plot_;
  bool hazy_ = false;
  QString tag_;
};

Plot::Plot(QString title, QWidget* parent) : QWidget(parent), title_(std::move(title)) {
  installPlotAccessibility();
  setAccessibleName(title_);
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setContextMenuPolicy(Qt::ActionsContextMenu);
  emptyText_ = QStringLiteral("Nothing to show yet");
  createCanvas();
  veil_ = new Veil(this);
  createActions();
  staleDelay_.setSingleShot(true);
  staleDelay_.setInterval(kStaleDelayMs);
  connect(&staleDelay_, &QTimer::timeout, this, &Plot::updateState);
  estimateDelay_.setSingleShot(true);
  estimateDelay_.setInterval(kStaleDelayMs);
  connect(&estimateDelay_, &QTimer::timeout, this, &Plot::updateState);
}

Plot::~Plot() = default;

QString Plot::libraryVersion() {
  return QStringLiteral(QCUSTOMPLOT_VERSION_STR);
}

void Plot::createCanvas() {
  canvas_ = new QCustomPlot(this);
  // The plot handles all input itself, so that mouse and keyboard do the same things.
  canvas_->setAttribute(Qt::WA_TransparentForMouseEvents);
  canvas_->setFocusPolicy(Qt::NoFocus);
  canvas_->setContextMenuPolicy(Qt::NoContextMenu);
  // Dense lines wider than a pixel take seconds without this hint.
  canvas_->setPlottingHint(QCP::phFastPolylines, true);
  canvas_->setVisible(false);

  canvas_->addLayer(QStringLiteral("shade"), canvas_->layer(QStringLiteral("grid")),
                    QCustomPlot::limBelow);
  canvas_->addLayer(QStringLiteral("marks"), canvas_->layer(QStringLiteral("main")));
  canvas_->addLayer(QStringLiteral("mask"), canvas_->layer(QStringLiteral("marks")));
  canvas_->addLayer(QStringLiteral("caption"), canvas_->layer(QStringLiteral("overlay")));
  canvas_->addLayer(QStringLiteral("cursor"), canvas_->layer(QStringLiteral("caption")));
  canvas_->addLayer(QStringLiteral("hover"), canvas_->layer(QStringLiteral("cursor")));
  canvas_->layer(QStringLiteral("cursor"))->setMode(QCPLayer::lmBuffered);
  canvas_->layer(QStringLiteral("hover"))->setMode(QCPLayer::lmBuffered);

  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawZoomBand(painter, frame); });
  addDrawing(
      Layer::Marks, [this](QPainter& painter, const Frame& frame) { drawMask(painter, frame); },
      false);
  // Only for devices that cannot clip what leaves the plotted area.
  canvas_->item()->setLayer(QStringLiteral("mask"));
  canvas_->layer(QStringLiteral("mask"))->setVisible(false);
}

// What is shown ----------------------------------------------------------------------------------

void Plot::setSubject(const QString& subject) {
  subject_ = shownText(subject);
}

void Plot::setEmptyText(const QString& text) {
  emptyText_ = shownText(text);
  veil_->update();
}

void Plot::setStale(bool stale) {
  if (stale == stale_) return;
  stale_ = stale;
  if (stale) {
    staleDelay_.start();
  } else {
    staleDelay_.stop();
    updateState();
  }
}

void Plot::setEstimate(const QString& note) {
  if (note == estimate_) return;
  // A changed note is shown at once: the delay spares the eye what is over at once.
  const bool begins = estimate_.isEmpty();
  estimate_ = note;
  if (begins) {
    estimateDelay_.start();
  } else {
    if (note.isEmpty()) estimateDelay_.stop();
    updateState();
  }
}

void Plot::setFailure(const QString& message) {
  failure_ = message;
  if (!isShowing()) clearHover();
  updateState();
  tellAssistiveTools();
}

bool Plot::isShowing() const {
  return failure_.isEmpty() && hasData();
}

void Plot::showRange(double lower, double upper) {
  if (isShowing()) setView(lower, upper);
}

void Plot::dataChanged(bool keepZoom) {
  const QScopedValueRollback<bool> rollback(takingData_, true);
  failure_.clear();
  clearHover();
  updateState();
  if (isShowing()) {
    if (keepZoom && zoomed_) {
      setView(canvas_->xAxis->range().lower, canvas_->xAxis->range().upper);
    } else {
      resetView();
    }
    if (pointer_ && plottedArea().contains(*pointer_)) hoverAt(*pointer_);
  }
  tellAssistiveTools();
}

void Plot::updateState() {
  const bool showing = isShowing();
  const bool hazy = stale_ && !staleDelay_.isActive();
  QString tag;
  if (showing && !estimateDelay_.isActive()) tag = estimate_;
  if (hazy) tag = QStringLiteral("updating…");
  canvas_->setVisible(showing);
  updateActions();
  veil_->setVisible(!showing || !tag.isEmpty());
  veil_->setHazy(hazy, tag);
  veil_->raise();
  if (!showing) unsetCursor();
}

void Plot::tellAssistiveTools() {
  setAccessibleDescription(summary());
  Q_EMIT tableChanged();
}

void Plot::setHoverText(const QString& text) {
  if (text == hoverText_) return;
  hoverText_ = text;
  updateActions();
  Q_EMIT hovered(text);
  QAccessibleInterface* const interface = QAccessible::queryAccessibleInterface(this);
  if (!QAccessible::isActive() || !interface || !interface->valueInterface()) return;
  QAccessibleValueChangeEvent changed(this, interface->valueInterface()->currentValue());
  QAccessible::updateAccessibility(&changed);
}

// Drawing ----------------------------------------------------------------------------------------

void Plot::addDrawing(Layer layer, Drawing drawing, bool clipped) {
  static const std::array<QString, 6> kNames = {QStringLiteral("shade"),  QStringLiteral("main"),
                                                QStringLiteral("marks"),  QStringLiteral("caption"),
                                                QStringLiteral("cursor"), QStringLiteral("hover")};
  auto* item = new DrawingItem(canvas_, [this, drawing = std::move(drawing)](QPainter& painter) {
    if (!isShowing()) return;
    QCPAxis* const x = canvas_->xAxis;
    QCPAxis* const y = canvas_->yAxis;
    const Frame frame{plottedArea(), [x](double value) { return x->coordToPixel(value); },
                      [y](double value) { return y->coordToPixel(value); }};
    painter.setFont(font());
    drawing(painter, frame);
  });
  item->setClipToAxisRect(clipped);
  item->setLayer(kNames[static_cast<std::size_t>(layer)]);
}

void Plot::redraw() {
  canvas_->replot(QCustomPlot::rpQueuedReplot);
}

void Plot::redraw(Layer layer) {
  canvas_->layer(layer == Layer::Cursor ? QStringLiteral("cursor") : QStringLiteral("hover"))
      ->replot();
}

QRectF Plot::plottedArea() const {
  return QRectF(canvas_->axisRect()->rect());
}

double Plot::xAt(double pixel) const {
  return canvas_->xAxis->pixelToCoord(pixel);
}

double Plot::xToPixel(double x) const {
  return canvas_->xAxis->coordToPixel(x);
}

QRectF Plot::topStrip() const {
  const QRectF all(canvas_->viewport());
  const QRectF area = plottedArea();
  return {area.left(), all.top(), all.right() - kPadding - area.left(), area.top() - all.top()};
}

QPointF Plot::onCanvas(QPointF position) const {
  return position - QPointF(canvas_->pos());
}

void Plot::drawCallout(QPainter& painter, const QRectF& area, QPointF anchor,
                       const QStringList& lines) const {
  const QFont small = scaled(font(), kTickTextSize);
  const QFontMetricsF metrics(small);
  double width = 0;
  for (const QString& line : lines) width = std::max(width, metrics.horizontalAdvance(line));
  QRectF box(0, 0, width + 2 * kPadding, metrics.height() * lines.size() + 1.5 * kPadding);
  box.moveBottomLeft(anchor + QPointF(2 * kPadding, -kPadding));
  if (box.right() > area.right()) box.moveRight(anchor.x() - 2 * kPadding);
  if (box.left() < area.left()) box.moveLeft(area.left());
  if (box.top() < area.top()) box.moveTop(area.top());

  painter.setFont(small);
  painter.setPen(QPen(theme_.axis, 1));
  painter.setBrush(theme_.background);
  painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3);
  painter.setPen(theme_.text);
  painter.drawText(box.adjusted(kPadding, 0.75 * kPadding, 0, 0), Qt::AlignLeft | Qt::AlignTop,
                   lines.join(QLatin1Char('\n')));
}

void Plot::drawZoomBand(QPainter& painter, const Frame& frame) const {
  if (drag_ != Drag::Zoom) return;
  const auto [left, right] = std::minmax({dragStart_.x(), dragNow_.x()});
  QColor fill = theme_.focus;
  fill.setAlphaF(0.18F);
  const QRectF band(QPointF(left, frame.area.top()), QPointF(right, frame.area.bottom()));
  painter.fillRect(band, fill);
  painter.setPen(QPen(theme_.focus, 1));
  painter.drawLine(band.topLeft(), band.bottomLeft());
  painter.drawLine(band.topRight(), band.bottomRight());
}

void Plot::drawMask(QPainter& painter, const Frame& frame) const {
  const QRectF all(canvas_->viewport());
  const QRectF& area = frame.area;
  painter.setPen(Qt::NoPen);
  painter.setBrush(theme_.background);
  painter.drawRect(QRectF(all.topLeft(), QPointF(all.right(), area.top())));
  painter.drawRect(QRectF(QPointF(all.left(), area.bottom()), all.bottomRight()));
  painter.drawRect(QRectF(QPointF(all.left(), area.top()), area.bottomLeft()));
  painter.drawRect(QRectF(area.topRight(), QPointF(all.right(), area.bottom())));
}

void Plot::paintMessage(QPainter& painter, const QRectF& rect) const {
  const QString text = failure_.isEmpty() ? emptyText_ : failure_;
  painter.setFont(font());
  painter.setPen(failure_.isEmpty() ? theme_.mutedText : theme_.text);
  painter.drawText(rect.adjusted(16, 8, -16, -8), Qt::AlignCenter | Qt::TextWordWrap, text);
}

// The view ---------------------------------------------------------------------------------------

void Plot::resetView() {
  if (!isShowing()) return;
  const auto [lower, upper] = fullRange();
  setView(lower, upper);
}

void Plot::setView(double lower, double upper) {
  const auto [least, most] = fullRange();
  const double width =
      std::clamp(upper - lower, std::min(narrowestRange(), most - least), most - least);
  const double middle = (lower + upper) / 2;
  const double from = std::clamp(middle - width / 2, least, most - width);
  zoomed_ = width < (most - least) * (1 - 1e-9);
  const double to = zoomed_ ? from + width : most;
  canvas_->xAxis->setRange(zoomed_ ? from : least, to);
  fitVertically(zoomed_ ? from : least, to);
  redraw();
  if (!takingData_) Q_EMIT viewChanged(zoomed_ ? from : least, to);
}

void Plot::zoomAbout(double x, double factor) {
  const QCPRange range = canvas_->xAxis->range();
  setView(x - (x - range.lower) * factor, x + (range.upper - x) * factor);
}

void Plot::reveal(double x) {
  const QCPRange range = canvas_->xAxis->range();
  if (range.contains(x)) return;
  setView(x - range.size() / 2, x + range.size() / 2);
}

// Following the surroundings ---------------------------------------------------------------------

void Plot::styleCanvas() {
  theme_ = PlotTheme::from(palette());
  canvas_->setBackground(QBrush(theme_.background));
  const QFont small = scaled(font(), kTickTextSize);
  for (QCPAxis* axis : {canvas_->xAxis, canvas_->yAxis, canvas_->yAxis2}) {
    axis->setBasePen(QPen(theme_.axis, 1));
    axis->setTickPen(QPen(theme_.axis, 1));
    axis->setSubTickPen(QPen(theme_.axis, 1));
    axis->setTickLength(0, 4);
    axis->setSubTickLength(0, 2);
    axis->setTickLabelPadding(4);
    axis->setLabelPadding(4);
    axis->setTickLabelColor(theme_.mutedText);
    axis->setLabelColor(theme_.mutedText);
    axis->setTickLabelFont(small);
    axis->setLabelFont(small);
    axis->grid()->setPen(QPen(theme_.grid, 1));
    axis->grid()->setZeroLinePen(Qt::NoPen);
  }
  const int strip = qCeil(QFontMetricsF(font()).height()) + kStripPadding;
  canvas_->axisRect()->setMinimumMargins(QMargins(0, strip, kPadding, 0));
  fitTicks(*canvas_, canvas_->size());
}

void Plot::followPalette() {
  styleCanvas();
  applyTheme();
  if (isShowing()) fitVertically(canvas_->xAxis->range().lower, canvas_->xAxis->range().upper);
  redraw();
  veil_->update();
  update();
}

void Plot::followScreen() {
  // The canvas reads the ratio once, when it is made.
  if (qFuzzyCompare(canvas_->bufferDevicePixelRatio(), devicePixelRatioF())) return;
  canvas_->setBufferDevicePixelRatio(devicePixelRatioF());
  redraw();
}

bool Plot::event(QEvent* event) {
  if (event->type() == QEvent::ScreenChangeInternal) followScreen();
  if (event->type() == QEvent::ShortcutOverride && holdsPointer() &&
      static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) {
    event->accept();
    return true;
  }
  if (event->type() != QEvent::ContextMenu) return QWidget::event(event);
  // The menu takes the pointer away; what it was on is what is meant.
  menuRow_ = cursorRow();
  updateActions();
  const bool handled = QWidget::event(event);
  menuRow_.reset();
  updateActions();
  return handled;
}

void Plot::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  switch (event->type()) {
    case QEvent::PaletteChange:
    case QEvent::FontChange:
    case QEvent::StyleChange:
    case QEvent::LocaleChange:
      followPalette();
      break;
    default:
      break;
  }
}

void Plot::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (QWindow* const handle = window()->windowHandle()) {
    connect(handle, &QWindow::screenChanged, this, &Plot::followScreen, Qt::UniqueConnection);
  }
  followScreen();
}

void Plot::paintEvent(QPaintEvent*) {
  followScreen();
  QPainter painter(this);
  painter.fillRect(rect(), theme_.background);
  if (!hasFocus()) return;
  painter.setPen(QPen(theme_.focus, kFrameWidth));
  painter.setBrush(Qt::NoBrush);
  const double half = kFrameWidth / 2.0;
  painter.drawRect(QRectF(rect()).adjusted(half, half, -half, -half));
}

void Plot::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  QRect inside = rect().adjusted(kFrameWidth, kFrameWidth, -kFrameWidth, -kFrameWidth);
  inside.setSize(inside.size().expandedTo({1, 1}));  // a canvas of no size cannot be painted
  fitTicks(*canvas_, inside.size());
  canvas_->setGeometry(inside);
  veil_->setGeometry(inside);
}

void Plot::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  update();
}

void Plot::focusOutEvent(QFocusEvent* event) {
  QWidget::focusOutEvent(event);
  update();
}

QSize Plot::sizeHint() const {
  return {560, 340};
}

QSize Plot::minimumSizeHint() const {
  return {200, 125};
}

}  // namespace quantoscope::ui
