// What decides the axes of a tensor: biases, pairs, classes, then names.
#include <algorithm>

#include <QtTest>

#include "core/io/model/model_layout.h"

using namespace quantoscope;

namespace {

using Shape = std::vector<std::uint64_t>;
using Arrays = std::vector<std::pair<std::string, Shape>>;

/// Which kind of file the arrays are in.
enum class Kind { Keras, Numbered, Safetensors, Plain };

StoredFile fileOf(Kind kind, const Arrays& arrays) {
  StoredFile file;
  for (const auto& [path, shape] : arrays) {
    file.arrays.push_back({path, shape, "float32", 4, {}, {}});
  }
  if (kind == Kind::Safetensors) file.format = "safetensors";
  if (kind == Kind::Plain) file.format = "NumPy";
  if (kind == Kind::Keras) {
    file.groups[""].layerNames.emplace();
    file.groups[""].kerasVersion = "2.15.0";
  }
  return file;
}

TensorInfo find(const StoredFile& file, const std::string& name) {
  for (const TensorInfo& info : recognizeLayout(file).tensors) {
    if (info.name == name) return info;
  }
  qFatal("no tensor %s", name.c_str());
}

/// "rows of output channels | columns": the axes as the command line tells them.
std::string axesText(const TensorInfo& info) {
  std::string text;
  for (std::size_t i = 0; i < info.axes.order.size(); ++i) {
    if (static_cast<int>(i) == info.axes.rowAxes) text += '|';
    text += std::to_string(info.axes.order[i]);
  }
  return text;
}

struct Case {
  const char* what;
  Kind kind;
  Arrays arrays;
  const char* name;
  const char* axes;
  const char* evidence;
};

// clang-format off
const std::vector<Case> kCases = {
  // A bias against names, and where none has been given.
  {"word above", Kind::Keras, {{"deconvolver/a/conv1d/kernel:0", {1, 48, 12}}, {"deconvolver/a/conv1d/bias:0", {12}}}, "deconvolver/a/conv1d/kernel:0", "2|10", "bias"},
  {"word in its own name", Kind::Keras, {{"m/deconv/kernel:0", {3, 3, 10, 6}}, {"m/deconv/bias:0", {6}}}, "m/deconv/kernel:0", "3|201", "bias"},
  {"word above, no bias", Kind::Keras, {{"transposed/conv/kernel:0", {3, 3, 10, 6}}}, "transposed/conv/kernel:0", "3|201", "format"},
  {"transposed of any name", Kind::Keras, {{"m/upsample/kernel:0", {3, 3, 10, 6}}, {"m/upsample/bias:0", {10}}}, "m/upsample/kernel:0", "2|301", "bias"},
  {"transposed of any name, numbered", Kind::Numbered, {{"up/vars/0", {3, 3, 10, 6}}, {"up/vars/1", {10}}}, "up/vars/0", "2|301", "bias"},
  {"depthwise of any name", Kind::Keras, {{"m/filter/kernel:0", {3, 3, 10, 2}}, {"m/filter/bias:0", {20}}}, "m/filter/kernel:0", "23|01", "bias"},
  {"equal sides", Kind::Keras, {{"m/deconv/kernel:0", {3, 3, 6, 6}}, {"m/deconv/bias:0", {6}}}, "m/deconv/kernel:0", "2|301", "name"},
  {"PyTorch transposed", Kind::Safetensors, {{"up.weight", {10, 6, 4, 4}}, {"up.bias", {6}}}, "up.weight", "1|023", "bias"},
  {"PyTorch transposed in groups", Kind::Safetensors, {{"up.weight", {12, 3, 4, 4}}, {"up.bias", {6}}}, "up.weight", "1|023", "bias"},
  {"PyTorch word above", Kind::Safetensors, {{"deconv.conv.weight", {6, 10, 3}}}, "deconv.conv.weight", "0|12", "format"},
  {"PyTorch word against", Kind::Safetensors, {{"deconv.weight", {6, 10, 3}}, {"deconv.bias", {6}}}, "deconv.weight", "0|12", "bias"},
  {"weight normalisation", Kind::Safetensors, {{"up.weight_v", {10, 6, 4}}, {"up.weight_g", {10, 1, 1}}, {"up.bias", {6}}}, "up.weight_v", "1|02", "bias"},
  {"parametrized", Kind::Safetensors, {{"up.parametrizations.weight.original1", {10, 6, 4}}, {"up.bias", {6}}}, "up.parametrizations.weight.original1", "1|02", "bias"},
  {"normalisation behind", Kind::Safetensors, {{"up.0.weight", {10, 6, 4, 4}}, {"up.1.weight", {6}}, {"up.1.running_mean", {6}}}, "up.0.weight", "1|023", "bias"},
  {"a gain is no bias", Kind::Safetensors, {{"a.weight", {10, 6}}, {"a.gamma", {6}}}, "a.weight", "0|1", "format"},
  {"Keras kernel in PyTorch's order", Kind::Keras, {{"a/kernel:0", {10, 6}}, {"a/bias:0", {10}}}, "a/kernel:0", "0|1", "bias"},
  {"NumPy W and b", Kind::Plain, {{"W1", {10, 6}}, {"b1", {6}}}, "W1", "1|0", "bias"},
  {"NumPy fc1_w and fc1_b", Kind::Plain, {{"fc1_w", {10, 6}}, {"fc1_b", {10}}}, "fc1_w", "0|1", "bias"},
  {"TensorFlow weights and biases", Kind::Plain, {{"conv/weights", {3, 3, 4, 8}}, {"conv/biases", {8}}}, "conv/weights", "3|201", "bias"},
  {"CuDNN", Kind::Keras, {{"r/kernel:0", {16, 8}}, {"r/recurrent_kernel:0", {2, 8}}, {"r/bias:0", {16}}}, "r/kernel:0", "1|0", "format"},
  {"GRU, two rows of biases", Kind::Keras, {{"r/kernel:0", {5, 9}}, {"r/recurrent_kernel:0", {3, 9}}, {"r/bias:0", {2, 9}}}, "r/kernel:0", "1|0", "bias"},
  {"Keras 1, TensorFlow's order", Kind::Keras, {{"c/c_W", {8, 8, 3, 4}}, {"c/c_b", {4}}}, "c/c_W", "3|201", "bias"},
  {"Keras 0, Theano's order", Kind::Keras, {{"l/param_0", {3, 4, 5, 5}}, {"l/param_1", {3}}}, "l/param_0", "0|123", "bias"},
  {"Conv1D, bias [1, n]", Kind::Keras, {{"h_._0/attn/c_attn/weight:0", {8, 24}}, {"h_._0/attn/c_attn/bias:0", {1, 24}}}, "h_._0/attn/c_attn/weight:0", "1|0", "bias"},
  {"Conv1D, square", Kind::Safetensors, {{"gpt.h.0.attn.c_proj.weight", {8, 8}}, {"gpt.h.0.attn.c_proj.bias", {8}}, {"gpt.h.0.mlp.c_fc.weight", {8, 32}}, {"gpt.h.0.mlp.c_fc.bias", {32}}}, "gpt.h.0.attn.c_proj.weight", "1|0", "bias"},
  {"ordinary layers of these names", Kind::Safetensors, {{"h.0.attn.c_proj.weight", {8, 8}}, {"h.0.attn.c_proj.bias", {8}}, {"h.0.mlp.c_fc.weight", {32, 8}}, {"h.0.mlp.c_fc.bias", {32}}}, "h.0.attn.c_proj.weight", "0|1", "bias"},
  {"two models, one with Conv1D", Kind::Safetensors, {{"clip.c_proj.weight", {8, 8}}, {"clip.c_fc.weight", {32, 8}}, {"clip.c_fc.bias", {32}}, {"gpt.c_proj.weight", {8, 8}}, {"gpt.c_fc.weight", {8, 32}}, {"gpt.c_fc.bias", {32}}}, "gpt.c_proj.weight", "1|0", "pair"},
  {"NumPy without names", Kind::Plain, {{"arr_0", {8, 24}}, {"arr_1", {24}}}, "arr_0", "1|0", "bias"},
  {"NumPy without names, [out, in]", Kind::Plain, {{"params.0", {24, 8}}, {"params.1", {24}}}, "params.0", "0|1", "bias"},
  {"Keras 1, square in two ways", Kind::Keras, {{"c/c_W:0", {3, 3, 8, 8}}, {"c/c_b:0", {8}}}, "c/c_W:0", "3|201", "format"},
  {"Conv1D without biases", Kind::Safetensors, {{"a.c_attn.weight", {8, 24}}, {"a.c_proj.weight", {8, 8}}}, "a.c_attn.weight", "1|0", "pair"},
  {"multi-query, ordinary layers", Kind::Safetensors, {{"a.c_attn.weight", {12, 8}}, {"a.c_proj.weight", {8, 8}}}, "a.c_attn.weight", "0|1", "pair"},
  // Attention.
  {"Gemma query", Kind::Numbered, {{"a/query_dense/vars/0", {4, 64, 8}}, {"a/output_dense/vars/0", {4, 8, 64}}}, "a/query_dense/vars/0", "02|1", "pair"},
  {"Gemma gate", Kind::Numbered, {{"a/_gate_dense/vars/0", {4, 64, 8}}, {"a/_output_dense/vars/0", {4, 8, 64}}}, "a/_gate_dense/vars/0", "02|1", "pair"},
  {"fewer heads of keys", Kind::Numbered, {{"a/_key_dense/vars/0", {64, 2, 8}}, {"a/_output_dense/vars/0", {4, 8, 64}}}, "a/_key_dense/vars/0", "12|0", "pair"},
  {"output", Kind::Numbered, {{"a/_output_dense/vars/0", {4, 8, 64}}}, "a/_output_dense/vars/0", "2|01", "name"},
  {"Flax", Kind::Safetensors, {{"a.query.kernel", {64, 4, 8}}, {"a.out.kernel", {4, 8, 64}}}, "a.query.kernel", "12|0", "pair"},
  {"Flax by slashes", Kind::Plain, {{"a/query/kernel", {64, 4, 8}}, {"a/query/bias", {4, 8}}}, "a/query/kernel", "12|0", "bias"},
  {"Gemma's einsum", Kind::Safetensors, {{"a.kv_einsum.w", {2, 1, 64, 8}}, {"a.attn_vec_einsum.w", {4, 8, 64}}}, "a.kv_einsum.w", "013|2", "pair"},
  {"reverse", Kind::Numbered, {{"layers/reversible_embedding/vars/0", {100, 8}}, {"layers/reversible_embedding/vars/1", {8, 100}}}, "layers/reversible_embedding/vars/1", "1|0", "pair"},
  {"reverse by name", Kind::Keras, {{"e/embeddings:0", {100, 8}}, {"e/reverse_embeddings:0", {8, 100}}}, "e/reverse_embeddings:0", "1|0", "pair"},
  {"gate_up, [in, out]", Kind::Safetensors, {{"m.gate_up_proj.weight", {8, 24}}, {"m.down_proj.weight", {12, 8}}}, "m.gate_up_proj.weight", "1|0", "pair"},
  {"gate_up, [out, in]", Kind::Safetensors, {{"m.gate_up_proj.weight", {24, 8}}, {"m.down_proj.weight", {8, 12}}}, "m.down_proj.weight", "0|1", "pair"},
  // TensorFlow-style tables.
  {"wte/weight", Kind::Keras, {{"transformer/wte/weight:0", {100, 8}}}, "transformer/wte/weight:0", "0|1", "name"},
  {"shared/weight", Kind::Keras, {{"shared/shared/weight:0", {100, 8}}}, "shared/shared/weight:0", "0|1", "name"},
  {"a dense layer called embedding", Kind::Numbered, {{"embedding_dense/vars/0", {10, 6}}, {"embedding_dense/vars/1", {6}}}, "embedding_dense/vars/0", "1|0", "bias"},
  {"an embedding that is none", Kind::Numbered, {{"patch_embedding/vars/0", {10, 6}}, {"patch_embedding/vars/1", {6}}}, "patch_embedding/vars/0", "1|0", "bias"},
  // Experts.
  {"experts' gate_up", Kind::Safetensors, {{"m.experts.gate_up_proj", {2, 8, 24}}, {"m.experts.down_proj", {2, 12, 8}}}, "m.experts.gate_up_proj[1]", "2|1", "pair"},
  {"experts' biases", Kind::Safetensors, {{"m.experts.up_proj", {2, 8, 12}}, {"m.experts.up_proj_bias", {2, 12}}}, "m.experts.up_proj[0]", "2|1", "bias"},
  {"experts by the router, up", Kind::Safetensors, {{"m.router.weight", {2, 8}}, {"m.experts.up_proj", {2, 8, 12}}, {"m.experts.down_proj", {2, 12, 8}}}, "m.experts.up_proj[1]", "2|1", "pair"},
  {"experts by the router, down", Kind::Safetensors, {{"m.gate.weight", {2, 8}}, {"m.experts.w1", {2, 12, 8}}, {"m.experts.w2", {2, 8, 12}}}, "m.experts.w2[1]", "1|2", "pair"},
  {"Granite", Kind::Safetensors, {{"moe.router.layer.weight", {4, 8}}, {"moe.input_linear.weight", {4, 24, 8}}, {"moe.output_linear.weight", {4, 8, 12}}}, "moe.input_linear.weight[3]", "1|2", "pair"},
  {"KerasHub", Kind::Numbered, {{"b/expert_bank/vars/0", {4, 8, 12}}, {"b/expert_bank/vars/1", {4, 8, 12}}, {"b/expert_bank/vars/2", {4, 12, 8}}}, "b/expert_bank/vars/2[0]", "2|1", "format"},
  {"scanned layers of experts", Kind::Safetensors, {{"experts.wi.kernel", {4, 3, 8, 12}}}, "experts.wi.kernel", "013|2", "format"},
  {"experts like others", Kind::Safetensors, {{"0.experts.up_proj", {2, 8, 12}}, {"0.experts.up_proj_bias", {2, 12}}, {"1.experts.up_proj", {2, 8, 12}}}, "1.experts.up_proj[0]", "2|1", "bias"},
  {"all experts in one matrix", Kind::Safetensors, {{"experts.mlp.w1", {24, 8}}, {"experts.mlp.v1", {24, 8}}, {"experts.mlp.w2", {24, 8}}}, "experts.mlp.w2", "1|0", "pair"},
  {"a convolution of one expert", Kind::Safetensors, {{"experts.0.conv.weight", {4, 8, 3}}}, "experts.0.conv.weight", "0|12", "format"},
};
// clang-format on

}  // namespace

