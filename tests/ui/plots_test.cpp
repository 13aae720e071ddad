// The plots as widgets: what they export, how they are moved, what they tell.
#include <cmath>
#include <csignal>
#include <sys/resource.h>

#include <QtGui/QAccessible>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtGui/QPainter>
#include <QtSvg/QSvgRenderer>
#include <QtTest>
#include <QtWidgets/QApplication>

#include "core/engine/detail.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "tests/support/topic.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/weight_histogram_plot.h"

using namespace quantoscope;
using namespace quantoscope::ui;

namespace {

constexpr QSize kSize(620, 380);

SharedResult resultFor(const QuantSpec& spec, std::vector<float> values, std::size_t cols) {
  AnalysisRequest request;
  request.tensor = std::make_shared<const WeightTensor>(
      test::tensorOf(values.size() / cols, cols, values, "layer/kernel:0"));
  request.spec = spec;
  const Result<SharedResult> result = analyse(request, Executor(1));
  return result ? *result : nullptr;
}

/// With the tensor of smallResult(), but clipped.
struct Clipped {
  SharedResult result;
  SharedDetail detail;
};
Clipped clippedErrors() {
  QuantSpec spec;
  spec.groupSize = 32;
  spec.clip = ClipPolicy::fixed(0.7);
  const auto values = test::normalValues(64 * 96, 3);
  Clipped made;
  made.result = resultFor(spec, values, 96);
  DetailRequest request;
  request.tensor =
      std::make_shared<const WeightTensor>(test::tensorOf(64, 96, values, "layer/kernel:0"));
  request.spec = spec;
  if (const auto detail = analyseDetail(request, Executor(1))) made.detail = *detail;
  return made;
}

SharedResult smallResult() {
  static const SharedResult result = resultFor(QuantSpec{}, test::normalValues(64 * 96, 3), 96);
  return result;
}

std::shared_ptr<const ClipCurve> smallCurve() {
  static const auto curve = [] {
    QuantSpec spec;
    spec.groupSize = 128;
    spec.grid = {1.0, 0.5, 101};
    const Result<ClipCurve> made =
        clipCurveOf(test::normalTensor(64, 256, 5),
                    test::coded(test::normalTensor(64, 256, 5), spec), Executor(1));
    return made ? std::make_shared<const ClipCurve>(*made) : nullptr;
  }();
  return curve;
}

/// Shows a plot as the active window with the focus and waits until it is laid out.
void present(Plot& plot, QSize size = kSize) {
  plot.resize(size);
  plot.show();
  QVERIFY(QTest::qWaitForWindowExposed(&plot));
  plot.activateWindow();
  plot.setFocus();
  QTest::qWait(20);
}

/// The canvas behind a plot, by its meta-object alone.
QObject* canvasOf(const Plot& plot) {
  for (QObject* child : plot.children()) {
    if (child->inherits("QCustomPlot")) return child;
  }
  return nullptr;
}

/// The label of the axis with counts or errors.
QString verticalLabel(const Plot& plot) {
  for (const QObject* axis : canvasOf(plot)->findChildren<QObject*>()) {
    if (!axis->inherits("QCPAxis")) continue;
    const QString label = axis->property("label").toString();
    if (label.startsWith("Count") || label.startsWith("MSE")) return label;
  }
  return {};
}

void moveMouse(QWidget& widget, QPoint to, Qt::MouseButtons buttons = Qt::NoButton,
               Qt::KeyboardModifiers modifiers = Qt::NoModifier) {
  QMouseEvent event(QEvent::MouseMove, QPointF(to), QPointF(widget.mapToGlobal(to)), Qt::NoButton,
                    buttons, modifiers);
  QApplication::sendEvent(&widget, &event);
}

/// The middle of the positions at which the plot says that the pointer is on `text`.
int pixelOf(Plot& plot, const QString& text) {
  std::vector<int> found;
  for (int x = 0; x < plot.width(); ++x) {
    moveMouse(plot, {x, plot.height() / 2});
    if (plot.hoverText().startsWith(text)) found.push_back(x);
  }
  moveMouse(plot, {1, 1});
  return found.empty() ? -1 : found[found.size() / 2];
}

QColor cornerOf(const QImage& image) {
  return image.pixelColor(image.width() - 8, image.height() - 8);
}

/// How far the pixels of an image are from its background, on average.
double contrastOf(const QImage& image) {
  const QColor ground = cornerOf(image);
  double sum = 0;
  for (int y = 0; y < image.height(); y += 2) {
    for (int x = 0; x < image.width(); x += 2) {
      sum += std::abs(image.pixelColor(x, y).lightnessF() - ground.lightnessF());
    }
  }
  return sum / image.width() / image.height();
}

QPalette darkPalette() {
  QPalette palette(QColor(45, 45, 48));
  palette.setColor(QPalette::Base, QColor(30, 30, 32));
  palette.setColor(QPalette::Text, QColor(230, 230, 230));
  return palette;
}

QByteArray contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// The disk seems full after `bytes` while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit low{bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &low);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }

 private:
  rlimit limit_{};
  void (*before_)(int) = SIG_DFL;
};

}  // namespace

class PlotsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void cleanup();

  void pngHasTheAskedSize();
  void svgIsValidAndDrawsPaths();
  void svgLooksLikeTheImage();
  void pdfIsOnePageOfTheAskedShape();
  void everyPlotAndStateCanBeExported();
  void exportReplacesAFile();
  void exportIntoAMissingFolderFailsAndLeavesNothing();
  void aFullDiskFailsAndLeavesTheOldFile();
  void unknownSuffixesAndEmptySizesAreRefused();
  void exportLeavesTheScreenAlone();

  void tableEqualsTheCounts();
  void curveTableEqualsTheCurve();
  void csvAndTsvUseTheCLocale();
  void clipboardGetsDataAndImage();

  void logCountsChangeTheAxis();
  void countsOfZeroStayOnALogAxis();
  void keyboardMovesFromBinToBin();
  void hoveringTellsTheBinWithoutDrawingTheRestAgain();
  void zoomByWheelDragAndKeysAndReset();
  void zoomIsKeptForTheSameTensorOnly();

  void draggingTheLineSnapsAndEmits();
  void altDragsBetweenTheRatios();
  void escapeTakesADragBack();
  void keyboardMovesTheLine();
  void aFixedLineCannotBeMoved();
  void theLineIsNotMovedUnderThePointer();
  void enterAndClickChooseTheOptimum();
  void curveWithoutMuchToGainSaysSo();

  void emptyFailedAndNotFiniteStatesSayWhy();
  void staleResultsLookDifferentAfterAMoment();
  void quickAnswersDoNotDim();
  void aPerfectResultIsDrawn();
  void errorsAreShownInEveryUnit();
  void errorUnitsAreChosenWithKeys();
  void clippedErrorsAreTold();
  void aUnitWithoutItsDetailIsAwaited();
  void paletteChangeRecolours();
  void highContrastIsNeitherMutedNorTranslucent();
  void themeColoursStandOut_data();
  void themeColoursStandOut();
  void fontChangeIsFollowed();
  void assistiveToolsGetNameDescriptionAndValue();
  void sharpOnEveryScreen();

 private:
  QTemporaryDir folder_;
};

void PlotsTest::initTestCase() {
  QVERIFY(folder_.isValid());
  QVERIFY(smallResult());
  QVERIFY(smallResult()->errorHistogram);
  QVERIFY(smallCurve());
  QLocale::setDefault(QLocale::c());
}

void PlotsTest::cleanup() {
  for (const QString& name : QDir(folder_.path()).entryList(QDir::Files)) {
    QFile::remove(folder_.filePath(name));
  }
}

// Export -----------------------------------------------------------------------------------------

void PlotsTest::errorsAreShownInEveryUnit() {
  const Clipped errors = clippedErrors();
  ErrorHistogramPlot plot;
  plot.setResult(errors.result);
  plot.setDetail(errors.detail);
  for (const ErrorUnit unit : kErrorUnits) {
    for (const bool magnitudes : {false, true}) {
      plot.setUnit(unit);
      plot.setMagnitudes(magnitudes);
      const Plot::Table table = plot.table();
      QCOMPARE(table.rows.size(), magnitudes ? 256 : 512);
      double all = 0;
      double clipped = 0;
      for (const auto& row : table.rows) {
        all += row[2];
        clipped += row[3];
      }
      QCOMPARE(all, 64.0 * 96);
      QCOMPARE(clipped, static_cast<double>(errors.detail->report.split->clipped));
      QCOMPARE(table.rows.first()[0] == 0, magnitudes);
      QCOMPARE(table.header.first().startsWith("abs_"), magnitudes);
    }
  }
}

void PlotsTest::errorUnitsAreChosenWithKeys() {
  const Clipped errors = clippedErrors();
  ErrorHistogramPlot plot;
  plot.setResult(errors.result);
  plot.setDetail(errors.detail);
  present(plot);
  QTest::keyClick(&plot, Qt::Key_U);
  QCOMPARE(plot.unit(), ErrorUnit::Step);
  QTest::keyClick(&plot, Qt::Key_A);
  QVERIFY(plot.magnitudes());
  QTest::keyClick(&plot, Qt::Key_Right);
  QVERIFY2(plot.hoverText().startsWith("|Error in steps|"), qPrintable(plot.hoverText()));
  QTest::keyClick(&plot, Qt::Key_U);
  QTest::keyClick(&plot, Qt::Key_U);
  QCOMPARE(plot.unit(), ErrorUnit::Weight);
}

void PlotsTest::clippedErrorsAreTold() {
  const Clipped errors = clippedErrors();
  ErrorHistogramPlot plot;
  plot.setResult(errors.result);
  QCOMPARE(plot.table().header.size(), 3);
  QVERIFY(!plot.summary().contains("clipped"));
  plot.setDetail(errors.detail);
  QCOMPARE(plot.table().header.last(), QStringLiteral("clipped"));
  QVERIFY(plot.summary().contains("99.9 % within"));
  QVERIFY(plot.summary().contains("of clipped weights"));
  moveMouse(plot, {kSize.width() / 2, kSize.height() / 2});
  present(plot);
  QTest::keyClick(&plot, Qt::Key_Right);
  QVERIFY2(plot.hoverText().endsWith("clipped"), qPrintable(plot.hoverText()));

  // Another question: what is known of the last one is no answer to it.
  plot.setResult(smallResult());
  QCOMPARE(plot.table().header.size(), 3);
}

void PlotsTest::aUnitWithoutItsDetailIsAwaited() {
  const Clipped errors = clippedErrors();
  ErrorHistogramPlot plot;
  plot.setUnit(ErrorUnit::Relative);
  QVERIFY(!plot.awaitsDetail());
  plot.setResult(errors.result);
  QVERIFY(plot.awaitsDetail());
  QVERIFY(plot.table().rows.isEmpty());
  plot.setDetail(errors.detail);
  QVERIFY(!plot.awaitsDetail());
  QCOMPARE(plot.table().rows.size(), 512);
  plot.setResult(smallResult());  // the same tensor, another spec: the last one stays
  QVERIFY(plot.awaitsDetail());
  QCOMPARE(plot.table().rows.size(), 512);
}

void PlotsTest::pngHasTheAskedSize() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  const QString path = folder_.filePath("error.png");
  const Status status = plot.exportImage(path, {400, 250}, 2.5);
  QVERIFY2(status, status ? "" : status.error().message.c_str());
  const QImage image(path);
  QCOMPARE(image.size(), QSize(1000, 625));
  QCOMPARE(image.pixelColor(3, 620), plot.palette().color(QPalette::Base));
  QVERIFY(contrastOf(image) > 0.01);
}

