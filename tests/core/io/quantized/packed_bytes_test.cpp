// What other people's quantized files decode to: compressed-tensors, bitsandbytes, MLX and others
// that pack bytes; and what is told of files that are damaged.
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/quantized/packed_tensor.h"
#include "core/io/reader/remote_container.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/quantized/packed_golden.h"

using namespace quantoscope;
using quantoscope::test::PackedGolden;
using quantoscope::test::packedGolden;
using quantoscope::test::PartBytes;
using quantoscope::test::roundedTo;

namespace {

const std::string kModule = "model.layers.0.q_proj.";

void writeBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) qFatal("%s", path.c_str());
}

template <typename T>
std::vector<T> elementsOf(const PartBytes& part) {
  std::vector<T> values(part.bytes.size() / sizeof(T));
  std::memcpy(values.data(), part.bytes.data(), part.bytes.size());
  return values;
}

template <typename T>
PartBytes partOf(const std::string& name, const std::string& dtype,
                 std::vector<std::uint64_t> shape, const std::vector<T>& values) {
  return {name, dtype, std::move(shape),
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}

/// Equal to the bit, so that signs of zeros and NaN count.
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> rounded(const std::string& dtype, std::vector<float> values) {
  for (float& value : values) value = roundedTo(dtype, value);
  return values;
}

/// The values of a tensor as its parts tell them, with `round` after each step.
std::vector<float> computed(const PackedParameters& p, const std::vector<std::int16_t>& codes,
                            std::size_t cols, const std::function<float(float)>& round) {
  std::vector<float> values;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t at = i / cols * p.groups + p.groupOf[i % cols];
    float value = p.levels.empty() ? codes[i] : p.levels[static_cast<std::size_t>(codes[i])];
    if (!p.zero.empty()) value -= p.zero[at];
    value = round(value * (p.scale[at] / p.divisor));
    if (!p.offset.empty()) value = round(value + p.offset[at]);
    values.push_back(value);
  }
  return values;
}

float asItIs(float value) {
  return value;
}

/// A tensor as its file stores it.
struct Packed {
  SharedContainer container;
  SharedPackedTensor tensor;
  PackedParameters parameters;
  std::vector<std::int16_t> codes;
};

void removePart(PackedGolden& golden, const std::string& name) {
  std::erase_if(golden.parts, [&](const PartBytes& part) { return part.name == name; });
}

/// Takes the last index of an axis away.
void cut(PartBytes& part, std::size_t axis) {
  std::size_t inner = test::elementBytesOf(part.dtype);
  for (std::size_t a = axis + 1; a < part.shape.size(); ++a) inner *= part.shape[a];
  const std::size_t run = inner * part.shape[axis];
  std::string bytes;
  for (std::size_t i = 0; i < part.bytes.size(); i += run)
    bytes += part.bytes.substr(i, run - inner);
  part.bytes = bytes;
  --part.shape[axis];
}

/// What is done to a golden case, and the reason that its codes are listed with then.
struct Damage {
  const char* name;
  const char* golden;
  std::function<void(PackedGolden&)> apply;
  const char* reason;
};