Q_DECLARE_METATYPE(Shape)

class AxisEvidenceTest : public QObject {
  Q_OBJECT

 private:
  /// A Keras file of one kernel [3, 3, 5, 7] at each path, with this configuration.
  static StoredFile configured(const std::vector<std::string>& paths, const char* config) {
    Arrays arrays;
    for (const std::string& path : paths) arrays.emplace_back(path, Shape{3, 3, 5, 7});
    StoredFile file = fileOf(Kind::Keras, arrays);
    file.modelConfig = config;
    return file;
  }

 private slots:
  void theRightEvidenceDecides_data() {
    QTest::addColumn<int>("row");
    for (std::size_t i = 0; i < kCases.size(); ++i) {
      QTest::newRow(kCases[i].what) << static_cast<int>(i);
    }
  }
  void theRightEvidenceDecides() {
    QFETCH(int, row);
    const Case& expected = kCases[static_cast<std::size_t>(row)];
    const TensorInfo info = find(fileOf(expected.kind, expected.arrays), expected.name);
    QVERIFY2(info.quantizable, info.reason.c_str());
    QCOMPARE(axesText(info), std::string(expected.axes));
    QCOMPARE(std::string(nameOf(info.evidence)), std::string(expected.evidence));
    QVERIFY(!info.because.empty());
  }

