// The command line as its users meet it: the program itself, run as a process.
#include <bit>
#include <cmath>
#include <hdf5.h>
#include <map>
#include <signal.h>

#include <QtTest>

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/io/libraries.h"
#include "core/io/reader/remote_container.h"
#include "core/kernels/kernels.h"
#include "core/quant/number_formats.h"
#include "tests/app/run_cli.h"
#include "tests/support/golden_file.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

Json jsonOf(const Run& result) {
  const auto json = parseJson(result.out.toStdString(), "stdout");
  return json ? *json : Json();
}

double numberAt(const Json& json, std::initializer_list<const char*> keys) {
  const Json* at = &json;
  for (const char* key : keys) {
    if (at == nullptr) return NAN;
    at = at->find(key);
  }
  return at != nullptr ? at->asNumber(NAN) : NAN;
}

}  // namespace

class CliTest : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  const QString sample_ =
      QString::fromStdString(sourcePath("resources/samples/sample_transformer.h5"));
  const QString golden_ = QString::fromStdString(sourcePath("tests/golden/weight_only_golden.h5"));
  const QString tensor_ = "model.layers.0.self_attn.q_proj.weight";

  QString path(const char* name) const { return folder_.filePath(name); }

  static void writeVectors(const QString& file,
                           const std::map<std::string, std::vector<float>>& vectors) {
    const hid_t id = H5Fcreate(file.toUtf8().constData(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (const auto& [name, values] : vectors) {
      const hsize_t size = values.size();
      const hid_t space = H5Screate_simple(1, &size, nullptr);
      const hid_t set = H5Dcreate2(id, name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT,
                                   H5P_DEFAULT, H5P_DEFAULT);
      H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      H5Dclose(set);
      H5Sclose(space);
    }
    H5Fclose(id);
  }

  void verifyOneError(const Run& result, int status, const QByteArray& mentioned) const {
    QVERIFY2(result.status == status, result.err + " status " + QByteArray::number(result.status));
    QVERIFY2(result.err.count('\n') == 1, result.err);
    QVERIFY2(result.err.startsWith("quantoscope-cli: "), result.err);
    QVERIFY2(result.err.contains(mentioned), result.err);
  }

 private slots:
  void listShowsWhatCanBeQuantized() {
    const Run result = run({"list", sample_, "--json"});
    QCOMPARE(result.status, 0);
    const Json json = jsonOf(result);
    QCOMPARE(*json.find("file")->asString(), sample_.toStdString());
    QVERIFY(json.find("tensors")->asArray()->size() >= 20);
    const Json& first = json.find("tensors")->asArray()->front();
    for (const char* key : {"name", "shape", "dtype", "rows", "cols", "bytes", "layer",
                            "orientation", "quantizable", "reason"}) {
      QVERIFY2(first.find(key) != nullptr, key);
    }
    const Run all = run({"list", sample_, "--all", "--json"});
    QVERIFY(jsonOf(all).find("tensors")->asArray()->size() >
            json.find("tensors")->asArray()->size());
  }

  void inspectAnswersInJson() {
    const Run result = run({"inspect", sample_, tensor_, "--json", "--bins", "64"});
    QCOMPARE(result.status, 0);
    const Json json = jsonOf(result);
    for (const char* key : {"tensor", "spec", "rows", "cols", "health", "stats", "metrics",
                            "storage", "error_histogram", "weight_histogram", "elapsed_ms"}) {
      QVERIFY2(json.find(key) != nullptr, key);
    }
    double counted = 0;
    for (const Json& count : *json.find("error_histogram")->find("counts")->asArray()) {
      counted += count.asNumber(0);
    }
    QCOMPARE(counted, numberAt(json, {"rows"}) * numberAt(json, {"cols"}));
    QCOMPARE(json.find("weight_histogram")->find("edges")->asArray()->size(), std::size_t{65});
    QCOMPARE(numberAt(json, {"metrics", "rmse"}), std::sqrt(numberAt(json, {"metrics", "mse"})));
  }

  void fileAndTensorMayBeOneWord() {
    const Run two = run({"inspect", sample_, tensor_, "--json"});
    const Run one = run({"inspect", sample_ + "::/" + tensor_, "--json"});
    QCOMPARE(one.status, 0);
    QCOMPARE(numberAt(jsonOf(one), {"metrics", "mse"}), numberAt(jsonOf(two), {"metrics", "mse"}));
  }

  void searchAndInspectAgreeToTheLastBit() {
    const Run search = run({"search", sample_, tensor_, "--json", "--threads", "3"});
    QCOMPARE(search.status, 0);
    const Json json = jsonOf(search);
    QCOMPARE(json.find("mse")->asArray()->size(), std::size_t{40});
    const QString ratio = QString::fromStdString(formatNumber(numberAt(json, {"best_ratio"})));
    const Run inspect = run({"inspect", sample_, tensor_, "--clip", ratio, "--json"});
    QCOMPARE(numberAt(jsonOf(inspect), {"metrics", "mse"}), numberAt(json, {"best_mse"}));
    const Run plain = run({"inspect", sample_, tensor_, "--json"});
    QCOMPARE(numberAt(jsonOf(plain), {"metrics", "mse"}), numberAt(json, {"unclipped_mse"}));

    const Run rows = run({"search", sample_, tensor_, "--granularity", "row", "--json"});
    const Run chosen = run({"inspect", sample_, tensor_, "--clip", "search-rows", "--json"});
    QCOMPARE(numberAt(jsonOf(rows), {"searched_mse"}),
             numberAt(jsonOf(chosen), {"metrics", "mse"}));
    QCOMPARE(jsonOf(rows).find("ratio_histogram")->asArray()->size(), std::size_t{40});
  }

  void detailAddsUp() {
    const Run result = run({"inspect", sample_, tensor_, "--clip", "0.8", "--detail", "--json"});
    QCOMPARE(result.status, 0);
    const Json json = jsonOf(result);
    const double weights = numberAt(json, {"rows"}) * numberAt(json, {"cols"});
    const double squares = numberAt(json, {"metrics", "mse"}) * weights;
    const double clipping = numberAt(json, {"detail", "split", "clipping_squared_error"});
    const double rounding = numberAt(json, {"detail", "split", "rounding_squared_error"});
    QVERIFY(clipping > 0 && rounding > 0);
    QVERIFY(std::fabs(clipping + rounding - squares) <= 1e-9 * squares);
    double coded = 0;
    for (const Json& code : *json.find("detail")->find("codes")->find("codes")->asArray()) {
      coded += numberAt(code, {"count"});
    }
    QCOMPARE(coded, weights);
    QCOMPARE(json.find("detail")->find("percentiles")->asArray()->size(), std::size_t{4});
    for (const char* side : {"rows", "channels", "group_positions"}) {
      double clipped = 0;
      for (const Json& part :
           *json.find("detail")->find(side)->find("clipping_squared_error")->asArray()) {
        clipped += part.asNumber(NAN);
      }
      QVERIFY2(std::fabs(clipped - clipping) <= 1e-12 * clipping, side);
    }
    const Run words = run({"inspect", sample_, tensor_, "--detail"});
    QVERIFY2(words.out.contains("99.9 % of |error|"), words.out);
  }

  void aPartIsShownAlone() {
    const Run result = run({"inspect", sample_, tensor_, "--clip", "0.8", "--part", "group:3:1",
                            "--detail", "--json"});
    QVERIFY2(result.status == 0, result.err);
    const Json json = jsonOf(result);
    QCOMPARE(*json.find("part")->find("part")->asString(), std::string("group:3:1"));
    const double row = numberAt(json, {"part", "metrics", "max_abs_error_at", "row"});
    const double col = numberAt(json, {"part", "metrics", "max_abs_error_at", "col"});
    QVERIFY(row == 3 && col >= 32 && col < 64);
    QCOMPARE(json.find("part")->find("percentiles")->asArray()->size(), std::size_t{4});
    // Where a point is a row, its figures are those of the part.
    QCOMPARE(numberAt(json, {"detail", "rows", "members_per_point"}), 1.0);
    const Json whole =
        jsonOf(run({"inspect", sample_, tensor_, "--clip", "0.8", "--part", "row:3", "--json"}));
    const Json& rows = *json.find("detail")->find("rows")->find("mse");
    const double mse = rows.asArray()->at(3).asNumber(NAN);
    QVERIFY(std::fabs(numberAt(whole, {"part", "metrics", "mse"}) / mse - 1) < 1e-12);
    verifyOneError(run({"inspect", sample_, tensor_, "--part", "row:999999"}), 4,
                   "allowed are rows");
    verifyOneError(run({"inspect", sample_, tensor_, "--part", "line:1"}), 2, "group:ROW:GROUP");
  }

  void importanceDecidesTheSearch() {
    const int cols =
        static_cast<int>(numberAt(jsonOf(run({"inspect", sample_, tensor_, "--json"})), {"cols"}));
    std::vector<float> importance(static_cast<std::size_t>(cols), 0.0f);
    for (std::size_t c = 0; c < 8; ++c) importance[c] = 1.0f + static_cast<float>(c);
    const QString file = path("importance.h5");
    writeVectors(file, {{"few", importance}, {"short", {1, 2, 3}}});

    const Json found =
        jsonOf(run({"search", sample_, tensor_, "--importance", file + "::/few", "--json"}));
    const auto* curve = found.find("weighted_mse")->asArray();
    QCOMPARE(curve->size(), std::size_t{40});
    const double best = numberAt(found, {"best_weighted_mse"});
    for (const Json& mse : *curve) QVERIFY(best <= mse.asNumber(NAN));
    const Json plain = jsonOf(run({"search", sample_, tensor_, "--json"}));
    QVERIFY(numberAt(plain, {"best_mse"}) <= numberAt(found, {"best_mse"}));

    const Json inspected = jsonOf(run({"inspect", sample_, tensor_, "--clip", "search",
                                       "--importance", file + "::/few", "--json"}));
    QCOMPARE(numberAt(inspected, {"clip_ratio"}), numberAt(found, {"best_ratio"}));
    QVERIFY(std::fabs(numberAt(inspected, {"weighted_mse"}) - best) <= 1e-12 * best);

    verifyOneError(run({"inspect", sample_, tensor_, "--importance", file + "::/short"}), 4,
                   "--importance");
    verifyOneError(run({"inspect", sample_, tensor_, "--importance", file + "::/none"}), 2, "none");
  }

  void compareMeasuresWhatAnotherFileHolds() {
    const Json same = jsonOf(run({"compare", sample_, sample_, "--json"}));
    for (const Json& tensor : *same.find("tensors")->asArray()) {
      QCOMPARE(numberAt(tensor, {"metrics", "mse"}), 0.0);
    }
    const Run chosen = run({"compare", sample_, sample_, "--tensors", "*layers.0*q_proj*"});
    QCOMPARE(chosen.status, 0);
    QCOMPARE(chosen.out.count('\n'), 2);
    verifyOneError(run({"compare", sample_, golden_}), 4,
                   "no tensor name in common; list shows the names");
  }

  void searchWritesCsv() {
    const Run result = run({"search", sample_, tensor_, "--csv", "--ratios", "1:0.5:11"});
    QCOMPARE(result.status, 0);
    const auto lines = result.out.trimmed().split('\n');
    QCOMPARE(lines.size(), 12);
    QCOMPARE(lines[0], QByteArray("ratio,mse"));
    QVERIFY(lines[11].startsWith("0.5,"));
  }

  void quantizeEqualsTheGoldenCase() {
    const QString out = path("golden.h5");
    const Run result = run({"quantize", golden_, "inputs/tail", "--bits", "4", "--group-size", "32",
                            "--scheme", "sym", "--full-range", "--out", out, "--with-dequantized"});
    QVERIFY2(result.status == 0, result.err);
    const GoldenFile golden = GoldenFile::read();
    for (const GoldenCase& c : golden.cases) {
      if (c.text.at("function") != "quant_tensor" || c.text.at("input") != "tail" ||
          c.number("bits", 0) != 4 || c.number("group_size", 0) != 32 ||
          c.textOr("scheme", "") != "sym" || c.number("full_range", 0) == 0 ||
          c.number("quantile", 1) != 1 || c.textOr("dtype", "") != "int" ||
          c.number("double_quant", 0) != 0) {
        continue;
      }
      const std::string file = out.toStdString();
      const auto codes = readArray(file, "/tensors/inputs/tail/codes");
      const auto scale = readArray(file, "/tensors/inputs/tail/scale");
      const auto values = readArray(file, "/tensors/inputs/tail/dequantized");
      QCOMPARE(codes->type, std::string("uint8"));
      const std::size_t cols = values->shape[1];
      const auto& wanted = c.matrices.at("qdq").values;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        QCOMPARE(std::bit_cast<std::uint32_t>(static_cast<float>(values->values[i])),
                 std::bit_cast<std::uint32_t>(wanted[i]));
        QCOMPARE(static_cast<float>(unpacked(*codes, i / cols, i % cols, 4) - 8),
                 c.matrices.at("int").values[i]);
      }
      for (std::size_t i = 0; i < scale->values.size(); ++i) {
        QCOMPARE(static_cast<float>(scale->values[i]), c.matrices.at("scale").values[i]);
      }
      return;
    }
    QFAIL("the golden file has no such case");
  }

  void quantizeFollowsAPlan() {
    const QString plan = path("plan.json");
    QCOMPARE(
        run({"overview", sample_, "--group-size", "128", "--clip", "search", "--out", plan}).status,
        0);
    const Run result = run({"quantize", sample_, tensor_, "--plan", plan, "--out", path("p.h5")});
    QVERIFY2(result.status == 0, result.err);
    const Json tensor = *parseJson(
        [&] {
          QFile file(plan);
          return file.open(QIODevice::ReadOnly) ? file.readAll().toStdString() : std::string();
        }(),
        "plan");
    const Json* entry = tensor.find("tensors")->find(tensor_.toStdString());
    const auto ratio =
        readArray(path("p.h5").toStdString(), "/tensors/" + tensor_.toStdString() + "/clip_ratio");
    QVERIFY(ratio->shape.empty());
    QCOMPARE(ratio->values[0], numberAt(*entry, {"spec", "clip_ratio"}));
    QCOMPARE(*readAttribute(path("p.h5").toStdString(), "/tensors/" + tensor_.toStdString(), "mse"),
             formatNumber(numberAt(*entry, {"metrics", "mse"})));
    verifyOneError(run({"quantize", sample_, "--plan", plan, "--bits", "3", "--out", path("q.h5")}),
                   2, "--plan");
  }

  void everyInstructionSetGivesTheSameNumbers() {
    const Run best = run({"inspect", sample_, tensor_, "--json", "--clip", "search"});
    for (const auto* table : kernels::availableKernels()) {
      const Run forced = run(
          {"inspect", sample_, tensor_, "--json", "--clip", "search", "--kernels", table->name});
      QCOMPARE(forced.status, 0);
      QCOMPARE(*jsonOf(forced).find("metrics"), *jsonOf(best).find("metrics"));
      QCOMPARE(*jsonOf(forced).find("error_histogram"), *jsonOf(best).find("error_histogram"));
      QCOMPARE(*jsonOf(forced).find("stats"), *jsonOf(best).find("stats"));
    }
    verifyOneError(run({"inspect", sample_, tensor_, "--kernels", "abacus"}), 2, "--kernels");
  }

  void furtherFormatsAndPoliciesWork() {
    const auto mse = [&](const QStringList& options) {
      const Run result = run(QStringList{"inspect", sample_, tensor_, "--json"} + options);
      if (result.status != 0) qWarning("%s", result.err.constData());
      return numberAt(jsonOf(result), {"metrics", "mse"});
    };
    QVERIFY(mse({"--clip", "optimal"}) < mse({"--clip", "search-groups"}));
    QVERIFY(mse({"--scheme", "sym", "--half-range"}) < mse({"--scheme", "sym"}));
    QVERIFY(mse({"--dtype", "fp8_e4m3fn"}) < mse({"--dtype", "nvfp4"}));
    QVERIFY(mse({"--dtype", "mxfp4"}) > 0);
    QFile levels(path("levels.json"));
    QVERIFY(levels.open(QIODevice::WriteOnly));
    levels.write("{\"name\": \"ternary\", \"levels\": [-1, 0, 1]}");
    levels.close();
    QVERIFY(mse({"--codebook", path("levels.json")}) > mse({}));
    verifyOneError(run({"inspect", sample_, tensor_, "--dtype", "mxfp4", "--group-size", "64"}), 2,
                   "32");
    verifyOneError(run({"inspect", sample_, tensor_, "--half-range"}), 2, "half_range");
  }

  void encodeUsesTheScalesItIsGiven() {
    const QString first = path("first.h5");
    QCOMPARE(run({"quantize", sample_, tensor_, "--group-size", "64", "--out", first}).status, 0);
    const QString group = first + "::/tensors/" + tensor_;
    const Run result =
        run({"encode", sample_, tensor_, "--scale", group + "/scale", "--zero-point",
             group + "/zero_point", "--group-size", "64", "--out", path("encoded.h5")});
    QVERIFY2(result.status == 0, result.err);
    const std::string inside = "/tensors/" + tensor_.toStdString() + "/codes";
    const auto own = readArray(first.toStdString(), inside);
    const auto encoded = readArray(path("encoded.h5").toStdString(), inside);
    QCOMPARE(encoded->type, std::string("int32"));
    int differing = 0;  // encode rounds after adding the zero point
    const std::size_t cols = encoded->shape[1];
    for (std::size_t i = 0; i < encoded->values.size(); ++i) {
      const double code = unpacked(*own, i / cols, i % cols, 4);
      QVERIFY(std::fabs(code - encoded->values[i]) <= 1);
      if (code != encoded->values[i]) ++differing;
    }
    QVERIFY(differing < 20);
    QVERIFY(readAttribute(path("encoded.h5").toStdString(), "/tensors/" + tensor_.toStdString(),
                          "sqnr_db"));
    verifyOneError(run({"encode", sample_, tensor_, "--scale", path("none.h5") + "::/scale",
                        "--out", path("bad.h5")}),
                   3, "no such file");
    verifyOneError(run({"encode", sample_, tensor_, "--scale", group + "/scale", "--group-size",
                        "32", "--out", path("bad.h5")}),
                   4, "rows x groups");
    verifyOneError(
        run({"encode", sample_, tensor_, "--scale", group + "/nothing", "--out", path("bad.h5")}),
        2, "nothing");
    QVERIFY(!QFile::exists(path("bad.h5")));
  }

  void wrongUsageIsStatusTwo_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QByteArray>("mentioned");
    const auto add = [&](const char* name, const QStringList& options,
                         const QByteArray& mentioned) {
      QTest::newRow(name) << QStringList{"inspect", sample_, tensor_} + options << mentioned;
    };
    QTest::newRow("no verb") << QStringList{} << QByteArray("help");
    QTest::newRow("unknown verb") << QStringList{"lits", sample_} << QByteArray("lits");
    QTest::newRow("no tensor") << QStringList{"inspect", sample_} << QByteArray("FILE::");
    QTest::newRow("unknown tensor")
        << QStringList{"inspect", sample_, "q_proj"} << QByteArray("q_proj");
    add("unknown option", {"--bit", "4"}, "--bit");
    add("bits", {"--bits", "9"}, "1 to 8");
    add("bits of nf4", {"--dtype", "nf4", "--bits", "3"}, "nf4");
    add("scheme of nf4", {"--dtype", "nf4", "--scheme", "sym"}, "--scheme");
    add("full range of fp4", {"--dtype", "fp4", "--full-range"}, "--full-range");
    add("full range asym", {"--full-range"}, "sym");
    add("full range 1 bit", {"--full-range", "--scheme", "sym", "--bits", "1"}, "2 to 8");
    add("group size", {"--group-size", "0"}, "group_size 0");
    add("text for a number", {"--bits", "four"}, "--bits four");
    add("clip", {"--clip", "1.2"}, "1.2");
    add("ratios", {"--ratios", "1:0"}, "FROM:TO:COUNT");
    add("double quant bits alone", {"--double-quant-bits", "6"}, "--double-quant");
    add("orientation", {"--orientation", "sideways"}, "sideways");
    add("threads", {"--threads", "-1"}, "--threads");
    add("bins", {"--bins", "0"}, "--bins");
  }
  void wrongUsageIsStatusTwo() {
    QFETCH(QStringList, arguments);
    QFETCH(QByteArray, mentioned);
    const Run result = run(arguments);
    verifyOneError(result, 2, mentioned);
    QVERIFY2(result.out.isEmpty(), result.out);
  }

  void unreadableFilesAreStatusThree() {
    verifyOneError(run({"list", "/nonexistent.h5"}), 3, "/nonexistent.h5");
    QFile text(path("text.h5"));
    QVERIFY(text.open(QIODevice::WriteOnly));
    text.write("this is no HDF5 file");
    text.close();
    verifyOneError(run({"list", path("text.h5")}), 3, "text.h5");
    verifyOneError(run({"list", folder_.path()}), 3, folder_.path().toUtf8());
  }

  void weightsThatAreNotFiniteAreStatusFour() {
    const std::string file = path("nan.h5").toStdString();
    QVERIFY(writeNanFixture(file));
    const Run inspect = run({"inspect", path("nan.h5"), "w", "--json"});
    verifyOneError(inspect, 4, "1 NaN and 0 Inf, the first at row 1, column 2");
    const Json json = jsonOf(inspect);
    QVERIFY(json.find("metrics")->isNull());
    QCOMPARE(numberAt(json, {"health", "nan"}), 1.0);
    QCOMPARE(numberAt(json, {"stats", "max"}), 7.0);
    verifyOneError(run({"quantize", path("nan.h5"), "--out", path("nan_out.h5")}), 4, "w: ");
    verifyOneError(run({"search", path("nan.h5"), "w"}), 4, "w: ");
    QVERIFY(!QFile::exists(path("nan_out.h5")));
  }

  void outputsAreNeitherOverwrittenNorHalfWritten() {
    const QString out = path("exists.h5");
    QFile file(out);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write("precious");
    file.close();
    verifyOneError(run({"quantize", sample_, tensor_, "--out", out}), 5, "--force");
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll(), QByteArray("precious"));
    file.close();
    QCOMPARE(run({"quantize", sample_, tensor_, "--out", out, "--force"}).status, 0);
    QVERIFY(readArray(out.toStdString(), "/tensors/" + tensor_.toStdString() + "/codes"));

    QVERIFY(QFile::copy(sample_, path("source.h5")));
    verifyOneError(run({"quantize", path("source.h5"), "--out", path("source.h5"), "--force"}), 5,
                   "source");
    verifyOneError(run({"quantize", sample_, tensor_, "--out", path("no/folder.h5")}), 5,
                   "no/folder.h5");
    verifyOneError(run({"quantize", sample_, tensor_, "--out", "/dev/full", "--force"}), 5,
                   "/dev/full");
  }

  void aFullDiskIsStatusFive() {
    QProcess process;
    process.setStandardOutputFile("/dev/full");
    process.start(QStringLiteral(QUANTOSCOPE_CLI), {"list", sample_, "--json"});
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 5);
    QVERIFY(process.readAllStandardError().contains("standard output"));
  }

  void aFileThatCannotGrowLeavesNothingBehind() {
    // A limit on the size of files stands for a full disk, which a test cannot have.
    for (const char* blocks : {"1", "20", "100", "300"}) {  // of 1 KiB
      const QString out = path("limited.h5");
      QProcess process;
      process.start("bash", {"-c", QStringLiteral("ulimit -f %1; exec \"$@\"").arg(blocks), "bash",
                             QStringLiteral(QUANTOSCOPE_CLI), "quantize", sample_,
                             "--with-dequantized", "--out", out});
      QVERIFY(process.waitForFinished(120000));
      QCOMPARE(process.exitStatus(), QProcess::NormalExit);
      QCOMPARE(process.exitCode(), 5);
      QCOMPARE(process.readAllStandardError().count('\n'), 1);
      QVERIFY(QDir(folder_.path())
                  .entryList({"limited.h5*", ".quantoscope-*"}, QDir::Files | QDir::Hidden)
                  .isEmpty());
    }
  }

  void interruptingLeavesNothingBehind() {
    const QString out = path("interrupted.h5");
    QProcess process;
    process.start(QStringLiteral(QUANTOSCOPE_CLI),
                  {"quantize", sample_, "--clip", "search-groups", "--ratios", "1:0.5:2000",
                   "--out", out, "--threads", "1"});
    QVERIFY(process.waitForStarted());
    const auto partial = [this] {
      return !QDir(folder_.path())
                  .entryList({"interrupted.h5*", ".quantoscope-*"}, QDir::Files | QDir::Hidden)
                  .isEmpty();
    };
    QTRY_VERIFY_WITH_TIMEOUT(partial(), 60000);
    const auto child = static_cast<pid_t>(process.processId());
    QVERIFY(child > 0);  // else all of us would be interrupted
    ::kill(child, SIGINT);
    QVERIFY(process.waitForFinished(60000));
    QCOMPARE(process.exitCode(), 130);
    QCOMPARE(process.readAllStandardError().count('\n'), 1);
    QVERIFY(!partial());
  }

  void itLinksNoGuiLibrary() {
    QProcess ldd;
    ldd.start("ldd", {QStringLiteral(QUANTOSCOPE_CLI)});
    QVERIFY(ldd.waitForFinished());
    const QByteArray libraries = ldd.readAllStandardOutput();
    QVERIFY(libraries.contains("libhdf5"));
    QVERIFY2(!libraries.contains("Qt6"), libraries);
    QVERIFY2(!libraries.contains("libX"), libraries);
  }

  void doctorTellsWhatABugReportNeeds() {
    const char* table = kernels::availableKernels().back()->name;
    const Run result = run({"doctor", "--json", "--kernels", table, "--threads", "3"});
    QVERIFY2(result.status == 0, result.err);
    const Json json = jsonOf(result);
    QVERIFY(run({"--version"}).out.contains(json.find("version")->asString()->c_str()));
    QCOMPARE(*json.find("kernels")->find("used")->asString(), std::string(table));
    QCOMPARE(json.find("kernels")->find("available")->asArray()->size(),
             kernels::availableKernels().size());
    QCOMPARE(numberAt(json, {"threads"}), 3.0);
    QVERIFY(numberAt(json, {"cores"}) >= 1);
    QVERIFY(numberAt(json, {"memory_bytes"}) > numberAt(json, {"memory_available_bytes"}));
    const auto confined = sandboxOfReader();
    QVERIFY(confined);
    const Json& sandbox = *json.find("sandbox");
    for (const Confinement& row : kConfinements) {
      QCOMPARE(*sandbox.find(row.key), Json((*confined).*row.inForce));
    }
    const Run words = run({"doctor"});
    for (const Library& library : coreLibraries()) {
      QCOMPARE(*json.find("libraries")->find(library.name)->asString(), library.version);
      QVERIFY2(words.out.contains((library.name + " ").c_str()) &&
                   words.out.contains(library.version.c_str()),
               library.name.c_str());
    }
  }

  void doctorTellsOfAReaderThatIsMissing() {
    const QByteArray reader = qgetenv("QUANTOSCOPE_READER");
    qputenv("QUANTOSCOPE_READER", "/nonexistent/reader");
    const Run result = run({"doctor", "--json"});
    qputenv("QUANTOSCOPE_READER", reader);
    verifyOneError(result, 3, "/nonexistent/reader");
    QVERIFY(jsonOf(result).find("sandbox")->find("seccomp")->isNull());
    QVERIFY(!jsonOf(result).find("libraries")->asObject()->empty());
  }

  void helpAndCompletionNameEveryNumberFormat() {
    const QByteArray help = run({"inspect", "--help"}).out;
    QVERIFY(help.contains(formatNames(&NumberFormat::isNamed).c_str()));
    QVERIFY(help.contains((": " + formatNames(&NumberFormat::isPublished)).c_str()));
    const auto completed = [](const char* option, const char* begun) {
      const QString script =
          "source \"$1\"; COMP_WORDS=(\"$2\" inspect file \"$3\" \"$4\"); COMP_CWORD=4; "
          "_quantoscope_cli; IFS=,; echo \"${COMPREPLY[*]}\"";
      QProcess bash;
      bash.start(QStringLiteral("bash"),
                 {"-c", script, "bash",
                  QString::fromStdString(sourcePath("resources/linux/quantoscope-cli.bash")),
                  QStringLiteral(QUANTOSCOPE_CLI), option, begun});
      bash.waitForFinished();
      return bash.readAllStandardOutput().trimmed().replace(",", ", ");
    };
    QCOMPARE(completed("--dtype", ""), QByteArray(formatNames(&NumberFormat::isNamed).c_str()));
    QCOMPARE(completed("--double-quant-dtype", ""),
             QByteArray(formatNames(&NumberFormat::isPublished).c_str()));
    QCOMPARE(completed("--dtype", "nf"), QByteArray("nf4"));
  }

  void helpAndVersionSucceed() {
    QCOMPARE(run({"--version"}).status, 0);
    QVERIFY(run({"--help"}).out.contains("quantize"));
    QVERIFY(run({"search", "--help"}).out.contains("--granularity"));
  }

 private:
  /// A 2x4 float32 array "w" with a NaN at row 1, column 2.
  static bool writeNanFixture(const std::string& file);
};

bool CliTest::writeNanFixture(const std::string& file) {
  const float values[8] = {0, 1, 2, 3, 4, 5, NAN, 7};
  const hsize_t extents[2] = {2, 4};
  const hid_t id = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(2, extents, nullptr);
  const hid_t dataset =
      H5Dcreate2(id, "w", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const bool written =
      H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  H5Dclose(dataset);
  H5Sclose(space);
  return H5Fclose(id) >= 0 && written;
}

QTEST_GUILESS_MAIN(CliTest)
#include "cli_test.moc"
