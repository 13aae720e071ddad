// Layers that Keras has quantized: what Keras itself wrote, and what its variables leave open.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include <QtTest>

#include "core/base/text.h"
#include "core/io/quantized/packed_tensor.h"
#include "tests/support/golden_file.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

using Shape = std::vector<std::uint64_t>;

/// Arrays in memory.
class MemoryContainer : public Container {
 public:
  template <typename T>
  void add(const std::string& path, const Shape& shape, const std::string& dtype,
           const std::vector<T>& values) {
    file_.arrays.push_back({path, shape, dtype, sizeof(T), {}, {}});
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    bytes_[path] = std::move(bytes);
  }
  void remove(const std::string& path) {
    std::erase_if(file_.arrays, [&](const StoredArray& array) { return array.path == path; });
  }
  StoredFile& file() { return file_; }

  const StoredFile& contents() const override { return file_; }
  Result<StoredElement> elementOf(const std::string& path) const override {
    const StoredArray& array = *find(path);
    StoredElement element{
        array.dtype, array.elementBytes, array.dtype.find("int") != std::string::npos, {}};
    if (array.dtype == "float32") element.floatType = StoredType::Float32;
    return element;
  }
  Result<std::optional<FileExtent>> extentOf(const std::string&) const override {
    return std::optional<FileExtent>();
  }
  Status read(const std::string& path, const Box& box, void* to,
              const TaskControl&) const override {
    const StoredArray& array = *find(path);
    const std::vector<std::byte>& bytes = bytes_.at(path);
    auto* out = static_cast<std::byte*>(to);
    std::vector<std::size_t> index(box.start);
    for (std::size_t i = 0; i < box.elements(); ++i) {
      std::size_t at = 0;
      for (std::size_t a = 0; a < index.size(); ++a) at = at * array.shape[a] + index[a];
      std::memcpy(out + i * array.elementBytes, bytes.data() + at * array.elementBytes,
                  array.elementBytes);
      for (std::size_t a = index.size(); a-- > 0;) {
        if (++index[a] < box.start[a] + box.count[a]) break;
        index[a] = box.start[a];
      }
    }
    return ok();
  }
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    std::vector<std::uint8_t> bytes(box.elements());
    if (Status status = read(path, box, bytes.data(), {}); !status) return status;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      values[i] = find(path)->dtype == "int8"
                      ? static_cast<float>(static_cast<std::int8_t>(bytes[i]))
                      : static_cast<float>(bytes[i]);
    }
    return ok();
  }
  std::vector<std::size_t> chunkOf(const std::string&) const override { return {}; }

 private:
  const StoredArray* find(const std::string& path) const {
    const auto found = std::find_if(file_.arrays.begin(), file_.arrays.end(),
                                    [&](const StoredArray& array) { return array.path == path; });
    if (found == file_.arrays.end()) qFatal("no array %s", path.c_str());
    return &*found;
  }

  StoredFile file_;
  std::map<std::string, std::vector<std::byte>> bytes_;
};

const std::vector<GoldenCase>& goldenCases() {
  static const GoldenFile golden = GoldenFile::read(sourcePath("tests/golden/keras_golden.h5"));
  if (golden.cases.size() != 42) qFatal("tests/golden/keras_golden.h5 has 42 cases");
  return golden.cases;
}

const GoldenCase& goldenCase(const std::string& name) {
  for (const GoldenCase& golden : goldenCases()) {
    if (golden.name == name) return golden;
  }
  qFatal("no case %s", name.c_str());
}

template <typename T>
std::vector<T> as(const std::vector<float>& values) {
  std::vector<T> result;
  for (const float value : values) result.push_back(static_cast<T>(value));
  return result;
}

/// The variable of a golden case: vectors have one axis, codes and zero points a byte.
void addVariable(MemoryContainer& container, const std::string& path, const GoldenCase& golden,
                 const std::string& name) {
  const Matrix& matrix = golden.matrices.at(name);
  Shape shape = {matrix.rows, matrix.cols};
  const std::string mode = golden.text.at("mode");
  const bool isVector =
      name == "bias" || name == "g_idx" ||
      (name == "kernel_scale" && golden.number("block", 0) <= 0 && mode != "gptq");
  if (isVector) shape = {matrix.values.size()};
  if (name == "bias" || name == "g_idx" || name == "kernel_scale") {
    container.add(path, shape, "float32", matrix.values);
  } else if (mode == "gptq") {
    container.add(path, shape, "uint8", as<std::uint8_t>(matrix.values));
  } else {
    container.add(path, shape, "int8", as<std::int8_t>(matrix.values));
  }
}

