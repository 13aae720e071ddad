// The audit of a model: names, order, what is missing or not quantized, and the best possible.
#include "core/model/verify_model.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/base/text.h"
#include "core/io/reader/remote_container.h"
#include "tests/core/model/audited_fakes.h"
#include "tests/support/hdf5_reader.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr std::size_t kRows = 64, kCols = 128;

/// An original of two weights and a bias, and a right export of it under other names.
struct FakeModel {
  StoredFakeSource original{"/original"};
  StoredFakeSource decoded{"/exported"};
  FakeContainer stored;
  std::vector<FakePacked> tensors;

  FakeModel() {
    int bits = 8;
    for (const char* name : {"model.layers.0.q.weight", "model.layers.1.q.weight"}) {
      const std::vector<float> w = normalValues(kRows * kCols, static_cast<std::uint32_t>(bits));
      original.add(name, kRows, kCols, w);
      IntegerRecipe recipe;
      recipe.bits = bits;
      tensors.push_back(quantizedIntegers(std::string(name).substr(6), kRows, kCols, w, recipe));
      bits = 4;
    }
    original.addOther("model.norm.weight", 16, "a vector");
    original.bytes["model.norm.weight"] = std::string(64, 'n');
    decoded.addOther("norm.weight", 16, "a vector");
    decoded.bytes["norm.weight"] = std::string(64, 'n');
  }

  Result<Audit> audit(bool withOriginal = true, const AuditOptions& options = {0},
                      const ModelControl& control = {}) {
    std::vector<SharedPackedTensor> packed;
    for (const FakePacked& tensor : tensors) {
      packed.push_back(std::make_shared<FakePacked>(tensor));
      decoded.add(tensor.about.path, tensor.about.rows, tensor.about.cols, tensor.decoded());
      stored.add(tensor.about.path + ".codes", kRows * kCols / 2);
      stored.add(tensor.about.path + ".scales", kRows * kCols / 32 * 2);
    }
    return auditModel({withOriginal ? &original : nullptr, stored, packed, decoded}, options,
                      Executor(2), control);
  }
};

std::vector<std::string> idsOf(const std::vector<Alarm>& alarms) {
  std::vector<std::string> ids;
  for (const Alarm& alarm : alarms) ids.push_back(alarm.id);
  return ids;
}

using Names = std::vector<std::string>;

/// What upstream's packer wrote, with a configuration beside it, and upstream's own decoding of it
/// as the original: a file of tests/golden/packed_words.h5 (see the script there).
class GptqFile {
 public:
  GptqFile(const std::string& path, const std::string& version) {
    const std::string golden = sourcePath("tests/golden/packed_words.h5");
    std::string header, data;
    for (const char* name : {"qweight", "qzeros", "scales", "g_idx"}) {
      const auto array = readArray(golden, path + "/packed/" + name);
      if (!array) qFatal("no %s", name);
      const bool isScale = std::string(name) == "scales";
      const std::size_t begin = data.size();
      for (const double value : array->values) {
        if (isScale) {
          append(data, halfFromFloat(static_cast<float>(value)));
        } else {
          append(data, static_cast<std::int32_t>(value));
        }
      }
      std::string shape;
      for (const std::size_t side : array->shape) {
        shape += (shape.empty() ? "" : ",") + std::to_string(side);
      }
      header += std::string(header.empty() ? "{" : ",") + "\"m.q." + name + "\":{\"dtype\":\"" +
                (isScale ? "F16" : "I32") + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
                std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
    }
    header += "}";
    std::string bytes;
    append(bytes, static_cast<std::uint64_t>(header.size()));
    write("model.safetensors", bytes + header + data);
    std::string config = readAttribute(golden, path, "config").value_or("");
    const std::size_t at = config.find("\"checkpoint_format\"");
    config = config.substr(0, at) + "\"checkpoint_format\": \"" + version + "\"}";
    write("config.json", "{\"quantization_config\":" + config + "}");
    const auto right = readArray(golden, path + "/dequantized");
    if (!right) qFatal("no values");
    original_.add("m.q.weight", right->shape[0], right->shape[1],
                  {right->values.begin(), right->values.end()});
  }

