#include "core/exporting/formats/bitsandbytes.h"

#include <cmath>

#include "core/quant/codebooks.h"
#include "core/quant/coding.h"
#include "tests/core/exporting/packed_golden.h"
#include "tests/support/quantizing.h"

using namespace quantoscope;
using namespace quantoscope::test;
using namespace quantoscope::test::upstream;

namespace {

constexpr float kFp4Levels[] = {0, 0.0625f,  8,  12,  4,  6,  2,  3,
                                0, -0.0625f, -8, -12, -4, -6, -2, -3};
constexpr int kNf4Codes[] = {7, 1, 2, 3, 4, 5, 6, 0, -8, -7, -6, -5, -4, -3, -2, -1};

bool isNf4(const PackedCase& golden) {
  return golden.name().rfind("bnb_nf4", 0) == 0;
}

QuantSpec specOf(const PackedCase& golden) {
  QuantSpec spec = QuantSpec{}.withDtype(isNf4(golden) ? Dtype::Nf4 : Dtype::Fp4E2m1Bnb);
  spec.groupSize = golden.number("group_size");
  if (golden.number("nested") != 0) spec.doubleQuant = DoubleQuant{};
  return spec;
}

/// Blocks that cross rows are those of one long row: all but the text of the shape is the same.
bool isFlat(const PackedCase& golden) {
  return golden.number("in") % golden.number("group_size") != 0;
}

ExportTensor tensorFor(const PackedCase& golden) {
  const QuantSpec spec = specOf(golden);
  const bool flat = isFlat(golden);
  const TensorInfo info =
      PackedCase::infoOf(flat ? 1 : golden.out(), flat ? golden.out() * golden.in() : golden.in(),
                         golden.text("dtype"));
  ExportTensor tensor{info, {spec, {}, {}, {}}, {}, {}, {}, {}};
  tensor.quantized.parameters.layout = layoutOf(spec, info.rows, info.cols);
  tensor.quantized.parameters.scale = golden.floats("scales");
  if (!isNf4(golden)) {
    for (float& scale : tensor.quantized.parameters.scale) scale /= 12;
  }
  std::vector<std::int8_t> codes;
  for (const double pattern : golden.values("codes")) {
    const int p = static_cast<int>(pattern);
    codes.push_back(
        static_cast<std::int8_t>(isNf4(golden) ? kNf4Codes[p] : (p > 8 ? p - 16 : p % 8)));
  }
  tensor.quantized.codes = std::move(codes);
  return tensor;
}

/// Upstream's fp4 has two zeros, 0 and 8, by the sign of the weight; both are +0, and ours is 0.
void withOneZero(const std::string& array, std::vector<std::byte>& bytes) {
  if (array != "weight") return;
  constexpr auto kLow = std::byte{0x0f};
  constexpr auto kHigh = std::byte{0xf0};
  for (std::byte& two : bytes) {
    if ((two & kLow) == std::byte{0x08}) two &= kHigh;
    if ((two & kHigh) == std::byte{0x80}) two &= kLow;
  }
}

/// Decodes with the scales that the row says are in the file, within a few units in the last place
/// of float32 before it is rounded: our fp4 levels are twelve times those of the file, and the mean
/// of nested scales is ours.
void compareValues(const PackedCase& golden, ExportTensor tensor) {
  const QuantSpec& spec = tensor.quantized.spec;
  GroupParameters& parameters = tensor.quantized.parameters;
  bitsandbytesFormat().storeScales(tensor.info, spec, parameters);
  const std::vector<double> patterns = golden.values("codes");
  const std::vector<float> wanted = golden.decoded();
  const Codebook& nf4 = codebookOf(Dtype::Nf4);
  QVERIFY(!wanted.empty());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto p = static_cast<std::size_t>(patterns[i]);
    const std::size_t group = i / parameters.layout.groupSize;
    const float value =
        (isNf4(golden) ? nf4.levels[p] : kFp4Levels[p]) * parameters.decoding()[group];
    const float slack = std::fabs(value) * 0x1p-20f;
    const float low = golden.rounded(value - slack);
    const float high = golden.rounded(value + slack);
    if (wanted[i] < low || wanted[i] > high) {
      QFAIL((golden.name() + ": weight " + std::to_string(i) + " is " + std::to_string(value) +
             ", not " + std::to_string(wanted[i]))
                .c_str());
    }
  }
}

}  // namespace

