// Codes in words of 32 bits: what upstream's own code packed decodes to what upstream makes of it,
// and what contradicts itself is refused with its reason.
#include <algorithm>
#include <functional>
#include <map>
#include <sstream>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/base/sha256.h"
#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/word_packing.h"
#include "core/io/reader/remote_container.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/hdf5_reader.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using quantoscope::test::readArray;
using quantoscope::test::readAttribute;
using quantoscope::test::safetensorsBytes;

namespace {

using Shape = std::vector<std::size_t>;

/// An array of a safetensors file.
struct Packed {
  std::string dtype;
  Shape shape;
  std::string bytes;
};
using PackedParts = std::map<std::string, Packed>;

std::string safetensorsOf(const PackedParts& arrays) {
  std::string header;
  std::string data;
  for (const auto& [name, array] : arrays) {
    std::string shape;
    for (const std::size_t side : array.shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
    }
    header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + array.dtype +
              "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(data.size()) +
              "," + std::to_string(data.size() + array.bytes.size()) + "]}";
    data += array.bytes;
  }
  return safetensorsBytes(header + "}", data);
}

template <typename T>
std::string bytesAs(const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) {
    const auto one = static_cast<T>(value);
    bytes.append(reinterpret_cast<const char*>(&one), sizeof one);
  }
  return bytes;
}

std::string halfBytes(const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) {
    const std::uint16_t half = halfFromFloat(static_cast<float>(value));
    bytes.append(reinterpret_cast<const char*>(&half), sizeof half);
  }
  return bytes;
}

Packed packedOf(const test::Hdf5Array& array, const std::string& dtype) {
  if (dtype == "float16") return {"F16", array.shape, halfBytes(array.values)};
  if (dtype == "float32") return {"F32", array.shape, bytesAs<float>(array.values)};
  return {"I32", array.shape, bytesAs<std::int32_t>(array.values)};
}

const std::string& goldenPath() {
  static const std::string kPath = test::sourcePath("tests/golden/packed_words.h5");
  return kPath;
}

std::string attributeOf(const std::string& object, const std::string& name) {
  return readAttribute(goldenPath(), object, name).value_or("");
}

/// One of upstream's cases.
struct Golden {
  PackedParts parts;  ///< by bare names
  std::string config;
  std::optional<std::vector<double>> zeros;
  std::optional<std::vector<double>> values;

  explicit Golden(const std::string& path) : config(attributeOf(path, "config")) {
    for (const char* name : {"qweight", "qzeros", "scales", "g_idx", "bias"}) {
      const std::string part = path + "/packed/" + name;
      if (const auto array = readArray(goldenPath(), part)) {
        parts[name] = packedOf(*array, attributeOf(part, "dtype"));
      }
    }
    if (const auto array = readArray(goldenPath(), path + "/zeros")) zeros = array->values;
    if (const auto array = readArray(goldenPath(), path + "/dequantized")) values = array->values;
  }
};

std::vector<std::string> goldenCases() {
  std::vector<std::string> paths;
  for (const char* format : {"gptq_v1", "gptq_v2", "gptq_p", "awq_gemm", "inc_optimum", "inc_raw",
                             "inc_float", "autoround_native"}) {
    std::istringstream cases(attributeOf(format, "cases"));
    for (std::string name; std::getline(cases, name);) paths.push_back(format + ("/" + name));
  }
  return paths;
}

std::string write(const QTemporaryDir& folder, const char* name, const std::string& bytes) {
  QFile file(folder.filePath(name));
  if (!file.open(QIODevice::WriteOnly)) qFatal("no file");
  file.write(bytes.data(), static_cast<qint64>(bytes.size()));
  return file.fileName().toStdString();
}

/// A folder with a model of one module, m.q, and the configuration beside it.
class Model {
 public:
  explicit Model(const PackedParts& parts, const std::string& config = {}) {
    PackedParts named;
    for (const auto& [name, array] : parts) named["m.q." + name] = array;
    path_ = write(folder_, "model.safetensors", safetensorsOf(named));
    if (!config.empty()) {
      write(folder_, "config.json", "{\"quantization_config\":" + config + "}");
    }
  }

  void add(const char* name, const std::string& bytes) { write(folder_, name, bytes); }

