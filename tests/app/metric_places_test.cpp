// Every row of the table of metrics, in every place that reads the table.
#include <map>
#include <set>

#include <QAction>
#include <QHeaderView>
#include <QMenu>
#include <QProcess>
#include <QTableView>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/exporting/plan_file.h"
#include "core/io/tensor_source.h"
#include "core/metrics/metrics_json.h"
#include "core/quant/clip_search.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "tests/ui/desk.h"
#include "ui/models/comparison_model.h"
#include "ui/models/metric_text.h"
#include "ui/models/metrics_model.h"
#include "ui/models/tensor_list_model.h"

using namespace quantoscope;
using namespace quantoscope::ui;

namespace {

/// What the metrics are, by their definitions, without sums that they could share.
std::map<std::string, double> byDefinition(const std::vector<float>& weights,
                                           const std::vector<float>& values) {
  const auto total = [&](auto term) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      sum += term(double{weights[i]}, double{values[i]});
    }
    return sum;
  };
  const auto count = static_cast<double>(weights.size());
  const double noise = total([](double w, double y) { return (w - y) * (w - y); });
  const double signal = total([](double w, double) { return w * w; });
  const double decoded = total([](double, double y) { return y * y; });
  const double product = total([](double w, double y) { return w * y; });
  double largest = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    largest = std::max(largest, std::fabs(double{weights[i]} - double{values[i]}));
  }
  return {{"mse", noise / count},
          {"rmse", std::sqrt(noise / count)},
          {"sqnr_db", 10 * std::log10(signal / noise)},
          {"max_abs_error", largest},
          {"mean_error", total([](double w, double y) { return y - w; }) / count},
          {"cosine", product / std::sqrt(signal * decoded)},
          {"relative_error", std::sqrt(noise / signal)},
          {"nmse", noise / signal}};
}

bool close(double a, double b) {
  return std::fabs(a - b) <= 1e-6 * std::max(std::fabs(a), std::fabs(b));
}

QString key(const MetricRow& row) {
  return QString::fromLatin1(row.key);
}

}  // namespace

class MetricPlacesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void rowsDifferInWhatNamesThem();
  void valuesFollowTheDefinitions();
  void theCommandLinePrintsEachMetric();
  void filesHoldEachMetric();
  void plansAndPinsKeepEachMetric();
  void filesOfVersionsWithFewerMetricsAreRead();
  void theWindowListsEachMetric();
  void theOverviewHasAColumnForEachMetric();
  void theComparisonHasAColumnForEachMetric();
  void theFilterKnowsEachMetric();
  void tablesForFilesHaveEachMetric();

 private:
  Json printed(const QStringList& arguments) const;
  static QStringList linesOf(const QString& path);

  const QString sample_ =
      QString::fromStdString(test::sourcePath("resources/samples/sample_transformer.h5"));
  const QString sampleTensor_ = QStringLiteral("lm_head.weight");
  QTemporaryDir folder_;
};

void MetricPlacesTest::initTestCase() {
  QStandardPaths::setTestModeEnabled(true);
  QLocale::setDefault(QLocale::c());
}

void MetricPlacesTest::rowsDifferInWhatNamesThem() {
  std::set<std::string> names;
  for (const MetricRow& row : kMetrics) {
    for (const std::string& name :
         {std::string("key ") + row.key, std::string("label ") + row.label,
          std::string("title ") + row.title, std::string("heading ") + row.heading,
          std::string("field ") + row.filterField}) {
      QVERIFY2(names.insert(name).second, name.c_str());
    }
    QVERIFY2(std::string(row.meaning).size() > 10 && std::string(row.formula).size() > 3, row.key);
  }
  std::ptrdiff_t first = 0;
  for (const MetricRow& row : kMetrics) first += row.listing == MetricListing::First ? 1 : 0;
  QCOMPARE(first, std::ptrdiff_t{1});
  QCOMPARE(metricsByAspect().size(), kMetrics.size());
}

