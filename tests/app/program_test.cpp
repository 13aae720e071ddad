// The programs as they are installed: what they link, and how the window's program starts and ends.
#include <bit>
#include <cstdint>

#include <QImage>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/json.h"
#include "tests/support/test_data.h"
#include "ui/models/metrics_model.h"
#include "ui/session/session.h"
#include "ui/session/session_file.h"

using namespace quantoscope;
using namespace quantoscope::ui;

namespace {

struct Run {
  int status = -1;
  QString out;
  QString err;
};

Run run(const QString& program, const QStringList& arguments, const QString& home = {}) {
  QProcess process;
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
  if (!home.isEmpty()) {
    environment.insert(QStringLiteral("XDG_DATA_HOME"), home);
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), home);
  }
  process.setProcessEnvironment(environment);
  process.start(program, arguments);
  Run result;
  if (!process.waitForFinished(120000)) return result;
  result.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
  result.out = QString::fromUtf8(process.readAllStandardOutput());
  result.err = QString::fromUtf8(process.readAllStandardError());
  return result;
}

const Json* at(const Json& json, const std::vector<const char*>& keys) {
  const Json* found = &json;
  for (const char* key : keys) {
    if (found != nullptr) found = found->find(key);
  }
  return found;
}

}  // namespace

class ProgramTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void noProgramLinksTheNetwork_data();
  void noProgramLinksTheNetwork();
  void noProgramKnowsWhereItWasBuilt_data() { noProgramLinksTheNetwork_data(); }
  void noProgramKnowsWhereItWasBuilt();
  void aBuildTreeFindsTheSample();
  void theNumbersInTheWindowAreThoseOfTheCommandLine_data();
  void theNumbersInTheWindowAreThoseOfTheCommandLine();
  void aSessionOnTheCommandLineIsOpened();
  void aSizeThatIsTooSmallIsTold();
  void aKilledProgramIsContinued();

 private:
  const QString sample_ =
      QString::fromStdString(test::sourcePath("resources/samples/sample_transformer.h5"));
  const QString tensor_ = QStringLiteral("lm_head.weight");
  QTemporaryDir folder_;
};

void ProgramTest::noProgramLinksTheNetwork_data() {
  QTest::addColumn<QString>("program");
  QTest::newRow("quantoscope") << QStringLiteral(QUANTOSCOPE_PROGRAM);
  QTest::newRow("quantoscope-cli") << QStringLiteral(QUANTOSCOPE_CLI);
  QTest::newRow("quantoscope-reader") << QStringLiteral(QUANTOSCOPE_READER_PROGRAM);
}

void ProgramTest::noProgramLinksTheNetwork() {
  QFETCH(QString, program);
  const Run needed = run(QStringLiteral("readelf"), {QStringLiteral("-d"), program});
  if (needed.status != 0) QSKIP("readelf is not here");
  QVERIFY(needed.out.contains(QStringLiteral("NEEDED")));
  QVERIFY2(!needed.out.contains(QStringLiteral("Network")), qPrintable(needed.out));
  // Nor does a library that it links bring it along.
  const Run loaded = run(QStringLiteral("ldd"), {program});
  QCOMPARE(loaded.status, 0);
  QVERIFY(loaded.out.contains(QStringLiteral("libc.so")));
  QVERIFY2(!loaded.out.contains(QStringLiteral("Network")), qPrintable(loaded.out));
  const bool window = program == QStringLiteral(QUANTOSCOPE_PROGRAM);
  QVERIFY2(window || !loaded.out.contains(QStringLiteral("libQt")), qPrintable(loaded.out));
}

void ProgramTest::noProgramKnowsWhereItWasBuilt() {
  QFETCH(QString, program);
#if defined(__SANITIZE_ADDRESS__)
  QSKIP("the reports of sanitizers name sources by the paths they were compiled by");
#endif
  // Only what is loaded: debug information, which an installation strips, tells of sources.
  const Run strings = run(QStringLiteral("strings"), {QStringLiteral("-d"), program});
  if (strings.status != 0) QSKIP("strings is not here");
  QVERIFY(strings.out.contains(QStringLiteral("quantoscope")));
  const QString sources = QString::fromStdString(test::sourcePath("core"));
  QVERIFY2(!strings.out.contains(sources.chopped(5)), qPrintable(sources));
}