class BitsandbytesTest : public QObject {
  Q_OBJECT

 private slots:
  void blocksArePackedAsUpstreamPacksThem() {
    for (const char* kind : {"bnb_nf4/", "bnb_fp4/"}) {
      const auto cases = PackedCase::all(kind);
      QCOMPARE(cases.size(), std::size_t{6});
      for (const PackedCase& golden : cases) {
        std::vector<std::string> except;
        const std::string state =
            std::string("weight.quant_state.bitsandbytes__") + (isNf4(golden) ? "nf4" : "fp4");
        if (isFlat(golden) || golden.number("nested") != 0) except.push_back(state);
        // Scales here are twelfths of these, which float32 rounds: compareValues() looks at them.
        if (!isNf4(golden)) except.emplace_back("weight.absmax");
        compareArrays(golden, bitsandbytesLayout(), tensorFor(golden), except,
                      isNf4(golden) ? nullptr : withOneZero);
        compareValues(golden, tensorFor(golden));
        if (QTest::currentTestFailed()) return;
      }
    }
  }

  void configurationsAreThoseThatUpstreamReads() {
    for (const PackedCase& golden : PackedCase::all("bnb_")) {
      const ModelHeader header = headerOf({{"m.weight", 64, 128}}, specOf(golden));
      const Json config = bitsandbytesLayout().config(header);
      const auto wanted = parseJson(golden.text("config"), "config");
      QVERIFY(wanted);
      QCOMPARE(config.asObject()->size(), std::size_t{8});
      for (const auto& [key, value] : *config.asObject()) {
        const Json* same = wanted->find(key);
        QVERIFY2(same != nullptr && *same == value, (golden.name() + " " + key).c_str());
      }
    }
  }

  void layersThatStayAreSkipped() {
    const ModelHeader header = headerOf({{"model.layers.0.mlp.down_proj.weight", 256, 512}},
                                        specOf(PackedCase::all("bnb_nf4/")[0]),
                                        {{"model.embed_tokens.weight", 1000, 256},
                                         {"model.layers.0.mlp.gate.weight", 8, 256},
                                         {"lm_head.weight", 1000, 256}});
    const Json config = bitsandbytesLayout().config(header);
    QVERIFY(*config.find("llm_int8_skip_modules") ==
            Json::arrayOf(std::vector<std::string>{"model.layers.0.mlp.gate", "lm_head"}));
  }

  void theStateOfNestedScalesIsJsonOfAFixedLength() {
    QuantSpec spec = QuantSpec{}.withDtype(Dtype::Nf4);
    spec.groupSize = 32;
    spec.doubleQuant = DoubleQuant{};
    for (const float deviation : {0.02f, 1.0f, 1e-20f}) {
      const WeightTensor tensor = tensorOf(8, 64, normalValues(512, 4, deviation), "m.weight");
      TensorInfo info = tensor.info();
      info.dtype = "float32";
      const ExportTensor exported{
          info, *quantizedAt(tensor, spec, ClipRatios::whole(1.0), Executor(1)), {}, {}, {}, {}};
      const auto plan = bitsandbytesLayout().plan(info, spec);
      const PackedArrays packed = bitsandbytesLayout().pack(exported, plan, Executor(1));
      QCOMPARE(plan.back().name, std::string("m.weight.quant_state.bitsandbytes__nf4"));
      QCOMPARE(packed.back().size(), static_cast<std::size_t>(plan.back().bytes()));
      std::string text(packed.back().size(), '\0');
      std::memcpy(text.data(), packed.back().data(), text.size());
      const auto state = parseJson(text, "state");
      QVERIFY2(state, text.c_str());
      const auto plain = bitsandbytesFormat();
      GroupParameters stored = exported.quantized.parameters;
      plain.storeScales(info, spec, stored);
      const NestedScales nested = NestedScales::of(stored.scale);
      QCOMPARE(static_cast<float>(state->find("nested_offset")->asNumber(0)), nested.offset);
      QVERIFY(*state->find("shape") == Json::arrayOf(std::vector<int>{8, 64}));
      for (std::size_t i = 0; i < stored.scale.size(); ++i) {
        QCOMPARE(stored.decodeScale[i], nested.at(i));
        QVERIFY(std::fabs(nested.at(i) - stored.scale[i]) <= 0.01f * stored.scale[i]);
      }
    }
  }

