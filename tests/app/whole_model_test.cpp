// What the command line makes of models that are incomplete, damaged, or in several files.
#include <filesystem>
#include <fstream>

#include <QTemporaryDir>
#include <QtTest>

#include "core/base/json.h"
#include "core/base/sha256.h"
#include "tests/app/run_cli.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/hdf5_reader.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

void write(const QString& path, const std::string& bytes) {
  std::ofstream(path.toStdString(), std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string safetensors(const std::string& name) {
  return safetensorsBytes(
      "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}",
      std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16));
}

std::string npyFile() {
  return npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
             std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16));
}

Json jsonOf(const Run& result) {
  const auto json = parseJson(result.out.toStdString(), "stdout");
  return json ? *json : Json();
}

}  // namespace

class WholeModelTest : public QObject {
  Q_OBJECT

  std::unique_ptr<QTemporaryDir> folder_;

  QString at(const char* name) const { return folder_->filePath(QLatin1String(name)); }

  /// One shard of two is missing.
  QString incompleteModel() const {
    write(at("a.safetensors"), safetensors("a"));
    write(at("m.safetensors.index.json"),
          R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors","c":"b.safetensors"}})");
    return at("m.safetensors.index.json");
  }

  QString damagedArchive() const {
    ZipWriter zip;
    zip.add("w.npy", npyFile());
    std::string bytes = zip.finish();
    bytes[bytes.find("\x80\x40PK") - 1] ^= 0x40;
    write(at("bad.npz"), bytes);
    return at("bad.npz");
  }

  QStringList leftovers() const {
    return QDir(folder_->path()).entryList({QStringLiteral("out*")}, QDir::Files | QDir::Hidden);
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void listTellsWhatIsMissing() {
    const QString model = incompleteModel();
    const Run words = run({"list", model});
    QCOMPARE(words.status, 0);
    QVERIFY2(words.err.contains("is incomplete: 2 of 3 arrays are missing: b.safetensors: no such "
                                "file (b, c)"),
             words.err.constData());
    const Json json = jsonOf(run({"list", model, "--json"}));
    QCOMPARE(json.find("arrays")->asNumber(0), 3.0);
    QCOMPARE(json.find("missing")->asNumber(0), 2.0);
    const Json& gap = json.find("gaps")->asArray()->at(0);
    QCOMPARE(*gap.find("reason")->asString(), std::string("b.safetensors: no such file"));
    QCOMPARE(gap.find("arrays")->asArray()->size(), std::size_t{2});
  }

  void overviewListsWhatIsMissing() {
    const QString model = incompleteModel();
    const Run words = run({"overview", model, "--group-size", "2"});
    QCOMPARE(words.status, 0);
    QVERIFY(words.out.contains("b.safetensors: no such file"));
    QVERIFY(words.err.contains("is incomplete: 2 of 3 arrays"));
    const Run asJson = run({"overview", model, "--group-size", "2", "--json"});
    const Json json = jsonOf(asJson);
    QCOMPARE(json.asArray()->size(), std::size_t{3});
    QCOMPARE(*json.asArray()->at(1).find("problem")->asString(),
             std::string("b.safetensors: no such file"));
    QVERIFY(json.asArray()->at(1).find("mse")->isNull());
  }

  void nothingIsWrittenOfAnIncompleteModel_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("quantize") << QStringList{"quantize", "MODEL", "--group-size", "2"};
    QTest::newRow("quantize one") << QStringList{"quantize", "MODEL", "a", "--group-size", "2"};
    QTest::newRow("overview") << QStringList{"overview", "MODEL", "--group-size", "2"};
    QTest::newRow("encode") << QStringList{
        "encode", "MODEL", "a", "--scheme", "sym", "--scale", "SCALES::one", "--group-size", "2"};
  }

  void nothingIsWrittenOfAnIncompleteModel() {
    QFETCH(QStringList, arguments);
    const QString model = incompleteModel();
    write(at("scales.safetensors"),
          safetensorsBytes(R"({"one":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
                           std::string("\0\0\x80\x3f\0\0\x80\x3f", 8)));
    arguments.replaceInStrings(QStringLiteral("MODEL"), model);
    arguments.replaceInStrings(QStringLiteral("SCALES"), at("scales.safetensors"));
    arguments << QStringLiteral("--out") << at("out");
    const Run refused = run(arguments);
    QCOMPARE(refused.status, 3);
    QVERIFY2(refused.err.contains(
                 "m.safetensors.index.json: is incomplete: 2 of 3 arrays are missing: "
                 "b.safetensors: no such file (b, c); --partial on the command line writes what "
                 "there is"),
             refused.err.constData());
    QCOMPARE(refused.err.count('\n'), 1);
    QVERIFY(leftovers().isEmpty());
    const Run partial = run(arguments + QStringList{QStringLiteral("--partial")});
    QVERIFY2(partial.status == 0, partial.err.constData());
    QVERIFY(QFile::exists(at("out")));
  }