void PlotsTest::svgIsValidAndDrawsPaths() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  const QString path = folder_.filePath("clip.svg");
  QVERIFY(plot.exportImage(path, {640, 400}, 1));
  QXmlStreamReader xml(contentOf(path));
  int shapes = 0;
  QString texts;
  QString viewBox;
  while (!xml.atEnd()) {
    xml.readNext();
    if (!xml.isStartElement()) {
      if (xml.isCharacters()) texts += xml.text();
      continue;
    }
    if (xml.name() == QLatin1String("svg")) viewBox = xml.attributes().value("viewBox").toString();
    if (xml.name() == QLatin1String("path") || xml.name() == QLatin1String("polyline")) ++shapes;
  }
  QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
  QCOMPARE(viewBox, QString("0 0 640 400"));
  QVERIFY(shapes > 5);
  QVERIFY(texts.contains("Clip curve"));
  QVERIFY(texts.contains("reference window 1.0–0.805"));
}

void PlotsTest::svgLooksLikeTheImage() {
  // SVG drawings have no clipping: what leaves the plotted area must be hidden in another way.
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  plot.setSubject("layer/kernel:0");
  const QString path = folder_.filePath("clip.svg");
  QVERIFY(plot.exportImage(path, kSize, 1));
  const QImage wanted = plot.image(kSize, 1);
  QImage found(wanted.size(), QImage::Format_RGB32);
  QPainter painter(&found);
  QSvgRenderer(path).render(&painter);
  painter.end();
  // Letters stand a fraction of a pixel elsewhere: compare what the eye sees from afar.
  const auto fromAfar = [](const QImage& image) {
    return image.scaled(image.size() / 10, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
  };
  const QImage a = fromAfar(wanted);
  const QImage b = fromAfar(found);
  int largest = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) {
      const int difference = a.pixelColor(x, y).lightness() - b.pixelColor(x, y).lightness();
      largest = std::max(largest, std::abs(difference));
    }
  }
  QVERIFY2(largest < 25, QByteArray::number(largest));
}

void PlotsTest::pdfIsOnePageOfTheAskedShape() {
  WeightHistogramPlot plot;
  plot.setResult(smallResult());
  const QString path = folder_.filePath("weights.pdf");
  QVERIFY(plot.exportImage(path, {640, 400}, 1));
  const QByteArray content = contentOf(path);
  QVERIFY(content.startsWith("%PDF"));
  QVERIFY(content.trimmed().endsWith("%%EOF"));
  const QRegularExpression box("MediaBox \\[([0-9.]+) ([0-9.]+) ([0-9.]+) ([0-9.]+)\\]");
  const QRegularExpressionMatch match = box.match(QString::fromLatin1(content));
  QVERIFY(match.hasMatch());
  const double width = match.captured(3).toDouble();
  const double height = match.captured(4).toDouble();
  QVERIFY(std::abs(width / height - 1.6) < 0.01);
  QCOMPARE(content.count("/Type /Page\n"), 1);
}

void PlotsTest::everyPlotAndStateCanBeExported() {
  ErrorHistogramPlot errors;
  WeightHistogramPlot weights;
  ClipCurvePlot curve;
  const auto exportAll = [&](const QString& state) {
    for (const Plot* plot :
         {static_cast<Plot*>(&errors), static_cast<Plot*>(&weights), static_cast<Plot*>(&curve)}) {
      for (const QString suffix : {"png", "svg", "pdf"}) {
        const QString path = folder_.filePath(plot->title() + state + '.' + suffix);
        QVERIFY(plot->exportImage(path, {300, 200}, 1));
        QVERIFY(QFileInfo(path).size() > 100);
      }
    }
  };
  exportAll("empty");
  errors.setResult(smallResult());
  weights.setResult(smallResult());
  curve.setCurve(smallCurve(), RatioGrid{});
  exportAll("full");
  errors.setLogCounts(true);
  curve.setLogError(true);
  exportAll("log");
}

void PlotsTest::exportReplacesAFile() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  const QString path = folder_.filePath("twice.png");
  QVERIFY(plot.exportImage(path, {300, 200}, 1));
  QVERIFY(plot.exportImage(path, {360, 200}, 1));
  QCOMPARE(QImage(path).width(), 360);
}

void PlotsTest::exportIntoAMissingFolderFailsAndLeavesNothing() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  for (const QString suffix : {"png", "svg", "pdf"}) {
    const QString path = folder_.filePath("missing/plot." + suffix);
    const Status status = plot.exportImage(path, {300, 200}, 1);
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::OutputFailed);
    const QString message = QString::fromStdString(status.error().message);
    QVERIFY2(message.startsWith(path + ": "), qPrintable(message));
    QVERIFY(message.size() > path.size() + 5);
  }
  QVERIFY(!QFileInfo::exists(folder_.filePath("missing")));
  QVERIFY(!plot.exportTable(folder_.filePath("missing/table.csv")));
}

void PlotsTest::aFullDiskFailsAndLeavesTheOldFile() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  for (const QString suffix : {"png", "svg", "pdf"}) {
    const QString path = folder_.filePath("plot." + suffix);
    QFile old(path);
    QVERIFY(old.open(QIODevice::WriteOnly) && old.write("old") == 3);
    old.close();
    const FileSizeLimit full(1024);
    const Status status = plot.exportImage(path, {600, 400}, 2);
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::OutputFailed);
    QCOMPARE(contentOf(path), QByteArray("old"));
  }
  QCOMPARE(QDir(folder_.path()).entryList(QDir::Files | QDir::Hidden).size(), 3);
}

