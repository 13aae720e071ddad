#include "core/exporting/formats/awq.h"

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

std::string refusal(const std::string& text) {
  return "refusal: " + (kName + (": " + text)) + "\n";
}
std::string note(const std::string& text) {
  return "note: " + (kName + (": " + text)) + "\n";
}

}  // namespace

class AwqTest : public QObject {
  Q_OBJECT

 private slots:
  void packsAsUpstreamDoes() {
    const std::vector<std::string> cases = goldenCases("awq_gemm");
    QCOMPARE(cases.size(), std::size_t{10});
    for (const std::string& name : cases) {
      for (const int threads : {1, 4}) {
        const std::string difference = differenceOf(awqFormat(), awqLayout(), name, threads);
        QVERIFY2(difference.empty(), difference.c_str());
      }
    }
  }

  void symmetricCodesAreStoredWithZerosOf8() {
    ExportTensor tensor = goldenTensor("awq_gemm/z8_g64_64x128");
    const auto plan = awqLayout().plan(tensor.info, tensor.quantized.spec);
    const PackedArrays stored = awqLayout().pack(tensor, plan, Executor(1));
    std::vector<std::int8_t> codes;
    for (const int code : std::get<std::vector<std::uint8_t>>(tensor.quantized.codes)) {
      codes.push_back(static_cast<std::int8_t>(code - 8));
    }
    tensor.quantized.codes = std::move(codes);
    tensor.quantized.spec.scheme = Scheme::Sym;
    tensor.quantized.parameters.zeroPoint.clear();
    QVERIFY(awqLayout().pack(tensor, plan, Executor(1)) == stored);
  }

  void theCheckKnowsWhatIsCarried() {
    QuantSpec doubled = asym(4, 128);
    doubled.doubleQuant = DoubleQuant{};
    const std::string loaders = " [AutoAWQ, gemm; vLLM, auto_awq] -> ";
    const std::string noMachete = note(
        "Machete, vLLM's kernel for Hopper GPUs, takes groups of 64, 128 or whole rows, "
        "multiples of 64 inputs and 128 outputs alone: Marlin takes its place "
        "[vLLM, machete_utils]");
    const std::string noMarlin = note(
        "vLLM's Marlin kernel takes groups of 32, 64, 128 or whole rows, multiples of 64 "
        "outputs and 128 inputs alone: AWQ's own, slower one takes its place "
        "[vLLM, marlin_utils]");
    struct Case {
      QuantSpec spec;
      std::size_t rows, cols;
      std::string findings;
    };
    const Case cases[] = {
        {asym(4, 128), 128, 256, ""},
        {sym(4, 64), 128, 256, ""},
        {asym(4, -1), 128, 256, ""},
        {asym(4, 32), 128, 256, noMachete},
        {asym(4, 48), 128, 96, noMarlin},
        {asym(4, 128), 8, 256, noMarlin},
        {sym(3, 128), 128, 256, refusal("int3; allowed is int4" + loaders + "use int4 g128 sym")},
        {asym(8, 128), 128, 256, refusal("int8; allowed is int4" + loaders + "leave it as it is")},
        {QuantSpec{}.withDtype(Dtype::Nf4), 128, 256,
         refusal("nf4 is no integer format; allowed is int4" + loaders + "use int4 g32 asym")},
        {doubled, 128, 256,
         refusal("double quantization: there is no place for quantized scales; allowed are plain "
                 "ones" +
                 loaders + "use int4 g128 asym")},
        {asym(4, 128), 100, 256,
         refusal("100 outputs; allowed are multiples of 8" + loaders + "leave it as it is")},
        {asym(4, 64), 128, 96,
         refusal("groups of 64 do not divide 96 inputs; allowed are groups that do" + loaders +
                 "leave it as it is")},
    };
    for (const Case& one : cases) {
      const ModelHeader header = headerOf({{weightInfo(kName, one.rows, one.cols), one.spec}});
      QCOMPARE(told(awqFormat().check(header)), one.findings);
    }
  }