void ProgramTest::aBuildTreeFindsTheSample() {
  const QString picture = folder_.filePath(QStringLiteral("sample.png"));
  const Run shown = run(QStringLiteral(QUANTOSCOPE_PROGRAM), {QStringLiteral("--picture"), picture},
                        folder_.filePath(QStringLiteral("empty")));
  QVERIFY2(shown.status == 0, qPrintable(shown.err));
  QVERIFY(!QImage(picture).isNull());
}

void ProgramTest::theNumbersInTheWindowAreThoseOfTheCommandLine_data() {
  QTest::addColumn<QString>("options");
  QTest::newRow("the default") << QString();
  QTest::newRow("3 bits sym") << QStringLiteral("--bits 3 --scheme sym --group-size 64");
  QTest::newRow("nf4") << QStringLiteral("--dtype nf4 --group-size 64 --double-quant");
  QTest::newRow("searched") << QStringLiteral("--bits 2 --clip search-groups");
  QTest::newRow("mxfp4") << QStringLiteral("--dtype mxfp4 --group-size 32");
}

void ProgramTest::theNumbersInTheWindowAreThoseOfTheCommandLine() {
  QFETCH(QString, options);
  QStringList arguments = {QStringLiteral("inspect"), sample_, tensor_, QStringLiteral("--json")};
  arguments += options.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  const Run printed = run(QStringLiteral(QUANTOSCOPE_CLI), arguments);
  QVERIFY2(printed.status == 0, qPrintable(printed.err));
  const auto json = parseJson(printed.out.toStdString(), "stdout");
  QVERIFY(json);
  const auto spec = specFromJson(*json->find("spec"), "stdout");
  QVERIFY(spec);

  Session session;
  session.openFile(sample_, tensor_);
  QTRY_VERIFY_WITH_TIMEOUT(session.resultIsCurrent(), 30000);
  session.editSpec(*spec, QStringLiteral("as on the command line"));
  QTRY_VERIFY_WITH_TIMEOUT(session.resultIsCurrent() && !session.result()->preview, 30000);
  MetricsModel metrics;
  metrics.setResult(session.result());

  const std::pair<const char*, std::vector<const char*>> same[] = {
      {"mse", {"metrics", "mse"}},
      {"rmse", {"metrics", "rmse"}},
      {"sqnr_db", {"metrics", "sqnr_db"}},
      {"max_abs_error", {"metrics", "max_abs_error"}},
      {"mean_error", {"metrics", "mean_error"}},
      {"cosine", {"metrics", "cosine"}},
      {"bits_per_weight", {"storage", "bits_per_weight"}},
      {"bytes", {"storage", "bytes"}},
      {"min", {"stats", "min"}},
      {"max", {"stats", "max"}},
      {"mean", {"stats", "mean"}},
      {"std", {"stats", "std"}},
      {"kurtosis", {"stats", "kurtosis"}},
      {"zero", {"health", "zero"}},
  };
  for (const auto& [key, path] : same) {
    const int row = metrics.rowOf(QString::fromLatin1(key));
    QVERIFY2(row >= 0, key);
    const QVariant shown = metrics.index(row, MetricsModel::Value).data(MetricsModel::NumberRole);
    const Json* printedNumber = at(*json, path);
    QVERIFY2(shown.isValid() && printedNumber != nullptr && printedNumber->isNumber(), key);
    // To the last bit: the JSON holds as many digits as tell doubles apart.
    const double a = shown.toDouble();
    const double b = printedNumber->asNumber(NAN);
    QVERIFY2(std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b),
             qPrintable(QStringLiteral("%1: %2 and %3")
                            .arg(QString::fromLatin1(key))
                            .arg(a, 0, 'g', 17)
                            .arg(b, 0, 'g', 17)));
  }
  const double percent =
      metrics.index(metrics.rowOf(QStringLiteral("relative_error")), MetricsModel::Value)
          .data(MetricsModel::NumberRole)
          .toDouble();
  QCOMPARE(percent, at(*json, {"metrics", "relative_error"})->asNumber(NAN) * 100);
  session.cancel();
}

