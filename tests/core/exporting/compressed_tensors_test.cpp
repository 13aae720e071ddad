#include "core/exporting/formats/compressed_tensors.h"

#include <cmath>

#include "core/quant/codebooks.h"
#include "core/quant/coding.h"
#include "tests/core/exporting/packed_golden.h"
#include "tests/support/quantizing.h"

using namespace quantoscope;
using namespace quantoscope::test;
using namespace quantoscope::test::upstream;

namespace {

/// Codes and zero points as the engine counts them: of asym from 0, else as they are.
ExportTensor integers(const PackedCase& golden) {
  const bool sym = golden.number("sym") != 0;
  QuantSpec spec =
      intSpec(golden.number("bits"), golden.number("group_size"), sym ? Scheme::Sym : Scheme::Asym);
  ExportTensor tensor{golden.info(), {spec, {}, {}, {}}, {}, {}, {}, {}};
  GroupParameters& parameters = tensor.quantized.parameters;
  parameters.layout = layoutOf(spec, golden.out(), golden.in());
  parameters.scale = golden.floats("scales");
  const int half = 1 << (spec.bits - 1);
  const std::vector<double> codes = golden.values("codes");
  if (sym) {
    tensor.quantized.codes = std::vector<std::int8_t>(codes.begin(), codes.end());
    return tensor;
  }
  std::vector<std::uint8_t> counted;
  for (const double code : codes) counted.push_back(static_cast<std::uint8_t>(code + half));
  tensor.quantized.codes = std::move(counted);
  for (const double zero : golden.values("zeros")) {
    parameters.zeroPoint.push_back(static_cast<float>(zero + half));
  }
  return tensor;
}

ExportTensor floats(const PackedCase& golden, Dtype dtype, long long groupSize) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.groupSize = groupSize;
  ExportTensor tensor{golden.info(), {spec, {}, {}, {}}, {}, {}, {}, {}};
  tensor.quantized.parameters.layout = layoutOf(spec, golden.out(), golden.in());
  tensor.quantized.parameters.scale = golden.floats("scales");
  const std::vector<double> codes = golden.values("codes");
  if (spec.bits == 8) {
    tensor.quantized.codes = std::vector<std::uint8_t>(codes.begin(), codes.end());
  } else {
    tensor.quantized.codes = std::vector<std::int8_t>(codes.begin(), codes.end());
  }
  return tensor;
}

/// The number that a bit pattern of a small float stands for.
float levelOf(Dtype dtype, int pattern) {
  const int signBit = dtype == Dtype::Mxfp8 || dtype == Dtype::Fp8E4m3fn ? 0x80 : 8;
  const Codebook& book = codebookOf(dtype);
  for (std::size_t i = 0; i < book.codes.size(); ++i) {
    if (book.codes[i] == pattern) return book.levels[i];
  }
  return pattern == signBit ? -0.0f : std::nanf("");
}

/// Decodes with the scales that the row says are in the file, against upstream's own values.
void compareValues(const PackedCase& golden, ExportTensor tensor) {
  const QuantSpec& spec = tensor.quantized.spec;
  GroupParameters& parameters = tensor.quantized.parameters;
  compressedTensorsFormat().storeScales(tensor.info, spec, parameters);
  const GroupLayout& layout = parameters.layout;
  const std::vector<double> codes = golden.values("codes");
  const std::vector<double> zeros = golden.values("zeros");
  const std::vector<float> wanted = golden.decoded();
  QVERIFY(!wanted.empty());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t row = i / layout.cols;
    const std::size_t group = row * layout.groupsPerRow() + i % layout.cols / layout.groupSize;
    const float level = spec.isFloat() ? levelOf(spec.dtype, static_cast<int>(codes[i]))
                                       : static_cast<float>(codes[i]);
    const float zero = zeros.empty() ? 0 : static_cast<float>(zeros[group]);
    const float value = golden.rounded((level - zero) * parameters.decoding()[group]);
    if (value != wanted[i]) {
      QFAIL((golden.name() + ": weight " + std::to_string(i) + " is " + std::to_string(value) +
             ", not " + std::to_string(wanted[i]))
                .c_str());
    }
  }
}

}  // namespace

class CompressedTensorsTest : public QObject {
  Q_OBJECT

 private slots:
  void integersArePackedAsUpstreamPacksThem() {
    const auto cases = PackedCase::all("ct_pack_quantized/");
    QCOMPARE(cases.size(), std::size_t{13});
    for (const PackedCase& golden : cases) {
      compareArrays(golden, compressedTensorsLayout(), integers(golden));
      compareValues(golden, integers(golden));
      if (QTest::currentTestFailed()) return;
    }
  }

