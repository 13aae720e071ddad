// The item models over the session.
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>

#include "core/base/text.h"
#include "tests/support/fake_source.h"
#include "ui/models/metrics_model.h"
#include "ui/models/number_text.h"
#include "ui/models/tensor_list_model.h"
#include "ui/panels/name_delegate.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

std::unique_ptr<Session> makeSession(bool overview = true) {
  auto source = std::make_shared<FakeSource>();
  source->add("layer10/kernel", 8, 64);
  source->add("layer2/kernel", 16, 32);
  source->addOther("layer2/bias", 16, "one axis: a bias");
  source->add("layer1/gate", 4, 40);
  Session::Environment environment;
  environment.executor = Executor(2);
  environment.overview = overview;
  environment.open = [source](const std::string&, const OpenOptions&) {
    return SharedSource(source);
  };
  return std::make_unique<Session>(environment);
}

QStringList namesIn(const QAbstractItemModel& model) {
  QStringList names;
  for (int row = 0; row < model.rowCount(); ++row) names << model.index(row, 0).data().toString();
  return names;
}

SharedResult resultOf(const std::vector<float>& values, std::size_t rows, const QuantSpec& spec) {
  TensorInfo info;
  info.name = "w";
  info.shape = {rows, values.size() / rows};
  info.rows = rows;
  info.cols = values.size() / rows;
  info.bytes = values.size() * sizeof(float);
  AnalysisRequest request;
  request.tensor = std::make_shared<WeightTensor>(info, values);
  request.spec = spec;
  return *analyse(request, Executor(1));
}

}  // namespace

class ModelsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }

  void tensorsAreRowsInTheOrderOfTheFile();
  void measurementsFillIn();
  void whatCannotBeQuantizedIsGreyAndSaysWhy();
  void theFilterTakesWords();
  void theFilterComparesNumbers();
  void namesSortNaturally();
  void numbersSortAsNumbers();
  void metricsEqualTheResult();
  void everyMetricHasItsDefinitionAndFormula();
  void metricsOfRowsShowTheSpread();
  void metricsOfABrokenTensorShowItsHealth();
  void aResultLikeTheLastKeepsTheRows();
  void theTableIsForFiles();
  void namesAreCutAtSeparators();
};

void ModelsTest::tensorsAreRowsInTheOrderOfTheFile() {
  const auto session = makeSession();
  TensorListModel model(session.get());
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  QCOMPARE(model.rowCount(), 0);
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_COMPARE(model.rowCount(), 4);
  QCOMPARE(namesIn(model),
           (QStringList{QStringLiteral("layer10/kernel"), QStringLiteral("layer2/kernel"),
                        QStringLiteral("layer2/bias"), QStringLiteral("layer1/gate")}));
  QCOMPARE(model.index(1, TensorListModel::Shape).data().toString(), QStringLiteral("16 × 32"));
  QCOMPARE(model.index(1, TensorListModel::Type).data().toString(), QStringLiteral("float32"));
  session->closeCurrentFile();
  QCOMPARE(model.rowCount(), 0);
}

void ModelsTest::measurementsFillIn() {
  const auto session = makeSession();
  TensorListModel model(session.get());
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_VERIFY(session->settled() && session->resultIsCurrent());
  for (const int row : {0, 1, 3}) {
    const QModelIndex sqnr = model.index(row, TensorListModel::Sqnr);
    QCOMPARE(sqnr.data(TensorListModel::SortRole).toDouble(),
             session->overview(static_cast<std::size_t>(row)).measure->metrics.sqnrDb);
    QVERIFY(!sqnr.data().toString().isEmpty());
    QVERIFY(!sqnr.data(Qt::ForegroundRole).isValid());
  }
  QuantSpec spec = session->spec();
  spec.bits = 2;
  session->editSpec(spec, QStringLiteral("bits"));
  // What was measured for the old spec is still there, but faint.
  QVERIFY(model.index(0, TensorListModel::Sqnr).data(Qt::ForegroundRole).isValid());
  QTRY_VERIFY(session->settled());
  QVERIFY(!model.index(0, TensorListModel::Sqnr).data(Qt::ForegroundRole).isValid());
}

void ModelsTest::whatCannotBeQuantizedIsGreyAndSaysWhy() {
  const auto session = makeSession();
  TensorListModel model(session.get());
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_COMPARE(model.rowCount(), 4);
  const QModelIndex bias = model.index(2, TensorListModel::Name);
  QVERIFY(bias.data(Qt::ForegroundRole).isValid());
  QVERIFY(bias.data(Qt::ToolTipRole).toString().contains(QStringLiteral("one axis: a bias")));
  QVERIFY(!bias.data(TensorListModel::QuantizableRole).toBool());
}