void ProgramTest::aSessionOnTheCommandLineIsOpened() {
  SavedSession session;
  session.files.push_back(
      {{sample_, QStringLiteral("model.layers.0.self_attn.q_proj.weight"), {}}, {}});
  session.files[0].state.plan.defaultSpec.bits = 3;
  session.current = 0;
  const QString path = folder_.filePath(QStringLiteral("mine.json"));
  QVERIFY(writeSession(session, path));
  const QString picture = folder_.filePath(QStringLiteral("session.png"));
  const Run shown =
      run(QStringLiteral(QUANTOSCOPE_PROGRAM), {QStringLiteral("--picture"), picture, path});
  QVERIFY2(shown.status == 0, qPrintable(shown.err));
  QVERIFY(!QImage(picture).isNull());

  session.files[0].state.path = folder_.filePath(QStringLiteral("gone.h5"));
  session.files[0].fingerprint.reset();
  QVERIFY(writeSession(session, path));
  const Run missing =
      run(QStringLiteral(QUANTOSCOPE_PROGRAM), {QStringLiteral("--picture"), picture, path});
  QCOMPARE(missing.status, 3);
  QVERIFY2(missing.err.contains(QStringLiteral("gone.h5: missing")), qPrintable(missing.err));
}

void ProgramTest::aSizeThatIsTooSmallIsTold() {
  const QString picture = folder_.filePath(QStringLiteral("small.png"));
  const auto take = [&](const char* size) {
    return run(QStringLiteral(QUANTOSCOPE_PROGRAM),
               {QStringLiteral("--picture"), picture, QStringLiteral("--size"),
                QString::fromLatin1(size), sample_});
  };
  const Run small = take("200x100");
  QCOMPARE(small.status, 0);
  QVERIFY2(small.err.contains(QStringLiteral("--size 200x100: the window needs")),
           qPrintable(small.err));
  QVERIFY(QImage(picture).width() > 200);
  const Run fits = take("1100x720");
  QVERIFY2(!fits.err.contains(QStringLiteral("--size")), qPrintable(fits.err));
  QCOMPARE(QImage(picture).size(), QSize(1100, 720));
}

/// The program itself is killed, not a stand-in; the next start has its session and its log.
void ProgramTest::aKilledProgramIsContinued() {
  const QString home = folder_.filePath(QStringLiteral("home"));
  const QString state = home + QStringLiteral("/Quantoscope/Quantoscope");
  QProcess victim;
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
  environment.insert(QStringLiteral("XDG_DATA_HOME"), home);
  environment.insert(QStringLiteral("XDG_CONFIG_HOME"), home);
  victim.setProcessEnvironment(environment);
  victim.start(QStringLiteral(QUANTOSCOPE_PROGRAM), {sample_ + QStringLiteral("::") + tensor_});
  QVERIFY(victim.waitForStarted());
  const QString path = state + QStringLiteral("/session-1.json");
  QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(state + QStringLiteral("/quantoscope.log")), 30000);
  QFile log(state + QStringLiteral("/quantoscope.log"));
  QVERIFY(log.open(QIODevice::ReadOnly));
  QByteArray told;
  QTRY_VERIFY_WITH_TIMEOUT((told += log.readAll()).contains("shows "), 60000);
  QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(path), 30000);
  victim.kill();
  QVERIFY(victim.waitForFinished());
  const auto saved = readSession(path);
  QVERIFY(saved);
  QCOMPARE(saved->files.size(), std::size_t{1});
  QCOMPARE(saved->files[0].state.path, sample_);
  QCOMPARE(saved->files[0].state.tensor, tensor_);
}

QTEST_MAIN(ProgramTest)
#include "program_test.moc"