  void nvfp4IsPackedAsUpstreamPacksIt() {
    const auto cases = PackedCase::all("ct_nvfp4_pack_quantized/");
    QCOMPARE(cases.size(), std::size_t{3});
    int inexact = 0;
    for (const PackedCase& golden : cases) {
      ExportTensor tensor = floats(golden, Dtype::Nvfp4, 16);
      float global = 0;
      const auto stored = golden.bytes("weight_global_scale");
      std::memcpy(&global, stored.data(), sizeof(global));
      tensor.quantized.parameters.tensorScale = 1 / global;
      // Not every divisor is one over a float32 number, which is what the engine multiplies with.
      const float back = 1 / tensor.quantized.parameters.tensorScale;
      std::vector<std::string> except;
      if (back != global) except.push_back("weight_global_scale");
      QVERIFY(back == global || back == std::nextafter(global, 1e9f));
      inexact += back == global ? 0 : 1;
      compareArrays(golden, compressedTensorsLayout(), tensor, except);
      compareValues(golden, tensor);
      if (QTest::currentTestFailed()) return;
    }
    QCOMPARE(inexact, 1);
  }

  void blocksUnderPowersOfTwoArePackedAsUpstreamPacksThem() {
    const auto fours = PackedCase::all("ct_mxfp4_pack_quantized/");
    const auto eights = PackedCase::all("ct_mxfp8_quantized/");
    QCOMPARE(fours.size() + eights.size(), std::size_t{5});
    for (const PackedCase& golden : fours) {
      compareArrays(golden, compressedTensorsLayout(), floats(golden, Dtype::Mxfp4, 32));
      compareValues(golden, floats(golden, Dtype::Mxfp4, 32));
    }
    for (const PackedCase& golden : eights) {
      compareArrays(golden, compressedTensorsLayout(), floats(golden, Dtype::Mxfp8, 32));
      compareValues(golden, floats(golden, Dtype::Mxfp8, 32));
    }
  }

  void mxfp8FindsTheCodesAndExponentsOfUpstream() {
    for (const PackedCase& golden : PackedCase::all("ct_mxfp8_quantized/")) {
      const std::size_t cols = golden.in();
      const WeightTensor tensor = tensorOf(golden.out(), cols, golden.floats("weight"));
      const auto quantized = *quantizedAt(tensor, QuantSpec{}.withDtype(Dtype::Mxfp8),
                                          ClipRatios::whole(1.0), Executor(1));
      const auto& codes = std::get<std::vector<std::uint8_t>>(quantized.codes);
      const std::vector<double> wanted = golden.values("codes");
      const std::vector<float> scales = golden.floats("scales");
      for (std::size_t i = 0; i < codes.size(); ++i) {
        // A zero keeps its sign there, and not here.
        QCOMPARE(codes[i] == 0 ? 0x80 : int{codes[i]}, wanted[i] == 0 ? 0x80 : int(wanted[i]));
      }
      for (std::size_t g = 0; g < scales.size(); ++g) {
        const auto* group = codes.data() + g * 32;
        const bool empty = std::all_of(group, group + 32, [](int code) { return code == 0; });
        // Of zeros alone any exponent does: upstream's is that of the smallest normal number.
        if (!empty) QCOMPARE(quantized.parameters.scale[g], scales[g]);
      }
    }
  }

  void fp8IsPackedAsUpstreamPacksIt() {
    const auto cases = PackedCase::all("ct_float_quantized/");
    QCOMPARE(cases.size(), std::size_t{2});
    for (const PackedCase& golden : cases) {
      compareArrays(golden, compressedTensorsLayout(), floats(golden, Dtype::Fp8E4m3fn, -1));
      compareValues(golden, floats(golden, Dtype::Fp8E4m3fn, -1));
    }
  }

  void configurationsAreThoseThatUpstreamReads() {
    int compared = 0;
    for (const PackedCase& golden : PackedCase::all("ct_")) {
      const std::string wanted = golden.text("config");
      // With quantized inputs; weights alone are what we export.
      if (wanted.find("\"input_activations\": null") == std::string::npos) continue;
      const bool integer = golden.name().find("ct_pack") == 0;
      const std::string kind = golden.name().substr(0, golden.name().find('/'));
      const Dtype dtype = kind == "ct_nvfp4_pack_quantized"   ? Dtype::Nvfp4
                          : kind == "ct_mxfp4_pack_quantized" ? Dtype::Mxfp4
                                                              : Dtype::Mxfp8;
      const QuantSpec spec =
          integer ? integers(golden).quantized.spec : QuantSpec{}.withDtype(dtype);
      const ModelHeader header = headerOf({{"m.weight", golden.out(), golden.in()}}, spec);
      compareJson(compressedTensorsLayout().config(header), wanted);
      if (QTest::currentTestFailed()) return;
      ++compared;
    }
    QCOMPARE(compared, 20);
  }