std::vector<Damage> damages() {
  const char* pack = "ct_pack_quantized/asym_b4_g32_64x128";
  const char* order = "ct_pack_quantized/sym_b4_g32_64x128_actorder";
  const char* bytes = "ct_int_quantized/w8a8_channel_sym_64x128";
  const char* nv = "ct_nvfp4_pack_quantized/a16_64x128";
  const char* mx = "ct_mxfp4_pack_quantized/a16_64x128";
  const char* nf4 = "bnb_nf4/b64_tail_f32_60x100";
  const char* nested = "bnb_nf4/b32_nested_f32_30x50";
  const char* mlx = "mlx/affine_b4_g64_float16";
  const auto shape = [](std::int64_t rows, std::int64_t cols) {
    return [=](PackedGolden& golden) {
      golden.part("weight_shape") = partOf<std::int64_t>("weight_shape", "I64", {2}, {rows, cols});
    };
  };
  const auto state = [](const std::string& text) {
    return [=](PackedGolden& golden) {
      PartBytes& part = golden.part("weight.quant_state.bitsandbytes__nf4");
      part.bytes = text;
      part.shape = {text.size()};
    };
  };
  const auto without = [](const std::string& name) {
    return [=](PackedGolden& golden) { removePart(golden, name); };
  };
  const auto shorter = [](const std::string& name, std::size_t axis) {
    return [=](PackedGolden& golden) { cut(golden.part(name), axis); };
  };
  const auto index = [](std::int32_t value) {
    return [=](PackedGolden& golden) {
      std::memcpy(golden.part("weight_g_idx").bytes.data() + 40, &value, sizeof value);
    };
  };
  return {
      {"no shape", pack, without("weight_shape"), "there is no weight_shape beside it"},
      {"a negative shape", pack, shape(64, -128),
       "weight_shape tells 64 x -128, its own shape is [64, 16]"},
      {"a huge shape", pack, shape(64, std::int64_t{1} << 62), "no number of bits fits its shape"},
      {"the largest shape", pack, shape(64, std::numeric_limits<std::int64_t>::max()),
       "no number of bits fits its shape"},
      {"other rows", pack, shape(63, 128),
       "weight_shape tells 63 x 128, its own shape is [64, 16]"},
      {"other columns", pack, shape(64, 120), "no number of bits fits its shape"},
      {"a shape of three", pack,
       [](PackedGolden& golden) {
         golden.part("weight_shape") =
             partOf<std::int64_t>("weight_shape", "I64", {3}, {64, 128, 1});
       },
       "weight_shape is not two int64"},
      {"no scales", pack, without("weight_scale"), "there is no weight_scale beside it"},
      {"fewer rows of scales", pack, shorter("weight_scale", 0),
       "weight_scale are float16 [63, 4] for 64 x 128 codes"},
      {"fewer groups of scales", pack, shorter("weight_scale", 1),
       "weight_zero_point is int32 [8, 4]"},
      {"fewer zero points", pack, shorter("weight_zero_point", 0),
       "no number of bits fits its shape"},
      {"groups of no size", "ct_pack_quantized/sym_b4_g32_64x128_actorder",
       [](PackedGolden& golden) {
         cut(golden.part("weight_scale"), 1);
         removePart(golden, "weight_g_idx");
       },
       "the size of its groups cannot be told"},
      {"a group that is not there", order, index(4), "weight_g_idx names group 4 of 4"},
      {"a negative group", order, index(-2), "weight_g_idx names group -2 of 4"},
      {"a short order", order, shorter("weight_g_idx", 0),
       "weight_g_idx is not int32 of its 128 inputs"},
      {"bytes with scales of other rows", bytes, shorter("weight_scale", 0),
       "weight_scale are float16 [63, 1] for 64 x 128 codes"},
      {"blocks without the scale of the tensor", nv, without("weight_global_scale"),
       "there is no weight_global_scale beside it"},
      {"blocks with fewer scales", nv, shorter("weight_scale", 1),
       "its shape is [64, 64], that of weight_scale [64, 7]: no blocks of 16"},
      {"blocks with fewer codes", mx, shorter("weight_packed", 1),
       "its shape is [64, 63], that of weight_scale [64, 4]: no blocks of 32"},
      {"blocks with fewer rows of scales", mx, shorter("weight_scale", 0),
       "its shape is [64, 64], that of weight_scale [63, 4]: no blocks of 32"},
      {"no description", nf4, without("weight.quant_state.bitsandbytes__nf4"),
       "there is no description of nf4 or fp4 beside it"},
      {"a description that is no JSON", nf4, state("{\"quant_type\": "), "its description: "},
      {"a description without a shape", nf4, state("{\"quant_type\": \"nf4\", \"blocksize\": 64}"),
       "its description tells no shape [outputs, inputs]"},
      {"a description without a type", nf4, state("{\"blocksize\": 64, \"shape\": [60, 100]}"),
       "its description tells neither nf4 nor fp4"},
      {"a block of nothing", nf4,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 0, \"shape\": [60, 100]}"),
       "its description tells no blocksize, or a side that is no count"},
      {"a side of less than nothing", nf4,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 64, \"shape\": [-60, 100]}"),
       "its description tells no blocksize, or a side that is no count"},
      {"a huge side", nf4,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 64, \"shape\": [6000000000000000000, 100]}"),
       "its codes are uint8 [3000, 1] for 6000000000000000000 x 100 weights"},
      {"other blocks", nf4,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 32, \"shape\": [60, 100]}"),
       "absmax has the shape [94], not 188 elements"},
      {"fewer scales of blocks", nf4, shorter("weight.absmax", 0),
       "absmax has the shape [93], not 94 elements"},
      {"fewer levels", nf4, shorter("weight.quant_map", 0),
       "quant_map has the shape [15], not 16 elements"},
      {"fewer bytes", nf4, shorter("weight", 0),
       "its codes are uint8 [2999, 1] for 60 x 100 weights"},
      {"no scales of scales", nested, without("weight.nested_absmax"),
       "there is no weight.nested_absmax beside it"},
      {"fewer levels of scales", nested, shorter("weight.nested_quant_map", 0),
       "nested_quant_map has the shape [255], not 256 elements"},
      {"scales that are not quantized after all", nested,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 32, \"shape\": [30, 50]}"),
       "absmax is uint8"},
      {"scales of blocks of nothing", nested,
       state("{\"quant_type\": \"nf4\", \"blocksize\": 32, \"shape\": [30, 50], "
             "\"nested_blocksize\": 0, \"nested_offset\": 0.1}"),
       "its description tells no nested_blocksize and nested_offset"},
      {"no offsets", mlx, without("biases"), "there is no biases beside it"},
      {"fewer offsets", mlx, shorter("biases", 1),
       "biases are float16 [6, 3], scales float16 [6, 4]"},
      {"scales that lie over nothing", mlx,
       [](PackedGolden& golden) {
         cut(golden.part("scales"), 1);
         cut(golden.part("biases"), 1);
       },
       "its shape is [6, 32], that of scales [6, 3]"},
      {"no configuration", mlx, [](PackedGolden& golden) { golden.config.clear(); },
       "there is no configuration beside it that says which"},
      {"another configuration", mlx,
       [](PackedGolden& golden) {
         golden.config = "{\"quantization\": {\"bits\": 6, \"group_size\": 64}}";
       },
       "the configuration beside it names none of these"},
  };
}

}  // namespace

