#include "core/exporting/formats/mlx.h"

#include <cmath>

#include "core/quant/codebooks.h"
#include "core/quant/coding.h"
#include "tests/core/exporting/packed_golden.h"
#include "tests/support/quantizing.h"

using namespace quantoscope;
using namespace quantoscope::test;
using namespace quantoscope::test::upstream;

namespace {

ExportTensor tensorFor(const PackedCase& golden, Dtype dtype) {
  QuantSpec spec = dtype == Dtype::Int
                       ? intSpec(golden.number("bits"), golden.number("group_size"), Scheme::Asym)
                       : QuantSpec{}.withDtype(dtype);
  ExportTensor tensor{golden.info(), {spec, {}, {}, {}}, {}, {}, {}, {}};
  GroupParameters& parameters = tensor.quantized.parameters;
  parameters.layout = layoutOf(spec, golden.out(), golden.in());
  parameters.scale = golden.floats("scales");
  parameters.offset = golden.floats("offsets");
  const std::vector<double> codes = golden.values("codes");
  if (dtype == Dtype::Mxfp4) {
    tensor.quantized.codes = std::vector<std::int8_t>(codes.begin(), codes.end());
  } else {
    tensor.quantized.codes = std::vector<std::uint8_t>(codes.begin(), codes.end());
  }
  return tensor;
}

/// scale * code + offset, each result rounded to the type of the scales, as MLX computes it.
void compareValues(const PackedCase& golden, ExportTensor tensor) {
  GroupParameters& parameters = tensor.quantized.parameters;
  mlxFormat().storeScales(tensor.info, tensor.quantized.spec, parameters);
  const GroupLayout& layout = parameters.layout;
  const std::vector<double> codes = golden.values("codes");
  const std::vector<float> wanted = golden.decoded();
  QVERIFY(!wanted.empty());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t group =
        i / layout.cols * layout.groupsPerRow() + i % layout.cols / layout.groupSize;
    const float product =
        golden.rounded(static_cast<float>(codes[i]) * parameters.decoding()[group]);
    const float value = golden.rounded(product + parameters.offset[group]);
    if (value != wanted[i]) {
      QFAIL((golden.name() + ": weight " + std::to_string(i) + " is " + std::to_string(value) +
             ", not " + std::to_string(wanted[i]))
                .c_str());
    }
  }
}

}  // namespace

class MlxTest : public QObject {
  Q_OBJECT

 private slots:
  void integersArePackedAsMlxPacksThem() {
    const auto cases = PackedCase::all("mlx/affine");
    QCOMPARE(cases.size(), std::size_t{54});
    for (const PackedCase& golden : cases) {
      compareArrays(golden, mlxLayout(), tensorFor(golden, Dtype::Int));
      compareValues(golden, tensorFor(golden, Dtype::Int));
      if (QTest::currentTestFailed()) return;
    }
  }

  void blocksUnderPowersOfTwoArePackedAsMlxPacksThem() {
    for (const Dtype dtype : {Dtype::Mxfp4, Dtype::Mxfp8}) {
      const auto cases = PackedCase::all(std::string("mlx/") + nameOf(dtype));
      QCOMPARE(cases.size(), std::size_t{2});
      for (const PackedCase& golden : cases) {
        compareArrays(golden, mlxLayout(), tensorFor(golden, dtype));
      }
    }
  }