  void unquantizedLayersAreIgnored() {
    const ModelHeader header =
        headerOf({{"model.layers.0.mlp.down_proj.weight", 256, 512}}, intSpec(4, 128, Scheme::Asym),
                 {{"model.embed_tokens.weight", 1000, 256},
                  {"model.layers.0.mlp.gate.weight", 8, 256},
                  {"model.layers.0.mlp.up_proj.weight", 512, 256}});
    compareJson(compressedTensorsLayout().config(header),
                "{\"quant_method\":\"compressed-tensors\",\"format\":\"pack-quantized\","
                "\"quantization_status\":\"compressed\",\"ignore\":[\"model.layers.0.mlp.gate\","
                "\"model.layers.0.mlp.up_proj\",\"lm_head\"],\"config_groups\":{\"group_0\":"
                "{\"targets\":[\"Linear\"],\"input_activations\":null,\"output_activations\":null,"
                "\"weights\":{\"num_bits\":4,\"type\":\"int\",\"symmetric\":false,\"strategy\":"
                "\"group\",\"group_size\":128,\"dynamic\":false}}}}");
  }

  void mixedModelsNameTheirLayersUnderAllNames() {
    ModelHeader header = headerOf({{"model.layers.0.self_attn.q_proj.weight", 256, 256},
                                   {"model.layers.0.self_attn.k_proj.weight", 64, 256},
                                   {"model.layers.0.self_attn.v_proj.weight", 64, 256},
                                   {"model.layers.0.self_attn.o_proj.weight", 256, 256},
                                   {"model.layers.0.mlp.down_proj.weight", 256, 512}},
                                  intSpec(4, 128, Scheme::Sym));
    header.plan.tensors["model.layers.0.self_attn.o_proj.weight"].spec =
        intSpec(8, -1, Scheme::Asym);
    const std::string weights =
        "\"input_activations\":null,\"output_activations\":null,\"weights\":{\"num_bits\":";
    const std::string fours =
        "\"group_0\":{\"targets\":[\"re:^model\\\\.layers\\\\.0\\\\.self_attn\\\\."
        "(q_proj|k_proj|v_proj|qkv_proj)$\",\"re:^model\\\\.layers\\\\.0\\\\.mlp\\\\.down_proj$\"]"
        "," +
        weights +
        "4,\"type\":\"int\",\"symmetric\":true,\"strategy\":\"group\",\"group_size\":128,"
        "\"dynamic\":false},\"format\":\"pack-quantized\"}";
    const std::string eights =
        "\"group_1\":{\"targets\":[\"re:^model\\\\.layers\\\\.0\\\\.self_attn\\\\.o_proj$\"]," +
        weights +
        "8,\"type\":\"int\",\"symmetric\":false,\"strategy\":\"channel\",\"group_size\":null,"
        "\"dynamic\":false},\"format\":\"pack-quantized\"}";
    const auto whole = [](const std::string& format, const std::string& groups) {
      return "{\"quant_method\":\"compressed-tensors\",\"format\":\"" + format +
             "\",\"quantization_status\":\"compressed\",\"ignore\":[\"lm_head\"],"
             "\"config_groups\":{" +
             groups + "}}";
    };
    compareJson(compressedTensorsLayout().config(header),
                whole("pack-quantized", fours + "," + eights));

    // Of several formats none is the model's.
    std::string fourths = fours;
    const std::string down = ",\"re:^model\\\\.layers\\\\.0\\\\.mlp\\\\.down_proj$\"";
    fourths.erase(fourths.find(down), down.size());
    const std::string blocks =
        "\"group_2\":{\"targets\":[" + down.substr(1) + "]," + weights +
        "4,\"type\":\"float\",\"symmetric\":true,\"strategy\":\"tensor_group\",\"group_size\":16,"
        "\"dynamic\":false,\"scale_dtype\":\"torch.float8_e4m3fn\"},"
        "\"format\":\"nvfp4-pack-quantized\"}";
    header.plan.tensors["model.layers.0.mlp.down_proj.weight"].spec =
        QuantSpec{}.withDtype(Dtype::Nvfp4);
    compareJson(compressedTensorsLayout().config(header),
                whole("mixed-precision", fourths + "," + eights + "," + blocks));
  }