  SharedSource source(const OpenOptions& options = {}) const {
    auto source = openTensorSource(path_, options);
    if (!source) qFatal("%s", source.error().message.c_str());
    return *source;
  }

  SharedContainer asStored() const {
    OpenOptions options;
    options.asStored = true;
    auto container = openRemoteContainer(path_, options);
    if (!container) qFatal("%s", container.error().message.c_str());
    return *container;
  }

  /// Why the codes are no weights, and nothing decodes.
  std::string reason() const {
    const SharedSource opened = source();
    if (findTensor(*opened, "m.q.weight")) return "decoded";
    const auto codes = findTensor(*opened, "m.q.qweight");
    return codes && !codes->quantizable ? codes->reason : "no codes";
  }

  std::string quantizedAs() const {
    const auto info = findTensor(*source(), "m.q.weight");
    return info ? info->quantizedAs : info.error().message;
  }

  const std::string& path() const { return path_; }

 private:
  QTemporaryDir folder_;
  std::string path_;
};

std::vector<float> valuesOf(const TensorSource& source, const TensorInfo& info) {
  const auto tensor = source.load(info, Orientation::Auto);
  if (!tensor) qFatal("%s", tensor.error().message.c_str());
  std::vector<float> values;
  std::vector<float> room;
  for (std::size_t r = 0; r < info.rows; ++r) {
    const MatrixView row = tensor->block(r, 1, room);
    values.insert(values.end(), row.data, row.data + info.cols);
  }
  return values;
}

std::string sha256Of(const void* data, std::size_t bytes) {
  return sha256OfBytes(data, bytes);
}

SharedPackedTensor onlyTensorOf(const Container& container) {
  const auto tensors = packedTensorsOf(container);
  if (!tensors) qFatal("%s", tensors.error().message.c_str());
  if (tensors->size() != 1) qFatal("%zu tensors", tensors->size());
  return tensors->front();
}

std::string decodes(const std::string& problem) {
  return "; cannot be decoded: " + problem;
}

/// How one case is damaged, and what its reason says then.
struct Damage {
  const char* name;
  std::function<void(Golden&)> apply;
  std::string reason;
};

void resize(Packed& array, Shape shape) {
  std::size_t bytes = array.dtype == "F16" ? 2 : 4;
  for (const std::size_t side : shape) bytes *= side;
  array.shape = std::move(shape);
  array.bytes.resize(bytes);
}

void setWord(Packed& array, std::size_t index, std::int32_t value) {
  array.bytes.replace(4 * index, 4, reinterpret_cast<const char*>(&value), 4);
}

std::vector<Damage> gptqDamages() {
  const std::string disagree = "qweight [16, 64], qzeros ";
  return {
      {"no scales that fit",
       [](Golden& g) {
         resize(g.parts["scales"], {3, 64});
       },
       decodes("qzeros [4, 8] and scales [3, 64] do not fit qweight [16, 64]")},
      {"no zero points", [](Golden& g) { g.parts.erase("qzeros"); },
       decodes("there are no zero points (qzeros)")},
      {"zero points of other bits",
       [](Golden& g) {
         resize(g.parts["qzeros"], {4, 7});
       },
       decodes(disagree + "[4, 7] and scales [4, 64] agree on no number of bits")},
      {"halves for zero points",
       [](Golden& g) {
         g.parts["qzeros"] = {"F16", {4, 8}, std::string(64, 'x')};
       },
       decodes("qzeros cannot be read as a matrix of words")},
      {"fewer group numbers", [](Golden& g) { resize(g.parts["g_idx"], {100}); },
       decodes(disagree + "[4, 8] and scales [4, 64] agree on no number of bits")},
      {"a group that there is not", [](Golden& g) { setWord(g.parts["g_idx"], 5, 4); },
       decodes("g_idx has the group 4; there are 4")},
      {"a negative group", [](Golden& g) { setWord(g.parts["g_idx"], 127, -1); },
       decodes("g_idx has the group -1; there are 4")},
      {"group numbers of another type",
       [](Golden& g) {
         g.parts["g_idx"] = {"F16", {128}, std::string(256, '\0')};
       },
       decodes("g_idx cannot be read as a list of int32")},
      {"bits that do not divide",
       [](Golden& g) {
         resize(g.parts["qweight"], {17, 64});
       },
       decodes("qweight [17, 64], qzeros [4, 8] and scales [4, 64] agree on no number of bits")},
      {"more axes",
       [](Golden& g) {
         resize(g.parts["qweight"], {2, 16, 64});
       },
       decodes("it has 3 axes; 2 are decoded")},
      {"no inputs",
       [](Golden& g) {
         resize(g.parts["qweight"], {0, 64});
         resize(g.parts["g_idx"], {0});
       },
       decodes("it has no elements")},
      {"no groups",
       [](Golden& g) {
         resize(g.parts["scales"], {0, 64});
         resize(g.parts["qzeros"], {0, 8});
       },
       decodes("it has no elements")},
      {"no outputs, and sides without end",
       [](Golden& g) {
         g.parts["qweight"] = {"I32", {std::size_t{1} << 62, 0}, ""};
         g.parts["scales"] = {"F16", {std::size_t{1} << 61, 0}, ""};
         g.parts["qzeros"] = {"I32", {std::size_t{1} << 61, 0}, ""};
       },
       decodes("it has no elements")},
      {"a layout of a kernel",
       [](Golden& g) { g.config = "{\"checkpoint_format\":\"marlin\",\"bits\":4}"; },
       decodes("the layout marlin is not decoded")},
      {"another array of that name",
       [](Golden& g) {
         g.parts["weight"] = {"I32", {2}, std::string(8, '\0')};
       },
       decodes("there is another array m.q.weight")},
      {"no scales at all", [](Golden& g) { g.parts.erase("scales"); }, ""},
  };
}

}  // namespace