  void nothingIsWrittenOfADamagedArchive_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::newRow("quantize") << QStringList{"quantize", "BAD", "--group-size", "2", "--out"};
    QTest::newRow("partial") << QStringList{"quantize", "BAD", "--partial", "--out"};
    QTest::newRow("overview") << QStringList{"overview", "BAD", "--out"};
    QTest::newRow("compare") << QStringList{"compare", "BAD", "BAD"};
    QTest::newRow("compare with it") << QStringList{"compare", "GOOD", "BAD"};
    QTest::newRow("inspect") << QStringList{"inspect", "BAD", "w"};
    QTest::newRow("search") << QStringList{"search", "BAD", "w"};
    QTest::newRow("importance") << QStringList{"quantize", "GOOD", "--importance", "BAD::w",
                                               "--out"};
  }

  void nothingIsWrittenOfADamagedArchive() {
    QFETCH(QStringList, arguments);
    arguments.replaceInStrings(QStringLiteral("BAD"), damagedArchive());
    ZipWriter zip;
    zip.add("w.npy", npyFile());
    write(at("good.npz"), zip.finish());
    arguments.replaceInStrings(QStringLiteral("GOOD"), at("good.npz"));
    if (arguments.back() == QLatin1String("--out")) arguments << at("out");
    const Run refused = run(arguments);
    QCOMPARE(refused.status, 3);
    QVERIFY2(refused.err.contains("bad.npz: w.npy in the zip archive is damaged: its bytes do not "
                                  "match their checksum (CRC-32)"),
             refused.err.constData());
    QCOMPARE(refused.err.count('\n'), 1);
    QVERIFY(refused.out.isEmpty());
    QVERIFY(leftovers().isEmpty());
  }

  void theStateOfChecksumsIsTold() {
    ZipWriter zip;
    zip.add("w.npy", npyFile());
    write(at("good.npz"), zip.finish());
    QCOMPARE(*jsonOf(run({"list", at("good.npz"), "--json"})).find("checksums")->asString(),
             std::string("not yet checked"));
    QVERIFY(run({"list", at("good.npz")}).err.contains("checksums not yet checked"));
    const QStringList inspect = {"inspect", at("good.npz"), "w"};
    QCOMPARE(*jsonOf(run(inspect + QStringList{"--json"})).find("checksums")->asString(),
             std::string("checked"));
    QVERIFY(run(inspect).out.contains("checksums"));
    write(at("a.safetensors"), safetensors("w"));
    const Run plain = run({"inspect", at("a.safetensors"), "w", "--json"});
    QCOMPARE(*jsonOf(plain).find("checksums")->asString(), std::string("none"));
  }

  void whatIsWrittenTellsEveryFileOfTheSource() {
    write(at("a.safetensors"), safetensors("a"));
    write(at("b.safetensors"), safetensors("b"));
    const QString model = at("m.safetensors.index.json");
    write(model, R"({"weight_map":{"a":"a.safetensors","b":"b.safetensors"}})");
    std::string lines;
    for (const char* name : {"m.safetensors.index.json", "a.safetensors", "b.safetensors"}) {
      lines += *sha256OfFile(at(name).toStdString()) + "  " + name + "\n";
    }
    const std::string whole = sha256OfBytes(lines.data(), lines.size());

    const QStringList spec = {"--group-size", "2"};
    const Run native = run(QStringList{"quantize", model, "--out", at("out.h5")} + spec);
    QVERIFY2(native.status == 0, native.err.constData());
    const std::string written = at("out.h5").toStdString();
    QCOMPARE(*readAttribute(written, "/", "source_sha256"), whole);
    QCOMPARE(*readAttribute(written, "/", "source_files"), lines);

    QCOMPARE(run(QStringList{"overview", model, "--out", at("plan.json")} + spec).status, 0);
    QFile file(at("plan.json"));
    QVERIFY(file.open(QIODevice::ReadOnly));
    const std::string text = file.readAll().toStdString();
    const auto plan = parseJson(text, "plan");
    QVERIFY(plan);
    QCOMPARE(*plan->find("source")->find("sha256")->asString(), whole);
    QCOMPARE(plan->find("source")->find("files")->asArray()->size(), std::size_t{3});
    QCOMPARE(*plan->find("source")->find("files")->asArray()->at(2).find("file")->asString(),
             std::string("b.safetensors"));
    const auto follow = [&](const QString& path) {
      return run({"quantize", model, "--plan", path, "--out", at("out2.h5"), "--force"}).err;
    };
    QVERIFY(!follow(at("plan.json")).contains("different file"));
    // One of before, when the index alone was told.
    std::string older = text;
    older.replace(older.find(whole), whole.size(), lines.substr(0, 64));
    write(at("older.json"), older);
    QVERIFY(!follow(at("older.json")).contains("different file"));
    std::string changed = safetensors("b");
    changed.back() = '\x41';
    write(at("b.safetensors"), changed);
    QVERIFY(follow(at("plan.json")).contains("different file"));
  }

  void aFileOfOneIsToldAsBefore() {
    write(at("a.safetensors"), safetensors("a"));
    QCOMPARE(
        run({"quantize", at("a.safetensors"), "--group-size", "2", "--out", at("out.h5")}).status,
        0);
    QCOMPARE(*readAttribute(at("out.h5").toStdString(), "/", "source_sha256"),
             *sha256OfFile(at("a.safetensors").toStdString()));
    QVERIFY(!readAttribute(at("out.h5").toStdString(), "/", "source_files"));
  }
};

QTEST_GUILESS_MAIN(WholeModelTest)
#include "whole_model_test.moc"
