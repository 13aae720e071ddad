// Keras 3 files that we write: what Keras itself would have written, and nothing else changed.
#include "core/exporting/formats/keras_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/text.h"
#include "core/exporting/formats/keras_layers.h"
#include "core/exporting/json_places.h"
#include "core/exporting/zip_writer.h"
#include "core/io/container/zip_archive.h"
#include "core/io/tensor_source.h"
#include "core/model/export_model.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/support/golden_file.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

using Shape = std::vector<std::uint64_t>;

constexpr const char* kFloatPolicy =
    "{\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "
    "\"registered_name\": null}";

QuantSpec specOf(int bits, long long groupSize, Scheme scheme) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  return spec;
}

std::string policy(const std::string& name, const std::string& mode,
                   const std::string& source = "float32") {
  return "{\"module\": \"keras.dtype_policies\", \"class_name\": \"" + name +
         "\", \"config\": {\"mode\": \"" + mode + "\", \"source_name\": \"" + source +
         "\"}, \"registered_name\": null}";
}

std::string layer(const std::string& className, const std::string& dtype,
                  const std::string& more = {}) {
  return "{\"module\": \"keras.layers\", \"class_name\": \"" + className +
         "\", \"config\": {\"name\": \"a name, {of} \\\"any\\\" kind\", \"dtype\": " + dtype +
         more + "}, \"registered_name\": null}";
}

std::string model(const std::vector<std::string>& layers) {
  return "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" +
         join(layers, ", ") + "]}, \"limit\": Infinity, \"small\": 1e-07}";
}

/// A file with these arrays, whose groups have names.
void writeWeights(const std::string& path,
                  const std::vector<std::pair<std::string, std::vector<hsize_t>>>& arrays) {
  Hdf5Fixture file(path);
  std::uint32_t seed = 1;
  for (const auto& [name, shape] : arrays) {
    std::size_t count = 1;
    for (const hsize_t side : shape) count *= side;
    const std::vector<float> values = normalValues(count, seed++);
    file.array(name, shape, values.data());
    const std::string group = name.substr(0, name.rfind('/'));
    if (name.ends_with("/0")) file.text(group, "name", "called " + group, true);
  }
}

QByteArray bytesOf(const std::string& path) {
  QFile file(QString::fromStdString(path));
  if (!file.open(QIODevice::ReadOnly)) qFatal("%s", path.c_str());
  return file.readAll();
}

std::string textOf(const std::string& path) {
  return bytesOf(path).toStdString();
}

void writeBytes(const std::string& path, const std::string& bytes) {
  QFile file(QString::fromStdString(path));
  if (!file.open(QIODevice::WriteOnly)) qFatal("%s", path.c_str());
  file.write(bytes.data(), static_cast<qint64>(bytes.size()));
}

SharedSource opened(const std::string& path, bool asStored = false) {
  OpenOptions options;
  options.asStored = asStored;
  auto source = openTensorSourceInProcess(path, options);
  if (!source) qFatal("%s", source.error().message.c_str());
  return *source;
}

ModelJob jobOf(const std::string& path, const QuantSpec& spec) {
  ModelJob job = ModelJob::of(opened(path), spec);
  job.extent = Extent::WholeModel;
  return job;
}

/// The member of an archive, decompressed.
std::string member(const std::string& path, const std::string& name) {
  const auto bytes = openFileBytes(path);
  const auto members = readZipDirectory(**bytes);
  if (!members) qFatal("%s", members.error().message.c_str());
  for (const ZipMember& found : *members) {
    if (found.name != name) continue;
    const auto content = openZipMember(*bytes, found);
    return *readText(**content, 0, static_cast<std::size_t>((*content)->size()));
  }
  qFatal("no member %s", name.c_str());
}

std::vector<std::string> memberNames(const std::string& path) {
  std::vector<std::string> names;
  const auto members = readZipDirectory(**openFileBytes(path));
  for (const ZipMember& found : *members) names.push_back(found.name);
  return names;
}

std::vector<double> valuesAt(const std::string& file, const std::string& path) {
  const auto array = readArray(file, path);
  if (!array) qFatal("%s has no %s", file.c_str(), path.c_str());
  return array->values;
}