  Result<Audit> audit() const {
    const std::string path = folder_.filePath("model.safetensors").toStdString();
    OpenOptions options;
    options.asStored = true;
    const auto stored = openRemoteContainer(path, options);
    if (!stored) return stored.error();
    const auto packed = packedTensorsOf(**stored);
    if (!packed) return packed.error();
    const auto decoded = openTensorSource(path);
    if (!decoded) return decoded.error();
    return auditModel({&original_, **stored, *packed, **decoded}, {0}, Executor(2));
  }

 private:
  template <typename T>
  static void append(std::string& bytes, T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void write(const char* name, const std::string& bytes) const {
    QFile file(folder_.filePath(name));
    if (!file.open(QIODevice::WriteOnly)) qFatal("no file");
    file.write(bytes.data(), static_cast<qint64>(bytes.size()));
  }

  QTemporaryDir folder_;
  FakeSource original_{"/original"};
};

}  // namespace

class VerifyModelTest : public QObject {
  Q_OBJECT

 private slots:
  void aRightExportHoldsWorstFirst() {
    FakeModel model;
    const auto audit = model.audit();
    QVERIFY(audit);
    QVERIFY(audit->holds());
    QCOMPARE(audit->tensors.size(), std::size_t{2});
    QCOMPARE(audit->tensors[0].name, "layers.1.q.weight");
    QCOMPARE(audit->tensors[0].originalName, "model.layers.1.q.weight");
    QVERIFY(audit->tensors[0].metrics->sqnrDb < audit->tensors[1].metrics->sqnrDb);
    QCOMPARE(audit->tensors[0].bytes, std::uint64_t{kRows * kCols / 2 + kRows * kCols / 16});
    QCOMPARE(audit->tensors[0].bitsPerWeight, 4.5);
    QCOMPARE(audit->tensors[0].recipe.convention, Convention::HalfRange);
    QCOMPARE(audit->equal, Names{"model.norm.weight"});
    QVERIFY(audit->missing.empty() && audit->extra.empty() && audit->different.empty());
    QCOMPARE(model.original.overlaps.load(), 0);
  }

  void whatIsMissingAndWhatIsExtraIsNamed() {
    FakeModel model;
    model.tensors.pop_back();
    model.decoded.addOther("more", 3, "a vector");
    const auto audit = model.audit();
    QVERIFY(!audit->holds());
    QCOMPARE(audit->missing, Names{"model.layers.1.q.weight"});
    QCOMPARE(idsOf(audit->alarms), Names{"missing_tensor"});
    QCOMPARE(audit->extra, Names{"more"});
  }

  void whatIsNotQuantizedMustBeEqual() {
    FakeModel model;
    model.decoded.bytes["norm.weight"].back() = 'm';
    const auto audit = model.audit();
    QVERIFY(!audit->holds());
    QCOMPARE(audit->different, Names{"model.norm.weight"});
    QCOMPARE(idsOf(audit->alarms), Names{"tensor_differs"});
    QVERIFY(audit->equal.empty());
  }

  void theAlarmsOfATensorAreItsOwn() {
    FakeModel model;
    for (float& zero : model.tensors[0].stored.zero) zero += 1;
    const auto audit = model.audit();
    QCOMPARE(audit->alarmCount(), std::size_t{1});
    for (const TensorAudit& tensor : audit->tensors) {
      QCOMPARE(tensor.alarms.empty(), tensor.name != "layers.0.q.weight");
    }
  }

  void aShapeThatDiffersIsAnAlarm() {
    FakeModel model;
    model.tensors[0] =
        quantizedIntegers("layers.0.q.weight", kRows, 32, normalValues(kRows * 32, 8), {});
    const auto audit = model.audit();
    QCOMPARE(audit->tensors[0].name, "layers.0.q.weight");
    QCOMPARE(idsOf(audit->tensors[0].alarms), Names{"shape_differs"});
    QVERIFY(!audit->tensors[0].metrics);
  }