std::string layerText(const std::string& className, const std::string& dtype,
                      const std::string& more = {}) {
  return "{\"class_name\": \"" + className +
         "\", \"config\": {\"name\": \"x\", \"dtype\": " + dtype + more + "}}";
}

std::string modelText(const std::string& layers) {
  return "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" + layers +
         "]}}";
}

std::string policyText(const std::string& className, const std::string& mode) {
  return "{\"module\": \"keras.dtype_policies\", \"class_name\": \"" + className +
         "\", \"config\": {\"mode\": \"" + mode + "\", \"source_name\": \"float32\"}}";
}

/// The layer of a golden case as `layers/dense`.
MemoryContainer layerOf(const GoldenCase& golden, bool hasConfig, bool hasBias = true) {
  MemoryContainer container;
  int number = 0;
  for (const std::string& name : split(golden.text.at("order"), ' ')) {
    if (name == "bias" && !hasBias) continue;
    addVariable(container, "layers/dense/vars/" + std::to_string(number++), golden, name);
  }
  container.file().format = "keras";
  if (hasConfig)
    container.file().modelConfig = modelText(layerText("Dense", golden.text.at("dtype")));
  return container;
}

std::vector<SharedPackedTensor> tensorsOf(const Container& container) {
  auto tensors = packedTensorsOf(container);
  if (!tensors) qFatal("%s", tensors.error().message.c_str());
  return *std::move(tensors);
}

/// The values of a tensor as [rows, cols], decoded some rows at a time.
std::vector<float> decoded(const Container& container, const PackedTensor& tensor,
                           std::size_t rowsAtOnce = 1000) {
  const PackedInfo& info = tensor.info();
  const auto parameters = tensor.parameters(container, {});
  if (!parameters) qFatal("%s", parameters.error().message.c_str());
  std::vector<float> values(info.rows * info.cols);
  for (std::size_t first = 0; first < info.rows; first += rowsAtOnce) {
    const std::size_t rows = std::min(rowsAtOnce, info.rows - first);
    const auto codes = tensor.codes(container, first, rows, {});
    if (!codes) qFatal("%s", codes.error().message.c_str());
    decodeRows(*parameters, info.cols, first, rows, *codes, values.data() + first * info.cols);
  }
  return values;
}