class PackedBytesTest : public QObject {
  Q_OBJECT

 private:
  std::string path() const { return directory_.filePath("model.safetensors").toStdString(); }

  void write(const std::vector<PartBytes>& parts, const std::string& config,
             const std::string& prefix = kModule) const {
    writeBytes(path(), test::safetensorsOf(parts, prefix));
    const std::string configPath = directory_.filePath("config.json").toStdString();
    QFile::remove(QString::fromStdString(configPath));
    if (!config.empty()) writeBytes(configPath, config);
  }

  SharedSource source() const {
    auto opened = openTensorSource(path());
    if (!opened) qFatal("%s", opened.error().message.c_str());
    return *opened;
  }

  TensorInfo infoOf(const std::string& name) const {
    const auto info = findTensor(*source(), name);
    return info ? *info : TensorInfo{};
  }

  /// What the program sees of the tensor, by way of the reader process.
  std::vector<float> decoded(const std::string& name = kModule + "weight") const {
    const SharedSource opened = source();
    const auto info = findTensor(*opened, name);
    if (!info) qFatal("%s", info.error().message.c_str());
    if (!info->quantizable) qFatal("%s: %s", name.c_str(), info->reason.c_str());
    const auto tensor = opened->load(*info, Orientation::Auto);
    if (!tensor) qFatal("%s", tensor.error().message.c_str());
    std::vector<float> scratch;
    const MatrixView view = tensor->block(0, tensor->rows(), scratch);
    return {view.data, view.data + tensor->elements()};
  }

  /// The one tensor of the file, as it is stored.
  Packed packed() const {
    OpenOptions options;
    options.asStored = true;
    const auto container = openRemoteContainer(path(), options);
    if (!container) qFatal("%s", container.error().message.c_str());
    const auto tensors = packedTensorsOf(**container);
    if (!tensors || tensors->size() != 1) qFatal("not one tensor");
    Packed result{*container, tensors->front(), {}, {}};
    auto parameters = result.tensor->parameters(**container, {});
    if (!parameters) qFatal("%s", parameters.error().message.c_str());
    result.parameters = *std::move(parameters);
    auto codes = result.tensor->codes(**container, 0, result.tensor->info().rows, {});
    if (!codes) qFatal("%s", codes.error().message.c_str());
    result.codes = *std::move(codes);
    return result;
  }

  QTemporaryDir directory_;

