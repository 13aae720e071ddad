// Recognising models from descriptions of files: names, order, orientation, reasons.
#include "core/io/model/model_layout.h"

#include <algorithm>

#include <QtTest>

using namespace quantoscope;

namespace {

using Shape = std::vector<std::uint64_t>;

StoredArray floats(const std::string& path, Shape shape) {
  return {path, std::move(shape), "float32", 4, {}, {}};
}

/// A Keras file with one layer that has these arrays, described as layer_names files are.
StoredFile kerasFile(const std::string& version, const std::string& layer,
                     const std::vector<StoredArray>& arrays) {
  StoredFile file;
  file.groups[""].layerNames = {layer};
  file.groups[""].kerasVersion = version;
  std::vector<std::string> weights;
  for (StoredArray array : arrays) {
    weights.push_back(array.path);
    array.path = layer + "/" + array.path;
    file.arrays.push_back(std::move(array));
  }
  file.groups[layer].weightNames = weights;
  return file;
}

std::vector<std::string> names(const StoredFile& file) {
  std::vector<std::string> result;
  for (const TensorInfo& info : recognizeLayout(file).tensors) result.push_back(info.name);
  return result;
}

TensorInfo only(const StoredFile& file) {
  const ModelLayout layout = recognizeLayout(file);
  if (layout.tensors.size() != 1) qFatal("one tensor expected");
  return layout.tensors.front();
}

const AxisMap kTransposed = {{1, 0}, 1, {}};
const AxisMap kStored2 = {{0, 1}, 1, {}};
const AxisMap kStored4 = {{0, 1, 2, 3}, 1, {}};
const AxisMap kConv1 = {{2, 1, 0}, 1, {}};
const AxisMap kConv2 = {{3, 2, 0, 1}, 1, {}};
const AxisMap kConv3 = {{4, 3, 0, 1, 2}, 1, {}};
const AxisMap kDepthwise = {{2, 3, 0, 1}, 2, {}};
const AxisMap kTransposedConv = {{2, 3, 0, 1}, 1, {}};

}  // namespace

Q_DECLARE_METATYPE(Shape)
Q_DECLARE_METATYPE(AxisMap)

class ModelLayoutTest : public QObject {
  Q_OBJECT

 private slots:
  void kerasVariablesAreOriented_data() {
    QTest::addColumn<QString>("version");
    QTest::addColumn<QString>("layer");
    QTest::addColumn<QString>("name");
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<AxisMap>("axes");
    const auto row = [](const char* version, const char* layer, const char* name,
                        const Shape& shape, const AxisMap& axes) {
      QTest::addRow("Keras %s %s %s", version, layer, name)
          << version << layer << name << shape << axes;
    };
    row("2.4.0", "dense", "dense/kernel:0", {8, 3}, kTransposed);
    row("2.4.0", "lstm", "lstm/lstm_cell/recurrent_kernel:0", {4, 16}, kTransposed);
    row("2.4.0", "conv1d", "conv1d/kernel:0", {5, 2, 3}, kConv1);
    row("2.4.0", "conv2d", "conv2d/kernel:0", {3, 3, 2, 7}, kConv2);
    row("2.4.0", "conv3d", "conv3d/kernel:0", {3, 3, 3, 2, 7}, kConv3);
    row("2.4.0", "sep", "sep/depthwise_kernel:0", {3, 3, 8, 2}, kDepthwise);
    row("2.4.0", "sep1d", "sep1d/depthwise_kernel:0", {3, 8, 2}, {{1, 2, 0}, 2, {}});
    row("2.4.0", "sep", "sep/pointwise_kernel:0", {1, 1, 16, 4}, kConv2);
    row("3.1.0", "depthwise_conv2d", "model/depthwise_conv2d/kernel", {3, 3, 8, 1}, kDepthwise);
    row("2.4.0", "conv2d_transpose_1", "conv2d_transpose_1/kernel:0", {3, 3, 5, 7},
        kTransposedConv);
    row("2.4.0", "embedding_1", "embedding_1/embeddings:0", {100, 8}, kStored2);
    row("2.4.0", "embedding_mlp", "embedding_mlp/kernel:0", {100, 8}, kTransposed);
    row("2.4.0", "attention", "attention/attention_W:0", {356, 1}, kTransposed);
    row("2.4.0", "gar_1", "gar_1/FLR_kernel:0", {4, 2}, kTransposed);
    row("2.9.0", "mha", "mha/query/kernel:0", {64, 4, 16}, {{1, 2, 0}, 2, {}});
    row("2.9.0", "mha", "mha/attention_output/kernel:0", {4, 16, 64}, {{2, 0, 1}, 1, {}});
    row("", "conv1", "conv1_W", {64, 1, 3, 3}, kStored4);
    row("", "conv1", "conv1_W_1:0", {64, 1, 3, 3}, kStored4);
    row("", "dense_1", "dense_1_W", {64, 10}, kTransposed);
    row("", "gru1", "gru1_U_z:0", {32, 32}, kTransposed);
    row("", "embedding_1", "embedding_1_W", {1000, 32}, kStored2);
    row("", "convolution2d_1", "param_0", {64, 1, 3, 3}, kStored4);
    row("1.2.2", "conv1", "conv1_W:0", {3, 3, 16, 32}, kConv2);
    row("1.2.2", "conv1", "conv1_W:0", {32, 16, 3, 3}, kStored4);
  }
  void kerasVariablesAreOriented() {
    QFETCH(QString, version);
    QFETCH(QString, layer);
    QFETCH(QString, name);
    QFETCH(Shape, shape);
    QFETCH(AxisMap, axes);
    const TensorInfo info = only(
        kerasFile(version.toStdString(), layer.toStdString(), {floats(name.toStdString(), shape)}));
    QCOMPARE(info.axes.order, axes.order);
    QCOMPARE(info.axes.rowAxes, axes.rowAxes);
    QVERIFY(info.quantizable);
    QCOMPARE(info.transposed, !(axes == kStored2 || axes == kStored4));
    QCOMPARE(info.layer, layer.toStdString());
  }

