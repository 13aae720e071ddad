#include "core/exporting/formats/gptq.h"

#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include <QtTest>

#include "tests/core/exporting/packed_cases.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr const char* kName = "model.layers.3.mlp.down_proj.weight";

QuantSpec sym(int bits, long long groupSize) {
  return intSpec(bits, groupSize, Scheme::Sym);
}
QuantSpec asym(int bits, long long groupSize) {
  return intSpec(bits, groupSize, Scheme::Asym);
}

std::string toldOf(const ExportFormat& row, const QuantSpec& spec, std::size_t rows,
                   std::size_t cols) {
  return told(row.check(headerOf({{weightInfo(kName, rows, cols), spec}})));
}

/// A finding about kName as told() writes it.
std::string refusal(const std::string& text) {
  return "refusal: " + (kName + (": " + text)) + "\n";
}
std::string note(const std::string& text) {
  return "note: " + (kName + (": " + text)) + "\n";
}

const std::string kNoMachete = note(
    "Machete, vLLM's kernel for Hopper GPUs, takes groups of 64, 128 or whole rows, multiples of "
    "64 "
    "inputs and 128 outputs alone: Marlin takes its place [vLLM, machete_utils]");
const std::string kTail = note(
    "groups do not divide the inputs: the short group at the end of each row is read by GPTQModel "
    "alone [vLLM, marlin_utils and exllama]");

std::string module(int layer, const std::string& name) {
  return "model.layers." + std::to_string(layer) + "." + name + ".weight";
}

/// Two blocks of a language model, by the specs of some of its layers; the rest is `common`.
ModelHeader modelOf(const QuantSpec& common, const std::map<std::string, QuantSpec>& others = {},
                    const std::set<std::string>& inFloat = {}) {
  std::vector<Chosen> chosen;
  std::vector<TensorInfo> passed = {weightInfo("model.embed_tokens.weight", 256, 128),
                                    weightInfo("lm_head.weight", 256, 128)};
  for (const int layer : {0, 1}) {
    for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                             "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
      const TensorInfo info = weightInfo(module(layer, name), 128, 128);
      if (inFloat.count(info.name) != 0) {
        passed.push_back(info);
        continue;
      }
      const auto own = others.find(info.name);
      chosen.push_back({info, own == others.end() ? common : own->second});
    }
  }
  return headerOf(chosen, passed);
}

std::string configText(GptqVersion version, const ModelHeader& header) {
  Json config = gptqLayout(version).config(header);
  // The version of the program is no part of what is compared.
  config.set("meta", config.find("meta") != nullptr);
  return config.text(-1);
}

}  // namespace

class GptqTest : public QObject {
  Q_OBJECT

 private slots:
  void packsAsUpstreamDoes() {
    const std::tuple<const char*, GptqVersion, ExportFormat> versions[] = {
        {"gptq_v1", GptqVersion::V1, gptqFormat()},
        {"gptq_v2", GptqVersion::V2, gptqV2Format()},
        {"gptq_p", GptqVersion::Planar, gptqPlanarFormat()}};
    std::size_t count = 0;
    for (const auto& [name, version, row] : versions) {
      for (const std::string& one : goldenCases(name)) {
        for (const int threads : {1, 4}) {
          const std::string difference = differenceOf(row, gptqLayout(version), one, threads);
          QVERIFY2(difference.empty(), difference.c_str());
        }
        ++count;
      }
    }
    QCOMPARE(count, std::size_t{28});
  }

  void scalesAreRoundedOnceToHalf() {
    GroupParameters parameters;
    parameters.layout = GroupLayout::of(1, 4, 1);
    parameters.scale = {1.0F, 1.0F + 1.0F / 2048, -0.1F, 1e-8F};
    gptqFormat().storeScales({}, {}, parameters);
    const std::vector<float> expected = {1.0F, 1.0F, -0.0999755859375F, 0.0F};
    QVERIFY(parameters.decodeScale == expected);
    // Those of double quantization count, where there are any.
    parameters.decodeScale = {2.0F, 2.0F, 2.0F, 1.0F / 3};
    gptqFormat().storeScales({}, {}, parameters);
    QCOMPARE(parameters.decodeScale[3], 0.333251953125F);
    QCOMPARE(parameters.scale[1], 1.0F + 1.0F / 2048);
  }