class PackedTest : public QObject {
  Q_OBJECT

 private slots:
  void whatUpstreamPackedDecodesToWhatItMakesOfIt_data() {
    QTest::addColumn<QString>("path");
    const std::vector<std::string> cases = goldenCases();
    if (cases.size() != 65) qFatal("%zu cases", cases.size());
    for (const std::string& path : cases)
      QTest::newRow(path.c_str()) << QString::fromStdString(path);
  }
  void whatUpstreamPackedDecodesToWhatItMakesOfIt() {
    QFETCH(QString, path);
    const std::string name = path.toStdString();
    const Golden golden(name);
    const Model model(golden.parts, golden.config);

    const SharedSource source = model.source();
    const auto info = findTensor(*source, "m.q.weight");
    QVERIFY2(info, model.reason().c_str());
    QVERIFY(info->quantizable && !info->quantizedAs.empty());
    QVERIFY(info->evidence == AxisEvidence::File && !info->transposed);
    std::vector<float> values = valuesOf(*source, *info);
    if (attributeOf(name, "dequantized_dtype") == "float16") {
      for (float& value : values) value = floatFromHalf(halfFromFloat(value));
    }
    if (golden.values) {
      QCOMPARE(values.size(), golden.values->size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != (*golden.values)[i]) {
          QFAIL(qPrintable(QString("%1: %2, not %3; %4")
                               .arg(i)
                               .arg(values[i])
                               .arg((*golden.values)[i])
                               .arg(QString::fromStdString(info->quantizedAs))));
        }
      }
    }
    for (float& value : values) value += 0.0f;  // zeros have no sign there
    QCOMPARE(sha256Of(values.data(), values.size() * sizeof(float)),
             attributeOf(name, "dequantized_sha256"));

