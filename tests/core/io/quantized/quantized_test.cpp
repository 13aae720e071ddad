// Files whose tensors are quantized already: what is recognised, and what float8 with scales
// decodes to.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/io/formats/safetensors.h"
#include "core/io/model/model_layout.h"
#include "core/io/quantized/quantized_container.h"
#include "core/io/quantized/scaled_float8.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using quantoscope::test::safetensorsBytes;

namespace {

using Shape = std::vector<std::uint64_t>;

/// An array of a safetensors file; without bytes it is zeros.
struct Entry {
  std::string name;
  std::string dtype;
  Shape shape;
  std::string bytes = {};
};

std::size_t sizeOf(const std::string& dtype) {
  static const std::map<std::string, std::size_t> kSizes = {
      {"F64", 8},  {"F32", 4},     {"I64", 8},     {"I32", 4},    {"U32", 4},
      {"F16", 2},  {"BF16", 2},    {"I16", 2},     {"I8", 1},     {"U8", 1},
      {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};
  return kSizes.at(dtype);
}

std::string fileOf(const std::vector<Entry>& entries) {
  std::string header = "{";
  std::string data;
  for (const Entry& entry : entries) {
    std::size_t bytes = sizeOf(entry.dtype);
    std::string shape;
    for (const std::uint64_t side : entry.shape) {
      bytes *= side;
      shape += (shape.empty() ? "" : ",") + std::to_string(side);
    }
    header += (header.size() > 1 ? ",\"" : "\"") + entry.name + "\":{\"dtype\":\"" + entry.dtype +
              "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(data.size()) +
              "," + std::to_string(data.size() + bytes) + "]}";
    data += entry.bytes.empty() ? std::string(bytes, '\0') : entry.bytes;
    if (!entry.bytes.empty() && entry.bytes.size() != bytes) qFatal("%s", entry.name.c_str());
  }
  return safetensorsBytes(header + "}", data);
}

SharedContainer opened(const std::vector<Entry>& entries) {
  auto container = openSafetensors(bytesInMemory(fileOf(entries)), "m");
  if (!container) qFatal("%s", container.error().message.c_str());
  return *withQuantizedParts(*container);
}

/// "name: reason" of those that are no weights, "name: ROWSxCOLS dtype" of those that are.
std::map<std::string, std::string> linesOf(const SharedContainer& container) {
  std::map<std::string, std::string> lines;
  for (const TensorInfo& info : recognizeLayout(container->contents()).tensors) {
    lines[info.name] = info.quantizable ? std::to_string(info.rows) + "x" +
                                              std::to_string(info.cols) + " " + info.dtype
                                        : info.reason;
  }
  return lines;
}

template <typename T>
std::string bytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// e4m3fn from its definition.
float e4m3(unsigned bits) {
  const unsigned exponent = bits >> 3 & 15;
  const unsigned mantissa = bits & 7;
  const float sign = bits & 0x80 ? -1.f : 1.f;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -9);
  return sign * std::ldexp(static_cast<float>(8 + mantissa), static_cast<int>(exponent) - 10);
}

float e5m2(unsigned bits) {
  return floatFromHalf(static_cast<std::uint16_t>(bits << 8));
}

/// Codes that are finite in both encodings, in no order that a mistake would keep.
std::string codesFor(std::size_t count) {
  std::string codes;
  for (std::size_t i = 0; i < count; ++i) {
    codes += static_cast<char>((i * 37 + i / 11) % 0x78 | (i % 3 == 0 ? 0x80 : 0));
  }
  return codes;
}

std::vector<float> scalesFor(std::size_t count) {
  std::vector<float> scales;
  for (std::size_t i = 0; i < count; ++i) scales.push_back(0.001f * static_cast<float>(3 * i + 1));
  return scales;
}

std::vector<float> readBox(const SharedContainer& container, const std::string& path,
                           const Box& box) {
  std::vector<float> values(box.elements());
  const Status status = container->read(path, box, values.data(), {});
  if (!status) qFatal("%s", status.error().message.c_str());
  return values;
}

/// What [rows, cols] of codes decode to, with scales [.., scaleCols] over blocks.
std::vector<float> decoded(const std::string& codes, const std::vector<float>& scales,
                           const Box& box, std::size_t cols, std::size_t blockRows,
                           std::size_t blockCols, std::size_t scaleCols) {
  std::vector<float> values;
  for (std::size_t r = box.start[0]; r < box.start[0] + box.count[0]; ++r) {
    for (std::size_t c = box.start[1]; c < box.start[1] + box.count[1]; ++c) {
      const float scale = scales[r / blockRows * scaleCols + c / blockCols];
      values.push_back(e4m3(static_cast<unsigned char>(codes[r * cols + c])) * scale);
    }
  }
  return values;
}

struct FormatCase {
  const char* name;
  std::vector<Entry> entries;
  std::string format;
  std::map<std::string, std::string> lines;
};

std::vector<FormatCase> formatCases() {
  return {
      {"GPTQ with g_idx",
       {{"m.q.qweight", "I32", {16, 64}},
        {"m.q.qzeros", "I32", {4, 8}},
        {"m.q.scales", "F16", {4, 64}},
        {"m.q.g_idx", "I32", {128}},
        {"m.q.bias", "F16", {64}},
        {"lm_head.weight", "F16", {8, 64}}},
       "safetensors, quantized by GPTQ",
       {{"m.q.qweight", "already quantized: GPTQ, 4 bits, groups of 32; decoded as m.q.weight"},
        {"m.q.qzeros", "zero points of m.q.qweight, which is quantized by GPTQ"},
        {"m.q.scales", "scales of m.q.qweight, which is quantized by GPTQ"},
        {"m.q.g_idx", "group numbers of m.q.qweight, which is quantized by GPTQ"},
        {"m.q.bias", "a vector: only matrices and larger are quantized"},
        {"m.q.weight", "64x128 float32"},
        {"lm_head.weight", "8x64 float16"}}},
      {"GPTQ of 3 bits, without g_idx, in nested groups",
       {{"m/q/qweight", "I32", {12, 64}},
        {"m/q/qzeros", "I32", {1, 6}},
        {"m/q/scales", "BF16", {1, 64}}},
       "safetensors, quantized by GPTQ",
       {{"m/q/qweight", "already quantized: GPTQ, 3 bits; decoded as m/q/weight"},
        {"m/q/weight", "64x128 float32"},
        {"m/q/qzeros", "zero points of m/q/qweight, which is quantized by GPTQ"},
        {"m/q/scales", "scales of m/q/qweight, which is quantized by GPTQ"}}},
      {"GPTQ, or 7 bits of neural-compressor in whole words",
       {{"q.qweight", "I32", {32, 64}}, {"q.qzeros", "I32", {4, 16}}, {"q.scales", "F16", {4, 64}}},
       "safetensors, quantized by GPTQ",
       {{"q.qweight", "already quantized: GPTQ, 7 or 8 bits, groups of 32; decoded as q.weight"},
        {"q.weight", "64x128 float32"}}},
      {"AWQ",
       {{"m.q.qweight", "I32", {128, 8}},
        {"m.q.qzeros", "I32", {2, 8}},
        {"m.q.scales", "F16", {2, 64}}},
       "safetensors, quantized by AWQ",
       {{"m.q.qweight", "already quantized: AWQ, 4 bits, groups of 64; decoded as m.q.weight"},
        {"m.q.weight", "64x128 float32"},
        {"m.q.qzeros", "zero points of m.q.qweight, which is quantized by AWQ"},
        {"m.q.scales", "scales of m.q.qweight, which is quantized by AWQ"}}},
      {"compressed-tensors, asymmetric",
       {{"q.weight_packed", "I32", {64, 16}},
        {"q.weight_scale", "BF16", {64, 4}},
        {"q.weight_zero_point", "I32", {8, 4}},
        {"q.weight_g_idx", "I32", {128}},
        {"q.weight_shape", "I64", {2}}},
       "safetensors, quantized by compressed-tensors",
       {{"q.weight_packed",
         "already quantized: compressed-tensors, 4 bits, groups of 32; cannot be decoded: "
         "weight_shape tells 0 x 0, its own shape is [64, 16]"},
        {"q.weight_scale", "scales of q.weight_packed, which is quantized by compressed-tensors"},
        {"q.weight_zero_point",
         "zero points of q.weight_packed, which is quantized by compressed-tensors"},
        {"q.weight_g_idx",
         "group numbers of q.weight_packed, which is quantized by compressed-tensors"},
        {"q.weight_shape", "shape of q.weight_packed, which is quantized by compressed-tensors"}}},
      {"compressed-tensors, NVFP4",
       {{"q.weight_packed", "U8", {8, 32}},
        {"q.weight_scale", "F8_E4M3", {8, 4}},
        {"q.weight_global_scale", "F32", {1}}},
       "safetensors, quantized by compressed-tensors",
       {{"q.weight_packed",
         "already quantized: compressed-tensors, NVFP4, 4 bits, groups of 16; decoded as q.weight"},
        {"q.weight", "8x64 float32"},
        {"q.weight_scale", "scales of q.weight_packed, which is quantized by compressed-tensors"},
        {"q.weight_global_scale",
         "scale of q.weight_packed, which is quantized by compressed-tensors"}}},
      {"compressed-tensors, int8",
       {{"q.weight", "I8", {8, 32}}, {"q.weight_scale", "BF16", {8, 1}}},
       "safetensors, quantized by compressed-tensors",
       {{"q.weight", "8x32 float32"},
        {"q.weight_scale", "scales of q.weight, which is quantized by compressed-tensors"}}},
      {"NVFP4 as bytes",
       {{"q.weight", "U8", {8, 32}},
        {"q.weight_scale", "F8_E4M3", {8, 4}},
        {"q.weight_scale_2", "F32", {}},
        {"q.input_scale", "F32", {}}},
       "safetensors, quantized to NVFP4",
       {{"q.weight", "8x64 float32"},
        {"q.weight_scale", "scales of q.weight, which is quantized to NVFP4"},
        {"q.weight_scale_2", "scale of q.weight, which is quantized to NVFP4"},
        {"q.input_scale", "scale of inputs of q.weight, which is quantized to NVFP4"}}},
      {"bitsandbytes, nested nf4",
       {{"q.weight", "U8", {2048, 1}},
        {"q.weight.absmax", "U8", {64}},
        {"q.weight.quant_map", "F32", {16}},
        {"q.weight.nested_absmax", "F32", {1}},
        {"q.weight.nested_quant_map", "F32", {256}},
        {"q.weight.quant_state.bitsandbytes__nf4",
         "U8",
         {105},
         "{\"quant_type\": \"nf4\", \"blocksize\": 64, \"shape\": [32, 128], "
         "\"nested_blocksize\": 256, \"nested_offset\": 0.5}"}},
       "safetensors, quantized by bitsandbytes",
       {{"q.weight", "32x128 float32"},
        {"q.weight.absmax", "scales of q.weight, which is quantized by bitsandbytes"},
        {"q.weight.quant_map", "levels of q.weight, which is quantized by bitsandbytes"},
        {"q.weight.nested_absmax",
         "scales of its scales of q.weight, which is quantized by bitsandbytes"},
        {"q.weight.nested_quant_map",
         "levels of its scales of q.weight, which is quantized by bitsandbytes"},
        {"q.weight.quant_state.bitsandbytes__nf4",
         "description of q.weight, which is quantized by bitsandbytes"}}},
      {"bitsandbytes, packed into floats",
       {{"q.weight", "BF16", {1024, 1}},
        {"q.weight.absmax", "F32", {64}},
        {"q.weight.quant_map", "F32", {16}},
        {"q.weight.quant_state.bitsandbytes__fp4", "U8", {2}, "[]"},
        {"q.column", "BF16", {1024, 1}}},
       "safetensors, quantized by bitsandbytes",
       {{"q.weight",
         "already quantized: bitsandbytes, fp4, 4 bits; cannot be decoded: its description tells "
         "neither nf4 nor fp4"},
        {"q.column", "1024x1 bfloat16"}}},
      {"bitsandbytes, int8",
       {{"q.weight", "I8", {8, 32}}, {"q.SCB", "F32", {8}}, {"q.weight_format", "U8", {}}},
       "safetensors, quantized by bitsandbytes",
       {{"q.weight", "8x32 float32"},
        {"q.SCB", "scales of q.weight, which is quantized by bitsandbytes"},
        {"q.weight_format", "description of q.weight, which is quantized by bitsandbytes"}}},
      {"MLX, where shapes leave a choice",
       {{"q.weight", "U32", {64, 16}}, {"q.scales", "F16", {64, 2}}, {"q.biases", "F16", {64, 2}}},
       "safetensors, quantized by MLX",
       {{"q.weight",
         "already quantized: MLX, 2 bits, groups of 128 or 4 bits, groups of 64 or 8 "
         "bits, groups of 32; cannot be decoded: there is no configuration beside it that says "
         "which"},
        {"q.scales", "scales of q.weight, which is quantized by MLX"},
        {"q.biases", "offsets of q.weight, which is quantized by MLX"}}},
      {"MLX, a stack of experts in mxfp4",
       {{"q.weight", "U32", {3, 64, 16}}, {"q.scales", "U8", {3, 64, 4}}},
       "safetensors, quantized by MLX",
       {{"q.weight", "192x128 float32"},
        {"q.scales", "scales of q.weight, which is quantized by MLX"}}},
      {"gpt-oss",
       {{"mlp.experts.gate_up_proj_blocks", "U8", {2, 64, 3, 16}},
        {"mlp.experts.gate_up_proj_scales", "U8", {2, 64, 3}},
        {"mlp.experts.gate_up_proj_bias", "BF16", {2, 64}}},
       "safetensors, quantized to MXFP4",
       {{"mlp.experts.gate_up_proj_blocks",
         "already quantized: MXFP4, 4 bits, groups of 32; decoded as mlp.experts.gate_up_proj"},
        {"mlp.experts.gate_up_proj", "128x96 float32"},
        {"mlp.experts.gate_up_proj_scales",
         "scales of mlp.experts.gate_up_proj_blocks, which is quantized to MXFP4"}}},
      {"Keras int4 by number",
       {{"layers/dense/vars/0", "I8", {40, 4}},
        {"layers/dense/vars/1", "F32", {7}},
        {"layers/dense/vars/2", "F32", {3, 7}},
        {"layers/dense/vars/3", "I8", {3, 7}},
        {"layers/dense/vars/4", "F32", {40}}},
       "safetensors, quantized by Keras",
       {{"layers/dense/vars/0", "7x40 float32"},
        {"layers/dense/vars/1", "a vector: only matrices and larger are quantized"},
        {"layers/dense/vars/2", "parameters of layers/dense/vars/0, which is quantized by Keras"},
        {"layers/dense/vars/3", "parameters of layers/dense/vars/0, which is quantized by Keras"},
        {"layers/dense/vars/4", "a vector: only matrices and larger are quantized"}}},
      {"Keras gptq, whose bias comes first",
       {{"layers/dense/vars/0", "F32", {10}},
        {"layers/dense/vars/1", "U8", {5, 64}},
        {"layers/dense/vars/2", "F32", {10, 4}},
        {"layers/dense/vars/3", "U8", {10, 4}},
        {"layers/dense/vars/4", "F32", {64}}},
       "safetensors, quantized by Keras",
       {{"layers/dense/vars/1", "10x64 float32"},
        {"layers/dense/vars/2", "parameters of layers/dense/vars/1, which is quantized by Keras"},
        {"layers/dense/vars/3", "parameters of layers/dense/vars/1, which is quantized by Keras"}}},
      {"Keras int8 by name",
       {{"dense/kernel", "I8", {40, 7}}, {"dense/kernel_scale", "F32", {7}}},
       "safetensors, quantized by Keras",
       {{"dense/kernel",
         "already quantized: Keras; cannot be decoded: its variables fit no mode of Keras for "
         "certain; the configuration of a .keras file tells int8 from the int4 of a Keras before "
         "3.14"},
        {"dense/kernel_scale", "scales of dense/kernel, which is quantized by Keras"}}},
      {"quanto",
       {{"q.weight._data", "I8", {8, 32}}, {"q.weight._scale", "BF16", {8, 1}}},
       "safetensors, quantized by quanto",
       {{"q.weight._data", "already quantized: quanto"},
        {"q.weight._scale", "scales of q.weight._data, which is quantized by quanto"}}},
      {"HQQ",
       {{"q.W_q", "U8", {8, 32}}, {"q.scale", "F16", {8, 2}}, {"q.zero", "F16", {8, 2}}},
       "safetensors, quantized by HQQ",
       {{"q.W_q", "already quantized: HQQ"},
        {"q.scale", "scales of q.W_q, which is quantized by HQQ"},
        {"q.zero", "zero points of q.W_q, which is quantized by HQQ"}}},
      {"EXL2",
       {{"q.q_weight", "I32", {8, 32}},
        {"q.q_scale", "I32", {2, 4}},
        {"q.q_scale_max", "F16", {2}},
        {"q.q_groups", "I16", {4}}},
       "safetensors, quantized by ExLlamaV2",
       {{"q.q_weight", "already quantized: EXL2"},
        {"q.q_scale", "scales of q.q_weight, which is quantized by ExLlamaV2"}}},
      {"a format that nobody knows",
       {{"q.proj", "I8", {8, 32}}, {"q.proj_scale", "F32", {8, 2}}},
       "safetensors, quantized to integers with scales",
       {{"q.proj", "already quantized: integers with scales"},
        {"q.proj_scale", "scales of q.proj, which is quantized to integers with scales"}}},
      {"words of a format that nobody knows",
       {{"q.weight", "I32", {8, 32}}, {"q.scales", "F32", {8, 2}}},
       "safetensors, quantized to integers with scales",
       {{"q.weight", "already quantized: integers with scales, packed"},
        {"q.scales", "scales of q.weight, which is quantized to integers with scales"}}},
      {"float8",
       {{"q.weight", "F8_E4M3", {256, 384}}, {"q.weight_scale_inv", "F32", {2, 3}}},
       "safetensors, float8 with scales",
       {{"q.weight", "256x384 float8_e4m3fn x 128x128 block scales"},
        {"q.weight_scale_inv", "scales of q.weight, which is float8"}}},
      {"what only looks so",
       {{"norm.scale", "F32", {4, 4}},
        {"q.scales", "F32", {4, 4}},
        {"ids.weight", "I64", {4, 4}},
        {"f8.weight", "F8_E4M3", {4, 4}},
        {"x.weight", "F32", {4, 4}},
        {"x.weight_scale", "F32", {4, 1}}},
       "safetensors",
       {{"norm.scale", "a gain or shift of a normalisation, not a matrix of weights"},
        {"q.scales", "4x4 float32"},
        {"ids.weight", "int64: only floating-point weights are quantized"},
        {"f8.weight", "4x4 float8_e4m3fn"},
        {"x.weight_scale", "4x1 float32"}}}};
}

}  // namespace