void MetricPlacesTest::valuesFollowTheDefinitions() {
  const std::vector<float> weights = test::fakeWeights(8 * 24, 5);
  const WeightTensor tensor = test::tensorOf(8, 24, weights);
  QuantSpec spec;
  spec.bits = 3;
  spec.groupSize = 8;
  const auto parameters =
      groupParametersOf(tensor, test::coded(tensor, spec), ClipRatios{}, Executor(1));
  QVERIFY(parameters);
  const auto values = dequantized(tensor, test::coded(tensor, spec), *parameters, Executor(1));
  const auto sums = errorSumsOf(tensor, test::coded(tensor, spec), *parameters, Executor(1));
  QVERIFY(values && sums);
  const ErrorMetrics metrics = ErrorMetrics::from(*sums);
  const auto expected = byDefinition(weights, values->values);
  for (const MetricRow& row : kMetrics) {
    QVERIFY2(expected.contains(row.key), row.key);
    QVERIFY2(close(row.of(metrics), expected.at(row.key)), row.key);
  }
}

Json MetricPlacesTest::printed(const QStringList& arguments) const {
  QProcess process;
  process.start(QStringLiteral(QUANTOSCOPE_CLI), arguments);
  if (!process.waitForFinished(120000) || process.exitCode() != 0) return {};
  const auto json = parseJson(process.readAllStandardOutput().toStdString(), "stdout");
  return json ? *json : Json();
}

void MetricPlacesTest::theCommandLinePrintsEachMetric() {
  const Json inspected =
      printed({QStringLiteral("inspect"), sample_, sampleTensor_, QStringLiteral("--detail"),
               QStringLiteral("--part"), QStringLiteral("row:1"), QStringLiteral("--json")});
  const Json overview = printed({QStringLiteral("overview"), sample_, QStringLiteral("--json")});
  QVERIFY(inspected.isObject() && overview.isArray());
  const Json::Array& tensors = *overview.asArray();
  const auto entry = std::find_if(tensors.begin(), tensors.end(), [&](const Json& json) {
    return *json.find("tensor")->asString() == sampleTensor_.toStdString();
  });
  QVERIFY(entry != tensors.end());
  const Json& detail = *inspected.find("detail");
  for (const MetricRow& row : kMetrics) {
    const Json* number = inspected.find("metrics")->find(row.key);
    QVERIFY2(number != nullptr && number->isNumber(), row.key);
    const Json* same = entry->find(row.key);
    QVERIFY2(same != nullptr && *same == *number, row.key);
    QVERIFY2(inspected.find("part")->find("metrics")->find(row.key) != nullptr, row.key);
    QVERIFY2(detail.find("worst_groups")->asArray()->front().find(row.key) != nullptr, row.key);
    for (const char* profile : {"rows", "channels", "group_positions"}) {
      const Json* column = detail.find(profile)->find(row.key);
      QVERIFY2(column != nullptr && !column->asArray()->empty(), row.key);
    }
  }
}

void MetricPlacesTest::filesHoldEachMetric() {
  const QString native = folder_.filePath(QStringLiteral("native.h5"));
  QProcess process;
  process.start(QStringLiteral(QUANTOSCOPE_CLI), {QStringLiteral("quantize"), sample_,
                                                  sampleTensor_, QStringLiteral("--out"), native});
  QVERIFY(process.waitForFinished(120000));
  QCOMPARE(process.exitCode(), 0);
  const Json inspected =
      printed({QStringLiteral("inspect"), sample_, sampleTensor_, QStringLiteral("--json")});
  for (const MetricRow& row : kMetrics) {
    const auto stored = test::readAttribute(native.toStdString(),
                                            "/tensors/" + sampleTensor_.toStdString(), row.key);
    QVERIFY2(stored, row.key);
    QCOMPARE(*stored, formatNumber(inspected.find("metrics")->find(row.key)->asNumber(NAN)));
  }
}

