#include <QtTest>

#include "core/exporting/formats/neural_compressor_config.h"
#include "core/exporting/formats/neural_compressor_weights.h"
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

}  // namespace

class NeuralCompressorTest : public QObject {
  Q_OBJECT

 private slots:
  void packsAsUpstreamDoes() {
    std::size_t count = 0;
    for (const char* format : {"inc_optimum", "inc_float"}) {
      for (const std::string& name : goldenCases(format)) {
        for (const int threads : {1, 4}) {
          const std::string difference = differenceOf(neuralCompressorWeightsFormat(),
                                                      neuralCompressorLayout(), name, threads);
          QVERIFY2(difference.empty(), difference.c_str());
        }
        ++count;
      }
    }
    QCOMPARE(count, std::size_t{17});
  }

  void onlyScalesOfIntegersAreRounded() {
    GroupParameters parameters;
    parameters.layout = GroupLayout::of(1, 1, 1);
    parameters.scale = {0.1F};
    neuralCompressorWeightsFormat().storeScales({}, QuantSpec{}.withDtype(Dtype::Nf4), parameters);
    QCOMPARE(parameters.decoding()[0], 0.1F);
    neuralCompressorWeightsFormat().storeScales({}, sym(4, 32), parameters);
    QCOMPARE(parameters.decoding()[0], 0.0999755859375F);
  }

  void theCheckKnowsWhatIsCarried() {
    QuantSpec doubled = QuantSpec{}.withDtype(Dtype::Nf4);
    doubled.doubleQuant = DoubleQuant{};
    const std::string modules = " [neural-compressor, weight_only/modules] -> ";
    const std::string formats = " is none of its formats; allowed are int, nf4, fp4 and fp4_e2m1";
    struct Case {
      QuantSpec spec;
      std::size_t rows, cols;
      std::string findings;
    };
    const Case cases[] = {
        {asym(4, 32), 60, 100, ""},
        {sym(8, 128), 64, 128, ""},
        {sym(3, -1), 50, 70, ""},
        {asym(7, 20), 50, 70, ""},
        {asym(1, 32), 64, 128, ""},
        {QuantSpec{}.withDtype(Dtype::Nf4), 60, 100, ""},
        {QuantSpec{}.withDtype(Dtype::Fp4E2m1Bnb), 60, 100, ""},
        {QuantSpec{}.withDtype(Dtype::Fp4E2m1), 60, 100, ""},
        {sym(1, 32), 64, 128,
         refusal("int1 sym: its zero points of one bit are too short; allowed is asym" + modules +
                 "use int1 g32 asym")},
        {asym(8, 32), 64, 128,
         refusal("int8 asym: differences of codes and zero points are cut to int8; allowed is sym" +
                 modules + "use int8 g32 sym")},
        {QuantSpec{}.withDtype(Dtype::Mxfp4), 64, 128,
         refusal("mxfp4" + formats + modules + "use int4 g32 asym")},
        {QuantSpec{}.withDtype(Dtype::Fp8E5m2), 64, 128,
         refusal("fp8_e5m2" + formats + modules + "use int4 g32 asym")},
        {doubled, 64, 128,
         "note: " + (kName + std::string(": double quantization: scales are written as it left "
                                         "them, one by one, so that it saves nothing here "
                                         "[neural-compressor, weight_only/modules]\n"))},
    };
    for (const Case& one : cases) {
      const ModelHeader header = headerOf({{weightInfo(kName, one.rows, one.cols), one.spec}});
      QCOMPARE(told(neuralCompressorWeightsFormat().check(header)), one.findings);
    }
  }

  void allTensorsHaveOneSetting() {
    const auto check = [](const QuantSpec& most, const QuantSpec& one) {
      return told(neuralCompressorWeightsFormat().check(
          headerOf({{weightInfo("model.layers.0.mlp.down_proj.weight", 64, 256), most},
                    {weightInfo("model.layers.1.mlp.down_proj.weight", 64, 256), most},
                    {weightInfo(kName, 64, 128), one}})));
    };
    const std::string all =
        "; allowed is one for all [neural-compressor, weight_only/save_load] -> ";
    QCOMPARE(check(sym(4, 128), sym(4, -1)), std::string());  // a row is a group of 128
    QCOMPARE(check(sym(4, 512), sym(4, -1)), std::string());
    QCOMPARE(check(sym(4, 128), sym(5, 128)),
             refusal("most tensors have int4 g128 sym, this one int5 g128 sym" + all +
                     "use int4 g128 sym"));
    QCOMPARE(check(sym(4, 64), sym(4, 32)),
             refusal("most tensors have int4 g64 sym, this one int4 g32 sym" + all +
                     "use int4 g64 sym"));
    QCOMPARE(check(sym(4, 64), asym(4, 64)),
             refusal("most tensors have int4 g64 sym, this one int4 g64 asym" + all +
                     "use int4 g64 sym"));
    QCOMPARE(check(QuantSpec{}.withDtype(Dtype::Nf4), asym(4, 32)),
             refusal("most tensors have nf4 g32, this one int4 g32 asym" + all + "use nf4 g32"));
    // Fused layers are no matter to it; an output head is.
    QCOMPARE(told(neuralCompressorWeightsFormat().check(
                 headerOf({{weightInfo("lm_head.weight", 64, 128), sym(4, 32)}}))),
             std::string("usual: lm_head.weight: an output head, which loaders expect in float "
                         "[neural-compressor, weight_only/save_load] -> leave it as it is\n"));
  }