  void theCheckKnowsWhatV1Carries() {
    const ExportFormat row = gptqFormat();
    QuantSpec doubled = sym(4, 128);
    doubled.doubleQuant = DoubleQuant{};
    QuantSpec full = sym(4, 128);
    full.fullRange = true;
    QuantSpec half = sym(8, 64);
    half.halfRange = true;
    struct Case {
      QuantSpec spec;
      std::size_t rows, cols;
      std::string findings;
    };
    const std::string noZeros =
        "asym: loaders refuse zero points in this version; allowed is sym, and asym in gptq_v2, "
        "gptq_p, awq and compressed-tensors [vLLM, auto_gptq; GPTQModel, models/loader] -> use ";
    const Case cases[] = {
        {sym(4, 128), 128, 256, ""},
        {sym(8, -1), 128, 256, ""},
        {full, 128, 256, ""},
        {half, 128, 256, ""},
        {sym(4, 512), 128, 256, ""},  // more than a row has: one group a row
        {asym(4, 128), 128, 256, refusal(noZeros + "int4 g128 sym")},
        {asym(8, 32), 128, 256, refusal(noZeros + "int8 g32 sym")},
        {sym(2, 64), 128, 256,
         refusal("int2; allowed are int4 and int8 sym [vLLM, auto_gptq] -> use int4 g64 sym")},
        {asym(3, 64), 128, 256,
         refusal("int3; allowed are int4 and int8 sym [vLLM, auto_gptq] -> use int4 g64 sym")},
        {sym(5, 64), 128, 256,
         refusal("int5; allowed are int4 and int8 sym [vLLM, auto_gptq] -> use int8 g64 sym")},
        {QuantSpec{}.withDtype(Dtype::Nf4), 128, 256,
         refusal("nf4 is no integer format; allowed are int4 and int8 sym -> use int4 g32 sym")},
        {QuantSpec{}.withDtype(Dtype::Mxfp4), 128, 256,
         refusal("mxfp4 is no integer format; allowed are int4 and int8 sym -> use int4 g32 sym")},
        {doubled, 128, 256,
         refusal("double quantization: there is no place for quantized scales; allowed are plain "
                 "ones -> use int4 g128 sym")},
        {sym(4, 20), 64, 100,
         refusal("64 outputs and 100 inputs; allowed are multiples of 32 [GPTQModel, qlinear] -> "
                 "leave it as it is") +
             refusal("groups of 20; allowed are 16, 32, 64, 128, 256, 512, 1024 and whole rows "
                     "[GPTQModel, qlinear/torch] -> leave it as it is")},
        {sym(4, 32), 60, 128,
         refusal("60 outputs and 128 inputs; allowed are multiples of 32 [GPTQModel, qlinear] -> "
                 "leave it as it is")},
        {sym(4, 48), 128, 192,
         refusal("groups of 48; allowed are 16, 32, 64, 128, 256, 512, 1024 and whole rows "
                 "[GPTQModel, qlinear/torch] -> use int4 g64 sym")},
        {sym(4, 64), 96, 160, kTail},
        {sym(4, 256), 128, 512,
         note("vLLM takes groups of 32, 64, 128 and whole rows alone: others are read by GPTQModel "
              "[vLLM, marlin_utils]")},
        {sym(4, 32), 96, 160,
         note("vLLM's Marlin kernel takes multiples of 64 outputs and 128 inputs alone: Exllama "
              "takes its place, in float16 [vLLM, marlin_utils and exllama]")},
        {sym(4, -1), 96, 160,
         note("vLLM has no kernel for it: Marlin takes multiples of 64 outputs and 128 inputs, "
              "Exllama no whole rows [vLLM, marlin_utils and exllama]")},
        {sym(4, 32), 128, 256, kNoMachete},
        {sym(8, 64), 64, 128, kNoMachete},
    };
    for (const Case& one : cases) {
      QCOMPARE(toldOf(row, one.spec, one.rows, one.cols), one.findings);
    }
  }