void ModelsTest::theFilterComparesNumbers() {
  TensorFacts facts;
  facts.text = QStringLiteral("model.layers.3.self_attn.q_proj.weight float16");
  facts.dtype = QStringLiteral("float16");
  facts.elements = 4096.0 * 4096;
  facts.rows = facts.cols = 4096;
  facts.bytes = 2 * facts.elements;
  facts.metrics = ErrorMetrics::unknown();
  facts.metrics->sqnrDb = 19.5;
  const auto matches = [&](const char* text) {
    return TensorFilter::parse(QString::fromLatin1(text)).matches(facts);
  };
  QVERIFY(matches("attn shape:>1M dtype:f16 sqnr:<20"));
  QVERIFY(matches("ATTN -lm_head rows:4096 cols:>=4096 size:>33M size:<=33.6M"));
  QVERIFY(matches(""));
  QVERIFY(!matches("attn sqnr:<19.5"));
  QVERIFY(matches("sqnr:<=19.5"));
  QVERIFY(!matches("-attn"));
  QVERIFY(!matches("dtype:bf16"));
  QVERIFY(!matches("shape:<1M"));
  QVERIFY(!matches("clip:<1"));  // not measured: no comparison holds
  QVERIFY(matches("-clip:<1"));
  QVERIFY(TensorFilter::parse(QStringLiteral("sqnr:<20")).problem().isEmpty());
  const TensorFilter wrong = TensorFilter::parse(QStringLiteral("attn sqnr:low"));
  QVERIFY(wrong.problem().contains(QStringLiteral("sqnr:low")));
  QVERIFY(wrong.matches(facts));  // the words that are understood still hold
}

void ModelsTest::theFilterTakesWords() {
  const auto session = makeSession(false);
  TensorListModel model(session.get());
  TensorFilterModel filter;
  filter.setSourceModel(&model);
  QAbstractItemModelTester tester(&filter, QAbstractItemModelTester::FailureReportingMode::QtTest);
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_COMPARE(model.rowCount(), 4);
  QCOMPARE(filter.rowCount(), 3);
  filter.setShowAll(true);
  QCOMPARE(filter.rowCount(), 4);
  filter.setFilterText(QStringLiteral("LAYER2"));
  QCOMPARE(filter.rowCount(), 2);
  filter.setFilterText(QStringLiteral("kernel layer2"));
  QCOMPARE(namesIn(filter), QStringList{QStringLiteral("layer2/kernel")});
  filter.setFilterText(QStringLiteral("float32 gate"));
  QCOMPARE(namesIn(filter), QStringList{QStringLiteral("layer1/gate")});
  filter.setFilterText(QStringLiteral("float16"));
  QCOMPARE(filter.rowCount(), 0);
}

void ModelsTest::namesSortNaturally() {
  const auto session = makeSession(false);
  TensorListModel model(session.get());
  TensorFilterModel filter;
  filter.setSourceModel(&model);
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_COMPARE(model.rowCount(), 4);
  filter.sort(TensorListModel::Name);
  QCOMPARE(namesIn(filter),
           (QStringList{QStringLiteral("layer1/gate"), QStringLiteral("layer2/kernel"),
                        QStringLiteral("layer10/kernel")}));
}

void ModelsTest::numbersSortAsNumbers() {
  const auto session = makeSession(false);
  TensorListModel model(session.get());
  TensorFilterModel filter;
  filter.setSourceModel(&model);
  session->openFile(QStringLiteral("/fake/model.h5"));
  QTRY_COMPARE(model.rowCount(), 4);
  filter.sort(TensorListModel::Size, Qt::DescendingOrder);
  QCOMPARE(namesIn(filter).last(), QStringLiteral("layer1/gate"));
}

void ModelsTest::metricsEqualTheResult() {
  MetricsModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  QuantSpec spec;
  spec.clip = ClipPolicy::fixed(0.9);
  const SharedResult result = resultOf(test::fakeWeights(8 * 64, 3), 8, spec);
  model.setResult(result);
  const auto number = [&](const char* key) {
    const int row = model.rowOf(QString::fromLatin1(key));
    return model.index(row, MetricsModel::Value).data(MetricsModel::NumberRole).toDouble();
  };
  QCOMPARE(number("mse"), result->metrics->mse);
  QCOMPARE(number("rmse"), result->metrics->rmse);
  QCOMPARE(number("sqnr_db"), result->metrics->sqnrDb);
  QCOMPARE(number("relative_error"), result->metrics->relativeError * 100);
  QCOMPARE(number("max_abs_error"), result->metrics->maxAbsError);
  QCOMPARE(number("mean_error"), result->metrics->meanError);
  QCOMPARE(number("cosine"), result->metrics->cosine);
  QCOMPARE(number("clip_ratio"), 0.9);
  QCOMPARE(number("bits_per_weight"), result->storage.bitsPerWeight());
  QCOMPARE(number("bytes"), static_cast<double>(result->storage.bytes()));
  QCOMPARE(number("stored_bytes"), 8.0 * 64 * 4);
  QCOMPARE(number("min"), result->statistics.min);
  QCOMPARE(number("max"), result->statistics.max);
  QCOMPARE(number("kurtosis"), result->statistics.kurtosis);
  QCOMPARE(number("nan"), 0.0);
  const int sqnr = model.rowOf(QStringLiteral("sqnr_db"));
  QCOMPARE(model.index(sqnr, MetricsModel::Unit).data().toString(), QStringLiteral("dB"));
  QVERIFY(model.index(sqnr, 0).data(Qt::ToolTipRole).toString().contains(QStringLiteral("log")));
  model.setResult(nullptr);
  QCOMPARE(model.rowCount(), 0);
}