void PlotsTest::unknownSuffixesAndEmptySizesAreRefused() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  const Status suffix = plot.exportImage(folder_.filePath("plot.bmp"), {300, 200}, 1);
  QVERIFY(!suffix);
  QCOMPARE(suffix.error().code, ErrorCode::InvalidArgument);
  QVERIFY(QString::fromStdString(suffix.error().message).contains(".png, .svg or .pdf"));
  QVERIFY(!plot.exportImage(folder_.filePath("plot.png"), {0, 200}, 1));
  QVERIFY(!plot.exportImage(folder_.filePath("plot.png"), {300, 200}, 0));
  const Status huge = plot.exportImage(folder_.filePath("plot.png"), {60000, 60000}, 8);
  QVERIFY(!huge);
  QVERIFY(plot.image({300, 200}, -1).isNull());
  QVERIFY(QDir(folder_.path()).isEmpty());
  QCOMPARE(Plot::imageFormatOf("a.PNG"), std::optional(Plot::ImageFormat::Png));
}

void PlotsTest::exportLeavesTheScreenAlone() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  moveMouse(plot, {300, 200});
  const QImage before = plot.grab().toImage();
  const QString text = plot.hoverText();
  QVERIFY(!plot.image({200, 120}, 3).isNull());
  QVERIFY(plot.exportImage(folder_.filePath("a.svg"), {900, 700}, 1));
  moveMouse(plot, {300, 200});
  QCOMPARE(plot.hoverText(), text);
  QCOMPARE(plot.grab().toImage(), before);
}

// Data -------------------------------------------------------------------------------------------

void PlotsTest::tableEqualsTheCounts() {
  ErrorHistogramPlot plot;
  QVERIFY(plot.table().rows.isEmpty());
  plot.setResult(smallResult());
  plot.setLogCounts(true);
  const Histogram& wanted = *smallResult()->errorHistogram;
  const std::vector<double> edges = wanted.edges();
  const Plot::Table table = plot.table();
  QCOMPARE(table.header, (QStringList{"error_from", "error_to", "count"}));
  QCOMPARE(table.rows.size(), qsizetype(wanted.counts.size()));
  for (std::size_t bin = 0; bin < wanted.counts.size(); ++bin) {
    const QVector<double>& row = table.rows[qsizetype(bin)];
    QVERIFY(row[0] == edges[bin] && row[1] == edges[bin + 1]);
    QVERIFY(row[2] == double(wanted.counts[bin]));
  }
  WeightHistogramPlot weights;
  weights.setResult(smallResult());
  QCOMPARE(weights.table().header[0], QString("weight_from"));
  QCOMPARE(weights.table().rows.size(), qsizetype(smallResult()->weightHistogram.counts.size()));
}

void PlotsTest::curveTableEqualsTheCurve() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  const Plot::Table table = plot.table();
  QCOMPARE(table.header, (QStringList{"ratio", "mse", "gain_db"}));
  QCOMPARE(table.rows.size(), qsizetype(smallCurve()->ratios.size()));
  for (qsizetype i = 0; i < table.rows.size(); ++i) {
    QVERIFY(table.rows[i][0] == smallCurve()->ratios[std::size_t(i)]);
    QVERIFY(table.rows[i][1] == smallCurve()->mse[std::size_t(i)]);
  }
  QCOMPARE(table.rows[0][2], 0.0);
}

void PlotsTest::csvAndTsvUseTheCLocale() {
  QLocale::setDefault(QLocale(QLocale::German, QLocale::Germany));
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  const QStringList lines = plot.tableAsCsv().split('\n');
  QLocale::setDefault(QLocale::c());
  QCOMPARE(lines[0], QString("ratio,mse,gain_db"));
  const QStringList fields = lines[2].split(',');
  QCOMPARE(fields.size(), 3);
  QVERIFY(fields[0].toDouble() == smallCurve()->ratios[1]);
  QVERIFY(fields[1].toDouble() == smallCurve()->mse[1]);
  QVERIFY(plot.tableAsTsv().startsWith("ratio\tmse\tgain_db\n1\t"));

  const QString path = folder_.filePath("curve.csv");
  QVERIFY(plot.exportTable(path));
  QCOMPARE(contentOf(path), plot.tableAsCsv().toUtf8());
}

void PlotsTest::clipboardGetsDataAndImage() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  const auto trigger = [&plot](const QString& text) {
    for (QAction* action : plot.actions()) {
      if (action->text().remove('&').startsWith(text)) return action->trigger();
    }
    QFAIL("no such action");
  };
  trigger("Copy Table");
  QCOMPARE(QGuiApplication::clipboard()->text(), plot.tableAsTsv());
  trigger("Copy Picture");
  QVERIFY(!QGuiApplication::clipboard()->image().isNull());
  trigger("Log counts");
  QVERIFY(plot.logCounts());
}

// Histograms -------------------------------------------------------------------------------------

void PlotsTest::logCountsChangeTheAxis() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QCOMPARE(verticalLabel(plot), QString("Count"));
  const QImage linear = plot.grab().toImage();
  QSignalSpy changed(&plot, &HistogramPlot::logCountsChanged);
  plot.setLogCounts(true);
  QTest::qWait(20);
  QCOMPARE(verticalLabel(plot), QString("Count (log)"));
  QVERIFY(plot.grab().toImage() != linear);
  QTest::keyClick(&plot, Qt::Key_L);
  QVERIFY(!plot.logCounts());
  QCOMPARE(changed.size(), 2);
  QTest::qWait(20);
  QCOMPARE(plot.grab().toImage(), linear);
}