  void withoutTheOriginalFaultsAreStillTold() {
    FakeModel model;
    QVERIFY(model.audit(false)->holds());
    FakeModel broken;
    broken.tensors[1].stored.scale[7] = 0;
    const auto audit = broken.audit(false);
    QCOMPARE(audit->tensors[0].name, "layers.1.q.weight");
    QCOMPARE(idsOf(audit->tensors[0].alarms), Names{"scale_vanished"});
    QVERIFY(!audit->tensors[0].metrics && !audit->tensors[0].best);
    QVERIFY(audit->missing.empty() && audit->extra.empty());
  }

  void theBestThatTheSameBytesCouldHaveHad() {
    FakeModel model;
    const auto audit = model.audit(true, {});
    const TensorAudit& worst = audit->tensors[0];
    QVERIFY(worst.best.has_value());
    QCOMPARE(worst.best->spec.bits, 4);
    QVERIFY(worst.best->spec.halfRange);
    QCOMPARE(worst.best->spec.groupSize, 32LL);
    QVERIFY(worst.best->lostDb > 0.2 && worst.best->lostDb < 2);
    FakeModel large;
    const auto none = large.audit(true, {kRows * kCols - 1});
    QVERIFY(!none->tensors[0].best);
    QVERIFY(none->tensors[0].noBest.find("8191") != std::string::npos);
  }

  void float8TimesItsScalesIsComparedByValue() {
    FakeModel model;
    model.original.add("head", kRows, kCols, normalValues(kRows * kCols, 9));
    model.decoded.addScaled("head", kRows, kCols, normalValues(kRows * kCols, 9));
    auto audit = model.audit();
    QVERIFY(audit->holds());
    QCOMPARE(audit->tensors.back().name, "head");
    QVERIFY(audit->tensors.back().metrics.has_value());
    FakeModel wrong;
    wrong.original.add("head", kRows, kCols, normalValues(kRows * kCols, 9));
    wrong.decoded.addScaled("head", kRows, kCols, normalValues(kRows * kCols, 10));
    audit = wrong.audit();
    QCOMPARE(audit->tensors.front().name, "head");
    QCOMPARE(idsOf(audit->tensors.front().alarms), Names{"unrelated_weights"});
  }

  void zeroPointsOfRealFilesReadAsTheOtherVersion_data() {
    QTest::addColumn<QString>("path");
    for (const char* path :
         {"gptq_v1/autogptq_asym_b4_g32_64x128", "gptq_v1/autogptq_sym_b4_g128_64x128",
          "gptq_v1/gptqmodel_asym_b3_g32_64x128", "gptq_v2/sym_b4_g128_64x128"}) {
      QTest::newRow(path) << QString(path);
    }
  }
  void zeroPointsOfRealFilesReadAsTheOtherVersion() {
    QFETCH(QString, path);
    const bool isV1 = path.startsWith("gptq_v1");
    for (const bool asItIs : {true, false}) {
      const GptqFile file(path.toStdString(), isV1 == asItIs ? "gptq" : "gptq_v2");
      const auto audit = file.audit();
      QVERIFY2(audit, audit ? "" : audit.error().message.c_str());
      QCOMPARE(audit->tensors.size(), std::size_t{1});
      // Scales go down to the smallest ones, on purpose.
      std::vector<std::string> ids = idsOf(audit->tensors.front().alarms);
      std::erase(ids, "scale_subnormal");
      QCOMPARE(QByteArray::fromStdString(join(ids, " ")),
               QByteArray(asItIs ? "" : "zero_points_shifted"));
    }
  }

  void anErrorOfReadingEndsIt() {
    FakeModel model;
    model.original.breakTensor("model.layers.0.q.weight");
    QCOMPARE(model.audit().error().code, ErrorCode::UnreadableFile);
  }

  void cancellingEndsIt() {
    FakeModel model;
    ModelControl control;
    control.cancel.cancel();
    QCOMPARE(model.audit(true, {0}, control).error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(VerifyModelTest)
#include "verify_model_test.moc"