  void aBiasOverrulesTheClassAndSaysSo() {
    StoredFile file = configured({"up/kernel:0"}, R"({"class_name": "Functional", "config": {
      "name": "m", "layers": [{"class_name": "Conv2DTranspose", "config": {"name": "up"}}]}})");
    QCOMPARE(find(file, "up/kernel:0").evidence, AxisEvidence::Class);
    file.arrays.push_back({"up/bias:0", {7}, "float32", 4, {}, {}});
    const TensorInfo info = find(file, "up/kernel:0");
    QCOMPARE(axesText(info), std::string("3|201"));
    QCOMPARE(info.evidence, AxisEvidence::Bias);
    QVERIFY2(info.because.find("Conv2DTranspose") != std::string::npos, info.because.c_str());
  }

  void oneNameMayBeTwoLayersOfTwoModels() {
    const StoredFile file =
        configured({"enc/conv/kernel:0", "dec/conv/kernel:0"},
                   R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "Functional", "config": {"name": "enc", "layers": [
        {"class_name": "Conv2D", "config": {"name": "conv"}}]}},
      {"class_name": "TimeDistributed", "config": {"name": "dec", "layer":
        {"class_name": "Sequential", "config": {"name": "inner", "layers": [
          {"class_name": "Conv2DTranspose", "config": {"name": "conv"}}]}}}}]}})");
    QCOMPARE(axesText(find(file, "enc/conv/kernel:0")), std::string("3|201"));
    QCOMPARE(axesText(find(file, "dec/conv/kernel:0")), std::string("2|301"));
  }

  void namesOfLayersMayHaveSlashes() {
    StoredFile file =
        configured({"model_weights/b/up/b/up/kernel:0", "model_weights/b/conv/b/conv/kernel:0",
                    "lead/up/lead/up/kernel:0"},
                   R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "Conv2D", "config": {"name": "b/conv"}},
      {"class_name": "Conv2DTranspose", "config": {"name": "/lead/up"}},
      {"class_name": "Conv2DTranspose", "config": {"name": "b/up"}}]}})");
    file.groups["model_weights"].layerNames = {"b/up", "/lead/up", "b/conv"};
    file.groups["model_weights/b/up"].weightNames = {"b/up/kernel:0"};
    file.groups["model_weights/b/conv"].weightNames = {"b/conv/kernel:0"};
    file.groups["lead/up"].weightNames = {"lead/up/kernel:0"};
    const auto tensors = recognizeLayout(file).tensors;
    QCOMPARE(tensors[0].layer, std::string("b/up"));
    QCOMPARE(axesText(tensors[0]), std::string("2|301"));
    QCOMPARE(tensors[1].name, std::string("lead/up/lead/up/kernel:0"));
    QCOMPARE(axesText(tensors[1]), std::string("2|301"));
    QCOMPARE(tensors[2].layer, std::string("b/conv"));
    QCOMPARE(axesText(tensors[2]), std::string("3|201"));
  }

  void archivesFindWhatIsWrapped() {
    StoredFile file =
        fileOf(Kind::Numbered, {{"layers/time_distributed/layer/vars/0", {3, 3, 5, 7}},
                                {"layers\\functional\\layers\\conv2d/vars/0", {3, 3, 5, 7}},
                                {"_layer_checkpoint_dependencies/einsum_dense/vars/0", {4, 64, 8}},
                                {"layers/bidirectional/backward_layer/cell/vars/0", {5, 8}}});
    file.format = "keras";
    file.modelConfig = R"({"class_name": "Functional", "config": {"layers": [
      {"class_name": "TimeDistributed", "config": {"name": "td", "layer":
        {"class_name": "Conv2DTranspose", "config": {"name": "inner"}}}},
      {"class_name": "Functional", "config": {"name": "in", "layers": [
        {"class_name": "Conv2D", "config": {"name": "stem"}}]}},
      {"class_name": "EinsumDense", "config": {"name": "mix", "equation": "btd,ndh->btnh"}},
      {"class_name": "Bidirectional", "config": {"name": "both", "layer":
        {"class_name": "LSTM", "config": {"name": "memory"}}}}]}})";
    const TensorInfo wrapped = find(file, "layers/time_distributed/layer/vars/0");
    QCOMPARE(axesText(wrapped), std::string("2|301"));
    QCOMPARE(wrapped.layer, std::string("td"));
    const TensorInfo windows = find(file, "layers\\functional\\layers\\conv2d/vars/0");
    QCOMPARE(windows.layer, std::string("stem"));
    QCOMPARE(windows.evidence, AxisEvidence::Class);
    const TensorInfo einsum = find(file, "_layer_checkpoint_dependencies/einsum_dense/vars/0");
    QCOMPARE(axesText(einsum), std::string("02|1"));
    QVERIFY(einsum.because.find("btd,ndh->btnh") != std::string::npos);
    QCOMPARE(find(file, "layers/bidirectional/backward_layer/cell/vars/0").layer,
             std::string("both"));
  }

  void numbersThatAreNotFiniteAreJson_data() {
    QTest::addColumn<QString>("value");
    for (const char* value : {"NaN", "Infinity", "-Infinity", "[1E5, NaN, \"a \\\" NaN\"]"}) {
      QTest::newRow(value) << value;
    }
  }
  void numbersThatAreNotFiniteAreJson() {
    QFETCH(QString, value);
    const QString config = R"({"class_name": "Sequential", "config": {"name": "m", "layers": [
      {"class_name": "Masking", "config": {"name": "k", "mask_value": %1}},
      {"class_name": "Conv2DTranspose", "config": {"name": "up"}}]}})";
    const StoredFile file = configured({"up/kernel:0"}, config.arg(value).toStdString().c_str());
    QCOMPARE(find(file, "up/kernel:0").evidence, AxisEvidence::Class);
    QVERIFY(recognizeLayout(file).notes.empty());
  }

  void aConfigurationThatCannotBeReadIsSaid_data() {
    QTest::addColumn<QString>("config");
    for (const char* config : {"{", "{\"a\": -NaN}", "{\"a\": 1NaN}", "{\"a\": 1, \"a\": 2}"}) {
      QTest::newRow(config) << config;
    }
  }
  void aConfigurationThatCannotBeReadIsSaid() {
    QFETCH(QString, config);
    StoredFile file = configured({"up/kernel:0"}, config.toStdString().c_str());
    QCOMPARE(recognizeLayout(file).notes.size(), std::size_t{1});
    QVERIFY(recognizeLayout(file).notes[0].find("model_config: ") != std::string::npos);
    file.modelConfig.clear();
    file.configProblem = "config.json: cut off";
    QVERIFY(recognizeLayout(file).notes[0].find("config.json: cut off") != std::string::npos);
  }

  void theUsersOrientationIsEvidence() {
    const StoredFile file = fileOf(Kind::Safetensors, {{"a.weight", {4, 6}}});
    QCOMPARE(oriented(find(file, "a.weight"), Orientation::Columns).evidence, AxisEvidence::User);
    QCOMPARE(oriented(find(file, "a.weight"), Orientation::Auto).evidence, AxisEvidence::Format);
  }

  void whatIsNoWeightSaysWhy_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("beside");
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<QString>("reason");
    const auto row = [](Kind kind, const char* path, const Shape& shape, const char* reason,
                        const char* beside = "") {
      QTest::newRow(path) << static_cast<int>(kind) << path << beside << shape << reason;
    };
    const Kind torch = Kind::Safetensors;
    row(torch, "h.0.attn.bias", {1, 1, 16, 16}, "mask");
    row(torch, "blocks.0.attn.tril", {16, 16}, "mask");
    row(torch, "m.causal_mask", {16, 16}, "mask");
    row(torch, "m.weight_mask", {16, 16}, "mask");
    row(torch, "encoder.query.bias", {4, 8}, "bias");
    row(torch, "a.pos_bias_u", {4, 8}, "bias");
    row(torch, "a.r_w_bias", {4, 8}, "bias");
    row(torch, "m.experts.down_proj_bias", {4, 8}, "bias");
    row(torch, "m.relative_attention_bias.weight", {32, 8}, "bias");
    row(torch, "m.attn.relative_position_bias_table", {169, 8}, "bias");
    row(torch, "rope.cos_cached", {1, 1, 64, 8}, "positions");
    row(torch, "freqs_cis", {64, 8}, "positions");
    row(torch, "a.q_norm.weight", {4, 8}, "normalisation");
    row(torch, "a.norm2.weight", {8, 4, 4}, "normalisation");
    row(torch, "a.any.weight", {8, 4, 4}, "normalisation", "a.any.bias");
    row(torch, "a.weight_g", {8, 1, 1}, "normalisation");
    row(torch, "bn.running_mean", {1, 8, 1, 2}, "statistics");
    row(torch, "a.weight_u", {1, 8}, "spectral");
    row(torch, "a._weight_quantizer._amax", {8, 2, 1, 1}, "quantizer");
    row(torch, "a.weight_fake_quant.scale", {8, 2}, "quantizer");
    row(Kind::Keras, "n/layer_norm/gamma:0", {4, 4, 8}, "normalisation");
    row(Kind::Keras, "n/moving_variance:0", {4, 4, 8}, "statistics");
    row(Kind::Keras, "p/p_re_lu/alpha:0", {4, 4, 8}, "slopes");
    row(Kind::Keras, "s/sn_u:0", {1, 8}, "spectral");
    row(Kind::Plain, "b1", {4, 8}, "bias", "W1");
    row(Kind::Numbered, "layers/p_re_lu/vars/0", {4, 4, 8}, "slopes");
    row(Kind::Numbered, "layers/layer_normalization_2/vars/0", {4, 8}, "normalisation");
    row(Kind::Numbered, "layers/spectral_normalization/vars/0", {1, 8}, "spectral");
  }
  void whatIsNoWeightSaysWhy() {
    QFETCH(int, kind);
    QFETCH(QString, path);
    QFETCH(QString, beside);
    QFETCH(Shape, shape);
    QFETCH(QString, reason);
    Arrays arrays = {{path.toStdString(), shape}};
    if (!beside.isEmpty()) arrays.emplace_back(beside.toStdString(), shape);
    const TensorInfo info = find(fileOf(static_cast<Kind>(kind), arrays), path.toStdString());
    QVERIFY(!info.quantizable);
    QVERIFY2(info.reason.find(reason.toStdString()) != std::string::npos, info.reason.c_str());
  }

  void biasesOfAttentionAreKnownByTheirKernel() {
    StoredFile file = fileOf(Kind::Numbered, {{"m/query_dense/vars/0", {16, 4, 8}},
                                              {"m/query_dense/vars/1", {4, 8}},
                                              {"g/key_dense/vars/0", {4, 16, 8}},
                                              {"g/key_dense/vars/1", {4, 8}},
                                              {"own/vars/0", {5, 4, 8}},
                                              {"own/vars/1", {4, 8}}});
    QVERIFY(!find(file, "m/query_dense/vars/1").quantizable);
    QVERIFY(!find(file, "g/key_dense/vars/1").quantizable);
    QCOMPARE(axesText(find(file, "g/key_dense/vars/0")), std::string("02|1"));
    QVERIFY(find(file, "own/vars/1").quantizable);
  }

  void whatIsCalledAlikeStaysAWeight_data() {
    QTest::addColumn<QString>("path");
    for (const char* path : {"adaln.weight", "norm1.linear.weight", "lora_B", "to_bias.weight",
                             "vector_quantizer.codebook", "mask_decoder.weight", "mean.weight"}) {
      QTest::newRow(path) << path;
    }
  }
  void whatIsCalledAlikeStaysAWeight() {
    QFETCH(QString, path);
    const StoredFile file = fileOf(Kind::Safetensors, {{path.toStdString(), {8, 6}}});
    QVERIFY(find(file, path.toStdString()).quantizable);
  }
};

QTEST_APPLESS_MAIN(AxisEvidenceTest)
#include "axis_evidence_test.moc"