  void theCheckKnowsWhatV2AndPlanarCarry() {
    struct Case {
      QuantSpec spec;
      std::size_t rows, cols;
      std::string v2, planar;
    };
    const std::string bits =
        "; allowed are int2, int3, int4 and int8 [GPTQModel, qlinear/torch]"
        " -> use ";
    const Case cases[] = {
        {asym(4, 128), 128, 256, "", ""},
        {asym(8, -1), 128, 256, "", ""},
        {sym(3, 32), 128, 256, "", ""},
        {asym(2, 16), 128, 256, "", ""},
        {asym(6, 64), 128, 256, refusal("int6" + bits + "int8 g64 asym"), ""},
        {sym(7, 64), 128, 256, refusal("int7" + bits + "int8 g64 sym"), ""},
        {asym(1, 64), 128, 256, refusal("int1" + bits + "int2 g64 asym"),
         refusal("int1; allowed are int2 to int8 [GPTQModel, qlinear/torch] -> use int2 g64 "
                 "asym")},
        {QuantSpec{}.withDtype(Dtype::Fp8E4m3fn), 128, 256,
         refusal("fp8_e4m3fn is no integer format; allowed are int2, int3, int4 and int8 -> use "
                 "int4 g32 asym"),
         refusal("fp8_e4m3fn is no integer format; allowed are int2 to int8 -> use int4 g32 asym")},
        {asym(4, 64), 96, 160, kTail, kTail},
        {asym(4, 32), 128, 36,
         refusal("128 outputs and 36 inputs; allowed are multiples of 32 [GPTQModel, qlinear] -> "
                 "leave it as it is"),
         refusal("128 outputs and 36 inputs; allowed are multiples of 32 [GPTQModel, qlinear] -> "
                 "leave it as it is")},
    };
    for (const Case& one : cases) {
      QCOMPARE(toldOf(gptqV2Format(), one.spec, one.rows, one.cols), one.v2);
      QCOMPARE(toldOf(gptqPlanarFormat(), one.spec, one.rows, one.cols), one.planar);
    }
  }

  void headsEmbeddingsAndConvolutionsAreUsuallyLeft() {
    TensorInfo convolution = weightInfo("model.layers.0.conv.weight", 64, 64);
    convolution.shape = {64, 16, 2, 2};
    setAxes(convolution, AxisMap::rows(4));
    const ModelHeader header = headerOf({{weightInfo("lm_head.weight", 256, 128), asym(3, 48)},
                                         {weightInfo("model.embed_tokens.weight", 256, 128), {}},
                                         {convolution, {}},
                                         {weightInfo(kName, 128, 128), sym(4, 128)}});
    QCOMPARE(told(gptqFormat().check(header)),
             std::string("usual: lm_head.weight: an output head, which loaders expect in float "
                         "[GPTQModel, qlinear/torch] -> leave it as it is\n"
                         "usual: model.embed_tokens.weight: an embedding, which loaders expect in "
                         "float [GPTQModel, qlinear/torch] -> leave it as it is\n"
                         "usual: model.layers.0.conv.weight: 4 axes: only the matrices of linear "
                         "layers are quantized [GPTQModel, qlinear/torch] -> leave it as it is\n"));
  }