std::vector<std::size_t> shapeAt(const std::string& file, const std::string& path) {
  const auto array = readArray(file, path);
  return array ? array->shape : std::vector<std::size_t>{};
}

const std::vector<std::pair<std::string, std::vector<hsize_t>>> kArrays = {
    {"layers/conv2d/vars/0", {3, 3, 4, 6}},
    {"layers/conv2d/vars/1", {6}},
    {"layers/dense/vars/0", {40, 7}},
    {"layers/dense/vars/1", {7}},
    {"layers/dense_1/vars/0", {33, 10}},
    {"layers/einsum_dense/vars/0", {48, 3, 5}},
    {"layers/einsum_dense/vars/1", {3, 5}},
    {"layers/embedding/vars/0", {11, 21}},
    {"layers/functional/layers/dense/vars/0", {16, 4}},
    {"layers/functional/layers/dense/vars/1", {4}},
    {"layers/layer_normalization/vars/0", {7}},
    {"layers/layer_normalization/vars/1", {7}},
    {"optimizer/vars/0", {1}},
    {"optimizer/vars/1", {40, 7}},
};

std::string configOf(const std::string& dense, const std::string& dense1, const std::string& einsum,
                     const std::string& embedding, const std::string& inner) {
  const std::string equation = ", \"equation\": \"abc,cde->abde\"";
  return model(
      {layer("Conv2D", kFloatPolicy), layer("Dense", dense), layer("Dense", dense1),
       layer("EinsumDense", einsum, equation),
       layer("Embedding", embedding, ", \"input_dim\": 11, \"output_dim\": 21"),
       "{\"class_name\": \"Functional\", \"config\": {\"dtype\": \"float32\", \"layers\": [" +
           layer("Dense", inner) + "]}}",
       layer("LayerNormalization", "\"float32\"")});
}

std::string floatConfig() {
  return configOf(kFloatPolicy, "\"float32\"", kFloatPolicy, kFloatPolicy, kFloatPolicy);
}

const std::vector<GoldenCase>& goldenCases() {
  static const GoldenFile golden = GoldenFile::read(sourcePath("tests/golden/keras_golden.h5"));
  if (golden.cases.size() != 42) qFatal("tests/golden/keras_golden.h5 has 42 cases");
  return golden.cases;
}

/// What is known of a file with one Dense layer.
ModelHeader headerOf(const GoldenCase& golden, const QuantSpec& spec, bool isArchive) {
  const Matrix& kernel = golden.matrices.at("dequantized");
  ModelHeader header;
  header.sourceFile = "m";
  TensorInfo info;
  info.name = "layers/dense/vars/0";
  info.shape = {kernel.rows, kernel.cols};
  info.dtype = "float32";
  setAxes(info, AxisMap::columns(2));
  header.tensors = {info};
  TensorInfo bias;
  bias.name = "layers/dense/vars/1";
  bias.shape = {kernel.cols};
  bias.dtype = "float32";
  header.passed = {bias};
  header.plan.defaultSpec = spec;
  header.sourceFormat = isArchive ? "Keras 3 archive" : "Keras 3 weights HDF5";
  auto contents = std::make_shared<StoredFile>();
  contents->arrays = {{info.name, {kernel.rows, kernel.cols}, "float32", 4, {}, {}},
                      {bias.name, {kernel.cols}, "float32", 4, {}, {}}};
  if (isArchive) {
    contents->format = "keras";
    contents->modelConfig = model({layer("Dense", kFloatPolicy)});
    contents->members = {{"config.json", 0, 0, 0, 0, false, false},
                         {"model.weights.h5", 0, 0, 0, 0, false, false}};
  }
  header.contents = contents;
  return header;
}