void MetricPlacesTest::plansAndPinsKeepEachMetric() {
  ErrorMetrics metrics;
  double next = 0.25;
  for (const MetricRow& row : kMetrics) metrics.*row.value = next++;
  TuningPlan plan;
  plan.tensors["w"].metrics = metrics;
  const auto read = planFromJson(planToJson(plan), "plan");
  QVERIFY(read);
  Pin pin;
  PinMeasure measure;
  measure.metrics = metrics;
  measure.errors = Histogram::over(-1, 1, 4);
  pin.measure = std::make_shared<const PinMeasure>(measure);
  const auto kept = pinFromJson(toJson(pin, QStringLiteral("/model.h5")), "pin");
  QVERIFY(kept && kept->measure);
  for (const MetricRow& row : kMetrics) {
    QCOMPARE(row.of(*read->tensors.at("w").metrics), row.of(metrics));
    QCOMPARE(row.of(kept->measure->metrics), row.of(metrics));
  }
}

void MetricPlacesTest::filesOfVersionsWithFewerMetricsAreRead() {
  const auto pin = parseJson(
      R"({"name":"a","file":"/m.h5","tensor":"w","spec":{},"measure":{"mse":0.5,"sqnr_db":"inf",
          "max_abs_error":2.0,"bits_per_weight":4.0,"bytes":8,
          "errors":{"from":-1.0,"to":1.0,"counts":[1,2]}}})",
      "pin");
  QVERIFY(pin);
  const auto read = pinFromJson(*pin, "pin");
  QVERIFY(read && read->measure);
  const ErrorMetrics& metrics = read->measure->metrics;
  QCOMPARE(metrics.mse, 0.5);
  QCOMPARE(metrics.sqnrDb, std::numeric_limits<double>::infinity());
  QCOMPARE(metrics.maxAbsError, 2.0);
  QVERIFY(std::isnan(metrics.rmse));
  AnalysisResult result;
  result.metrics = metrics;
  QVERIFY(!read->measure->lacksMetricOf(result));
  result.metrics->rmse = 0.5;
  QVERIFY(read->measure->lacksMetricOf(result));
  QVERIFY(!knownMetricsIn(*parseJson("{}", "nothing")));
}

void MetricPlacesTest::theWindowListsEachMetric() {
  Desk desk;
  desk.open();
  const MetricsModel& model = desk.window->findChild<MetricsPanel*>()->metrics();
  for (const MetricRow& row : kMetrics) {
    const int at = model.rowOf(key(row));
    QVERIFY2(at >= 0, row.key);
    const QModelIndex name = model.index(at, MetricsModel::Name);
    QCOMPARE(name.data().toString(), QString::fromUtf8(row.label));
    QCOMPARE(name.data(Qt::ToolTipRole).toString(), tipOf(row));
    QCOMPARE(model.index(at, MetricsModel::Unit).data().toString(),
             QString::fromUtf8(textOf(row.unit)));
    QCOMPARE(model.index(at, MetricsModel::Value).data(MetricsModel::NumberRole).toDouble(),
             row.shown(row.of(*desk.expected()->metrics)));
  }
}

void MetricPlacesTest::theOverviewHasAColumnForEachMetric() {
  Desk desk;
  desk.open();
  TensorListModel model(desk.session.get());
  QTRY_VERIFY(desk.session->settled());
  std::set<int> columns;
  for (const MetricRow& row : kMetrics) {
    const int column = TensorListModel::columnOf(row);
    QVERIFY2(column < TensorListModel::kColumns && columns.insert(column).second, row.key);
    QCOMPARE(model.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString(), titleOf(row));
    QVERIFY(model.headerData(column, Qt::Horizontal, Qt::ToolTipRole)
                .toString()
                .startsWith(tipOf(row)));
    const QModelIndex cell = model.index(model.shownRow(), column);
    QCOMPARE(cell.data(TensorListModel::SortRole).toDouble(),
             row.shown(row.of(*desk.expected()->metrics)));
    QCOMPARE(cell.data().toString(), cellText(row, row.shown(row.of(*desk.expected()->metrics))));
    QStringList offered;
    for (const QAction* action : desk.find<QMenu>("overviewColumns")->actions()) {
      offered << action->text();
    }
    QVERIFY2(offered.contains(titleOf(row)), row.key);
  }
}