class QuantizedTest : public QObject {
  Q_OBJECT

 private slots:
  void formatsAreRecognisedByTheirArrays_data() {
    QTest::addColumn<int>("number");
    const auto cases = formatCases();
    for (std::size_t i = 0; i < cases.size(); ++i) {
      QTest::newRow(cases[i].name) << static_cast<int>(i);
    }
  }
  void formatsAreRecognisedByTheirArrays() {
    QFETCH(int, number);
    const FormatCase expected = formatCases()[static_cast<std::size_t>(number)];
    const SharedContainer container = opened(expected.entries);
    QCOMPARE(recognizeLayout(container->contents()).format, expected.format);
    const auto lines = linesOf(container);
    for (const auto& [name, line] : expected.lines) QCOMPARE(lines.at(name), line);
    // What is decoded comes to the arrays of the file, or takes the place of its codes.
    const auto isEntry = [&](const std::string& path) {
      return std::any_of(expected.entries.begin(), expected.entries.end(),
                         [&](const Entry& entry) { return entry.name == path; });
    };
    for (const StoredArray& array : container->contents().arrays) {
      QVERIFY2(isEntry(array.path) || !array.quantizedAs.empty(), array.path.c_str());
      QVERIFY(array.quantizedAs.empty() || expected.lines.contains(array.path));
    }
  }