  void scalesAreRoundedOnceToTheTypeOfTheModel() {
    GroupParameters parameters;
    parameters.scale = {0.1f, 1e-3f};
    const auto stored = [&](const char* dtype) {
      GroupParameters copy = parameters;
      compressedTensorsFormat().storeScales(PackedCase::infoOf(1, 2, dtype),
                                            intSpec(4, 1, Scheme::Sym), copy);
      return copy.decodeScale;
    };
    QVERIFY(stored("float16") == (std::vector<float>{0.0999755859375f, 0.00100040435791015625f}));
    QVERIFY(stored("bfloat16") == (std::vector<float>{0.10009765625f, 0.00099945068359375f}));
    QVERIFY(stored("float32").empty());
    QVERIFY(stored("float64").empty());
  }

  void findingsNameRuleAndRemedy() {
    const std::string dense =
        ": packed densely, which compressed-tensors reads from 0.17 on [compressed-tensors "
        "3f01c782]\n";
    const std::string notDivided = "leave a tail in rows of ";
    const std::string noPlace =
        " has no place in it; allowed are int, mxfp4, mxfp8, nvfp4 and fp8_e4m3fn -> ";
    const std::string marlinShape =
        "note m.weight: vLLM's Marlin kernel takes outputs in multiples of 64 and inputs in "
        "multiples of 128, of each part where tensors are split [vLLM, marlin_utils]\n";
    const std::string float8 =
        "note m.weight: inputs stay as they are: vLLM runs it as W8A16 [vLLM, "
        "compressed_tensors.py]\n";
    compareFindings(
        compressedTensorsFormat(),
        {{intSpec(4, 128, Scheme::Sym), 256, 512, ""},
         {intSpec(4, 128, Scheme::Asym), 256, 512, ""},
         {intSpec(8, -1, Scheme::Sym), 256, 512, ""},
         {intSpec(4, 1024, Scheme::Asym), 256, 512, ""},
         {intSpec(3, 64, Scheme::Sym), 256, 512,
          "note m.weight: 3 bits" + dense +
              "note m.weight: 3 bits: vLLM runs 4 and 8 bits, 2 to 8 with its Humming kernel "
              "[vLLM, compressed_tensors_wNa16]\n"},
         {intSpec(5, 64, Scheme::Asym), 256, 512,
          "note m.weight: 5 bits" + dense +
              "note m.weight: 5 bits asym: vLLM runs 4 and 8 bits asym [vLLM, "
              "compressed_tensors_wNa16]\n"},
         {intSpec(1, 64, Scheme::Sym), 256, 512,
          "refused m.weight: 1 bit sym has the code 1, which a signed bit does not hold; allowed "
          "is asym -> use int1 g64 asym\n"},
         {intSpec(1, 64, Scheme::Asym), 256, 512,
          "note m.weight: 1 bit asym: vLLM runs 4 and 8 bits asym [vLLM, "
          "compressed_tensors_wNa16]\n"},
         {intSpec(4, 128, Scheme::Sym), 256, 192,
          "refused m.weight: groups of 128 " + notDivided +
              "192; allowed are sizes that divide them, and -1 [compressed-tensors #353] -> use "
              "int4 g64 sym\n"},
         {intSpec(4, 48, Scheme::Sym), 256, 384,
          "note m.weight: groups of 48: vLLM's Marlin kernel takes 32, 64, 128 and whole rows "
          "[vLLM, marlin_utils]\n"},
         {intSpec(8, -1, Scheme::Asym), 100, 200, marlinShape},
         {doubled(intSpec(4, 128, Scheme::Sym)), 256, 512,
          "refused m.weight: double-quantized scales have no place in it; allowed are plain ones "
          "-> use int4 g128 sym\n"},
         {tableSpec(Dtype::Nf4, 64), 256, 512,
          "refused m.weight: nf4" + noPlace + "use int4 g64 asym\n"},
         {tableSpec(Dtype::Fp8E5m2, -1), 256, 512,
          "refused m.weight: fp8_e5m2" + noPlace + "use int4 per row asym\n"},
         {tableSpec(Dtype::Iq4Nl, 32), 256, 512,
          "refused m.weight: iq4_nl" + noPlace + "use int4 g32 asym\n"},
         {tableSpec(Dtype::Fp8E4m3fn, 128), 256, 512,
          "refused m.weight: fp8_e4m3fn in groups; allowed is one scale a row, group size -1 -> "
          "use fp8_e4m3fn per row\n"},
         {tableSpec(Dtype::Fp8E4m3fn, -1), 256, 512, float8},
         {tableSpec(Dtype::Fp8E4m3fn, 512), 256, 512, float8},
         {tableSpec(Dtype::Nvfp4, 16), 256, 512, ""},
         {tableSpec(Dtype::Nvfp4, 16), 64, 120,
          "refused m.weight: rows of 120; allowed with nvfp4 are multiples of 16 [vLLM, "
          "compressed_tensors.py] -> use int4 per row asym\n"},
         {tableSpec(Dtype::Mxfp4, 32), 64, 96, ""},
         {tableSpec(Dtype::Mxfp4, 32), 64, 112,
          "refused m.weight: rows of 112; allowed with mxfp4 are multiples of 32 [vLLM, "
          "compressed_tensors.py] -> use int4 per row asym\n"},
         {tableSpec(Dtype::Mxfp8, 32), 64, 128,
          "note m.weight: mxfp8-quantized is new: compressed-tensors 0.18 reads it "
          "[compressed-tensors]\n"}});
  }