 private slots:
  void itDecodesToWhatItsSoftwareDecodesItTo_data() {
    QTest::addColumn<QString>("name");
    for (const std::string& name : test::packedGoldenNames()) {
      QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
  }
  void itDecodesToWhatItsSoftwareDecodesItTo() {
    QFETCH(QString, name);
    const PackedGolden golden = packedGolden(name.toStdString());
    write(golden.parts, golden.config);
    const std::vector<float> values = decoded();
    if (name.startsWith("mlx/affine")) {
      // MLX rounds twice: see mlx.h.
      const Packed stored = packed();
      const std::size_t cols = stored.tensor->info().cols;
      const std::string& type = golden.dequantized.dtype;
      QVERIFY(same(values, computed(stored.parameters, stored.codes, cols, asItIs)));
      QVERIFY(same(computed(stored.parameters, stored.codes, cols,
                            [&](float value) { return roundedTo(type, value); }),
                   golden.values()));
      return;
    }
    QVERIFY(same(rounded(golden.dequantized.dtype, values), golden.values()));
  }

  void itsCodesAndZeroPointsAreThoseThatWerePacked_data() {
    QTest::addColumn<QString>("name");
    for (const std::string& name : test::packedGoldenNames()) {
      if (packedGolden(name).codes.empty()) continue;
      QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
  }
  void itsCodesAndZeroPointsAreThoseThatWerePacked() {
    QFETCH(QString, name);
    const PackedGolden golden = packedGolden(name.toStdString());
    write(golden.parts, golden.config);
    Packed stored = packed();
    const PackedInfo& info = stored.tensor->info();
    QCOMPARE(info.bits, golden.bits);
    const bool wholeRows =
        name.startsWith("ct_") && golden.groupSize == static_cast<int>(info.cols);
    QCOMPARE(info.groupSize, wholeRows ? -1 : golden.groupSize);
    const bool asymmetric = !golden.zeros.empty();
    QCOMPARE(stored.parameters.zero.size(), golden.zeros.size());
    const int fromZero = asymmetric ? 1 << (golden.bits - 1) : 0;
    for (std::size_t i = 0; i < golden.zeros.size(); ++i) {
      QCOMPARE(stored.parameters.zero[i], static_cast<float>(golden.zeros[i] + fromZero));
    }
    for (std::int16_t& code : stored.codes) code = static_cast<std::int16_t>(code - fromZero);
    QVERIFY(stored.codes == golden.codes);
    QCOMPARE(info.path, kModule + "weight");
  }

  void rowsAreReadByThemselves_data() {
    QTest::addColumn<QString>("name");
    for (const char* name :
         {"ct_pack_quantized/asym_b3_g32_64x160", "ct_int_quantized/w8a8_channel_sym_64x128",
          "ct_nvfp4_pack_quantized/a16_64x128", "bnb_nf4/b64_tail_f32_60x100",
          "mlx/affine_b5_g64_float32"}) {
      QTest::newRow(name) << QString(name);
    }
  }
  void rowsAreReadByThemselves() {
    QFETCH(QString, name);
    const PackedGolden golden = packedGolden(name.toStdString());
    write(golden.parts, golden.config);
    const Packed all = packed();
    const std::size_t cols = all.tensor->info().cols;
    const std::size_t rows = all.tensor->info().rows;
    for (std::size_t first = 0; first + 3 <= rows; ++first) {
      const auto some = all.tensor->codes(*all.container, first, 3, {});
      QVERIFY(some.hasValue());
      QVERIFY(std::equal(some->begin(), some->end(),
                         all.codes.begin() + static_cast<long>(first * cols)));
      QCOMPARE(some->size(), 3 * cols);
    }
    QVERIFY(!all.tensor->codes(*all.container, rows - 1, 2, {}));
    QVERIFY(!all.tensor->codes(*all.container, rows + 1, 0, {}));
    QVERIFY(all.tensor->codes(*all.container, rows, 0, {}).hasValue());
  }

  void packedWordsNeedNoConfiguration_data() {
    QTest::addColumn<QString>("name");
    for (const std::string& name : test::packedGoldenNames()) {
      if (name.starts_with("ct_")) QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
  }
  void packedWordsNeedNoConfiguration() {
    QFETCH(QString, name);
    const PackedGolden golden = packedGolden(name.toStdString());
    write(golden.parts, {});
    QVERIFY(same(rounded(golden.dequantized.dtype, decoded()), golden.values()));
  }

  void whatItIsIsTold_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("told");
    const auto add = [](const char* name, const char* told) {
      QTest::newRow(name) << name << told;
    };
    add("ct_pack_quantized/asym_b3_g32_64x160",
        "compressed-tensors, 3 bits, groups of 32, asymmetric, dense words");
    add("ct_pack_quantized/legacy_sym_b3_g32_64x128",
        "compressed-tensors, 3 bits, groups of 32, symmetric, whole codes a word");
    add("ct_pack_quantized/legacy_asym_b5_g64_60x128",
        "compressed-tensors, 5 bits, groups of 64, asymmetric, whole codes a word");
    add("ct_pack_quantized/sym_b4_channel_96x160",
        "compressed-tensors, 4 bits, a scale for each row, symmetric");
    add("ct_pack_quantized/sym_b4_tensor_32x64",
        "compressed-tensors, 4 bits, one scale, symmetric");
    add("ct_pack_quantized/sym_b4_g32_64x128_actorder",
        "compressed-tensors, 4 bits, groups of 32, symmetric, activation order");
    add("ct_int_quantized/w8a8_channel_sym_64x128",
        "compressed-tensors, 8 bits, a scale for each row, symmetric");
    add("ct_nvfp4_pack_quantized/a16_64x128", "compressed-tensors, NVFP4, 4 bits, groups of 16");
    add("ct_mxfp4_pack_quantized/a16_64x128", "compressed-tensors, MXFP4, 4 bits, groups of 32");
    add("bnb_nf4/b64_f32_64x128", "bitsandbytes, nf4, 4 bits, blocks of 64");
    add("bnb_fp4/b32_nested_f32_30x50",
        "bitsandbytes, fp4, 4 bits, blocks of 32, scales quantized to 8 bits");
    add("mlx/affine_b4_g64_float16", "MLX, 4 bits, groups of 64");
    add("mlx/mxfp8_b8_g32_float32", "MLX, mxfp8, 8 bits, groups of 32");
    add("mlx/nvfp4_b4_g16_float32", "MLX, nvfp4, 4 bits, groups of 16");
  }
  void whatItIsIsTold() {
    QFETCH(QString, name);
    QFETCH(QString, told);
    const PackedGolden golden = packedGolden(name.toStdString());
    write(golden.parts, golden.config);
    QCOMPARE(QString::fromStdString(infoOf(kModule + "weight").quantizedAs), told);
  }

  void damagedPartsGiveAReason_data() {
    QTest::addColumn<int>("number");
    const auto all = damages();
    for (std::size_t i = 0; i < all.size(); ++i) {
      QTest::newRow(all[i].name) << static_cast<int>(i);
    }
  }
  void damagedPartsGiveAReason() {
    QFETCH(int, number);
    const Damage damage = damages()[static_cast<std::size_t>(number)];
    PackedGolden golden = packedGolden(damage.golden);
    damage.apply(golden);
    write(golden.parts, golden.config);
    std::string reasons;
    const SharedSource opened = source();  // a temporary would be gone in the loop
    for (const TensorInfo& info : opened->tensors()) {
      QVERIFY2(info.name != kModule + "weight" || !info.quantizable, "it is decoded");
      if (info.reason.starts_with("already quantized")) reasons += info.reason + "\n";
    }
    const std::string expected = std::string("; cannot be decoded: ") + damage.reason;
    QVERIFY2(reasons.find(expected) != std::string::npos, reasons.c_str());
  }

  /// 7 bits four a word take as many words as 8 bits: the bits that they leave tell them apart.
  void wholeCodesAreToldByTheBitsThatTheyLeave() {
    const std::size_t rows = 5;
    const std::size_t cols = 64;
    std::vector<std::uint32_t> words(rows * cols / 4);
    std::vector<float> expected;
    for (std::size_t i = 0; i < rows * cols; ++i) {
      const std::uint32_t code = i * 37 % 128;
      words[i / 4] |= code << (7 * (i % 4));
      expected.push_back((static_cast<float>(code) - 64) * .5f);
    }
    write({partOf("weight_packed", "I32", {rows, cols / 4}, words),
           partOf<float>("weight_scale", "F32", {rows, 1}, std::vector<float>(rows, .5f)),
           partOf<std::int64_t>("weight_shape", "I64", {2}, {rows, cols})},
          {});
    QVERIFY(same(decoded(), expected));
    QCOMPARE(packed().tensor->info().detail,
             std::string("7 bits, a scale for each row, symmetric, whole codes a word"));
  }

  void anOrderThatWasNeverSetDoesNotCount() {
    PackedGolden golden = packedGolden("ct_pack_quantized/asym_b4_g32_64x128");
    golden.parts.push_back(
        partOf("weight_g_idx", "I32", {128}, std::vector<std::int32_t>(128, -1)));
    write(golden.parts, golden.config);
    QVERIFY(same(rounded(golden.dequantized.dtype, decoded()), golden.values()));
  }

  void zeroPointsMayBeBytes() {
    PackedGolden golden = packedGolden("ct_pack_quantized/asym_b4_g32_64x128");
    golden.part("weight_zero_point") =
        partOf("weight_zero_point", "I8", {64, 4},
               std::vector<std::int8_t>(golden.zeros.begin(), golden.zeros.end()));
    write(golden.parts, golden.config);
    QVERIFY(same(rounded(golden.dequantized.dtype, decoded()), golden.values()));
  }

  void bytesMayHaveZeroPoints() {
    const std::vector<std::int8_t> codes{-128, 127, 0, 5, -7, 12};
    const std::vector<std::int8_t> zeros{3, -128};
    write({partOf("weight", "I8", {2, 3}, codes),
           partOf<float>("weight_scale", "F32", {2, 1}, {.25f, -2}),
           partOf("weight_zero_point", "I8", {2, 1}, zeros)},
          {});
    QCOMPARE(decoded(), (std::vector<float>{-32.75f, 31, -.75f, -266, -242, -280}));
    const Packed stored = packed();
    QCOMPARE(stored.codes, (std::vector<std::int16_t>{0, 255, 128, 133, 121, 140}));
    QCOMPARE(stored.parameters.zero, (std::vector<float>{131, 0}));
  }

  void columnsOfBytesMayHaveAnyType_data() {
    QTest::addColumn<QString>("dtype");
    for (const char* dtype : {"BF16", "F16", "F32", "I8", "F64"}) QTest::newRow(dtype) << dtype;
  }
  void columnsOfBytesMayHaveAnyType() {
    QFETCH(QString, dtype);
    PackedGolden golden = packedGolden("bnb_nf4/b64_tail_f32_60x100");
    PartBytes& codes = golden.part("weight");
    codes.dtype = dtype.toStdString();
    codes.shape = {codes.bytes.size() / test::elementBytesOf(codes.dtype), 1};
    write(golden.parts, golden.config);
    QVERIFY(same(decoded(), golden.values()));
    const Packed all = packed();
    const auto row = all.tensor->codes(*all.container, 7, 1, {});
    QVERIFY(row.hasValue());
    QVERIFY(std::equal(row->begin(), row->end(), all.codes.begin() + 700));
  }

  void rowsOfBytesHaveAScaleOver127() {
    const std::vector<std::int8_t> codes{-127, 127, 1, 64, 0, -3};
    write({partOf("weight", "I8", {2, 3}, codes), partOf<float>("SCB", "F32", {2}, {1.27f, 254}),
           partOf<std::uint8_t>("weight_format", "U8", {}, {0})},
          {});
    const float scale = 1.27f / 127;
    QCOMPARE(decoded(), (std::vector<float>{-127 * scale, 127 * scale, scale, 128, 0, -6}));
    write({partOf("weight", "I8", {2, 3}, codes), partOf<float>("SCB", "F32", {2}, {1.27f, 254}),
           partOf<std::uint8_t>("weight_format", "U8", {}, {2})},
          {});
    QCOMPARE(infoOf(kModule + "weight").reason,
             std::string("already quantized: bitsandbytes, 8 bits, a scale for each row; cannot be "
                         "decoded: weight_format is not 0, which is rows as they are"));
  }

  void modulesMayHaveTheirOwnBits() {
    const PackedGolden golden = packedGolden("mlx/affine_b4_g64_float32");
    write(golden.parts,
          "{\"quantization\": {\"group_size\": 32, \"bits\": 8, \"model.layers.0.q_proj\": "
          "{\"group_size\": 64, \"bits\": 4}}}");
    QVERIFY(same(decoded(), golden.values()));
  }

  void bitsThatFitAloneNeedNoConfiguration() {
    const PackedGolden golden = packedGolden("mlx/affine_b5_g64_float32");
    write(golden.parts, {});
    QVERIFY(same(decoded(), golden.values()));
  }

  /// Experts lie below each other.
  void leadingAxesCountRows() {
    PackedGolden golden = packedGolden("mlx/mxfp4_b4_g32_float32");
    golden.part("weight").shape = {3, 2, 32};
    golden.part("scales").shape = {3, 2, 8};
    write(golden.parts, golden.config);
    QVERIFY(same(decoded(), golden.values()));
    const Packed all = packed();
    QCOMPARE(all.tensor->info().rows, std::size_t{6});
    const auto some = all.tensor->codes(*all.container, 1, 4, {});
    QVERIFY(some.hasValue());
    QVERIFY(std::equal(some->begin(), some->end(), all.codes.begin() + 256));
    QCOMPARE(some->size(), std::size_t{1024});
  }

  void blocksOfExpertsLieBelowEachOther() {
    PackedGolden golden = packedGolden("ct_mxfp4_pack_quantized/a16_32x96");
    PartBytes blocks = golden.part("weight_packed");
    blocks.name = "gate_up_proj_blocks";
    blocks.shape = {2, 16, 3, 16};
    PartBytes scales = golden.part("weight_scale");
    scales.name = "gate_up_proj_scales";
    scales.shape = {2, 16, 3};
    write({blocks, scales}, {}, "experts.");
    QVERIFY(same(decoded("experts.gate_up_proj"), golden.values()));
    const Packed all = packed();
    QVERIFY(all.codes == golden.codes);
    const auto some = all.tensor->codes(*all.container, 10, 12, {});
    QVERIFY(some.hasValue());
    QVERIFY(std::equal(some->begin(), some->end(), golden.codes.begin() + 960));
  }

  /// NVIDIA's Model Optimizer multiplies by the scale of the tensor, before codes.
  void theScaleOfTheTensorMayMultiply() {
    PackedGolden golden = packedGolden("ct_nvfp4_pack_quantized/a16_64x128");
    golden.part("weight_packed").name = "weight";
    removePart(golden, "weight_global_scale");
    golden.parts.push_back(partOf<float>("weight_scale_2", "F32", {}, {.0123f}));
    write(golden.parts, {});
    const Packed stored = packed();
    QVERIFY(stored.codes == golden.codes);
    const std::vector<float> values = decoded();
    const std::string& bytes = golden.part("weight_scale").bytes;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bits = static_cast<unsigned char>(bytes[i / 16]);
      const float block = std::ldexp(static_cast<float>((bits >> 3 ? 8 : 0) + bits % 8),
                                     std::max(bits >> 3, 1) - 10);
      const float level = stored.parameters.levels[static_cast<std::size_t>(golden.codes[i])];
      QCOMPARE(values[i], level * (block * .0123f));
    }
  }

  void exponentsMayHaveTheirOwnType() {
    PackedGolden golden = packedGolden("ct_mxfp4_pack_quantized/a16_64x128");
    golden.part("weight_scale").dtype = "F8_E8M0";
    write(golden.parts, golden.config);
    QVERIFY(same(decoded(), golden.values()));
  }

  /// Every byte of a description, and of a configuration, may be damaged.
  void damagedDescriptionsEndNothing() {
    const PackedGolden golden = packedGolden("bnb_fp4/b32_nested_f32_30x50");
    const std::string state = "weight.quant_state.bitsandbytes__fp4";
    PackedGolden damaged = golden;
    const std::string text = damaged.part(state).bytes;
    for (std::size_t i = 0; i < text.size(); i += 3) {
      damaged.part(state).bytes = text;
      damaged.part(state).bytes[i] = static_cast<char>(i % 2 == 0 ? '9' : '\xff');
      write(damaged.parts, golden.config);
      QVERIFY(openTensorSource(path()).hasValue());
    }
    for (std::size_t i = 0; i < golden.config.size(); i += 11) {
      std::string config = golden.config;
      config[i] = '[';
      write(golden.parts, config);
      QVERIFY(same(decoded(), golden.values()));
    }
  }
};

QTEST_GUILESS_MAIN(PackedBytesTest)
#include "packed_bytes_test.moc"