  void anArrayThatIsNoWeightCanStillBeRead() {
    const std::vector<float> scales = scalesFor(8);
    const SharedContainer container =
        opened({{"q.weight", "I8", {8, 4}}, {"q.weight_scale", "F32", {8, 1}, bytesOf(scales)}});
    QCOMPARE(readBox(container, "q.weight_scale", {{0, 0}, {8, 1}}), scales);
  }

  void gridsFollowFromShapes_data() {
    QTest::addColumn<QString>("codes");
    QTest::addColumn<QString>("scales");
    QTest::addColumn<QString>("text");
    const auto add = [](const char* codes, const char* scales, const char* text) {
      QTest::addRow("%s / %s", codes, scales) << codes << scales << text;
    };
    add("256,384", "", "a scale");
    add("256,384", "1", "a scale");
    add("256,384", "1,1", "a scale");
    add("256,384", "256", "row scales");
    add("256,384", "256,1", "row scales");
    add("256,256", "256", "row scales");
    add("256,384", "384", "column scales");
    add("256,384", "1,384", "column scales");
    add("256,384", "2,3", "128x128 block scales");
    add("576,7168", "5,56", "128x128 block scales");  // the last block of rows is shorter
    add("200,130", "2,2", "128x128 block scales");
    add("256,384", "256,12", "1x32 block scales");
    add("256,384", "8,6", "32x64 block scales");
    add("256,384", "2,1", "128x384 block scales");
    add("96,96", "4,4", "24x24 block scales");  // no power of two covers them with 4
    add("96,96", "2,2", "");                    // 48 or 64
    add("4,8,16", "4", "matrix scales");
    add("4,8,16", "4,1,1", "matrix scales");
    add("4,8,16", "4,1,16", "1x8x1 block scales");
    add("4,256,256", "4,2,2", "1x128x128 block scales");
    add("256,384", "3,2", "");
    add("256,384", "7", "");
    add("256,384", "512,384", "");
    add("256,384", "0,3", "");
    add("4,8,16", "8,16", "");
    add("0,8", "1", "");
  }
  void gridsFollowFromShapes() {
    const auto shapeOf = [](const QString& text) {
      Shape shape;
      for (const QString& side : text.split(',', Qt::SkipEmptyParts)) {
        shape.push_back(side.toULongLong());
      }
      return shape;
    };
    QFETCH(QString, codes);
    QFETCH(QString, scales);
    QFETCH(QString, text);
    const auto grid = gridOf(shapeOf(codes), shapeOf(scales), {});
    QCOMPARE(QString::fromStdString(grid ? grid->text() : ""), text);
  }