/// The codes and parameters of a golden case as the quantizer would have made them.
ExportTensor tensorOf(const GoldenCase& golden, const TensorInfo& info, const QuantSpec& spec) {
  ExportTensor tensor;
  tensor.info = info;
  tensor.quantized.spec = spec;
  GroupParameters& parameters = tensor.quantized.parameters;
  parameters.layout = GroupLayout::of(info.rows, info.cols, spec.groupSize);
  parameters.scale = golden.matrices.at("kernel_scale").values;
  if (golden.text.at("mode") == "int8") {
    const Matrix& kernel = golden.matrices.at("kernel");
    std::vector<std::int8_t> codes;
    for (std::size_t c = 0; c < kernel.cols; ++c) {
      for (std::size_t r = 0; r < kernel.rows; ++r) {
        codes.push_back(static_cast<std::int8_t>(kernel.values[r * kernel.cols + c]));
      }
    }
    tensor.quantized.codes = codes;
    for (float& scale : parameters.scale) scale = 1 / scale;
    storeKerasScales(info, spec, parameters);
    return tensor;
  }
  const std::vector<float>& codes = golden.matrices.at("codes").values;
  tensor.quantized.codes = std::vector<std::uint8_t>(codes.begin(), codes.end());
  parameters.zeroPoint = golden.matrices.at("kernel_zero").values;
  return tensor;
}

}  // namespace

class KerasFileTest : public QObject {
  Q_OBJECT

 private:
  std::unique_ptr<QTemporaryDir> folder_;
  std::string path(const char* name) const { return folder_->filePath(name).toStdString(); }

  /// An archive whose assets are compressed.
  std::string archive(const std::string& config) const {
    writeWeights(path("inside.h5"), kArrays);
    ZipWriter zip;
    zip.add("metadata.json", "{\"keras_version\": \"3.16.0\"}");
    zip.add("config.json", config, true);
    zip.add("model.weights.h5", textOf(path("inside.h5")));
    zip.add("assets/", "");
    zip.add("assets/vocabulary.txt", std::string(5000, 'w') + "ords\n", true);
    writeBytes(path("source.keras"), zip.finish());
    return path("source.keras");
  }

  std::string weightsOf(const std::string& archivePath) const {
    writeBytes(path("extracted.h5"), member(archivePath, "model.weights.h5"));
    return path("extracted.h5");
  }

 private slots:
  void init() { folder_ = std::make_unique<QTemporaryDir>(); }