std::vector<float> transposed(const Matrix& matrix) {
  std::vector<float> values;
  for (std::size_t c = 0; c < matrix.cols; ++c) {
    for (std::size_t r = 0; r < matrix.rows; ++r) {
      values.push_back(matrix.values[r * matrix.cols + c]);
    }
  }
  return values;
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

class KerasTest : public QObject {
  Q_OBJECT

 private slots:
  void whatKerasWroteDecodesToTheBit_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<bool>("hasConfig");
    for (const GoldenCase& golden : goldenCases()) {
      for (const bool hasConfig : {true, false}) {
        const QString name = QString::fromStdString(golden.name);
        QTest::addRow("%s%s", golden.name.c_str(), hasConfig ? "" : ", shapes alone")
            << name << hasConfig;
      }
    }
  }

  void whatKerasWroteDecodesToTheBit() {
    QFETCH(QString, name);
    QFETCH(bool, hasConfig);
    const GoldenCase& golden = goldenCase(name.toStdString());
    const MemoryContainer container = layerOf(golden, hasConfig);
    const auto tensors = tensorsOf(container);
    const std::string mode = golden.text.at("mode");
    if (mode == "int8" && !hasConfig) {
      QVERIFY(tensors.empty());
      return;
    }
    QCOMPARE(tensors.size(), std::size_t{1});
    const PackedInfo& info = tensors[0]->info();
    const Matrix& expected = golden.matrices.at("dequantized");
    QCOMPARE(info.path,
             std::string(mode == "gptq" ? "layers/dense/vars/1" : "layers/dense/vars/0"));
    QCOMPARE(info.originalPath, std::string(mode == "gptq" ? "layers/dense/vars/0" : ""));
    QCOMPARE(info.parts.front(), info.path);
    QCOMPARE(info.format, std::string("Keras"));
    QCOMPARE(info.rows, expected.cols);
    QCOMPARE(info.cols, expected.rows);
    QVERIFY(info.inputsFirst);
    QCOMPARE(info.bits, static_cast<int>(golden.number("bits", 0)));
    QCOMPARE(info.groupSize, golden.number("block", 0) > 0
                                 ? static_cast<long long>(golden.number("block", 0))
                                 : -1);
    QCOMPARE(info.scaleType, std::string("float32"));
    for (const std::size_t rowsAtOnce : {1000u, 1u, 3u}) {
      QVERIFY(sameBits(decoded(container, *tensors[0], rowsAtOnce), transposed(expected)));
    }
    if (!golden.matrices.contains("codes")) return;
    const auto codes = tensors[0]->codes(container, 0, info.rows, {});
    QCOMPARE(*codes, as<std::int16_t>(golden.matrices.at("codes").values));
  }

  void layersWithoutABiasBeginWithTheirCodes_data() { whatKerasWroteDecodesToTheBit_data(); }

  void layersWithoutABiasBeginWithTheirCodes() {
    QFETCH(QString, name);
    QFETCH(bool, hasConfig);
    const GoldenCase& golden = goldenCase(name.toStdString());
    if (golden.text.at("mode") == "int8" && !hasConfig) return;
    const MemoryContainer container = layerOf(golden, hasConfig, false);
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(tensors[0]->info().path, std::string("layers/dense/vars/0"));
    QCOMPARE(tensors[0]->info().originalPath, std::string());
    QVERIFY(
        sameBits(decoded(container, *tensors[0]), transposed(golden.matrices.at("dequantized"))));
  }

  void variablesMayHaveNames() {
    for (const char* name :
         {"gptq_4bit_block16_64x10", "int4_block16_40x7", "int4_block-1_64x10"}) {
      const GoldenCase& golden = goldenCase(name);
      MemoryContainer container;
      for (const std::string& variable : split(golden.text.at("order"), ' ')) {
        addVariable(container, "dense/" + variable, golden, variable);
      }
      const auto tensors = tensorsOf(container);
      QCOMPARE(tensors.size(), std::size_t{1});
      const bool quantized = golden.text.at("mode") == "gptq";
      QCOMPARE(tensors[0]->info().path,
               std::string(quantized ? "dense/quantized_kernel" : "dense/kernel"));
      QCOMPARE(tensors[0]->info().originalPath, std::string(quantized ? "dense/kernel" : ""));
      QVERIFY(
          sameBits(decoded(container, *tensors[0]), transposed(golden.matrices.at("dequantized"))));
    }
  }

  void awqDividesByTheScalesOfItsInputs() {
    const GoldenCase& golden = goldenCase("gptq_4bit_block16_40x7");
    MemoryContainer container = layerOf(golden, false);
    container.remove("layers/dense/vars/4");
    std::vector<float> scales;
    for (int i = 0; i < 40; ++i) scales.push_back(0.75f + 0.1f * static_cast<float>(i));
    container.add("layers/dense/vars/4", {40}, "float32", scales);
    container.add("layers/dense/vars/5", {40}, "float32", golden.matrices.at("g_idx").values);
    std::vector<float> expected = transposed(golden.matrices.at("dequantized"));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] /= scales[i % 40];
    for (const bool hasConfig : {false, true}) {
      if (hasConfig) {
        container.file().modelConfig =
            modelText(layerText("Dense", policyText("AWQDTypePolicy", "awq/4/16")));
      }
      const auto tensors = tensorsOf(container);
      QCOMPARE(tensors.size(), std::size_t{1});
      QCOMPARE(tensors[0]->info().detail, std::string("awq, 4 bits, groups of 16"));
      QVERIFY(sameBits(decoded(container, *tensors[0]), expected));
    }
  }

  void twoBitsMayHaveAByteEach() {
    const GoldenCase& golden = goldenCase("gptq_2bit_block16_40x7");
    MemoryContainer container = layerOf(golden, true);
    container.remove("layers/dense/vars/1");
    container.add("layers/dense/vars/1", {7, 40}, "uint8",
                  as<std::uint8_t>(golden.matrices.at("codes").values));
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(tensors[0]->info().bits, 2);
    QVERIFY(
        sameBits(decoded(container, *tensors[0]), transposed(golden.matrices.at("dequantized"))));
  }

  void embeddingsAreTables() {
    MemoryContainer container;
    // Three words of five numbers, two groups: codes -8..7, the last half byte is no weight.
    container.add<std::int8_t>("layers/embedding/vars/0", {3, 3}, "int8",
                               {0x10, 0x32, 0x04, 0x7f, 0x08, 0x0f, 0x01, 0x23, 0x05});
    container.add<float>("layers/embedding/vars/1", {3, 2}, "float32", {1, 2, 3, 4, 5, 6});
    container.add<std::int8_t>("layers/embedding/vars/2", {3, 2}, "int8", {0, 1, -8, 7, 0, 0});
    container.add<float>("layers/embedding/vars/3", {5}, "float32", {0, 0, 0, 1, 1});
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    const PackedInfo& info = tensors[0]->info();
    QCOMPARE(info.rows, std::size_t{3});
    QCOMPARE(info.cols, std::size_t{5});
    QCOMPARE(info.groupSize, 3LL);
    QVERIFY(!info.inputsFirst);
    const std::vector<float> expected = {0, 1, 2, 4, 6, 21, 45, 0, -28, -32, 5, 0, 15, 12, 30};
    QVERIFY(sameBits(decoded(container, *tensors[0]), expected));
    QVERIFY(sameBits(decoded(container, *tensors[0], 1), expected));
  }

  void embeddingsWithoutGroupsNeedTheConfiguration() {
    MemoryContainer container;
    container.add<std::int8_t>("layers/embedding/vars/0", {2, 2}, "int8", {0x21, 0x0f, 0x78, 0x03});
    container.add<float>("layers/embedding/vars/1", {2}, "float32", {2, 4});
    QVERIFY(tensorsOf(container).empty());
    const auto withPolicy = [&](const std::string& name, const std::string& mode) {
      container.file().modelConfig =
          modelText(layerText("Embedding", policyText(name, mode), ", \"output_dim\": 3"));
      return tensorsOf(container);
    };
    auto tensors = withPolicy("Int4DTypePolicy", "int4/-1");
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(tensors[0]->info().cols, std::size_t{3});
    QVERIFY(sameBits(decoded(container, *tensors[0]), {0.5, 1, -0.5, -2, 1.75, 0.75}));
    tensors = withPolicy("QuantizedDTypePolicy", "int8");
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(tensors[0]->info().cols, std::size_t{2});
    QVERIFY(sameBits(decoded(container, *tensors[0]), {16.5, 7.5, 30, 0.75}));
  }

  void aReverseEmbeddingStandsBehindItsTable() {
    MemoryContainer container;
    const std::string vars = "layers/reversible_embedding/vars/";
    container.add<std::int8_t>(vars + "0", {2, 2}, "int8", {0x21, 0x03, 0x54, 0x06});
    container.add<float>(vars + "1", {2, 2}, "float32", {1, 2, 3, 4});
    container.add<std::int8_t>(vars + "2", {2, 2}, "int8", {0, 0, 1, 1});
    container.add<float>(vars + "3", {3}, "float32", {0, 0, 1});
    container.add<std::int8_t>(vars + "4", {2, 2}, "int8", {0x21, 0x43, 0x05, 0x06});
    container.add<float>(vars + "5", {2, 2}, "float32", {1, 2, 3, 4});
    container.add<float>(vars + "6", {2, 2}, "float32", {0, 1, 0, -1});
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{2});
    QVERIFY(sameBits(decoded(container, *tensors[0]), {1, 2, 6, 9, 12, 20}));
    const PackedInfo& info = tensors[1]->info();
    QCOMPARE(info.path, vars + "4");
    QCOMPARE(info.originalPath, vars + "1");
    QVERIFY(info.inputsFirst);
    QVERIFY(sameBits(decoded(container, *tensors[1]), {1, 2, 15, 4, 6, 28}));
    QVERIFY(sameBits(decoded(container, *tensors[1], 1), {1, 2, 15, 4, 6, 28}));
  }

  void anEinsumOfThreeAxesIsFlattened() {
    MemoryContainer container;
    const std::string vars = "layers/einsum_dense/vars/";
    container.add<std::int8_t>(vars + "0", {2, 2, 2}, "int8", {1, 2, 3, 4, 5, 6, 7, -8});
    container.add<float>(vars + "1", {2, 2}, "float32", {9, 9, 9, 9});
    container.add<float>(vars + "2", {1, 1, 2, 2}, "float32", {1, 2, 4, 8});
    container.file().modelConfig =
        modelText(layerText("EinsumDense", policyText("QuantizedDTypePolicy", "int8"),
                            ", \"equation\": \"abc,cde->abde\""));
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    QCOMPARE(tensors[0]->info().rows, std::size_t{4});
    QVERIFY(sameBits(decoded(container, *tensors[0]), {1, 5, 1, 3, 0.75, 1.75, 0.5, -1}));
    container.file().modelConfig =
        modelText(layerText("EinsumDense", policyText("QuantizedDTypePolicy", "int8"),
                            ", \"equation\": \"abc,dce->abde\""));
    QVERIFY(tensorsOf(container).empty());
  }

  void policiesOfNestedModelsAreFound() {
    const GoldenCase& golden = goldenCase("int8_40x7");
    MemoryContainer container;
    int number = 0;
    for (const std::string& name : split(golden.text.at("order"), ' ')) {
      addVariable(container, "layers/functional/layers/dense_1/vars/" + std::to_string(number++),
                  golden, name);
    }
    const std::string inner =
        layerText("Dense", "\"float32\"") + ", " + layerText("Dense", "\"int8_from_float32\"");
    container.file().modelConfig = modelText(
        modelText(inner) + ", " + layerText("Dense", policyText("Int4DTypePolicy", "int4/8")));
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    QVERIFY(
        sameBits(decoded(container, *tensors[0]), transposed(golden.matrices.at("dequantized"))));
  }

  void contradictionsAreNotDecoded() {
    const GoldenCase& golden = goldenCase("gptq_4bit_block16_40x7");
    const auto withPolicy = [&](const std::string& name, const std::string& mode) {
      MemoryContainer container = layerOf(golden, false);
      container.file().modelConfig = modelText(layerText("Dense", policyText(name, mode)));
      return tensorsOf(container).size();
    };
    QCOMPARE(withPolicy("GPTQDTypePolicy", "gptq/4/16"), std::size_t{1});
    QCOMPARE(withPolicy("GPTQDTypePolicy", "gptq/4/8"), std::size_t{0});
    QCOMPARE(withPolicy("GPTQDTypePolicy", "gptq/2/16"), std::size_t{0});
    QCOMPARE(withPolicy("GPTQDTypePolicy", "gptq/5/16"), std::size_t{0});
    QCOMPARE(withPolicy("AWQDTypePolicy", "awq/4/16"), std::size_t{0});
    QCOMPARE(withPolicy("Int4DTypePolicy", "int4/16"), std::size_t{0});

    MemoryContainer more = layerOf(golden, true);
    more.add<float>("layers/dense/vars/5", {7}, "float32", {0, 0, 0, 0, 0, 0, 0});
    QVERIFY(tensorsOf(more).empty());
    MemoryContainer fewer = layerOf(golden, true);
    fewer.remove("layers/dense/vars/4");
    QVERIFY(tensorsOf(fewer).empty());

    // Keras before 3.14 packed the other axis and told no block.
    MemoryContainer old = layerOf(goldenCase("int4_block-1_40x7"), false);
    old.file().modelConfig =
        modelText(layerText("Dense", policyText("QuantizedDTypePolicy", "int4")));
    QVERIFY(tensorsOf(old).empty());
  }

  void numbersOfGroupsAreChecked() {
    const GoldenCase& golden = goldenCase("gptq_4bit_block16_40x7");
    for (const float wrong : {3.0f, -1.0f, 0.5f, std::nanf("")}) {
      MemoryContainer container = layerOf(golden, true);
      std::vector<float> index = golden.matrices.at("g_idx").values;
      index[7] = wrong;
      container.remove("layers/dense/vars/4");
      container.add("layers/dense/vars/4", {40}, "float32", index);
      const auto tensors = tensorsOf(container);
      QCOMPARE(tensors.size(), std::size_t{1});
      const auto parameters = tensors[0]->parameters(container, {});
      QVERIFY(!parameters);
      QCOMPARE(parameters.error().code, ErrorCode::UnreadableFile);
      QVERIFY(parameters.error().message.find("layers/dense/vars/4") != std::string::npos);
    }
  }

  void groupsMayBeInAnyOrder() {
    const GoldenCase& golden = goldenCase("gptq_4bit_block16_40x7");
    MemoryContainer container = layerOf(golden, true);
    std::vector<float> index(40);
    for (std::size_t i = 0; i < 40; ++i) index[i] = static_cast<float>(i % 3);
    container.remove("layers/dense/vars/4");
    container.add("layers/dense/vars/4", {40}, "float32", index);
    const auto tensors = tensorsOf(container);
    QCOMPARE(tensors.size(), std::size_t{1});
    const std::vector<float> values = decoded(container, *tensors[0]);
    const auto& codes = golden.matrices.at("codes").values;
    const auto& scale = golden.matrices.at("kernel_scale").values;
    const auto& zero = golden.matrices.at("kernel_zero").values;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t group = i / 40 * 3 + i % 40 % 3;
      QCOMPARE(values[i], (codes[i] - zero[group]) * scale[group]);
    }
  }
};

QTEST_GUILESS_MAIN(KerasTest)
#include "keras_test.moc"