  /// MLX chooses another exponent where that is nearer to amax / 448; with it the codes are ours.
  void mxfp8FindsTheCodesOfMlx() {
    for (const PackedCase& golden : PackedCase::all("mlx/mxfp8")) {
      const WeightTensor tensor = tensorOf(golden.out(), golden.in(), golden.floats("weight"));
      const Matrix scales(golden.out(), golden.in() / 32, golden.floats("scales"));
      const Matrix codes = codesFromScales(
          tensor, coded(tensor, QuantSpec{}.withDtype(Dtype::Mxfp8)), scales, nullptr);
      const std::vector<double> wanted = golden.values("codes");
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double pattern = wanted[i] == 0x80 ? 0 : wanted[i];
        QCOMPARE(static_cast<double>(codes.values[i]), pattern);
      }
    }
  }

  void layersThatDifferFromMostAreNamed() {
    ModelHeader header = headerOf({{"model.layers.0.a.weight", 64, 256},
                                   {"model.layers.0.b.weight", 64, 256},
                                   {"model.layers.0.c.weight", 64, 256},
                                   {"model.layers.0.d.weight", 64, 160}},
                                  intSpec(4, 64, Scheme::Asym));
    compareJson(mlxLayout().config(headerOf({{"m.weight", 64, 256}}, intSpec(3, 32, Scheme::Sym))),
                "{\"group_size\":32,\"bits\":3,\"mode\":\"affine\"}");
    header.plan.tensors["model.layers.0.a.weight"].spec = QuantSpec{}.withDtype(Dtype::Mxfp8);
    compareJson(mlxLayout().config(header),
                "{\"group_size\":64,\"bits\":4,\"mode\":\"affine\",\"model.layers.0.a\":"
                "{\"group_size\":32,\"bits\":8,\"mode\":\"mxfp8\"},\"model.layers.0.d\":"
                "{\"group_size\":32,\"bits\":4}}");
    QCOMPARE(QByteArray(mlxLayout().configAlias), QByteArray("quantization"));
    QCOMPARE(QByteArray(mlxLayout().metadataFormat), QByteArray("mlx"));
  }

  void symmetricCodesComeBackExactly() {
    struct Row {
      int bits;
      long long groupSize;
      int storedBits;
      std::size_t blocks;
    };
    const std::vector<Row> rows = {{4, 64, 4, 5}, {8, 32, 8, 10}, {7, 160, 8, 10},
                                   {1, -1, 2, 5}, {3, 96, 3, 10}, {2, 320, 2, 5}};
    for (const Row& row : rows) {
      const QuantSpec spec = intSpec(row.bits, row.groupSize, Scheme::Sym);
      const WeightTensor tensor = tensorOf(5, 320, normalValues(1600, 8), "m.weight");
      TensorInfo info = tensor.info();
      info.dtype = "float16";
      ExportTensor exported{
          info, *quantizedAt(tensor, spec, ClipRatios::whole(1.0), Executor(1)), {}, {}, {}, {}};
      GroupParameters& parameters = exported.quantized.parameters;
      mlxFormat().storeScales(info, spec, parameters);
      const auto plan = mlxLayout().plan(info, spec);
      const PackedArrays packed = mlxLayout().pack(exported, plan, Executor(2));
      QCOMPARE(plan.size(), std::size_t{3});
      QVERIFY(plan[0].shape == (std::vector<std::uint64_t>{5, 320u * row.storedBits / 32}));
      QVERIFY(plan[1].shape == (std::vector<std::uint64_t>{5, row.blocks}));
      const auto& codes = std::get<std::vector<std::int8_t>>(exported.quantized.codes);
      const auto half = [](const std::vector<std::byte>& bytes, std::size_t i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes.data() + i * 2, 2);
        return floatFromHalf(bits);
      };
      for (std::size_t i = 0; i < codes.size(); ++i) {
        unsigned stored = 0;  // the code's bits, one by one
        for (int b = 0; b < row.storedBits; ++b) {
          const std::size_t bit = i * row.storedBits + b;
          stored |= (static_cast<unsigned>(packed[0][bit / 8]) >> bit % 8 & 1) << b;
        }
        const std::size_t block = i * row.blocks / 320;
        const std::size_t group =
            i / 320 * parameters.layout.groupsPerRow() + i % 320 / parameters.layout.groupSize;
        const float scale = half(packed[1], block);
        const float value = scale * static_cast<float>(stored) + half(packed[2], block);
        QCOMPARE(scale, parameters.decodeScale[group]);
        QCOMPARE(value, static_cast<float>(codes[i]) * scale);
      }
    }
  }

  void offsetsOfLargeHalfScalesStayFinite() {
    GroupParameters parameters;
    parameters.scale = {65504.0f / 127, -65504.0f / 127, 1};
    mlxFormat().storeScales(PackedCase::infoOf(1, 96, "float16"), intSpec(8, 32, Scheme::Sym),
                            parameters);
    QVERIFY(parameters.decodeScale == (std::vector<float>{511.75f, -511.75f, 1}));
  }

  void symmetricFloat32ScalesLeaveRoomForTheCode() {
    for (const int bits : {2, 4, 8}) {
      GroupParameters parameters;
      parameters.scale = normalValues(200, 5);
      mlxFormat().storeScales(PackedCase::infoOf(1, 6400, "float32"),
                              intSpec(bits, 32, Scheme::Sym), parameters);
      const float half = std::ldexp(1.0f, bits - 1);
      for (std::size_t g = 0; g < 200; ++g) {
        const float scale = parameters.decodeScale[g];
        const float off = std::fabs(scale - parameters.scale[g]);
        QVERIFY(off <= std::ldexp(std::fabs(scale), bits - 24));
        for (float code = -half; code < half; ++code) {
          const float product = scale * (code + half);
          QCOMPARE(product + -half * scale, code * scale);
        }
      }
    }
  }

  void onlyAsymmetricIntegersHaveFittedOffsets() {
    const TensorInfo info = PackedCase::infoOf(1, 96, "bfloat16");
    QVERIFY(mlxFormat().offsetType(info, intSpec(4, 32, Scheme::Asym)) == StoredType::BFloat16);
    QVERIFY(!mlxFormat().offsetType(info, intSpec(4, 32, Scheme::Sym)));
    QVERIFY(!mlxFormat().offsetType(info, QuantSpec{}.withDtype(Dtype::Mxfp4)));
  }

  void findingsNameRuleAndRemedy() {
    const std::string names =
        "note default: layers keep the names that the source gives them, and mlx-lm renames those "
        "of some models when it loads them [mlx-lm #1214]\n";
    const std::string rule = " [mlx, ops.cpp]";
    const std::string noPlace =
        " has no place in it; allowed are int, mxfp4 and mxfp8" + rule + " -> ";
    const auto repeated = [&](int block) {
      return "note m.weight: a scale is repeated for each " + std::to_string(block) +
             " weights of a group" + rule + "\n";
    };
    const std::string half =
        "note m.weight: 8 bits in float16: mlx rounds scale * code and the sum to it, up to 0.12 "
        "of a step [mlx, quantized.cpp]\n";
    compareFindings(
        mlxFormat(),
        {{intSpec(4, 64, Scheme::Asym), 256, 512, names},
         {intSpec(3, 128, Scheme::Sym), 256, 512, names},
         {intSpec(8, 64, Scheme::Asym), 256, 512, half + names},
         {intSpec(7, 64, Scheme::Sym), 256, 512,
          "note m.weight: 7-bit codes take 8 bits there" + rule + "\n" + half + names},
         {intSpec(1, 64, Scheme::Asym), 256, 512,
          "note m.weight: 1-bit codes take 2 bits there" + rule + "\n" + names},
         {intSpec(4, 96, Scheme::Sym), 256, 480, repeated(32) + names},
         {intSpec(4, -1, Scheme::Sym), 256, 512, repeated(128) + names},
         {intSpec(4, 64, Scheme::Sym), 256, 480, repeated(32) + names},
         {intSpec(4, 48, Scheme::Sym), 256, 480,
          "refused m.weight: groups of 48; allowed are multiples of 32, and whole rows" + rule +
              " -> use int4 g32 sym\n" + names},
         {intSpec(4, 16, Scheme::Sym), 256, 512,
          "refused m.weight: groups of 16; allowed are multiples of 32, and whole rows" + rule +
              " -> use int4 g32 sym\n" + names},
         {intSpec(4, 100, Scheme::Sym), 256, 500,
          "refused m.weight: rows of 500; allowed are multiples of 32" + rule +
              " -> leave it as it is\n" + names},
         {doubled(intSpec(4, 128, Scheme::Sym)), 256, 512,
          "refused m.weight: double-quantized scales have no place in it; allowed are plain ones" +
              rule + " -> use int4 g128 sym\n" + names},
         {tableSpec(Dtype::Nf4, 64), 256, 512,
          "refused m.weight: nf4" + noPlace + "use int4 g64 asym\n" + names},
         {tableSpec(Dtype::Nvfp4, 16), 64, 128,
          "refused m.weight: its layers have no place for the scale of the tensor; allowed are "
          "int, mxfp4 and mxfp8" +
              rule + " -> use mxfp4 g32\n" + names},
         {tableSpec(Dtype::Nvfp4, 16), 64, 112,
          "refused m.weight: its layers have no place for the scale of the tensor; allowed are "
          "int, mxfp4 and mxfp8" +
              rule + " -> leave it as it is\n" + names},
         {tableSpec(Dtype::Mxfp4, 32), 64, 128, names},
         {tableSpec(Dtype::Mxfp8, 32), 64, 112,
          "refused m.weight: rows of 112; allowed are multiples of 32" + rule +
              " -> leave it as it is\n" + names}});
  }

  void embeddingsAndHeadsMayBeQuantizedAndConvolutionsNot() {
    ModelHeader header =
        headerOf({{"lm_head.weight", 64, 256}, {"model.embed_tokens.weight", 64, 256}},
                 intSpec(4, 64, Scheme::Sym));
    const std::string before = told(mlxFormat().check(header));
    QCOMPARE(before.substr(0, 13), std::string("note default:"));
    TensorInfo conv = header.tensors[0];
    conv.name = "vision.conv.weight";
    conv.shape = {64, 3, 16, 16};
    header.tensors.push_back(conv);
    QCOMPARE(told(mlxFormat().check(header)),
             "usual vision.conv.weight: 4 axes: only linear layers and embeddings are quantized "
             "[mlx, nn/layers/quantized.py] -> leave it as it is\n" +
                 before);
  }

  void expertsOfOneProjectionMustAgree() {
    ModelHeader header = headerOf({{"l.experts.0.w1.weight", 64, 256},
                                   {"l.experts.0.w2.weight", 64, 256},
                                   {"l.experts.1.w1.weight", 64, 256},
                                   {"l.experts.1.w2.weight", 64, 256}},
                                  intSpec(4, 64, Scheme::Sym));
    header.plan.tensors["l.experts.0.w2.weight"].spec = intSpec(6, 64, Scheme::Sym);
    header.plan.tensors["l.experts.1.w2.weight"].spec = intSpec(6, 64, Scheme::Asym);
    const std::string before = told(mlxFormat().check(header));
    QVERIFY(before.find("refused") == std::string::npos);
    header.plan.tensors["l.experts.1.w2.weight"].spec = intSpec(5, 64, Scheme::Sym);
    QCOMPARE(told(mlxFormat().check(header)),
             "refused l.experts.1.w2.weight: loaders put the experts together, and "
             "l.experts.0.w2.weight has affine 6 bits g64; allowed is the same for all [mlx-lm, "
             "models (sanitize)] -> use int6 g64 sym\n" +
                 before);
  }
};

QTEST_APPLESS_MAIN(MlxTest)
#include "mlx_test.moc"