  void variablesAreThoseThatKerasWrites_data() {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < goldenCases().size(); ++i) {
      if (goldenCases()[i].text.at("mode") == "int4") continue;  // of ours only embeddings have it
      QTest::newRow(goldenCases()[i].name.c_str()) << static_cast<int>(i);
    }
  }

  void variablesAreThoseThatKerasWrites() {
    QFETCH(int, index);
    const GoldenCase& golden = goldenCases()[static_cast<std::size_t>(index)];
    const bool isInt8 = golden.text.at("mode") == "int8";
    QuantSpec spec = specOf(static_cast<int>(golden.number("bits", 0)),
                            static_cast<long long>(golden.number("block", 0)), Scheme::Asym);
    if (isInt8) spec = specOf(8, -1, Scheme::Sym);
    const ModelHeader header = headerOf(golden, spec, isInt8);
    std::vector<float> bias = golden.matrices.at("bias").values;
    const auto fill = [&](TensorSink& sink) -> Status {
      if (auto s = sink.add(tensorOf(golden, header.tensors[0], spec)); !s) return s;
      return sink.pass(header.passed[0], [&](const TakeBytes& take) {
        return take(reinterpret_cast<const std::byte*>(bias.data()), bias.size() * sizeof(float));
      });
    };
    std::string file = path("m.weights.h5");
    ModelHeader used = header;
    if (isInt8) {
      file = path("m.keras");
      used.sourcePath = archive(floatConfig());
    }
    const Status status = writeExport(kerasFormat(), used, file, fill, Executor(1));
    QVERIFY2(status, status ? "" : status.error().message.c_str());
    if (isInt8) file = weightsOf(file);
    int number = 0;
    for (const std::string& name : split(golden.text.at("order"), ' ')) {
      const std::string at = "layers/dense/vars/" + std::to_string(number++);
      const auto array = readArray(file, at);
      QVERIFY2(array, at.c_str());
      const std::vector<float>& expected = golden.matrices.at(name).values;
      if (isInt8 && name == "kernel_scale") {
        // What divides is told by its reciprocal, which leaves its last bit open.
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const auto value = static_cast<float>(array->values[i]);
          QCOMPARE(1 / value, 1 / (1 / (1 / expected[i])));
          QVERIFY(std::nextafter(value, expected[i]) == expected[i]);
        }
      } else {
        QCOMPARE(array->values, (std::vector<double>(expected.begin(), expected.end())));
      }
      const bool isFloat = name == "bias" || name == "kernel_scale" || name == "g_idx";
      QCOMPARE(array->type, std::string(isFloat ? "float32" : isInt8 ? "int8" : "uint8"));
    }
    QVERIFY(!readArray(file, "layers/dense/vars/" + std::to_string(number)));
  }

  void policiesAreThoseThatKerasWrites() {
    for (const GoldenCase& golden : goldenCases()) {
      const bool isInt8 = golden.text.at("mode") == "int8";
      if (golden.text.at("mode") == "int4") continue;
      QuantSpec spec = specOf(static_cast<int>(golden.number("bits", 0)),
                              static_cast<long long>(golden.number("block", 0)),
                              golden.number("symmetric", 0) != 0 ? Scheme::Sym : Scheme::Asym);
      if (isInt8) spec = specOf(8, -1, Scheme::Sym);
      if (!isInt8 && spec.bits == 8 && spec.groupSize == -1) spec.scheme = Scheme::Asym;
      const auto plan = planKeras(headerOf(golden, spec, true));
      QVERIFY(plan);
      QVERIFY2(plan->config.find("\"dtype\": " + golden.text.at("dtype")) != std::string::npos,
               plan->config.c_str());
      const bool told =
          plan->config.find("\"quantization_config\": " + golden.text.at("quantization_config")) !=
          std::string::npos;
      QCOMPARE(told, isInt8);  // GPTQConfig only tells how a layer was calibrated
    }
  }

  void aWeightsFileBecomesAWeightsFile() {
    writeWeights(path("source.weights.h5"), kArrays);
    const ModelJob job = jobOf(path("source.weights.h5"), specOf(4, 16, Scheme::Asym));
    const std::string file = path("made.weights.h5");
    const auto report = exportModel(job, kerasFormat(), file, {}, Executor(2));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(report->isProven);
    QCOMPARE(report->tensors.size(), std::size_t{5});
    const std::string vars = "layers/dense/vars/";
    QCOMPARE(valuesAt(file, vars + "0"), valuesAt(path("source.weights.h5"), vars + "1"));
    QCOMPARE(shapeAt(file, vars + "1"), (std::vector<std::size_t>{4, 40}));
    QCOMPARE(shapeAt(file, vars + "2"), (std::vector<std::size_t>{7, 3}));
    QCOMPARE(shapeAt(file, vars + "3"), (std::vector<std::size_t>{7, 3}));
    QCOMPARE(shapeAt(file, vars + "4"), (std::vector<std::size_t>{40}));
    QCOMPARE(shapeAt(file, "layers/dense_1/vars/0"), (std::vector<std::size_t>{5, 33}));
    QCOMPARE(shapeAt(file, "layers/embedding/vars/0"), (std::vector<std::size_t>{11, 11}));
    QCOMPARE(shapeAt(file, "layers/embedding/vars/1"), (std::vector<std::size_t>{11, 2}));
    QCOMPARE(shapeAt(file, "layers/einsum_dense/vars/1"), (std::vector<std::size_t>{8, 48}));
    QCOMPARE(shapeAt(file, "layers/functional/layers/dense/vars/1"),
             (std::vector<std::size_t>{2, 16}));
    for (const auto& [name, shape] : kArrays) {
      const bool stays =
          name.find("dense") == std::string::npos && name.find("embedding") == std::string::npos;
      if (stays) QCOMPARE(valuesAt(file, name), valuesAt(path("source.weights.h5"), name));
      if (!name.ends_with("/0")) continue;
      const std::string group = name.substr(0, name.rfind('/'));
      QCOMPARE(readAttribute(file, group, "name"), std::optional("called " + group));
    }
    // The same again, and as large as was said.
    const auto plan = planExport(job, kerasFormat(), Fix::Usual);
    QVERIFY(plan && plan->bytes);
    QCOMPARE(static_cast<std::uint64_t>(bytesOf(file).size()), *plan->bytes);
    QVERIFY(exportModel(job, kerasFormat(), path("again.weights.h5"), {}, Executor(1)));
    QCOMPARE(bytesOf(path("again.weights.h5")), bytesOf(file));
    QCOMPARE(QDir(folder_->path()).entryList(QDir::Files | QDir::Hidden).size(), 3);
  }

  void anArchiveBecomesAnArchive() {
    const std::string source = archive(floatConfig());
    ModelJob job = jobOf(source, specOf(4, 16, Scheme::Asym));
    job.plan.tensors["layers/dense_1/vars/0"].spec = specOf(8, -1, Scheme::Sym);
    job.plan.tensors["layers/functional/layers/dense/vars/0"].spec = specOf(3, -1, Scheme::Sym);
    const std::string file = path("made.keras");
    const auto report = exportModel(job, kerasFormat(), file, {}, Executor(2));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(report->isProven);
    QCOMPARE(memberNames(file), memberNames(source));
    for (const std::string& name : memberNames(file)) {
      if (name == "config.json" || name == "model.weights.h5") continue;
      QCOMPARE(member(file, name), member(source, name));
    }
    const std::string int8 = policy("QuantizedDTypePolicy", "int8");
    std::string expected = configOf(
        policy("GPTQDTypePolicy", "gptq/4/16"), int8, policy("GPTQDTypePolicy", "gptq/4/16"),
        policy("Int4DTypePolicy", "int4/16"), policy("GPTQDTypePolicy", "gptq/3/-1"));
    const std::string config = "\"config\": {";
    const std::size_t at = expected.rfind(config, expected.find(int8)) + config.size();
    expected.insert(at,
                    "\"quantization_config\": {\"module\": \"keras.quantizers\", \"class_name\": "
                    "\"Int8QuantizationConfig\", \"config\": {\"weight_quantizer\": null, "
                    "\"activation_quantizer\": null}, \"registered_name\": null}, ");
    QCOMPARE(member(file, "config.json"), expected);
    const std::string inside = weightsOf(file);
    QCOMPARE(valuesAt(inside, "layers/dense/vars/0"),
             valuesAt(path("inside.h5"), "layers/dense/vars/1"));
    QCOMPARE(shapeAt(inside, "layers/dense_1/vars/0"), (std::vector<std::size_t>{33, 10}));
    QCOMPARE(valuesAt(inside, "optimizer/vars/1"), valuesAt(path("inside.h5"), "optimizer/vars/1"));
    const auto plan = planExport(job, kerasFormat(), Fix::Usual);
    QCOMPARE(static_cast<std::uint64_t>(bytesOf(file).size()), *plan->bytes);
    QVERIFY(exportModel(job, kerasFormat(), path("again.keras"), {}, Executor(1)));
    QCOMPARE(bytesOf(path("again.keras")), bytesOf(file));
    // It opens as any file does, and its checksums hold.
    const SharedSource again = opened(file);
    QVERIFY(again->verify({}));
    QCOMPARE(again->format().find("Keras 3 archive"), std::size_t{0});
  }

  void anArchiveOfKerasItselfIsWrittenAgain() {
    // A file that Keras wrote, with the floats and the policy that it had before.
    for (const GoldenCase& golden : goldenCases()) {
      if (golden.name != "gptq_3bit_block-1_40x7") continue;
      const std::vector<float>& stored = golden.matrices.at("keras_file").values;
      std::string bytes;
      for (const float value : stored) bytes += static_cast<char>(static_cast<int>(value));
      writeBytes(path("golden.keras"), bytes);
      const std::string config = member(path("golden.keras"), "config.json");
      const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
        const std::size_t at = text.find(from);
        if (at == std::string::npos) qFatal("no %s", from.c_str());
        return text.replace(at, from.size(), to);
      };
      const std::string floats = replaced(replaced(config, golden.text.at("dtype"), kFloatPolicy),
                                          golden.text.at("quantization_config"), "null");
      {
        Hdf5Fixture file(path("floats.h5"));
        file.array("layers/dense/vars/0", {40, 7}, golden.matrices.at("dequantized").values.data());
        file.array("layers/dense/vars/1", {7}, golden.matrices.at("bias").values.data());
        file.text("layers/dense/vars", "name", "d", true);
        file.group("vars");
        file.text("vars", "name", "s", true);
      }
      ZipWriter zip;
      const std::string metadata = member(path("golden.keras"), "metadata.json");
      zip.add("metadata.json", metadata);
      zip.add("config.json", floats);
      zip.add("model.weights.h5", textOf(path("floats.h5")));
      writeBytes(path("floats.keras"), zip.finish());
      const ModelJob job = jobOf(path("floats.keras"), specOf(3, -1, Scheme::Asym));
      const auto report = exportModel(job, kerasFormat(), path("made.keras"), {}, Executor(1));
      QVERIFY2(report, report ? "" : report.error().message.c_str());
      QVERIFY(report->isProven);
      QCOMPARE(member(path("made.keras"), "config.json"),
               replaced(config, golden.text.at("quantization_config"), "null"));
      QCOMPARE(member(path("made.keras"), "metadata.json"), metadata);
      const std::string made = weightsOf(path("made.keras"));
      QCOMPARE(readAttribute(made, "vars", "name"), std::optional<std::string>("s"));
      writeBytes(path("golden.h5"), member(path("golden.keras"), "model.weights.h5"));
      for (const char* variable : {"0", "1", "2", "3", "4"}) {
        const auto ours = readArray(made, std::string("layers/dense/vars/") + variable);
        const auto theirs =
            readArray(path("golden.h5"), std::string("layers/dense/vars/") + variable);
        QVERIFY(ours && theirs);
        QCOMPARE(ours->shape, theirs->shape);
        QCOMPARE(ours->type, theirs->type);
      }
    }
  }

  void headsBeforeTheInputsHaveGroupsOfTheirOwn() {
    // A kernel [heads, in, size], as Gemma's query has it: Keras flattens it to [heads * in, size].
    TensorInfo info;
    info.shape = {2, 4, 3};
    setAxes(info, AxisMap{{0, 2, 1}, 2, {}});
    const auto flat = kerasFlattening(info);
    QVERIFY(flat);
    QCOMPARE(flat->rows(), std::size_t{8});
    QCOMPARE(flat->rowOfColumn, (std::vector<std::size_t>{0, 1, 2}));
    QCOMPARE(flat->rowOfLead, (std::vector<std::size_t>{0, 3}));
    QCOMPARE(flat->leadOfRow, (std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 1, 1}));
    QCOMPARE(flat->columnOfRow, (std::vector<std::size_t>{0, 1, 2, 3, 0, 1, 2, 3}));
    // An output projection [heads, size, out] whose heads are the longest would be cut in its
    // inputs.
    info.shape = {8, 4, 3};
    setAxes(info, AxisMap{{2, 0, 1}, 1, {}});
    QVERIFY(!kerasFlattening(info));
    info.shape = {4, 8, 3};
    setAxes(info, AxisMap{{2, 0, 1}, 1, {}});
    QVERIFY(kerasFlattening(info));
  }

  void rulesAreTold_data() {
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("groupSize");
    QTest::addColumn<bool>("isSym");
    QTest::addColumn<bool>("isArchive");
    QTest::addColumn<QString>("text");  ///< of the finding about the tensor; empty: none
    const char* dense = "layers/dense/vars/0";
    const char* table = "layers/embedding/vars/0";
    QTest::newRow("dense, 4 bits") << dense << 4 << 32 << false << true << "";
    QTest::newRow("dense, 1 bit") << dense << 1 << 32 << false << true << "stored in 2";
    QTest::newRow("dense, 6 bits") << dense << 6 << 32 << false << true << "stored in 8";
    QTest::newRow("dense, 8 bits") << dense << 8 << -1 << true << false << "";
    QTest::newRow("embedding, 4 bits") << table << 4 << 16 << true << false << "";
    QTest::newRow("embedding, 8 bits") << table << 8 << -1 << true << true << "";
    QTest::newRow("embedding, 8 bits without a configuration")
        << table << 8 << -1 << true << false << "can have up to 4 bits";
    QTest::newRow("embedding, 8 bits in groups")
        << table << 8 << 16 << true << true << "up to 4 bits";
    QTest::newRow("embedding, 8 bits asym") << table << 8 << -1 << false << true << "up to 4 bits";
    QTest::newRow("convolution") << "layers/conv2d/vars/0" << 4 << 32 << false << true
                                 << "of a layer Conv2D";
  }

  void rulesAreTold() {
    QFETCH(QString, tensor);
    QFETCH(int, bits);
    QFETCH(int, groupSize);
    QFETCH(bool, isSym);
    QFETCH(bool, isArchive);
    QFETCH(QString, text);
    std::string source = path("source.weights.h5");
    if (isArchive) {
      source = archive(floatConfig());
    } else {
      writeWeights(source, kArrays);
    }
    ModelJob job = jobOf(source, specOf(4, 16, Scheme::Asym));
    const QuantSpec spec = specOf(bits, groupSize, isSym ? Scheme::Sym : Scheme::Asym);
    job.plan.tensors[tensor.toStdString()].spec = spec;
    const auto plan = planExport(job, kerasFormat(), Fix::Usual);
    QVERIFY(plan);
    bool found = text.isEmpty();
    for (const Finding& finding : plan->findings) {
      if (finding.subject != tensor.toStdString()) continue;
      QVERIFY2(!text.isEmpty(), finding.text.c_str());
      found = found || finding.text.find(text.toStdString()) != std::string::npos;
      if (finding.severity == Finding::Severity::Note) continue;
      QVERIFY(!finding.remedies.empty());
      const auto mended = planExport(job, kerasFormat(), Fix::All);
      QVERIFY(mended && !mended->isRefused());
    }
    QVERIFY(found);
  }

  void otherSourcesAreRefused() {
    GoldenCase golden = goldenCases().front();
    ModelHeader header = headerOf(golden, specOf(4, 32, Scheme::Asym), false);
    const auto refusal = [](const ModelHeader& of) {
      const Findings findings = kerasFormat().check(of);
      return findings.size() == 1 && findings[0].severity == Finding::Severity::Refusal
                 ? findings[0].text
                 : std::string();
    };
    QCOMPARE(refusal(header), std::string());
    header.sourceFormat = "safetensors";
    QCOMPARE(refusal(header), std::string("the source is safetensors; allowed are Keras 3 weights "
                                          "HDF5 (.weights.h5) and Keras 3 archive (.keras)"));
    header.sourceFormat = {};
    QVERIFY(refusal(header).find("export all of its tensors") != std::string::npos);
    header = headerOf(golden, specOf(4, 32, Scheme::Asym), false);
    auto contents = std::make_shared<StoredFile>(*header.contents);
    contents->quantization = "quantized by Keras";
    header.contents = contents;
    QVERIFY(refusal(header).find("quantized by Keras already") != std::string::npos);
  }

  void namesMustEndAsKerasWantsIt() {
    writeWeights(path("source.weights.h5"), kArrays);
    const auto report = exportModel(jobOf(path("source.weights.h5"), specOf(4, 16, Scheme::Asym)),
                                    kerasFormat(), path("made.keras"), {}, Executor(1));
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::OutputFailed);
    QVERIFY(report.error().message.find("must end in .weights.h5") != std::string::npos);
    QCOMPARE(QDir(folder_->path()).entryList(QDir::Files | QDir::Hidden).size(), 1);
  }

  void bothTablesOfAReversibleEmbeddingAgree() {
    const std::string vars = "layers/reversible_embedding/vars/";
    writeWeights(path("source.weights.h5"), {{vars + "0", {9, 21}}, {vars + "1", {21, 9}}});
    ModelJob job = jobOf(path("source.weights.h5"), specOf(4, 8, Scheme::Asym));
    QCOMPARE(job.tensors.size(), std::size_t{2});
    const std::string file = path("made.weights.h5");
    const auto report = exportModel(job, kerasFormat(), file, {}, Executor(1));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(report->isProven);
    QCOMPARE(shapeAt(file, vars + "4"), (std::vector<std::size_t>{11, 9}));
    QCOMPARE(shapeAt(file, vars + "5"), (std::vector<std::size_t>{3, 9}));
    QCOMPARE(readArray(file, vars + "6")->type, std::string("float32"));
    job.plan.tensors[vars + "1"].spec = specOf(4, 16, Scheme::Asym);
    const auto plan = planExport(job, kerasFormat(), Fix::Usual);
    QVERIFY(plan && plan->isRefused());
    QVERIFY(!planExport(job, kerasFormat(), Fix::All)->isRefused());
  }

  void placesOfJsonValuesAreFound() {
    const std::string text = " {\"a\": [1, {\"b/c\": \"}\\\"]\", \"d\": -1.5e3}], \"e\" : {} }";
    const auto places = jsonPlaces(text, {"", "/a", "/a/1/b~1c", "/a/1/d", "/e", "/no"});
    const auto at = [&](const char* pointer) {
      const auto found = places.find(pointer);
      return found == places.end()
                 ? std::string("none")
                 : text.substr(found->second.begin, found->second.end - found->second.begin);
    };
    QCOMPARE(at(""), text.substr(1));
    QCOMPARE(at("/a"), std::string("[1, {\"b/c\": \"}\\\"]\", \"d\": -1.5e3}]"));
    QCOMPARE(at("/a/1/b~1c"), std::string("\"}\\\"]\""));
    QCOMPARE(at("/a/1/d"), std::string("-1.5e3"));
    QCOMPARE(at("/e"), std::string("{}"));
    QCOMPARE(at("/no"), std::string("none"));
    for (std::size_t size = 0; size < text.size(); ++size) {
      QVERIFY(jsonPlaces(text.substr(0, size), {"/a/1/d"}).size() <= 1);  // and nothing worse
    }
  }

  void largeArchivesHaveLargeNumbers() {
    /// An archive of which only what is no content is kept.
    class Sparse : public ByteSource {
     public:
      std::map<std::uint64_t, std::string> pieces;
      std::uint64_t bytes = 0;
      std::uint64_t size() const override { return bytes; }
      Status read(std::uint64_t offset, void* to, std::size_t count) const override {
        std::memset(to, 0, count);
        for (const auto& [at, piece] : pieces) {
          for (std::size_t i = 0; i < piece.size(); ++i) {
            const std::uint64_t place = at + i;
            if (place >= offset && place - offset < count) {
              static_cast<char*>(to)[place - offset] = piece[i];
            }
          }
        }
        return ok();
      }
    };
    constexpr std::uint64_t kLarge = std::uint64_t{5} << 30;
    const ZipLayout layout(
        {{"a.h5", kLarge, kLarge, false, false, 7, 64}, {"b.json", 10, 6, true, true, 8, 1}});
    Sparse archive;
    archive.bytes = layout.bytes();
    archive.pieces[layout.localHeaderAt(0)] = layout.localHeader(0);
    archive.pieces[layout.localHeaderAt(1)] = layout.localHeader(1);
    archive.pieces[layout.directoryAt()] = layout.directory();
    const auto members = readZipDirectory(archive);
    QVERIFY2(members, members ? "" : members.error().message.c_str());
    QCOMPARE(members->size(), std::size_t{2});
    QCOMPARE((*members)[0].offset, layout.dataAt(0));
    QCOMPARE((*members)[0].offset % 64, std::uint64_t{0});
    QCOMPARE((*members)[0].bytes, kLarge);
    QCOMPARE((*members)[1].offset, layout.dataAt(1));
    QCOMPARE((*members)[1].storedBytes, std::uint64_t{6});
    QVERIFY((*members)[1].deflated && (*members)[1].utf8 && (*members)[1].crc32 == 8);
  }
};

QTEST_GUILESS_MAIN(KerasFileTest)
#include "keras_file_test.moc"