  void otherTensorsTellTheSizeOfBlocks() {
    const SharedContainer container = opened({{"a.weight", "F8_E4M3", {128, 256}},
                                              {"a.weight_scale", "F32", {2, 4}},
                                              {"b.weight", "F8_E4M3", {96, 96}},
                                              {"b.weight_scale", "F32", {2, 2}}});
    QCOMPARE(linesOf(container).at("b.weight"),
             std::string("96x96 float8_e4m3fn x 64x64 block scales"));
  }

  void scalesThatDoNotFitKeepCodesFromBeingWeights() {
    const auto lines =
        linesOf(opened({{"a.weight", "F8_E4M3", {96, 96}}, {"a.weight_scale", "F32", {2, 2}}}));
    QCOMPARE(lines.at("a.weight"), std::string("float8_e4m3fn whose scales, a.weight_scale, have "
                                               "the shape [2, 2]: their blocks cannot be told"));
  }

  void blocksDecodeToCodeTimesScale_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("cols");
    QTest::addColumn<int>("blockRows");
    QTest::addColumn<int>("blockCols");
    QTest::newRow("one scale") << 5 << 7 << 5 << 7;
    QTest::newRow("rows") << 5 << 7 << 1 << 7;
    QTest::newRow("columns") << 5 << 7 << 5 << 1;
    QTest::newRow("blocks") << 256 << 384 << 128 << 128;
    QTest::newRow("shorter last blocks") << 130 << 200 << 128 << 128;
    QTest::newRow("groups") << 3 << 96 << 1 << 32;
    QTest::newRow("long rows") << 2 << 2048 << 1 << 1024;
  }
  void blocksDecodeToCodeTimesScale() {
    QFETCH(int, rows);
    QFETCH(int, cols);
    QFETCH(int, blockRows);
    QFETCH(int, blockCols);
    const auto over = [](int side, int block) { return std::size_t((side + block - 1) / block); };
    const std::size_t scaleCols = over(cols, blockCols);
    const std::vector<float> scales = scalesFor(over(rows, blockRows) * scaleCols);
    const auto r = static_cast<std::size_t>(rows);
    const auto c = static_cast<std::size_t>(cols);
    const std::string codes = codesFor(r * c);
    const SharedContainer container =
        opened({{"w", "F8_E4M3", {r, c}, codes},
                {"w_scale_inv", "F32", {over(rows, blockRows), scaleCols}, bytesOf(scales)}});
    const auto element = container->elementOf("w");
    QVERIFY(element && element->floatType == StoredType::Float32);
    for (const Box& box :
         {Box{{0, 0}, {r, c}}, Box{{1, 0}, {r - 1, c}}, Box{{1, 1}, {r - 1, c - 2}},
          Box{{r - 1, c - 1}, {1, 1}}, Box{{0, 3}, {r, 2}}}) {
      QCOMPARE(readBox(container, "w", box),
               decoded(codes, scales, box, c, static_cast<std::size_t>(blockRows),
                       static_cast<std::size_t>(blockCols), scaleCols));
    }
  }

  void scalesMayHaveAnyFloatTypeOrBeExponents() {
    const std::string codes = codesFor(6);
    const auto valuesWith = [&](const char* dtype, const std::string& scale) {
      return readBox(opened({{"w", "F8_E5M2", {2, 3}, codes}, {"w_scale", dtype, {2, 1}, scale}}),
                     "w", {{0, 0}, {2, 3}});
    };
    std::vector<float> expected;
    for (std::size_t i = 0; i < 6; ++i) {
      expected.push_back(e5m2(static_cast<unsigned char>(codes[i])) * (i < 3 ? 0.25f : 8.0f));
    }
    QCOMPARE(valuesWith("F32", bytesOf(std::vector<float>{0.25f, 8})), expected);
    QCOMPARE(valuesWith("F64", bytesOf(std::vector<double>{0.25, 8})), expected);
    QCOMPARE(valuesWith("F16", bytesOf(std::vector{halfFromFloat(0.25f), halfFromFloat(8)})),
             expected);
    QCOMPARE(
        valuesWith("BF16", bytesOf(std::vector{bfloat16FromFloat(.25f), bfloat16FromFloat(8)})),
        expected);
    QCOMPARE(valuesWith("U8", std::string{125, static_cast<char>(130)}), expected);
    QCOMPARE(valuesWith("F8_E8M0", std::string{125, static_cast<char>(130)}), expected);
    for (const char* type : {"U8", "F8_E8M0"}) {
      const auto ends = valuesWith(type, std::string("\0\xfe", 2));
      QCOMPARE(ends[1], e5m2(static_cast<unsigned char>(codes[1])) * 0x1p-127f);
      QCOMPARE(ends[4], e5m2(static_cast<unsigned char>(codes[4])) * 0x1p127f);
    }
    QVERIFY(std::isnan(valuesWith("F8_E8M0", std::string("\xff\x80"))[1]));
    QVERIFY(std::isnan(valuesWith("U8", std::string("\xff\x80"))[1]));
  }

  void namesOfScalesAreThoseOfManyWriters_data() {
    QTest::addColumn<QString>("codes");
    QTest::addColumn<QString>("scales");
    QTest::newRow("compressed-tensors") << "q.weight"
                                        << "q.weight_scale";
    QTest::newRow("DeepSeek") << "q.weight"
                              << "q.weight_scale_inv";
    QTest::newRow("DeepSeek's converter") << "q.weight"
                                          << "q.scale";
    QTest::newRow("ComfyUI") << "q.weight"
                             << "q.scale_weight";
    QTest::newRow("experts") << "mlp.experts.down_proj"
                             << "mlp.experts.down_proj_scale";
    QTest::newRow("experts, inverse") << "experts.down_proj"
                                      << "experts.down_proj_scale_inv";
    QTest::newRow("groups of HDF5") << "a/q/weight"
                                    << "a/q/weight_scale_inv";
  }
  void namesOfScalesAreThoseOfManyWriters() {
    QFETCH(QString, codes);
    QFETCH(QString, scales);
    const SharedContainer container =
        opened({{codes.toStdString(), "F8_E4M3", {4, 8}}, {scales.toStdString(), "F32", {4, 1}}});
    const auto lines = linesOf(container);
    QCOMPARE(lines.at(codes.toStdString()), std::string("4x8 float8_e4m3fn x row scales"));
    QCOMPARE(lines.at(scales.toStdString()),
             "scales of " + codes.toStdString() + ", which is float8");
  }

  void throughTheReaderAndAcrossShardsTheyAreWeights() {
    const QTemporaryDir directory;
    const auto write = [&](const char* name, const std::string& bytes) {
      QFile file(directory.filePath(name));
      if (!file.open(QIODevice::WriteOnly)) qFatal("no file");
      file.write(bytes.data(), static_cast<qint64>(bytes.size()));
      return file.fileName().toStdString();
    };
    const std::string codes = codesFor(130 * 200);
    const std::vector<float> scales = scalesFor(4);
    write("a.safetensors", fileOf({{"q.weight", "F8_E4M3", {130, 200}, codes}}));
    write("b.safetensors", fileOf({{"q.weight_scale_inv", "F32", {2, 2}, bytesOf(scales)}}));
    const std::string index =
        write("model.safetensors.index.json", R"({"weight_map":{"q.weight":"a.safetensors",
              "q.weight_scale_inv":"b.safetensors"}})");
    const auto source = openTensorSource(index);
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE((*source)->format(), std::string("safetensors, float8 with scales"));
    const auto info = findTensor(**source, "q.weight");
    QVERIFY(info && info->quantizable);
    QCOMPARE(info->dtype, std::string("float8_e4m3fn x 128x128 block scales"));
    QCOMPARE(info->bytes, std::uint64_t{130 * 200});
    const auto rows = (*source)->load(*info, Orientation::Rows);
    QVERIFY2(rows, rows ? "" : rows.error().message.c_str());
    const std::vector<float> expected =
        decoded(codes, scales, {{0, 0}, {130, 200}}, 200, 128, 128, 2);
    std::vector<float> room;
    for (std::size_t r = 0; r < 130; ++r) {
      const MatrixView view = rows->block(r, 1, room);
      QVERIFY(std::equal(view.data, view.data + 200,
                         expected.begin() + static_cast<std::ptrdiff_t>(200 * r)));
    }
    QVERIFY(QFile::remove(directory.filePath("b.safetensors")));
    const auto without = openTensorSource(index);
    QVERIFY(without);
    const auto bare = findTensor(**without, "q.weight");
    QVERIFY(bare && !bare->quantizable);
    QVERIFY2(bare->reason.starts_with("float8_e4m3fn whose scales, q.weight_scale_inv, cannot be "
                                      "read: b.safetensors: no such file"),
             bare->reason.c_str());
  }
};

QTEST_GUILESS_MAIN(QuantizedTest)
#include "quantized_test.moc"