void PlotsTest::countsOfZeroStayOnALogAxis() {
  // One value far out: nearly all bins between are empty.
  std::vector<float> values = test::normalValues(32 * 32, 9);
  values[0] = 5;
  WeightHistogramPlot plot;
  plot.setResult(resultFor(QuantSpec{}, values, 32));
  plot.setLogCounts(true);
  present(plot);
  QTest::keyClick(&plot, Qt::Key_Right);
  QVERIFY(plot.hoverText().contains(": 0 of 1,024 (0 %)") ||
          plot.hoverText().contains(": 0 of 1024 (0 %)"));
  // The last bin holds one value: its bar must reach above the foot of the axis.
  const QImage image = plot.image(kSize, 1);
  const QRgb fill = mixed(PlotTheme::from(plot.palette()).weight,
                          PlotTheme::from(plot.palette()).background, 0.75)
                        .rgb();
  int height = 0;
  for (int x = image.width() - 60; x < image.width(); ++x) {
    int column = 0;
    for (int y = 0; y < image.height(); ++y) column += image.pixel(x, y) == fill ? 1 : 0;
    height = std::max(height, column);
  }
  QVERIFY2(height > 5, QByteArray::number(height));
}

void PlotsTest::keyboardMovesFromBinToBin() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QSignalSpy hovered(&plot, &Plot::hovered);
  QTest::keyClick(&plot, Qt::Key_Right);
  QCOMPARE(hovered.size(), 1);
  const Histogram& histogram = *smallResult()->errorHistogram;
  const std::size_t middle = histogram.counts.size() / 2;
  QCOMPARE(plot.hoverText(), binText("Error", histogram, middle, plot.locale()) + ": " +
                                 binCountText(histogram, middle, plot.locale()));
  QTest::keyClick(&plot, Qt::Key_Left);
  QVERIFY(plot.hoverText().startsWith(binText("Error", histogram, middle - 1, plot.locale())));
  QTest::keyClick(&plot, Qt::Key_Right, Qt::ControlModifier);
  QVERIFY(plot.hoverText().startsWith(binText("Error", histogram, middle + 9, plot.locale())));
  QTest::keyClick(&plot, Qt::Key_Escape);
  QCOMPARE(plot.hoverText(), QString());
  QCOMPARE(hovered.last().first().toString(), QString());
}

void PlotsTest::hoveringTellsTheBinWithoutDrawingTheRestAgain() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QSignalSpy redrawn(canvasOf(plot), SIGNAL(afterReplot()));
  QVERIFY(redrawn.isValid());
  const QImage before = plot.grab().toImage();
  moveMouse(plot, {300, 200});
  const QString first = plot.hoverText();
  moveMouse(plot, {350, 200});
  QVERIFY(first.startsWith("Error "));
  QVERIFY(plot.hoverText() != first);
  QVERIFY(plot.grab().toImage() != before);
  QTest::qWait(20);
  QCOMPARE(redrawn.size(), 0);
  QEvent leave(QEvent::Leave);
  QApplication::sendEvent(&plot, &leave);
  QCOMPARE(plot.hoverText(), QString());
  QCOMPARE(plot.grab().toImage(), before);
}

void PlotsTest::zoomByWheelDragAndKeysAndReset() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  const auto wheel = [&plot](int turns) {
    const QPointF at(300, 200);
    QWheelEvent event(at, plot.mapToGlobal(at), {}, {0, 120 * turns}, Qt::NoButton, Qt::NoModifier,
                      Qt::NoScrollPhase, false);
    QApplication::sendEvent(&plot, &event);
  };
  QVERIFY(!plot.isZoomed());
  wheel(3);
  QVERIFY(plot.isZoomed());
  QTest::keyClick(&plot, Qt::Key_Home);
  QVERIFY(!plot.isZoomed());

  QTest::mousePress(&plot, Qt::LeftButton, {}, {200, 150});
  moveMouse(plot, {330, 150}, Qt::LeftButton);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {330, 150});
  QVERIFY(plot.isZoomed());
  QTest::mouseDClick(&plot, Qt::LeftButton, {}, {300, 200});
  QVERIFY(!plot.isZoomed());

  QTest::keyClick(&plot, Qt::Key_Plus);
  QVERIFY(plot.isZoomed());
  QTest::keyClick(&plot, Qt::Key_Minus);
  QVERIFY(!plot.isZoomed());

  QTest::mousePress(&plot, Qt::LeftButton, {}, {200, 150});
  moveMouse(plot, {330, 150}, Qt::LeftButton);
  QTest::keyClick(&plot, Qt::Key_Escape);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {330, 150});
  QVERIFY(!plot.isZoomed());
}

void PlotsTest::zoomIsKeptForTheSameTensorOnly() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QTest::keyClick(&plot, Qt::Key_Plus);
  QuantSpec spec;
  spec.bits = 3;
  plot.setResult(resultFor(spec, test::normalValues(64 * 96, 3), 96));
  QVERIFY(plot.isZoomed());
  auto other = std::make_shared<AnalysisResult>(*smallResult());
  other->info.name = "another";
  plot.setResult(other);
  QVERIFY(!plot.isZoomed());
}

// The clip curve ---------------------------------------------------------------------------------

void PlotsTest::draggingTheLineSnapsAndEmits() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  present(plot);
  const int from = pixelOf(plot, "Ratio 0.900");
  const int to = pixelOf(plot, "Ratio 0.800");
  QVERIFY(from > to && to > 0);

  QSignalSpy dragged(&plot, &ClipCurvePlot::ratioDragged);
  QSignalSpy finished(&plot, &ClipCurvePlot::ratioDragFinished);
  const int y = plot.height() / 3;
  QTest::mousePress(&plot, Qt::LeftButton, {}, {from, y});
  for (int x = from; x >= to; --x) moveMouse(plot, {x, y}, Qt::LeftButton);
  QCOMPARE(finished.size(), 0);
  QCOMPARE(dragged.size(), 20);  // one for each ratio passed, none twice
  for (qsizetype i = 0; i < dragged.size(); ++i) {
    QVERIFY(dragged[i][0].toDouble() == 1 - double(21 + i) / 200);
  }
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {to, y});
  QCOMPARE(finished.size(), 1);
  QVERIFY(finished[0][0].toDouble() == 0.8);
  QVERIFY(plot.currentRatio() == 0.8);
  QVERIFY(!plot.isZoomed());

  // A click on the line that moves nothing tells nothing.
  QTest::mouseClick(&plot, Qt::LeftButton, {}, {to, y});
  QCOMPARE(finished.size(), 1);
}