  void theConfigurationHoldsOneSetting() {
    const std::vector<TensorInfo> passed = {
        weightInfo("lm_head.weight", 256, 128),
        weightInfo("model.layers.1.mlp.down_proj.weight", 64, 128)};
    QCOMPARE(neuralCompressorLayout()
                 .config(headerOf({{weightInfo(kName, 64, 256), asym(5, 64)}}, passed))
                 .text(-1),
             std::string("{\"quant_method\":\"rtn\",\"dtype\":\"int\",\"bits\":5,"
                         "\"group_size\":64,\"sym\":false,\"desc_act\":false,"
                         "\"modules_to_not_convert\":[\"lm_head\","
                         "\"model.layers.1.mlp.down_proj\"]}"));
    QCOMPARE(
        neuralCompressorLayout()
            .config(headerOf({{weightInfo(kName, 64, 256), QuantSpec{}.withDtype(Dtype::Fp4E2m1)}}))
            .text(-1),
        std::string("{\"quant_method\":\"rtn\",\"dtype\":\"fp4_e2m1\",\"bits\":4,"
                    "\"group_size\":32,\"sym\":true,\"desc_act\":false,"
                    "\"modules_to_not_convert\":[\"lm_head\"]}"));
  }

  void inputsThatWordsDoNotTellAreTold() {
    const auto header = [](std::size_t first, std::size_t second) {
      return headerOf({{weightInfo("model.layers.0.mlp.down_proj.weight", 64, first), sym(4, 32)},
                       {weightInfo(kName, 64, second), sym(4, 32)}});
    };
    const auto told = [](const ModelHeader& model) {
      const Json config = neuralCompressorLayout().config(model);
      const Json* inputs = config.find("in_features");
      return inputs == nullptr ? 0.0 : inputs->asNumber(-1);
    };
    QCOMPARE(told(header(128, 72)), 0.0);
    QCOMPARE(told(header(128, 100)), 100.0);  // words of 8 hold 97 to 104
    QCOMPARE(told(header(100, 100)), 100.0);
    const auto check = [](const ModelHeader& model) {
      return test::told(neuralCompressorWeightsFormat().check(model));
    };
    QCOMPARE(check(header(100, 100)), std::string());
    QCOMPARE(check(header(100, 50)),
             refusal("50 inputs: words of 8 codes do not tell them from 56, and in_features tells "
                     "one number for all tensors; allowed is 100 -> leave it as it is"));
    // What is told is taken for all that fill as many words.
    QCOMPARE(
        check(header(100, 104)),
        refusal("104 inputs: words of 8 codes do not tell them from 100, and in_features tells "
                "one number for all tensors; allowed is 100 -> leave it as it is"));
  }

  void aConfigurationServesQuantizeAndFromDict() {
    ModelHeader header = headerOf({{weightInfo(kName, 64, 256), asym(8, 64)}});
    header.plan.defaultSpec = sym(4, 128);
    const Json config = neuralCompressorConfig(header);
    const Json* rtn = config.find("rtn");
    QVERIFY(rtn != nullptr);
    // quantize() takes the first key for the algorithm, and asks for no other.
    QCOMPARE((*config.asObject())[0].first, std::string("rtn"));
    for (const char* key : {"global", "local"}) {
      QVERIFY(rtn->find(key) != nullptr);
      QVERIFY(*rtn->find(key) == *config.find(key));
    }
    QCOMPARE(config.find("global")->find("group_size")->asNumber(0), 128.0);
    QCOMPARE(config.find("local")
                 ->find("^model\\.layers\\.3\\.mlp\\.down_proj$")
                 ->find("bits")
                 ->asNumber(0),
             8.0);
  }
};

QTEST_GUILESS_MAIN(NeuralCompressorTest)
#include "neural_compressor_test.moc"