    const SharedContainer stored = model.asStored();
    const SharedPackedTensor tensor = onlyTensorOf(*stored);
    QCOMPARE(tensor->info().path, std::string("m.q.weight"));
    QCOMPARE(tensor->info().parts.front(), std::string("m.q.qweight"));
    auto codes = tensor->codes(*stored, 0, tensor->info().rows, {});
    QVERIFY(codes);
    const auto parameters = tensor->parameters(*stored, {});
    QVERIFY(parameters && checkParameters(*parameters, tensor->info()));
    if (!parameters->levels.empty()) makeSigned(4, *codes);
    QCOMPARE(sha256Of(codes->data(), codes->size() * sizeof(std::int16_t)),
             attributeOf(name, "codes_sha256"));
    QCOMPARE(parameters->zero.empty(), !golden.zeros);
    if (golden.zeros) {
      QVERIFY(std::equal(parameters->zero.begin(), parameters->zero.end(), golden.zeros->begin(),
                         golden.zeros->end()));
    }
  }

  void anyPartOfATensorDecodesAsTheWholeDoes() {
    for (const char* name :
         {"gptq_v1/gptqmodel_sym_b4_g32_64x128_actorder", "awq_gemm/asym_g32_64x128_bias",
          "inc_raw/asym_b4_g32_dim0_64x128", "inc_optimum/asym_b3_g32_50x70"}) {
      const Golden golden(name);
      const Model model(golden.parts, golden.config);
      const auto container = openRemoteContainer(model.path());
      QVERIFY(container);
      const auto info = findTensor(*model.source(), "m.q.weight");
      QVERIFY(info);
      const std::vector<float> all = valuesOf(*model.source(), *info);
      for (const Box& box :
           {Box{{0, 0}, {info->rows, info->cols}}, Box{{3, 0}, {9, info->cols}},
            Box{{0, 5}, {info->rows, 7}}, Box{{13, 17}, {1, 1}}, Box{{7, 0}, {0, info->cols}}}) {
        std::vector<float> part(box.elements());
        QVERIFY((*container)->read("m.q.weight", box, part.data(), {}));
        std::vector<float> expected;
        for (std::size_t r = box.start[0]; r < box.start[0] + box.count[0]; ++r) {
          const float* row = all.data() + r * info->cols + box.start[1];
          expected.insert(expected.end(), row, row + box.count[1]);
        }
        QCOMPARE(part, expected);
      }
      float one = 0;
      QVERIFY(!(*container)->read("m.q.weight", {{info->rows, 0}, {1, 1}}, &one, {}));
      QVERIFY(!(*container)->read("m.q.weight", {{0}, {1}}, &one, {}));
    }
  }

  void zeroPointsAreWhatTheyShowWhereNothingIsSaid_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("told");
    QTest::newRow("v1, sym") << "gptq_v1/gptqmodel_sym_b4_g128_64x128"
                             << "zero points stored less one (v1, as they show)";
    QTest::newRow("v2, sym") << "gptq_v2/sym_b4_g128_64x128"
                             << "zero points stored as they are (v2, as they show)";
    QTest::newRow("v1, asym") << "gptq_v1/autogptq_asym_b4_g32_64x128"
                              << "zero points stored less one (v1, though nothing says so)";
    QTest::newRow("planar") << "gptq_p/asym_b5_g64_64x128"
                            << "zero points stored as they are (v2, as they show)";
    QTest::newRow("7 bits in whole words") << "inc_optimum/sym_b7_g64_64x128"
                                           << "7 bits, groups of 64, whole words";
  }
  void zeroPointsAreWhatTheyShowWhereNothingIsSaid() {
    QFETCH(QString, path);
    QFETCH(QString, told);
    const Golden golden(path.toStdString());
    const Model model(golden.parts);
    QVERIFY2(QString::fromStdString(model.quantizedAs()).contains(told),
             model.quantizedAs().c_str());
    const auto info = findTensor(*model.source(), "m.q.weight");
    std::vector<float> values = valuesOf(*model.source(), *info);
    if (!golden.values) return;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float half = floatFromHalf(halfFromFloat(values[i]));
      QVERIFY(values[i] == (*golden.values)[i] || half == (*golden.values)[i]);
    }
  }

  void whatWasFoundIsTold() {
    const auto told = [](const char* path) {
      const Golden golden(path);
      return Model(golden.parts, golden.config).quantizedAs();
    };
    QCOMPARE(told("gptq_v1/gptqmodel_sym_b4_g32_64x128_actorder"),
             std::string("GPTQ, 4 bits, groups of 32, in an order of their own (g_idx), zero "
                         "points stored less one (v1)"));
    QCOMPARE(
        told("gptq_p/asym_b3_g32_64x128"),
        std::string("GPTQ, 3 bits, groups of 32, planar, zero points stored as they are (v2)"));
    QCOMPARE(told("gptq_v1/autogptq_tail_b4_g64_96x160"),
             std::string("GPTQ, 4 bits, groups of 64, zero points stored less one (v1)"));
    QCOMPARE(told("inc_optimum/sym_b3_g32_64x128"),
             std::string("neural-compressor, 3 bits, groups of 32, whole words, zero points stored "
                         "less one (v1)"));
    QCOMPARE(told("awq_gemm/asym_g32_64x128_bias"), std::string("AWQ, 4 bits, groups of 32, GEMM"));
    QCOMPARE(told("inc_float/nf4_g32_60x100"),
             std::string("neural-compressor, nf4, groups of 32, words along the inputs"));
    QCOMPARE(told("inc_raw/asym_b4_g32_dim0_64x128"),
             std::string("neural-compressor, 4 bits, groups of 32, words along the outputs"));
  }

  void theConfigurationMayBeInAnyOfItsPlaces() {
    const Golden golden("gptq_v2/asym_b4_g32_96x160_bias");
    const std::string whole = "zero points stored as they are (v2)";
    for (const char* name : {"quantize_config.json", "quant_config.json"}) {
      Model model(golden.parts);
      model.add(name, golden.config);
      QVERIFY2(model.quantizedAs().ends_with(whole), model.quantizedAs().c_str());
      model.add("config.json", "{\"architectures\":[]}");
      QVERIFY2(model.quantizedAs().ends_with(whole), model.quantizedAs().c_str());
      OpenOptions outside;
      outside.allowOutside = true;
      const auto info = findTensor(*model.source(outside), "m.q.weight");
      QVERIFY(info && info->quantizedAs.ends_with(whole));
    }
  }

  void aConfigurationThatCannotBeReadIsANote() {
    const Golden golden("gptq_v1/gptqmodel_sym_b4_g128_64x128");
    const auto notesWith = [&](const std::string& text) {
      Model model(golden.parts);
      model.add("config.json", text);
      if (!findTensor(*model.source(), "m.q.weight")) qFatal("not decoded");
      return model.source()->notes();
    };
    QCOMPARE(notesWith("{\"quantization_config\":7}").size(), std::size_t{0});
    QCOMPARE(notesWith("{}").size(), std::size_t{0});
    QCOMPARE(notesWith("{\"quantiz").size(), std::size_t{1});
    QVERIFY(notesWith("{\"quantiz")[0].find("config.json") != std::string::npos);
    const auto large = notesWith("{\"a\":\"" + std::string(std::size_t{5} << 20, 'x') + "\"}");
    QCOMPARE(large.size(), std::size_t{1});
    QVERIFY2(large[0].ends_with("config.json: has 5242888 bytes; at most 4194304 are read"),
             large[0].c_str());
  }

  void aModelThatIsNotQuantizedAsksForNoConfiguration() {
    Model model({{"weight", {"F32", {2, 2}, std::string(16, '\0')}}});
    model.add("config.json", "{");
    QVERIFY(model.source()->notes().empty());
  }

  void asStoredThePartsAreListedAlone() {
    const Golden golden("gptq_v2/asym_b4_g32_96x160_bias");
    const Model model(golden.parts, golden.config);
    const SharedContainer stored = model.asStored();
    std::vector<std::string> paths;
    for (const StoredArray& array : stored->contents().arrays) {
      QVERIFY(array.quantized.empty() && array.quantizedAs.empty());
      paths.push_back(array.path);
    }
    std::sort(paths.begin(), paths.end());
    QCOMPARE(paths, (std::vector<std::string>{"m.q.bias", "m.q.g_idx", "m.q.qweight", "m.q.qzeros",
                                              "m.q.scales"}));
    QVERIFY(stored->contents().quantizationConfig.find("gptq_v2") != std::string::npos);
  }

  void partsMayLieInOtherFiles() {
    const Golden golden("gptq_v2/asym_b3_g64_64x128");
    const QTemporaryDir folder;
    const auto put = [&](const char* file, const std::vector<std::string>& names) {
      PackedParts parts;
      for (const std::string& name : names) parts["m.q." + name] = golden.parts.at(name);
      write(folder, file, safetensorsOf(parts));
    };
    put("a.safetensors", {"qweight", "g_idx"});
    put("b.safetensors", {"scales", "qzeros"});
    write(folder, "config.json", "{\"quantization_config\":" + golden.config + "}");
    const std::string index =
        write(folder, "model.safetensors.index.json",
              "{\"weight_map\":{\"m.q.qweight\":\"a.safetensors\",\"m.q.scales\":\"b.safetensors\","
              "\"m.q.qzeros\":\"b.safetensors\",\"m.q.g_idx\":\"a.safetensors\"}}");
    const auto source = openTensorSource(index);
    QVERIFY(source);
    const auto info = findTensor(**source, "m.q.weight");
    QVERIFY(info);
    const std::vector<float> values = valuesOf(**source, *info);
    for (std::size_t i = 0; i < values.size(); ++i) {
      QVERIFY(floatFromHalf(halfFromFloat(values[i])) == (*golden.values)[i]);
    }
    // Scales are read from their file, so it must be as it was.
    put("b.safetensors", {"scales", "qzeros", "g_idx"});
    QVERIFY(!(*source)->load(*info, Orientation::Auto));
  }

  void whatContradictsItselfIsRefusedWithItsReason_data() {
    QTest::addColumn<int>("number");
    const auto damages = gptqDamages();
    for (std::size_t i = 0; i < damages.size(); ++i) {
      QTest::newRow(damages[i].name) << static_cast<int>(i);
    }
  }
  void whatContradictsItselfIsRefusedWithItsReason() {
    QFETCH(int, number);
    const Damage damage = gptqDamages()[static_cast<std::size_t>(number)];
    Golden golden("gptq_v1/autogptq_asym_b4_g32_64x128");
    damage.apply(golden);
    const Model model(golden.parts, golden.config);
    const auto codes = findTensor(*model.source(), "m.q.qweight");
    QVERIFY(codes && !codes->quantizable);
    QVERIFY2(codes->reason.ends_with(damage.reason), codes->reason.c_str());
    const SharedSource source = model.source();
    for (const TensorInfo& info : source->tensors()) QVERIFY(info.quantizedAs.empty());
    const auto tensors = packedTensorsOf(*model.asStored());
    QVERIFY(tensors && tensors->empty());
  }

  void whatContradictsTheOtherLayoutsIsRefused() {
    const auto reasonOf = [](const char* path, const std::function<void(Golden&)>& damage) {
      Golden golden(path);
      damage(golden);
      return Model(golden.parts, golden.config).reason();
    };
    const char* awq = "awq_gemm/asym_g32_64x128_bias";
    QVERIFY(reasonOf(awq, [](Golden& g) {
              resize(g.parts["qzeros"], {4, 7});
            }).ends_with("qzeros [4, 7] and scales [4, 64] do not fit qweight [128, 8]"));
    QVERIFY(reasonOf(awq, [](Golden& g) {
              resize(g.parts["qweight"], {126, 8});
            }).ends_with("do not fit qweight [126, 8]"));
    QVERIFY(reasonOf(awq, [](Golden& g) {
              g.parts.erase("qzeros");
            }).ends_with("there are no zero points (qzeros)"));
    QVERIFY(reasonOf(awq, [](Golden& g) {
              g.config = "{\"version\":\"gemv\"}";
            }).ends_with("the layout gemv is not decoded"));
    const char* raw = "inc_raw/asym_b4_g32_dim1_60x100";
    QVERIFY(reasonOf(raw, [](Golden& g) {
              g.config.clear();
            }).ends_with("no configuration beside it tells its bits (1 to 8) and dtype"));
    QVERIFY(reasonOf(raw, [](Golden& g) {
              g.config = "{\"bits\":9,\"dtype\":\"int\"}";
            }).ends_with("no configuration beside it tells its bits (1 to 8) and dtype"));
    QVERIFY(reasonOf(raw, [](Golden& g) {
              g.config = "{\"bits\":2,\"dtype\":\"int\"}";
            }).ends_with("2 groups of 208 inputs: their size cannot be told") == false);
    QVERIFY(reasonOf(raw, [](Golden& g) {
              g.config = "{\"bits\":4,\"dtype\":\"nf4\"}";
            }).ends_with("codes of nf4 have 4 bits and no zero points"));
    QVERIFY(reasonOf(raw, [](Golden& g) {
              g.config = "{\"bits\":4,\"dtype\":\"fp7\"}";
            }).ends_with("the dtype fp7; int, nf4, fp4 and fp4_e2m1 are decoded"));
    QVERIFY(reasonOf(raw, [](Golden& g) {
              resize(g.parts["qzeros"], {60, 2});
            }).ends_with("do not fit codes of 4 bits"));
  }
};

QTEST_GUILESS_MAIN(PackedTest)
#include "packed_test.moc"
