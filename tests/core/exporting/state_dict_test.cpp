// Exports that are a folder of safetensors files, by a made-up format with a byte a code, which
// decodes like the int8 of compressed-tensors.
#include "core/exporting/state_dict.h"

#include <cstring>
#include <fstream>
#include <variant>

#include <QDir>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/folder_output.h"
#include "core/io/tensor_source.h"
#include "core/model/export_model.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

std::vector<PlannedArray> planBytes(const TensorInfo& info, const QuantSpec&) {
  const std::string module = moduleOf(info.name);
  return {{module + ".weight", "I8", {info.rows, info.cols}},
          {module + ".weight_scale", "F32", {info.rows, 1}}};
}

PackedArrays packBytewise(const ExportTensor& tensor, const std::vector<PlannedArray>&,
                          const Executor&) {
  const auto& codes = std::get<std::vector<std::int8_t>>(tensor.quantized.codes);
  const std::vector<float>& scale = tensor.quantized.parameters.decoding();
  PackedArrays arrays(2);
  arrays[0].resize(codes.size());
  std::memcpy(arrays[0].data(), codes.data(), codes.size());
  arrays[1].resize(scale.size() * sizeof(float));
  std::memcpy(arrays[1].data(), scale.data(), arrays[1].size());
  return arrays;
}

/// 8 bits, a scale a row.
QuantSpec bytes() {
  QuantSpec spec;
  spec.bits = 8;
  spec.groupSize = -1;
  spec.scheme = Scheme::Sym;
  return spec;
}

Json configOfBytes(const ModelHeader& header) {
  return Json::object({{"quant_method", "bytes"}, {"tensors", header.tensors.size()}});
}

const StateDictFormat kBytes{planBytes,      packBytewise,           configOfBytes,
                             "quantization", "quantize_config.json", "pt"};

Findings nothing(const ModelHeader&) {
  return {};
}
Findings headsStay(const ModelHeader& header) {
  Findings findings;
  for (const TensorInfo& info : header.tensors) {
    if (info.name == "lm_head.weight") {
      findings.push_back(
          {Finding::Severity::Usual, info.name, "a head", "me", {Remedy::keepFloat()}});
    }
  }
  return findings;
}
Result<std::unique_ptr<TensorSink>> createBytes(const OutputPath& path, const ModelHeader& header,
                                                const Executor& executor) {
  return createStateDict(kBytes, path, header, executor);
}
Result<std::uint64_t> sizeOfBytes(const ModelHeader& header) {
  return stateDictSize(kBytes, header);
}

ExportFormat bytesFormat(Findings (*check)(const ModelHeader&) = nothing) {
  ExportFormat format{"bytes", "Bytes", "", "", ExportContent::Tensors, check, createBytes};
  format.wholeModel = true;
  format.sizeOf = sizeOfBytes;
  return format;
}

}  // namespace

class StateDictTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;

  std::string path(const std::string& name) const {
    return folder_->path().toStdString() + "/" + name;
  }
  void put(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
  }
  std::string contentOf(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Json jsonOf(const std::string& name) const { return *parseJson(contentOf(name), name); }
  /// The file's own header.
  Json headerOf(const std::string& name) const {
    const std::string bytes = contentOf(name);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    return *parseJson(std::string_view(bytes).substr(8, length), name);
  }
  std::uint64_t bytesIn(const std::string& name) const {
    std::uint64_t bytes = 0;
    const QDir dir(QString::fromStdString(path(name)));
    for (const QFileInfo& file : dir.entryInfoList(QDir::Files | QDir::Hidden)) {
      const bool ours = file.fileName() == kFolderList || file.fileName().startsWith(kFolderReport);
      if (!ours) bytes += static_cast<std::uint64_t>(file.size());
    }
    return bytes;
  }

  /// Two matrices of 2x4, a head, a vector of three int16 and a scalar.
  void putModel() const {
    QDir(folder_->path()).mkdir("model");
    float weights[24];
    for (int i = 0; i < 24; ++i) weights[i] = static_cast<float>(i - 11) / 8;
    const std::int16_t ids[3] = {7, -8, 9};
    const double scalar[1] = {2.5};
    put("model/model.safetensors",
        safetensorsBytes(
            "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[0,32]},"
            "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[32,64]},"
            "\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],\"data_offsets\":[64,96]},"
            "\"ids\":{\"dtype\":\"I16\",\"shape\":[3],\"data_offsets\":[96,102]},"
            "\"t\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[102,110]}}",
            bytesOf(weights) + bytesOf(ids) + bytesOf(scalar)));
  }

  ModelJob job(const std::string& file) const {
    auto source = openTensorSource(path(file));
    if (!source) qFatal("%s", source.error().message.c_str());
    ModelJob made = ModelJob::of(*source, bytes());
    made.extent = Extent::WholeModel;
    return made;
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void aModelBecomesAFolderThatHoldsAllOfIt() {
    putModel();
    put("model/config.json", "{\"model_type\": \"x\", \"quantization_config\": 1, \"z\": 2}");
    put("model/tokenizer.json", "words");
    put("model/quantize_config.json", "of another quantization");
    put("model/other.bin", "weights of another form");
    const auto report = exportModel(job("model/model.safetensors"), bytesFormat(headsStay),
                                    path("out"), {}, Executor(2));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->tensors.size(), std::size_t{2});
    QCOMPARE(report->taken.size(), std::size_t{1});
    QVERIFY((report->passed == std::vector<std::string>{"ids", "lm_head.weight", "t"}));
    QCOMPARE(QDir(folder_->filePath("out")).entryList(QDir::Files),
             (QStringList{"config.json", "export.report.json", "export.report.txt",
                          "model.safetensors", "quantize_config.json", "tokenizer.json"}));
    QCOMPARE(contentOf("out/tokenizer.json"), std::string("words"));
    const Json config = jsonOf("out/config.json");
    QCOMPARE(config.find("quantization_config")->find("quant_method")->asString()->c_str(),
             "bytes");
    QVERIFY(*config.find("quantization") == *config.find("quantization_config"));
    QCOMPARE(*config.find("z")->asInteger(), std::int64_t{2});
    QCOMPARE(*jsonOf("out/quantize_config.json").find("tensors")->asInteger(), std::int64_t{2});

    const Json header = headerOf("out/model.safetensors");
    QCOMPARE(*header.find("__metadata__")->find("format")->asString(), std::string("pt"));
    QCOMPARE(*header.find("__metadata__")->find("source_sha256")->asString(), report->sourceSha256);
    const auto source = openTensorSource(path("out"));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const auto head = (*source)->loadMatrix("lm_head.weight");
    QCOMPARE(head->values[0], 5.0F / 8);
    const auto ids = (*source)->loadMatrix("ids");
    QVERIFY((ids->values == std::vector<float>{7, -8, 9}));
    QCOMPARE((*source)->loadMatrix("t")->values[0], 2.5F);
    QVERIFY(!findTensor(**source, "a.weight")->quantizedAs.empty());
  }

  void arraysAreAlignedToTheirElements() {
    putModel();
    QVERIFY(
        exportModel(job("model/model.safetensors"), bytesFormat(), path("out"), {}, Executor(1)));
    const std::string bytes = contentOf("out/model.safetensors");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    QCOMPARE(length % 8, std::uint64_t{0});
    const Json header = headerOf("out/model.safetensors");
    for (const auto& [name, entry] : *header.asObject()) {
      if (name == "__metadata__") continue;
      const std::string& type = *entry.find("dtype")->asString();
      const std::int64_t begin = *entry.find("data_offsets")->asArray()->front().asInteger();
      QCOMPARE(begin % (type == "F64" ? 8 : type == "F32" ? 4 : type == "I16" ? 2 : 1), 0);
    }
  }

  void theSizeIsKnownBeforehandToTheByte() {
    putModel();
    put("model/config.json", "{}");
    put("model/vocab.txt", "a b c");
    const ModelJob made = job("model/model.safetensors");
    const auto plan = planExport(made, bytesFormat(headsStay), Fix::Usual);
    QVERIFY(plan && plan->bytes);
    QVERIFY(exportModel(made, bytesFormat(headsStay), path("out"), {}, Executor(1)));
    QCOMPARE(bytesIn("out"), *plan->bytes);
  }

  void withoutAConfigurationTheQuantizationIsAFileAndANoteSaysSo() {
    putModel();
    const auto report =
        exportModel(job("model/model.safetensors"), bytesFormat(), path("out"), {}, Executor(1));
    QVERIFY(report);
    QCOMPARE(report->findings.size(), std::size_t{1});
    QVERIFY(report->findings[0].text.find("no config.json") != std::string::npos);
    QVERIFY(QFile::exists(folder_->filePath("out/quantize_config.json")));
    QVERIFY(!QFile::exists(folder_->filePath("out/config.json")));
  }

  void aTensorThatWasChosenIsNotLeftInFloatUnasked() {
    putModel();
    ModelJob made = job("model/model.safetensors");
    made.plan.tensors["lm_head.weight"].spec = bytes();
    const auto refused = exportModel(made, bytesFormat(headsStay), path("out"), {}, Executor(1));
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QVERIFY(refused.error().message.find("lm_head.weight: a head; leave it as it is") !=
            std::string::npos);
    QVERIFY(!QFile::exists(folder_->filePath("out")));
    const auto fixed =
        exportModel(made, bytesFormat(headsStay), path("out"), {false, Fix::All}, Executor(1));
    QVERIFY(fixed);
    QCOMPARE(fixed->tensors.size(), std::size_t{2});
  }

  void equalInputsGiveEqualBytes() {
    putModel();
    for (const char* out : {"one", "two"}) {
      QVERIFY(
          exportModel(job("model/model.safetensors"), bytesFormat(), path(out), {}, Executor(2)));
    }
    QCOMPARE(contentOf("one/model.safetensors"), contentOf("two/model.safetensors"));
    QCOMPARE(contentOf("one/quantize_config.json"), contentOf("two/quantize_config.json"));
  }

  void aChangedSourceLeavesNothing() {
    putModel();
    const ModelJob made = job("model/model.safetensors");
    QVERIFY(QFile::resize(folder_->filePath("model/model.safetensors"), 100));
    const auto failed = exportModel(made, bytesFormat(), path("out"), {}, Executor(1));
    QCOMPARE(failed.error().code, ErrorCode::UnreadableFile);
    QCOMPARE(
        QDir(folder_->path()).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot),
        QStringList{"model"});
  }

  void namesInAStateDictHaveDots() {
    QCOMPARE(stateDictName("a/b/weight"), std::string("a.b.weight"));
    QCOMPARE(moduleOf("a/b/weight"), std::string("a.b"));
    QCOMPARE(moduleOf("a.kernel"), std::string("a"));
    QCOMPARE(moduleOf("a.weight_v"), std::string("a.weight_v"));
    QCOMPARE(moduleOf("weight"), std::string());
  }
};

QTEST_GUILESS_MAIN(StateDictTest)
#include "state_dict_test.moc"