void ModelsTest::everyMetricHasItsDefinitionAndFormula() {
  QuantSpec rows;
  rows.clip.kind = ClipPolicy::Kind::SearchRows;
  for (const QuantSpec& spec : {QuantSpec{}, rows}) {
    MetricsModel model;
    model.setResult(resultOf(test::fakeWeights(64, 5), 4, spec));
    int metrics = 0;
    for (int row = 0; row < model.rowCount(); ++row) {
      const QModelIndex index = model.index(row, MetricsModel::Name);
      if (index.data(MetricsModel::SectionRole).toBool()) continue;
      ++metrics;
      const QString tip = index.data(Qt::ToolTipRole).toString();
      const QString value = index.siblingAtColumn(MetricsModel::Value).data().toString();
      const bool place = value.startsWith(QStringLiteral("row "));
      // A sentence, then the formula on a line of its own.
      QVERIFY2(place ? tip.size() > 20 : tip.indexOf(QLatin1Char('\n')) > 10,
               qPrintable(index.data().toString() + tip));
      QVERIFY(place || tip.size() > tip.lastIndexOf(QLatin1Char('\n')) + 4);
    }
    QVERIFY(metrics > 20);
  }
}

void ModelsTest::metricsOfRowsShowTheSpread() {
  MetricsModel model;
  QuantSpec spec;
  spec.bits = 2;
  spec.clip = {ClipPolicy::Kind::SearchGroups, 1.0};
  const SharedResult result = resultOf(test::fakeWeights(16 * 64, 5), 16, spec);
  model.setResult(result);
  QCOMPARE(model.rowOf(QStringLiteral("clip_ratio")), -1);
  const auto number = [&](const char* key) {
    const int row = model.rowOf(QString::fromLatin1(key));
    return model.index(row, MetricsModel::Value).data(MetricsModel::NumberRole).toDouble();
  };
  QVERIFY(number("clip_ratio_min") <= number("clip_ratio_median"));
  QVERIFY(number("clip_ratio_median") <= number("clip_ratio_max"));
}

void ModelsTest::metricsOfABrokenTensorShowItsHealth() {
  MetricsModel model;
  auto values = test::fakeWeights(4 * 32, 7);
  values[40] = std::numeric_limits<float>::infinity();
  model.setResult(resultOf(values, 4, {}));
  QCOMPARE(model.rowOf(QStringLiteral("mse")), -1);
  const int where = model.rowOf(QStringLiteral("first_non_finite_at"));
  QCOMPARE(model.index(where, MetricsModel::Value).data().toString(),
           QStringLiteral("row 1, column 8"));
}

void ModelsTest::aResultLikeTheLastKeepsTheRows() {
  MetricsModel model;
  const auto values = test::fakeWeights(4 * 32, 7);
  model.setResult(resultOf(values, 4, {}));
  QSignalSpy reset(&model, &QAbstractItemModel::modelReset);
  QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
  QuantSpec other;
  other.bits = 3;
  model.setResult(resultOf(values, 4, other));
  QCOMPARE(reset.size(), 0);
  QCOMPARE(changed.size(), 1);
}

void ModelsTest::theTableIsForFiles() {
  QLocale::setDefault(QLocale(QLocale::German));
  MetricsModel model;
  const SharedResult result = resultOf(test::fakeWeights(8 * 64, 3), 8, {});
  model.setResult(result);
  const int row = model.rowOf(QStringLiteral("rmse"));
  QVERIFY(model.index(row, MetricsModel::Value).data().toString().contains(QLatin1Char(',')));
  bool found = false;
  for (const auto& line : model.table()) {
    if (line[0] != "mse") continue;
    found = true;
    QCOMPARE(parseNumber(line[1]).value(), result->metrics->mse);
    QCOMPARE(line[2], std::string("weight²"));
  }
  QVERIFY(found);
  QLocale::setDefault(QLocale::c());
}

void ModelsTest::namesAreCutAtSeparators() {
  const QFontMetrics metrics{QFont()};
  const QString name = QStringLiteral("model.layers.0.self_attn.q_proj.weight");
  const auto width = [&](const char* text) {
    return metrics.horizontalAdvance(QString::fromLatin1(text));
  };
  using Parts = std::pair<QString, QString>;
  QCOMPARE(NameDelegate::pathAndEnd(name, metrics, 10000), Parts(QString(), name));
  QCOMPARE(NameDelegate::pathAndEnd(name, metrics, width("self_attn.q_proj.weight")),
           Parts(QStringLiteral("model.layers.0"), QStringLiteral("self_attn.q_proj.weight")));
  QCOMPARE(NameDelegate::pathAndEnd(name, metrics, 1),
           Parts(QStringLiteral("model.layers.0.self_attn.q_proj"), QStringLiteral("weight")));
  QCOMPARE(NameDelegate::pathAndEnd(QStringLiteral("whole"), metrics, 1),
           Parts(QString(), QStringLiteral("whole")));
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::ModelsTest)
#include "models_test.moc"