  void allTensorsHaveOneGroupSize() {
    const auto check = [](const QuantSpec& spec, std::size_t cols) {
      return told(awqFormat().check(
          headerOf({{weightInfo("model.layers.0.mlp.down_proj.weight", 128, 256), asym(4, 128)},
                    {weightInfo("model.layers.1.mlp.down_proj.weight", 128, 256), sym(4, 128)},
                    {weightInfo("model.layers.2.mlp.down_proj.weight", 128, 256), sym(4, 128)},
                    {weightInfo(kName, 128, cols), spec}})));
    };
    const std::string all = "; allowed is one size for all [AutoAWQ, gemm; vLLM, auto_awq] -> ";
    QCOMPARE(check(asym(4, 128), 512), std::string());
    QCOMPARE(check(asym(4, -1), 128), std::string());  // a row is a group of 128
    QCOMPARE(check(asym(4, 64), 256),
             refusal("most tensors have groups of 128, this one groups of 64" + all +
                     "use int4 g128 asym"));
    QCOMPARE(check(asym(4, 128), 64),
             refusal("most tensors have groups of 128, this one groups of 64" + all +
                     "leave it as it is"));
  }

  void fusedLayersAreAllQuantizedOrNone() {
    const TensorInfo up = weightInfo("model.layers.0.mlp.up_proj.weight", 128, 256);
    const TensorInfo gate = weightInfo("model.layers.0.mlp.gate_proj.weight", 128, 256);
    QCOMPARE(told(awqFormat().check(headerOf({{up, asym(4, 128)}}, {gate}))),
             std::string("refusal: model.layers.0.mlp.up_proj.weight: loaders fuse it into "
                         "model.layers.0.mlp.gate_up_proj, of which another part stays in float "
                         "[vLLM, quant_utils] -> leave it as it is\n"));
    // Zero points are stored in any case.
    QVERIFY(awqFormat().check(headerOf({{up, asym(4, 128)}, {gate, sym(4, 128)}})).empty());
  }

  void aNameThatContainsThatOfAnotherIsRefused() {
    const ModelHeader header =
        headerOf({{weightInfo("model.layers.0.mlp.gate_up.weight", 128, 256), asym(4, 128)}},
                 {weightInfo("model.layers.0.mlp.gate.weight", 128, 256)});
    QCOMPARE(told(awqFormat().check(header)),
             std::string("refusal: model.layers.0.mlp.gate_up.weight: its name contains that of "
                         "model.layers.0.mlp.gate, which stays in float: loaders take it for that "
                         "[vLLM, auto_awq] -> leave it as it is\n"));
  }

  void theConfigurationNamesWhatIsLeft() {
    const ModelHeader header = headerOf(
        {{weightInfo("model.layers.0.mlp.down_proj.weight", 128, 256), asym(4, 64)}},
        {weightInfo("lm_head.weight", 256, 128), weightInfo("model.embed_tokens.weight", 256, 128),
         weightInfo("model.layers.1.self_attn.q_proj.weight", 128, 256),
         weightInfo("model.layers.1.self_attn.k_proj.weight", 128, 256)});
    QCOMPARE(awqLayout().config(header).text(-1),
             std::string("{\"quant_method\":\"awq\",\"zero_point\":true,\"group_size\":64,"
                         "\"bits\":4,\"version\":\"gemm\",\"modules_to_not_convert\":[\"lm_head\","
                         "\"model.layers.1.self_attn.q_proj\","
                         "\"model.layers.1.self_attn.qkv_proj\","
                         "\"model.layers.1.self_attn.k_proj\"]}"));
    QCOMPARE(std::string(awqLayout().configFile), std::string("quantize_config.json"));
  }
};

QTEST_GUILESS_MAIN(AwqTest)
#include "awq_test.moc"