  void equalScalesNestWithoutAnError() {
    const NestedScales nested = NestedScales::of(std::vector<float>(300, 0.25f));
    QCOMPARE(nested.absmax.size(), std::size_t{2});
    for (std::size_t i = 0; i < 300; ++i) QCOMPARE(nested.at(i), 0.25f);
    QVERIFY(NestedScales::of({}).codes.empty());
  }

  void findingsNameRuleAndRemedy() {
    const std::string rule = " [bitsandbytes, functional.py] -> ";
    const std::string powers = "; allowed are powers of two from 32 to 4096" + rule;
    const std::string rows = "its blocks run on from row to row, so groups of ";
    const std::string noPlace =
        " has no place in it; allowed are nf4 and fp4 (fp4_e2m1_bnb)" + rule;
    DoubleQuant fourBits;
    fourBits.bits = 4;
    compareFindings(
        bitsandbytesFormat(),
        {{tableSpec(Dtype::Nf4, 64), 256, 512, ""},
         {tableSpec(Dtype::Fp4E2m1Bnb, 128), 256, 512, ""},
         {tableSpec(Dtype::Nf4, -1), 256, 512, ""},
         {tableSpec(Dtype::Fp4, 32), 256, 512,
          "note m.weight: blocks of 32: bitsandbytes 0.50 reads them, older ones do not "
          "[bitsandbytes, functional.py]\n"},
         {tableSpec(Dtype::Fp4E2m1, 64), 256, 512,
          "refused m.weight: fp4_e2m1" + noPlace + "use nf4 g64\n"},
         {intSpec(4, 128, Scheme::Sym), 256, 512,
          "refused m.weight: int" + noPlace + "use nf4 g128\n"},
         {intSpec(4, 128, Scheme::Sym), 256, 500,
          "refused m.weight: int" + noPlace + "leave it as it is\n"},
         {tableSpec(Dtype::Nf4, 48), 256, 480,
          "refused m.weight: groups of 48" + powers + "use nf4 g32\n"},
         {tableSpec(Dtype::Nf4, -1), 256, 480,
          "refused m.weight: groups of 480" + powers + "use nf4 g32\n"},
         {tableSpec(Dtype::Nf4, 16), 256, 512,
          "refused m.weight: groups of 16" + powers + "use nf4 g32\n"},
         {tableSpec(Dtype::Nf4, 8192), 8, 8192,
          "refused m.weight: groups of 8192" + powers + "use nf4 g4096\n"},
         {tableSpec(Dtype::Nf4, 64), 256, 480,
          "refused m.weight: " + rows +
              "64 do not fit rows of 480; allowed are sizes that divide them" + rule +
              "use nf4 g32\n"},
         {doubled(tableSpec(Dtype::Nf4, 64)), 256, 512,
          "note m.weight: its scales get bitsandbytes' own nested form: 8-bit floats in blocks of "
          "256 [bitsandbytes, functional.py]\n"},
         {doubled(tableSpec(Dtype::Nf4, 64), fourBits), 256, 512,
          "refused m.weight: double quantization of another kind than its own; allowed is int8 "
          "asym g256" +
              rule + "use nf4 g64, double quant\n"}});
  }

  void oneKindServesTheWholeModel() {
    ModelHeader header =
        headerOf({{"l.a.weight", 64, 256}, {"l.b.weight", 64, 256}}, tableSpec(Dtype::Nf4, 64));
    header.plan.tensors["l.b.weight"].spec = tableSpec(Dtype::Nf4, 128);
    QCOMPARE(told(bitsandbytesFormat().check(header)), std::string());
    header.plan.tensors["l.b.weight"].spec = tableSpec(Dtype::Fp4, 128);
    QCOMPARE(told(bitsandbytesFormat().check(header)),
             std::string("refused l.b.weight: is fp4, and the configuration says nf4, as "
                         "l.a.weight is; allowed is one for all [bitsandbytes, functional.py] -> "
                         "use nf4 g128\n"));
  }
};

QTEST_APPLESS_MAIN(BitsandbytesTest)
#include "bitsandbytes_test.moc"
