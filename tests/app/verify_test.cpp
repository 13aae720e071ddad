// The verb verify, on exports of a small model.
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/app/run_cli.h"
#include "tests/support/small_model.h"

using namespace quantoscope::test;

namespace {

QJsonObject jsonOf(const Run& run) {
  return QJsonDocument::fromJson(run.out).object();
}

}  // namespace

class VerifyTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString model_ = folder_.filePath("model");
  QString exported_ = folder_.filePath("exported");

  /// Changes a text in the configurations of the export.
  void replaceInConfigurations(const QByteArray& before, const QByteArray& after) const {
    for (const char* name : {"/config.json", "/quantize_config.json"}) {
      QFile file(exported_ + name);
      if (!file.open(QIODevice::ReadOnly)) continue;
      QByteArray text = file.readAll();
      file.close();
      text.replace(before, after);
      QVERIFY(file.open(QIODevice::WriteOnly));
      file.write(text);
    }
  }

 private slots:
  void initTestCase() {
    writeSmallModel(model_.toStdString(), "F32");
    const Run made = run({"export", model_, "--format", "gptq_v2", "--bits", "4", "--group-size",
                          "32", "--out", exported_, "--quiet"});
    QVERIFY2(made.status == 0, made.err);
  }

  void aRightExportHolds() {
    const Run text = run({"verify", model_, exported_, "--quiet"});
    QVERIFY2(text.status == 0, text.out + text.err);
    QVERIFY(text.out.endsWith("\nholds\n"));
    const Run json = run({"verify", model_, exported_, "--json", "--quiet"});
    QCOMPARE(json.status, 0);
    const QJsonObject found = jsonOf(json);
    QCOMPARE(found["holds"].toBool(), true);
    QVERIFY(found["alarms"].toArray().isEmpty() && found["missing"].toArray().isEmpty());
    QVERIFY(!found["equal"].toArray().isEmpty());
    const QJsonObject worst = found["tensors"].toArray().first().toObject();
    QCOMPARE(worst["format"].toString(), "GPTQ");
    QCOMPARE(worst["bits"].toInt(), 4);
    QCOMPARE(worst["recipe"].toObject()["rounding"].toString(), "nearest");
    QVERIFY(worst["best"].toObject()["lost_db"].toDouble() > 0);
    double before = -1000;
    for (const auto& tensor : found["tensors"].toArray()) {
      const double now = tensor.toObject()["metrics"].toObject()["sqnr_db"].toDouble();
      QVERIFY(now >= before);
      before = now;
    }
  }

  void theOriginalMayBeUnknown() {
    const Run json = run({"verify", "-", exported_, "--json", "--quiet"});
    QVERIFY2(json.status == 0, json.err);
    const QJsonObject tensor = jsonOf(json)["tensors"].toArray().first().toObject();
    QVERIFY(tensor["metrics"].isNull() && tensor["best"].isNull());
    QCOMPARE(tensor["recipe"].toObject()["rounding"].toString(), "unknown");
  }

  void whatIsNotQuantizedIsRefused() {
    const Run refused = run({"verify", model_, model_, "--quiet"});
    QCOMPARE(refused.status, 4);
    QVERIFY(refused.err.contains("no quantized tensor"));
    QCOMPARE(run({"verify", model_, folder_.filePath("none"), "--quiet"}).status, 3);
  }

  // The last that reads the export: it is left changed.
  void aFileReadAsTheOtherVersionDoesNotHold() {
    replaceInConfigurations("\"gptq_v2\"", "\"gptq\"");
    const Run json = run({"verify", model_, exported_, "--json", "--quiet"});
    QCOMPARE(json.status, 1);
    const QJsonArray alarms = jsonOf(json)["alarms"].toArray();
    QVERIFY(!alarms.isEmpty());
    for (const auto& alarm : alarms) {
      QCOMPARE(alarm.toObject()["id"].toString(), "zero_points_shifted");
    }
  }
};

QTEST_GUILESS_MAIN(VerifyTest)
#include "verify_test.moc"