void MetricPlacesTest::theComparisonHasAColumnForEachMetric() {
  Desk desk;
  desk.open();
  const auto* table = desk.find<QTableView>("comparison");
  std::set<const MetricRow*> found;
  for (int column = 0; column < ComparisonModel::kColumns; ++column) {
    const MetricRow* row = ComparisonModel::metricAt(column);
    if (row == nullptr) continue;
    QVERIFY(ComparisonModel::isMetric(column));
    found.insert(row);
    QCOMPARE(table->model()->headerData(column, Qt::Horizontal).toString(), titleOf(*row));
    QCOMPARE(table->model()->index(0, column).data(ComparisonModel::NumberRole).toDouble(),
             row->shown(row->of(*desk.expected()->metrics)));
    QStringList offered;
    for (const QAction* action : table->horizontalHeader()->actions()) offered << action->text();
    QVERIFY2(offered.contains(titleOf(*row)), row->key);
  }
  QCOMPARE(found.size(), kMetrics.size());
}

void MetricPlacesTest::theFilterKnowsEachMetric() {
  for (const MetricRow& row : kMetrics) {
    TensorFacts facts;
    facts.metrics = ErrorMetrics::unknown();
    const auto matches = [&](const char* relation) {
      const auto filter =
          TensorFilter::parse(QLatin1String(row.filterField) + QLatin1String(relation));
      return filter.problem().isEmpty() && filter.matches(facts);
    };
    QVERIFY2(!matches(":<20") && !matches(":>=20"), row.key);  // not measured
    *facts.metrics.*row.value = row.unit == MetricUnit::Percent ? 0.125 : 12.5;
    QVERIFY2(matches(":<20") && matches(":=12.5") && !matches(":>12.5"), row.key);
    const QString example =
        QLatin1String(row.filterField) + QLatin1Char(':') + QLatin1String(row.filterExample);
    QVERIFY2(TensorFilter::parse(example).problem().isEmpty(), row.key);
    QVERIFY2(TensorFilter::examples().contains(example), row.key);
    QVERIFY2(TensorFilter::parse(QStringLiteral("nothing:<1"))
                 .problem()
                 .contains(QLatin1String(row.filterField)),
             row.key);
  }
}

QStringList MetricPlacesTest::linesOf(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return {};
  return QString::fromUtf8(file.readAll()).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

void MetricPlacesTest::tablesForFilesHaveEachMetric() {
  Desk desk;
  desk.open();
  QTRY_VERIFY(desk.session->settled());
  QSignalSpy exported(desk.session.get(), &Session::exported);
  const QString metrics = folder_.filePath(QStringLiteral("metrics.csv"));
  const QString overview = folder_.filePath(QStringLiteral("overview.csv"));
  desk.window->exportMetrics(metrics);
  QTRY_COMPARE(exported.size(), 1);
  desk.window->exportOverview(overview);
  QTRY_COMPARE(exported.size(), 2);
  const QStringList lines = linesOf(metrics);
  const QStringList header = linesOf(overview)[0].split(QLatin1Char(','));
  const QStringList first = linesOf(overview)[1].split(QLatin1Char(','));
  for (const MetricRow& row : kMetrics) {
    const double number = row.of(*desk.expected()->metrics);
    const QString shown = QString::fromStdString(formatNumber(row.shown(number)));
    const QString line = QStringList{key(row), shown, unitOf(row)}.join(QLatin1Char(','));
    QVERIFY2(lines.contains(line), row.key);
    QVERIFY2(header.contains(key(row)), row.key);
    // The settings hold commas: counted from the end.
    const auto place = header.size() - header.indexOf(key(row));
    QCOMPARE(first[first.size() - place], QString::fromStdString(formatNumber(number)));
  }
  // Readers that count columns find those of earlier versions where they were.
  QCOMPARE(header.mid(0, 10).join(QLatin1Char(',')),
           QStringLiteral("tensor,rows,cols,dtype,bytes,spec,mse,sqnr_db,best_ratio,"
                          "bits_per_weight"));
}

QTEST_MAIN(MetricPlacesTest)
#include "metric_places_test.moc"