  void fusedLayersAgreeInV1() {
    const std::string query = module(1, "self_attn.q_proj");
    const std::string up = module(0, "mlp.up_proj");
    const ModelHeader header = modelOf(sym(4, 128), {{module(1, "self_attn.v_proj"), sym(8, 128)}},
                                       {module(0, "mlp.gate_proj")});
    const std::string findings = told(gptqFormat().check(header));
    QVERIFY2(findings.find("refusal: " + up +
                           ": loaders fuse it into "
                           "model.layers.0.mlp.gate_up_proj, of which another part stays in float "
                           "[vLLM, gptq_utils] -> leave it as it is\n") != std::string::npos,
             findings.c_str());
    QVERIFY2(
        findings.find("refusal: " + module(1, "self_attn.v_proj") +
                      ": loaders fuse it into model.layers.1.self_attn.qkv_proj with " + query +
                      ", which has int4 g128 sym; allowed is the same for both "
                      "[vLLM, gptq_utils] -> use int4 g128 sym\n") != std::string::npos,
        findings.c_str());
    // GPTQModel, which alone reads the others, fuses nothing.
    QVERIFY(told(gptqV2Format().check(header)).find("refusal") == std::string::npos);
    // A group of more than a row has is a whole row.
    QVERIFY(gptqFormat()
                .check(modelOf(sym(4, -1), {{module(1, "self_attn.v_proj"), sym(4, 512)}}))
                .empty());
  }

  void notesOfManyTensorsAreToldOnce() {
    QCOMPARE(told(gptqFormat().check(modelOf(sym(4, 32)))),
             "note: " + module(0, "self_attn.q_proj") +
                 kNoMachete.substr(6 + std::strlen(kName),
                                   kNoMachete.find(" [") - 6 - std::strlen(kName)) +
                 " (and 13 more tensors) [vLLM, machete_utils]\n");
  }

  void aModelInBfloat16IsTold() {
    ModelHeader header = modelOf(sym(4, 128));
    header.config = Json::object({{"torch_dtype", "float16"}});
    QVERIFY(gptqFormat().check(header).empty());
    header.config = Json::object({{"torch_dtype", "bfloat16"}});
    QCOMPARE(told(gptqFormat().check(header)),
             std::string("note: default: the model computes in bfloat16, and scales are stored as "
                         "float16: loaders round them to bfloat16, or compute in float16 "
                         "[vLLM, auto_gptq]\n"));
  }

  void aUniformPlanHasOneSetting() {
    const ModelHeader header = modelOf(sym(4, 128));
    QCOMPARE(configText(GptqVersion::V1, header),
             std::string("{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":128,\"sym\":true,"
                         "\"desc_act\":false,\"lm_head\":false,\"checkpoint_format\":\"gptq\","
                         "\"format\":\"gptq\",\"meta\":true}"));
    const ModelHeader rows = modelOf(asym(3, -1));
    QCOMPARE(configText(GptqVersion::Planar, rows),
             std::string("{\"quant_method\":\"gptq\",\"bits\":3,\"group_size\":-1,\"sym\":false,"
                         "\"desc_act\":false,\"lm_head\":false,\"checkpoint_format\":\"gptq_p\","
                         "\"format\":\"gptq_p\",\"meta\":true}"));
    QVERIFY(gptqLayout(GptqVersion::V2)
                .config(header)
                .text(-1)
                .find("\"meta\":{\"quantizer\":[\"quantoscope:") != std::string::npos);
    QCOMPARE(std::string(gptqLayout(GptqVersion::V1).configFile),
             std::string("quantize_config.json"));
  }