  void layersThatAreFusedOrExpertsMustAgree() {
    ModelHeader header = headerOf({{"l.self_attn.q_proj.weight", 256, 256},
                                   {"l.self_attn.k_proj.weight", 64, 256},
                                   {"l.self_attn.v_proj.weight", 64, 256},
                                   {"l.mlp.experts.0.down_proj.weight", 256, 256},
                                   {"l.mlp.experts.1.down_proj.weight", 256, 256}},
                                  intSpec(4, 128, Scheme::Sym));
    QCOMPARE(told(compressedTensorsFormat().check(header)), std::string());
    header.plan.tensors["l.self_attn.k_proj.weight"].spec = intSpec(8, 128, Scheme::Sym);
    header.plan.tensors["l.mlp.experts.1.down_proj.weight"].spec = intSpec(4, 64, Scheme::Sym);
    QCOMPARE(
        told(compressedTensorsFormat().check(header)),
        std::string("refused l.self_attn.k_proj.weight: loaders fuse it into l.self_attn.qkv_proj "
                    "with l.self_attn.q_proj.weight, which has pack-quantized 4 bits g128 sym; "
                    "allowed is the same for both [vLLM, compressed_tensors/utils.py] -> use int4 "
                    "g128 sym\n"
                    "refused l.mlp.experts.1.down_proj.weight: loaders put the experts together, "
                    "and l.mlp.experts.0.down_proj.weight has pack-quantized 4 bits g128 sym; "
                    "allowed is the same for all [vLLM, compressed_tensors_moe] -> use int4 g128 "
                    "sym\n"));
  }

  void headsAndEmbeddingsStayInFloatUnasked() {
    const ModelHeader header =
        headerOf({{"lm_head.weight", 1024, 256}, {"model.embed_tokens.weight", 1024, 256}},
                 tableSpec(Dtype::Nf4, 64));
    QCOMPARE(told(compressedTensorsFormat().check(header)),
             std::string("usual lm_head.weight: an output head, which loaders expect in float "
                         "[vLLM, transformers] -> leave it as it is\n"
                         "usual model.embed_tokens.weight: an embedding, which loaders expect in "
                         "float [vLLM, transformers] -> leave it as it is\n"));
  }

  void matricesStoredTheOtherWayRoundAreNoted() {
    ModelHeader header =
        headerOf({{"h.0.attn.c_attn.weight", 256, 256}}, intSpec(4, 128, Scheme::Sym));
    setAxes(header.tensors[0], AxisMap::columns(2));
    header.tensors[0].transposed = true;
    QCOMPARE(told(compressedTensorsFormat().check(header)),
             std::string("note h.0.attn.c_attn.weight: stored [in, out] and written [out, in]: a "
                         "loader takes it for a Linear layer, not for a Conv1D as GPT-2 has it "
                         "[transformers, Conv1D]\n"));
  }

  void asymmetricExpertsAndManyTensorsShareANote() {
    const ModelHeader header = headerOf({{"l.mlp.experts.0.down_proj.weight", 256, 256},
                                         {"l.mlp.experts.1.down_proj.weight", 256, 256},
                                         {"l.mlp.experts.2.down_proj.weight", 256, 256}},
                                        intSpec(4, 128, Scheme::Asym));
    QCOMPARE(told(compressedTensorsFormat().check(header)),
             std::string("note l.mlp.experts.0.down_proj.weight: asym experts: vLLM runs mixtures "
                         "of experts with sym only (and 2 more) [vLLM, compressed_tensors_moe; "
                         "llm-compressor #2628]\n"));
  }
};

QTEST_APPLESS_MAIN(CompressedTensorsTest)
#include "compressed_tensors_test.moc"