  void modelConfigTellsTheClass() {
    StoredFile file = kerasFile(
        "2.4.0", "outer",
        {floats("up/kernel:0", {3, 3, 5, 7}), floats("words/table:0", {9, 4}),
         floats("wrap/kernel:0", {3, 3, 8, 1}), floats("transpose_it/kernel:0", {3, 3, 5, 7})});
    file.modelConfig = R"({"class_name": "Functional", "config": {"name": "all", "layers": [
      {"class_name": "Conv2DTranspose", "config": {"name": "up"}},
      {"class_name": "Embedding", "config": {"name": "words"}},
      {"class_name": "Conv2D", "config": {"name": "transpose_it"}},
      {"class_name": "TimeDistributed", "config": {"name": "wrap",
        "layer": {"class_name": "DepthwiseConv2D", "config": {"name": "inner"}}}}]}})";
    const ModelLayout layout = recognizeLayout(file);
    QVERIFY(layout.tensors[0].axes == kTransposedConv);
    QVERIFY(layout.tensors[1].axes == kStored2);
    QVERIFY(layout.tensors[2].axes == kDepthwise);
    QVERIFY(layout.tensors[3].axes == kConv2);
  }

  void modelConfigTellsTheDimOrderingOfKeras1() {
    const char* config = R"({"class_name": "Sequential", "config": [
      {"class_name": "Convolution2D", "config": {"name": "conv", "dim_ordering": "%1"}}]})";
    StoredFile file = kerasFile("", "conv", {floats("conv_W:0", {3, 3, 16, 32})});
    file.modelConfig = QString(config).arg("tf").toStdString();
    QVERIFY(only(file).axes == kConv2);
    file.modelConfig = QString(config).arg("th").toStdString();
    QVERIFY(only(file).axes == kStored4);
    file.modelConfig = "not JSON";
    QVERIFY(only(file).axes == kStored4);
  }

  void keras3VariablesAreOriented_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<AxisMap>("axes");
    QTest::newRow("dense") << "layers/dense_2/vars/0" << Shape{8, 3} << kTransposed;
    QTest::newRow("conv") << "layers/conv2d/vars/0" << Shape{3, 3, 2, 7} << kConv2;
    QTest::newRow("depthwise") << "layers/depthwise_conv2d/vars/0" << Shape{3, 3, 8, 1}
                               << kDepthwise;
    QTest::newRow("separable 0") << "layers/separable_conv2d/vars/0" << Shape{3, 3, 8, 1}
                                 << kDepthwise;
    QTest::newRow("separable 1") << "layers/separable_conv2d/vars/1" << Shape{1, 1, 8, 4} << kConv2;
    QTest::newRow("transposed") << "layers/conv2d_transpose/vars/0" << Shape{3, 3, 5, 7}
                                << kTransposedConv;
    QTest::newRow("embedding") << "layers/embedding/vars/0" << Shape{100, 8} << kStored2;
    QTest::newRow("lstm") << "layers/lstm_1/cell/vars/1" << Shape{4, 16} << kTransposed;
    QTest::newRow("part") << "layers/patch_embedding/projection/vars/0" << Shape{9, 8}
                          << kTransposed;
    QTest::newRow("2.13") << "_layer_checkpoint_dependencies/dense/vars/0" << Shape{8, 3}
                          << kTransposed;
  }
  void keras3VariablesAreOriented() {
    QFETCH(QString, path);
    QFETCH(Shape, shape);
    QFETCH(AxisMap, axes);
    StoredFile file;
    file.arrays = {floats(path.toStdString(), shape)};
    QCOMPARE(recognizeLayout(file).format, std::string("Keras 3 weights HDF5"));
    QVERIFY(only(file).quantizable);
    QVERIFY(only(file).axes == axes);
  }

  void keras3LayersGoByTheNameOfTheLayer() {
    StoredFile file;
    file.arrays = {floats("layers/lstm_1/cell/vars/0", {4, 16}),
                   floats("layers/dense/vars/0", {2, 3}),
                   floats("layers/functional/layers/conv2d/vars/0", {3, 3, 1, 2}),
                   floats("encoder/dense1/vars/0", {2, 3})};
    file.groups["layers/lstm_1/cell/vars"].name = "lstm_cell";
    file.groups["layers/lstm_1/vars"].name = "reader";
    file.groups["layers/functional/layers/conv2d/vars"].name = "stem";
    file.groups["layers/functional/vars"].name = "backbone";
    file.groups["encoder/dense1/vars"].name = "dense_7";
    const ModelLayout layout = recognizeLayout(file);
    std::map<std::string, std::string> layers;
    for (const TensorInfo& info : layout.tensors) layers[info.name] = info.layer;
    QCOMPARE(layers["layers/lstm_1/cell/vars/0"], std::string("reader"));
    QCOMPARE(layers["layers/dense/vars/0"], std::string("dense"));
    QCOMPARE(layers["layers/functional/layers/conv2d/vars/0"], std::string("stem"));
    QCOMPARE(layers["encoder/dense1/vars/0"], std::string("dense_7"));
  }

  void keras3ClassesCountMoreThanNames() {
    StoredFile file;
    file.arrays = {floats("layers/dense/vars/0", {8, 3}), floats("net/table/vars/0", {8, 3})};
    file.groups["layers/dense/vars"].name = "embedding_head";
    file.groups["net/table/vars"].name = "embedding_3";
    const ModelLayout layout = recognizeLayout(file);
    QVERIFY(layout.tensors[0].axes == kTransposed);
    QVERIFY(layout.tensors[1].axes == kStored2);
  }

  void kerasFilesComeInTheOrderOfTheirLayers() {
    StoredFile file;
    file.groups["model_weights"].layerNames = {"z", "a"};
    file.groups["model_weights/z"].weightNames = {"z/kernel:0", "z/bias:0"};
    file.groups["model_weights/a"].weightNames = {"a/kernel:0"};
    file.arrays = {
        floats("optimizer_weights/Adam/z/kernel/m:0", {4, 2}),
        floats("model_weights/unmentioned", {2, 2}), floats("model_weights/a/a/kernel:0", {2, 2}),
        floats("model_weights/z/z/bias:0", {2}), floats("model_weights/z/z/kernel:0", {4, 2})};
    QCOMPARE(names(file),
             (std::vector<std::string>{"model_weights/z/z/kernel:0", "model_weights/z/z/bias:0",
                                       "model_weights/a/a/kernel:0", "model_weights/unmentioned",
                                       "optimizer_weights/Adam/z/kernel/m:0"}));
  }

  void formatsAreTold_data() {
    QTest::addColumn<QString>("version");
    QTest::addColumn<QString>("format");
    QTest::newRow("none") << ""
                          << "Keras 1 HDF5";
    QTest::newRow("1") << "1.2.2"
                       << "Keras 1 HDF5";
    QTest::newRow("2") << "2.3.0-tf"
                       << "Keras 2 HDF5";
    QTest::newRow("3") << "3.12.3"
                       << "Keras 3 HDF5 (legacy)";
    QTest::newRow("2, no dot") << "2"
                               << "Keras 2 HDF5";
  }
  void formatsAreTold() {
    QFETCH(QString, version);
    QFETCH(QString, format);
    const StoredFile file = kerasFile(version.toStdString(), "d", {floats("d/kernel", {2, 2})});
    QCOMPARE(recognizeLayout(file).format, format.toStdString());
    QCOMPARE(recognizeLayout({}).format, std::string("HDF5"));
  }

  void gpt2LayersAreTransposedWhereTheirShapesSaySo() {
    StoredFile file;
    file.format = "safetensors";
    file.arrays = {floats("transformer.wte.weight", {50, 8}),
                   floats("transformer.h.0.attn.c_attn.weight", {8, 24}),
                   floats("transformer.h.0.attn.c_proj.weight", {8, 8}),
                   floats("transformer.h.0.mlp.c_fc.weight", {8, 32}),
                   floats("transformer.h.0.mlp.gate.weight", {8, 32})};
    ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.format, std::string("safetensors"));
    for (const TensorInfo& info : layout.tensors) {
      QVERIFY(info.quantizable);
      QCOMPARE(info.transposed, info.name.find(".c_") != std::string::npos);
    }
    file.arrays[1].shape = {24, 8};
    file.arrays[3].shape = {32, 8};
    layout = recognizeLayout(file);
    for (const TensorInfo& info : layout.tensors) QVERIFY(!info.transposed);
  }

  void transposedConvolutionsOfPyTorchGoByTheirName() {
    StoredFile file;
    file.arrays = {floats("dec.conv_transpose.weight", {5, 7, 3, 3}),
                   floats("dec.conv.weight", {5, 7, 3, 3})};
    const ModelLayout layout = recognizeLayout(file);
    QVERIFY(layout.tensors[0].axes == kStored4);
    QVERIFY((layout.tensors[1].axes == AxisMap{{1, 0, 2, 3}, 1, {}}));
  }

  void pyTorchWeightsAreRows() {
    StoredFile file;
    file.arrays = {floats("model.layers.10.q_proj.weight", {8, 4}),
                   floats("model.layers.2.q_proj.weight", {8, 4}),
                   floats("head/conv/weight", {8, 4, 3, 3}),
                   floats("rnn.weight_ih_l0", {16, 4}),
                   floats("block+1+weight", {4, 4}),
                   floats("flax.dense.kernel", {8, 4})};
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.format, std::string("PyTorch HDF5"));
    QCOMPARE(names(file),
             (std::vector<std::string>{"block+1+weight", "flax.dense.kernel", "head/conv/weight",
                                       "model.layers.2.q_proj.weight",
                                       "model.layers.10.q_proj.weight", "rnn.weight_ih_l0"}));
    for (const TensorInfo& info : layout.tensors) {
      QCOMPARE(info.transposed, info.name == "flax.dense.kernel");
    }
    QCOMPARE(layout.tensors[0].layer, std::string("block.1"));
    QCOMPARE(layout.tensors[2].layer, std::string("head.conv"));
    QCOMPARE(layout.tensors[2].cols, std::size_t{36});
    QCOMPARE(layout.tensors[3].layer, std::string("model.layers.2.q_proj"));
  }

  void unknownArraysAreRowsAndKernelsAreNot() {
    StoredFile file;
    file.arrays = {floats("a/kernel:0", {3, 2}), floats("a/matrix", {3, 2}), floats("w", {3, 2})};
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.format, std::string("HDF5"));
    QVERIFY(layout.tensors[0].axes == kTransposed);
    QVERIFY(layout.tensors[1].axes == kStored2);
    QVERIFY(layout.tensors[2].axes == kStored2);
    QCOMPARE(layout.tensors[1].layer, std::string("a"));
    QVERIFY(layout.tensors[2].layer.empty());
  }

  void reasonsAreTold_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<QString>("reason");
    QTest::newRow("vector") << "b" << Shape{4} << "float32"
                            << "a vector: only matrices and larger are quantized";
    QTest::newRow("scalar") << "s" << Shape{} << "float16"
                            << "a scalar: only matrices and larger are quantized";
    QTest::newRow("integer") << "n" << Shape{2, 2} << "int64"
                             << "int64: only floating-point weights are quantized";
    QTest::newRow("empty") << "e" << Shape{2, 0} << "float32"
                           << "empty: one of its sides is 0";
    QTest::newRow("empty and huge") << "e" << Shape{1ull << 63, 4, 0} << "float32"
                                    << "empty: one of its sides is 0";
    QTest::newRow("huge") << "h" << Shape{1ull << 33, 1ull << 33} << "float32"
                          << "its shape claims more elements than can exist";
    QTest::newRow("optimizer") << "optimizer/vars/3" << Shape{4, 4} << "float32"
                               << "optimizer state, not a weight";
    QTest::newRow("optimizer_weights") << "optimizer_weights/m" << Shape{4, 4} << "float32"
                                       << "optimizer state, not a weight";
    QTest::newRow("optimizer.state") << "optimizer.state.0.exp_avg" << Shape{4, 4} << "float32"
                                     << "optimizer state, not a weight";
    QTest::newRow("not optimizer") << "optimizers_paper/w" << Shape{4, 4} << "float32"
                                   << "";
    QTest::newRow("column") << "w" << Shape{356, 1} << "bfloat16"
                            << "";
  }
  void reasonsAreTold() {
    QFETCH(QString, path);
    QFETCH(Shape, shape);
    QFETCH(QString, dtype);
    QFETCH(QString, reason);
    StoredFile file;
    file.arrays = {{path.toStdString(), shape, dtype.toStdString(), 4, {}, {}}};
    QCOMPARE(only(file).reason, reason.toStdString());
    QCOMPARE(only(file).quantizable, reason.isEmpty());
  }

  void obstaclesAndAliasesAreReasons() {
    StoredFile file;
    file.arrays = {floats("a", {2, 2}), floats("b", {2, 2})};
    file.arrays[0].obstacle = "it rained";
    file.arrays[1].alias = "another name of c";
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.tensors[0].reason, std::string("it rained"));
    QCOMPARE(layout.tensors[1].reason, std::string("another name of c"));
  }

  void biasesOfTwoAxesAreNoWeights() {
    QVERIFY(!only(kerasFile("2.4.0", "gru", {floats("gru/gru_cell/bias:0", {2, 12})})).quantizable);
    StoredFile file;
    file.arrays = {floats("layers/gru/cell/vars/2", {2, 12})};
    QCOMPARE(only(file).reason, std::string("a bias, not a matrix of weights"));
  }

  void expertsAreOneTensorEach() {
    StoredFile file;
    file.arrays = {floats("mlp/experts/down_proj", {2, 8, 4}),
                   floats("mlp.moe_experts.up.kernel", {2, 8, 4}),
                   floats("mlp/experts/bias", {2, 8}), floats("mlp/expertise/w", {2, 8, 4})};
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(names(file),
             (std::vector<std::string>{
                 "mlp.moe_experts.up.kernel[0]", "mlp.moe_experts.up.kernel[1]", "mlp/expertise/w",
                 "mlp/experts/bias", "mlp/experts/down_proj[0]", "mlp/experts/down_proj[1]"}));
    const TensorInfo& rows = layout.tensors[5];
    QCOMPARE(rows.rows, std::size_t{8});
    QCOMPARE(rows.cols, std::size_t{4});
    QCOMPARE(rows.axes.slice, std::optional<std::size_t>(1));
    QVERIFY(!rows.transposed);
    QCOMPARE(rows.bytes, std::uint64_t{128});
    QCOMPARE(storedPath(rows), std::string("mlp/experts/down_proj"));
    const TensorInfo& columns = layout.tensors[0];
    QCOMPARE(columns.rows, std::size_t{4});
    QVERIFY(columns.transposed);
    QCOMPARE(layout.tensors[2].cols, std::size_t{32});
  }

  void stacksBecomeNoMoreTensorsThanTheBytesAllow() {
    StoredFile file;
    for (int i = 0; i < 1024; ++i) {
      file.arrays.push_back(
          floats(("b." + std::to_string(i) + ".experts.up_proj").c_str(), {4096, 1, 1}));
    }
    const ModelLayout layout = recognizeLayout(file);
    // 16 KiB a stack: 16384 tensors in any case, and one more for each KiB.
    const std::size_t budget = 16384 + 1024 * 16;
    std::size_t one = 0;
    std::size_t whole = 0;
    for (const TensorInfo& info : layout.tensors) {
      if (info.axes.slice) {
        ++one;
      } else {
        ++whole;
        QVERIFY(!info.quantizable);
        QVERIFY(info.reason.starts_with("one of too many stacks"));
      }
    }
    QCOMPARE(one, budget);
    QCOMPARE(whole, 1024 - budget / 4096);
  }

  void namesThatNoFrameworkWritesAreNotTakenApart() {
    std::string deep = "layers";
    for (int i = 0; i < 64; ++i) deep += "/a";
    StoredFile file;
    file.arrays = {floats(std::string(4097, 'n').c_str(), {2, 2}), floats(deep.c_str(), {2, 2}),
                   floats(std::string(4096, 'm').c_str(), {2, 2})};
    for (const TensorInfo& info : recognizeLayout(file).tensors) {
      const bool usual = info.name.front() == 'm';
      QCOMPARE(info.quantizable, usual);
      QCOMPARE(info.reason.starts_with("its name has "), !usual);
    }
  }

  void aConfigurationTooLargeIsToldOf() {
    StoredFile file;
    file.arrays = {floats("dense/kernel", {2, 2})};
    file.modelConfig = R"({"a":[)";
    for (int i = 0; i < (2 << 20); ++i) file.modelConfig += "0,";
    file.modelConfig += "0]}";
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.notes.size(), std::size_t{1});
    QVERIFY(layout.notes.front().ends_with("of more values than any framework writes"));
    QCOMPARE(layout.tensors.size(), std::size_t{1});
  }

  void whatIsCountedDoesNotWrap() {
    constexpr std::uint64_t kHalf = std::uint64_t{1} << 31;
    StoredFile file;
    file.arrays = {{"a", {kHalf, kHalf}, "float32", 1, {}, {}},
                   {"b", {kHalf * 2, kHalf * 2, kHalf * 2}, "", 0, {}, {}}};
    for (const TensorInfo& info : recognizeLayout(file).tensors) {
      QCOMPARE(info.reason, std::string("its shape claims more elements than can exist"));
    }
  }

  void layingOutCanBeCancelled() {
    StoredFile file;
    file.arrays = {floats("dense/kernel", {2, 2})};
    const CancelToken cancel;
    cancel.cancel();
    QCOMPARE(recognizeLayout(file, cancel).error().code, ErrorCode::Cancelled);
  }

  void nativeFilesOfferWhatIsDequantized() {
    StoredFile file;
    file.format = "quantoscope";
    file.arrays = {floats("tensors/dense/kernel:0/dequantized", {8, 4}),
                   floats("tensors/dense/kernel:0/scale", {4, 1}),
                   {"tensors/dense/kernel:0/codes", {4, 8}, "int8", 1, {}, {}},
                   floats("tensors/l.weight/dequantized", {8, 4}),
                   floats("tensors/turned/dequantized", {8, 4})};
    file.groups["tensors/turned"].orientation = "columns";
    const ModelLayout layout = recognizeLayout(file);
    QCOMPARE(layout.format, std::string("Quantoscope native HDF5"));
    std::map<std::string, TensorInfo> tensors;
    for (const TensorInfo& info : layout.tensors) tensors[info.name] = info;
    QVERIFY(tensors["tensors/dense/kernel:0/dequantized"].axes == kTransposed);
    QVERIFY(tensors["tensors/l.weight/dequantized"].axes == kStored2);
    QVERIFY(tensors["tensors/turned/dequantized"].axes == kTransposed);
    QVERIFY(tensors["tensors/turned/dequantized"].quantizable);
    QVERIFY(!tensors["tensors/dense/kernel:0/codes"].quantizable);
    QCOMPARE(tensors["tensors/dense/kernel:0/scale"].reason,
             std::string("part of a quantized tensor; only dequantized arrays are weights"));
  }
};

QTEST_APPLESS_MAIN(ModelLayoutTest)
#include "model_layout_test.moc"