  void aMixedPlanIsToldInDynamic() {
    const ModelHeader header = modelOf(
        sym(4, 128),
        {{module(0, "self_attn.q_proj"), sym(8, 64)},
         {module(0, "self_attn.k_proj"), sym(8, 64)},
         {module(0, "self_attn.v_proj"), sym(8, 64)},
         {module(1, "mlp.down_proj"), sym(8, -1)}},
        {module(1, "mlp.gate_proj"), module(1, "mlp.up_proj"), module(0, "self_attn.o_proj")});
    // What stays in float comes first, and fused layers are also told by the name of the whole.
    QCOMPARE(gptqLayout(GptqVersion::V1).config(header).find("dynamic")->text(-1),
             std::string("{\"-:^model\\\\.layers\\\\.0\\\\.self_attn\\\\.o_proj$\":{},"
                         "\"-:^model\\\\.layers\\\\.1\\\\.mlp\\\\.(?:gate_proj|up_proj|"
                         "gate_up_proj)$\":{},"
                         "\"+:^model\\\\.layers\\\\.0\\\\.self_attn\\\\.(?:q_proj|k_proj|v_proj|"
                         "qkv_proj)$\":{\"bits\":8,\"group_size\":64,\"sym\":true},"
                         "\"+:^model\\\\.layers\\\\.1\\\\.mlp\\\\.down_proj$\":{\"bits\":8,"
                         "\"group_size\":-1,\"sym\":true}}"));
    const std::string findings = told(gptqFormat().check(header));
    QVERIFY2(findings.find("note: default: tensors differ in bits, groups or scheme, which "
                           "transformers cannot read; it is told in dynamic, which GPTQModel and "
                           "vLLM read [transformers, GPTQConfig; optimum, gptq/quantizer]\n") !=
                 std::string::npos,
             findings.c_str());
    QVERIFY2(findings.find("note: model.layers.0.self_attn.o_proj: stays in float, but layers of "
                           "its name in other blocks do not: transformers cannot read that "
                           "[optimum, gptq/quantizer]\n") != std::string::npos,
             findings.c_str());
    QVERIFY(gptqLayout(GptqVersion::V1).config(header).find("modules_in_block_to_quantize") ==
            nullptr);
  }

  void partsOfAWholeThatDifferAreToldOneByOne() {
    const ModelHeader header =
        modelOf(asym(4, 128), {{module(0, "self_attn.v_proj"), asym(6, 128)}});
    QCOMPARE(gptqLayout(GptqVersion::Planar).config(header).find("dynamic")->text(-1),
             std::string("{\"+:^model\\\\.layers\\\\.0\\\\.self_attn\\\\.v_proj$\":{\"bits\":6,"
                         "\"group_size\":128,\"sym\":false}}"));
  }

  void expertsAreAlsoToldAsAWhole() {
    std::vector<Chosen> chosen = {{weightInfo(module(0, "mlp.down_proj"), 128, 128), sym(4, 128)},
                                  {weightInfo(module(1, "mlp.down_proj"), 128, 128), sym(4, 128)},
                                  {weightInfo(module(2, "mlp.down_proj"), 128, 128), sym(4, 128)}};
    for (const char* name : {"mlp.experts.0.up_proj", "mlp.experts.11.up_proj"}) {
      chosen.push_back({weightInfo(module(3, name), 128, 128), sym(8, 128)});
    }
    QCOMPARE(gptqLayout(GptqVersion::V1).config(headerOf(chosen)).find("dynamic")->text(-1),
             std::string("{\"+:^model\\\\.layers\\\\.3\\\\.mlp\\\\.experts(?:\\\\..*)?$\":{"
                         "\"bits\":8,\"group_size\":128,\"sym\":true}}"));
  }

  void layersThatAreLeftInAllBlocksAreToldToTransformers() {
    const ModelHeader header =
        modelOf(sym(4, 128), {}, {module(0, "self_attn.o_proj"), module(1, "self_attn.o_proj")});
    QCOMPARE(
        gptqLayout(GptqVersion::V1).config(header).find("modules_in_block_to_quantize")->text(-1),
        std::string("[[\"self_attn.q_proj\",\"self_attn.k_proj\",\"self_attn.v_proj\","
                    "\"mlp.gate_proj\",\"mlp.up_proj\",\"mlp.down_proj\"]]"));
    QVERIFY(gptqFormat().check(header).empty());
  }
};

QTEST_GUILESS_MAIN(GptqTest)
#include "gptq_test.moc"