void PlotsTest::altDragsBetweenTheRatios() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  present(plot);
  const int from = pixelOf(plot, "Ratio 0.900");
  QTest::mousePress(&plot, Qt::LeftButton, {}, {from, 150});
  moveMouse(plot, {from - 7, 150}, Qt::LeftButton, Qt::AltModifier);
  const double ratio = plot.currentRatio();
  QVERIFY(ratio < 0.9);
  QVERIFY(std::abs(ratio * 200 - std::round(ratio * 200)) > 1e-6);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {from - 7, 150});
}

void PlotsTest::escapeTakesADragBack() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  present(plot);
  const int from = pixelOf(plot, "Ratio 0.900");
  QSignalSpy finished(&plot, &ClipCurvePlot::ratioDragFinished);
  QTest::mousePress(&plot, Qt::LeftButton, {}, {from, 150});
  moveMouse(plot, {from - 60, 150}, Qt::LeftButton);
  QVERIFY(plot.currentRatio() < 0.9);
  const auto wantsEscape = [&] {
    QKeyEvent asked(QEvent::ShortcutOverride, Qt::Key_Escape, Qt::NoModifier);
    asked.ignore();
    QApplication::sendEvent(&plot, &asked);
    return asked.isAccepted();
  };
  QVERIFY(wantsEscape());  // else it would be the window's, which stops what runs
  QTest::keyClick(&plot, Qt::Key_Escape);
  QVERIFY(!wantsEscape());
  QVERIFY(plot.currentRatio() == 0.9);
  QCOMPARE(finished.size(), 1);
  QVERIFY(finished[0][0].toDouble() == 0.9);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {from - 60, 150});
  QCOMPARE(finished.size(), 1);
  QVERIFY(plot.currentRatio() == 0.9);
}

void PlotsTest::keyboardMovesTheLine() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  present(plot);
  QSignalSpy dragged(&plot, &ClipCurvePlot::ratioDragged);
  QSignalSpy finished(&plot, &ClipCurvePlot::ratioDragFinished);
  QTest::keyClick(&plot, Qt::Key_Left);
  QVERIFY(plot.currentRatio() == 1 - 21 / 200.0);
  QCOMPARE(dragged.size(), 1);
  QCOMPARE(finished.size(), 1);
  QTest::keyClick(&plot, Qt::Key_Right, Qt::ShiftModifier);
  QVERIFY(plot.currentRatio() == 1 - 11 / 200.0);
  QTest::keyClick(&plot, Qt::Key_Left, Qt::AltModifier);
  QVERIFY(std::abs(plot.currentRatio() - 0.944) < 1e-12);
  QVERIFY(plot.hoverText().startsWith("Ratio 0.945"));

  // Holding a key down ends once.
  finished.clear();
  QTest::keyPress(&plot, Qt::Key_Left);
  QTest::keyPress(&plot, Qt::Key_Left);
  QCOMPARE(finished.size(), 0);
  QTest::keyRelease(&plot, Qt::Key_Left);
  QCOMPARE(finished.size(), 1);

  // The ends of the curve hold.
  plot.setCurrentRatio(1, true);
  dragged.clear();
  QTest::keyClick(&plot, Qt::Key_Right);
  QCOMPARE(dragged.size(), 0);
  plot.setCurrentRatio(0.505, true);
  QTest::keyClick(&plot, Qt::Key_Left, Qt::ShiftModifier);
  QVERIFY(plot.currentRatio() == 0.5);
}

void PlotsTest::aFixedLineCannotBeMoved() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, false);
  present(plot);
  QSignalSpy dragged(&plot, &ClipCurvePlot::ratioDragged);
  const int from = pixelOf(plot, "Ratio 0.900");
  QTest::mousePress(&plot, Qt::LeftButton, {}, {from, 150});
  moveMouse(plot, {from - 60, 150}, Qt::LeftButton);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {from - 60, 150});
  QTest::keyClick(&plot, Qt::Key_Left);
  QCOMPARE(dragged.size(), 0);
  QVERIFY(plot.currentRatio() == 0.9);
  // The arrows then read the curve.
  const QString first = plot.hoverText();
  QVERIFY(first.startsWith("Ratio "));
  QTest::keyClick(&plot, Qt::Key_Left);
  QVERIFY(plot.hoverText() != first);
}

void PlotsTest::theLineIsNotMovedUnderThePointer() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  plot.setCurrentRatio(0.9, true);
  present(plot);
  const int from = pixelOf(plot, "Ratio 0.900");
  const int to = pixelOf(plot, "Ratio 0.850");
  QTest::mousePress(&plot, Qt::LeftButton, {}, {from, 150});
  moveMouse(plot, {to, 150}, Qt::LeftButton);
  plot.setCurrentRatio(0.88, true);  // a late answer
  QVERIFY(plot.currentRatio() == 0.85);
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {to, 150});
  plot.setCurrentRatio(0.88, true);
  QVERIFY(plot.currentRatio() == 0.88);
}

void PlotsTest::enterAndClickChooseTheOptimum() {
  ClipCurvePlot plot;
  plot.setCurve(smallCurve(), RatioGrid{});
  present(plot);
  const auto wanted = optimumIn(*smallCurve(), RatioGrid{});
  QCOMPARE(plot.optimumRatio(), std::optional<double>(wanted->ratio));
  QSignalSpy chosen(&plot, &ClipCurvePlot::optimumChosen);
  QTest::keyClick(&plot, Qt::Key_Return);
  QCOMPARE(chosen.size(), 1);
  QCOMPARE(chosen[0][0].toDouble(), wanted->ratio);

  // The marked point is where the pointer becomes a hand.
  const int x = pixelOf(plot, "Ratio " + ratioText(wanted->ratio, plot.locale()));
  int y = plot.height() - 1;
  for (; y > 0; --y) {
    moveMouse(plot, {x, y});
    if (plot.cursor().shape() == Qt::PointingHandCursor) break;
  }
  QVERIFY(y > 0);
  QTest::mouseClick(&plot, Qt::LeftButton, {}, {x, y});
  QCOMPARE(chosen.size(), 2);
  QTest::mouseDClick(&plot, Qt::LeftButton, {}, {x, y});
  QTest::mouseRelease(&plot, Qt::LeftButton, {}, {x, y});
  QCOMPARE(chosen.size(), 2);  // the first of the two clicks has chosen

  QTest::keyClick(&plot, Qt::Key_Plus);
  QVERIFY(plot.isZoomed());
  QTest::mouseDClick(&plot, Qt::LeftButton, {}, {120, 60});
  QCOMPARE(chosen.size(), 2);
  QVERIFY(!plot.isZoomed());
}

void PlotsTest::curveWithoutMuchToGainSaysSo() {
  QuantSpec spec;
  spec.groupSize = 8;
  spec.grid = {1.0, 0.5, 101};
  const Result<ClipCurve> curve = clipCurveOf(
      test::normalTensor(32, 64, 5), test::coded(test::normalTensor(32, 64, 5), spec), Executor(1));
  QVERIFY(curve);
  ClipCurvePlot plot;
  plot.setCurve(std::make_shared<const ClipCurve>(*curve), RatioGrid{});
  const QString verdict = clipVerdict(*curve, RatioGrid{}, plot.locale());
  QVERIFY(verdict.contains("not worth it") || verdict.contains("does not help"));
  QVERIFY(plot.summary().startsWith(verdict));
  QVERIFY(plot.exportImage(folder_.filePath("a.svg"), kSize, 1));
  QVERIFY(QString::fromUtf8(contentOf(folder_.filePath("a.svg"))).contains(verdict));
}

// States and surroundings ------------------------------------------------------------------------

void PlotsTest::emptyFailedAndNotFiniteStatesSayWhy() {
  ErrorHistogramPlot plot;
  present(plot);
  const QImage empty = plot.grab().toImage();
  QVERIFY(contrastOf(empty) > 0);
  plot.setEmptyText("Something else");
  QVERIFY(plot.grab().toImage() != empty);
  QTest::keyClick(&plot, Qt::Key_Right);
  QTest::keyClick(&plot, Qt::Key_Home);
  QCOMPARE(plot.hoverText(), QString());

  plot.setFailure("The scale of row 0 overflows");
  QCOMPARE(plot.summary(), QString("The scale of row 0 overflows"));
  plot.setResult(smallResult());
  QCOMPARE(plot.failure(), QString());
  QVERIFY(plot.summary().contains("layer/kernel:0"));

  std::vector<float> values = test::normalValues(32 * 32, 9);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  plot.setResult(resultFor(QuantSpec{}, values, 32));
  QVERIFY(plot.failure().contains("1 NaN"));
  QVERIFY(plot.table().rows.isEmpty());
  WeightHistogramPlot weights;
  weights.setResult(resultFor(QuantSpec{}, values, 32));
  QVERIFY(!weights.table().rows.isEmpty());
  plot.setResult(nullptr);
  QCOMPARE(plot.failure(), QString());
  QCOMPARE(plot.summary(), QString("No data"));
}

void PlotsTest::staleResultsLookDifferentAfterAMoment() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  const QImage settled = plot.grab().toImage();
  const QImage exported = plot.image(kSize, 1);
  plot.setStale(true);
  QTRY_VERIFY(contrastOf(plot.grab().toImage()) < 0.7 * contrastOf(settled));
  // What is exported is the plot, not its state.
  QCOMPARE(plot.image(kSize, 1), exported);
  plot.setStale(false);
  QCOMPARE(plot.grab().toImage(), settled);
}

void PlotsTest::quickAnswersDoNotDim() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  const QImage settled = plot.grab().toImage();
  plot.setStale(true);
  QCOMPARE(plot.grab().toImage(), settled);
  plot.setStale(false);
  QTest::qWait(200);
  QCOMPARE(plot.grab().toImage(), settled);
}

void PlotsTest::aPerfectResultIsDrawn() {
  // Every weight is a level: no error at all, one bin without width.
  ErrorHistogramPlot plot;
  plot.setResult(resultFor(QuantSpec{}, std::vector<float>(64, 0.0F), 32));
  QVERIFY(plot.failure().isEmpty());
  QCOMPARE(plot.table().rows.size(), 1);
  present(plot);
  QTest::keyClick(&plot, Qt::Key_Right);
  QVERIFY2(plot.hoverText().startsWith("Error 0: 64 of 64 (100 %)"), qPrintable(plot.hoverText()));
  QTest::keyClick(&plot, Qt::Key_Plus);
  plot.setLogCounts(true);
  QVERIFY(contrastOf(plot.grab().toImage()) > 0);
}

void PlotsTest::paletteChangeRecolours() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QCOMPARE(cornerOf(plot.grab().toImage()), plot.palette().color(QPalette::Base));
  plot.setPalette(darkPalette());
  QTest::qWait(30);
  QCOMPARE(cornerOf(plot.grab().toImage()), QColor(30, 30, 32));
  QCOMPARE(plot.image(kSize, 1).pixelColor(5, 375), QColor(30, 30, 32));

  ClipCurvePlot follower;
  const QPalette before = QApplication::palette();
  present(follower);
  QApplication::setPalette(darkPalette());
  QTest::qWait(30);
  QCOMPARE(cornerOf(follower.grab().toImage()), QColor(30, 30, 32));
  QApplication::setPalette(before);
}

void PlotsTest::highContrastIsNeitherMutedNorTranslucent() {
  QPalette palette;
  for (const auto role : {QPalette::Window, QPalette::Base}) palette.setColor(role, Qt::black);
  for (const auto role : {QPalette::WindowText, QPalette::Text}) palette.setColor(role, Qt::white);
  const PlotTheme theme = PlotTheme::from(palette);
  QVERIFY(theme.highContrast);
  QVERIFY(theme.dark);
  QCOMPARE(theme.mutedText, QColor(Qt::white));
  QCOMPARE(theme.axis, QColor(Qt::white));
}

void PlotsTest::themeColoursStandOut_data() {
  QTest::addColumn<QPalette>("palette");
  QTest::newRow("light") << QPalette(QColor(239, 239, 239));
  QTest::newRow("dark") << darkPalette();
}

void PlotsTest::themeColoursStandOut() {
  QFETCH(QPalette, palette);
  const PlotTheme theme = PlotTheme::from(palette);
  QVERIFY(!theme.highContrast);
  QVERIFY(contrastRatio(theme.text, theme.background) >= 7);
  QVERIFY(contrastRatio(theme.mutedText, theme.background) >= 4.5);
  // WCAG asks 3:1 of graphics.
  for (const QColor& color : {theme.error, theme.weight, theme.level, theme.curve, theme.optimum,
                              theme.cursor, theme.focus}) {
    QVERIFY2(contrastRatio(color, theme.background) >= 3, qPrintable(color.name()));
  }
  QVERIFY(contrastRatio(theme.grid, theme.background) < 1.5);
}

void PlotsTest::fontChangeIsFollowed() {
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  const QImage before = plot.grab().toImage();
  QFont font = plot.font();
  font.setPointSizeF(font.pointSizeF() * 1.6);
  plot.setFont(font);
  QTest::qWait(30);
  QVERIFY(plot.grab().toImage() != before);
  for (const QObject* axis : canvasOf(plot)->findChildren<QObject*>()) {
    if (!axis->inherits("QCPAxis") || axis->property("label").toString().isEmpty()) continue;
    QCOMPARE(axis->property("labelFont").value<QFont>().pointSizeF(), font.pointSizeF() * 0.9);
  }
}

void PlotsTest::assistiveToolsGetNameDescriptionAndValue() {
  ErrorHistogramPlot errors;
  errors.setResult(smallResult());
  QAccessibleInterface* chart = QAccessible::queryAccessibleInterface(&errors);
  QVERIFY(chart);
  QCOMPARE(chart->role(), QAccessible::Chart);
  QCOMPARE(chart->text(QAccessible::Name), QString("Error histogram"));
  QCOMPARE(chart->text(QAccessible::Description), errors.summary());
  QVERIFY(errors.summary().contains("6144 values") || errors.summary().contains("6,144 values"));
  QCOMPARE(errors.accessibleName(), errors.title());
  QCOMPARE(errors.accessibleDescription(), errors.summary());
  QCOMPARE(chart->childCount(), 0);
  present(errors);
  QTest::keyClick(&errors, Qt::Key_Right);
  QCOMPARE(chart->text(QAccessible::Value), errors.hoverText());
  QVERIFY(!errors.hoverText().isEmpty());

  ClipCurvePlot curve;
  curve.setCurve(smallCurve(), RatioGrid{});
  curve.setCurrentRatio(0.9, true);
  QAccessibleInterface* slider = QAccessible::queryAccessibleInterface(&curve);
  QVERIFY(slider->valueInterface());
  QCOMPARE(slider->valueInterface()->currentValue().toDouble(), 0.9);
  QCOMPARE(slider->valueInterface()->minimumValue().toDouble(), 0.5);
  QSignalSpy finished(&curve, &ClipCurvePlot::ratioDragFinished);
  slider->valueInterface()->setCurrentValue(0.8);
  QCOMPARE(finished.size(), 1);
  QVERIFY(curve.currentRatio() == 0.8);
}

void PlotsTest::sharpOnEveryScreen() {
  if (QGuiApplication::screens().size() < 2) QSKIP("needs two screens");
  // A canvas of the wrong pixel ratio is enlarged: all squares of 2 x 2 pixels have one colour.
  const auto isSharp = [](const QPixmap& pixmap) {
    const QImage image = pixmap.toImage();
    for (int y = 8; y + 9 < image.height(); y += 2) {
      for (int x = 8; x + 9 < image.width(); x += 2) {
        if (image.pixel(x, y) != image.pixel(x + 1, y) ||
            image.pixel(x, y) != image.pixel(x, y + 1)) {
          return true;
        }
      }
    }
    return false;
  };
  ErrorHistogramPlot plot;
  plot.setResult(smallResult());
  present(plot);
  QCOMPARE(plot.devicePixelRatioF(), 1.0);
  QScreen* const fine = QGuiApplication::screens().at(1);
  plot.move(fine->geometry().topLeft() + QPoint(20, 20));
  plot.windowHandle()->setScreen(fine);
  QTRY_COMPARE(plot.devicePixelRatioF(), 2.0);
  QTest::qWait(50);
  const QPixmap moved = plot.grab();
  QCOMPARE(moved.devicePixelRatio(), 2.0);
  QVERIFY(isSharp(moved));
}

QUANTOSCOPE_TOPIC_MAIN(argc, argv) {
  // Two screens, the second with twice the pixels.
  QTemporaryFile screens;
  if (screens.open()) {
    screens.write(R"({"screens": [
      {"name": "coarse", "x": 0, "y": 0, "width": 1280, "height": 800, "dpr": 1},
      {"name": "fine", "x": 1280, "y": 0, "width": 1280, "height": 800, "dpr": 2}]})");
    screens.flush();
    qputenv("QT_QPA_PLATFORM", "offscreen:configfile=" + screens.fileName().toUtf8());
  }
  QApplication application(argc, argv);
  QApplication::setStyle("Fusion");
  PlotsTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "plots_test.moc"
