// Every layout that people's files have, against a table of what must come out: names in order,
// layers, shapes, which stored axes become rows and columns, gates, and every single element.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/model/keras_paths.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::npy;
using quantoscope::test::safetensorsBytes;
using quantoscope::test::ZipWriter;

namespace {

using Axes = std::vector<std::size_t>;
using Gates = std::vector<std::string>;

/// One quantizable tensor. Elements count 0, 1/8, 2/8, ... as stored.
struct Row {
  const char* file;
  const char* name;
  const char* layer;
  Axes shape;
  Axes rowAxes;     ///< slowest first
  Axes columnAxes;  ///< slowest first
  Gates gates = {};
};

const Gates kLstm = {"input", "forget", "cell", "output"};
const Gates kKerasGru = {"update", "reset", "candidate"};
const Gates kTorchGru = {"reset", "update", "candidate"};

// In the order in which each file must list them.
// clang-format off
const std::vector<Row> kTable = {
  {"keras1.h5", "conv/conv_W", "conv", {4, 3, 2, 5}, {0}, {1, 2, 3}},
  {"keras1.h5", "fc/fc_W", "fc", {6, 4}, {1}, {0}},
  {"keras1.h5", "lstm/lstm_U_i", "lstm", {4, 4}, {1}, {0}},
  {"keras2.h5", "z/z/kernel:0", "z", {6, 4}, {1}, {0}},
  {"keras2.h5", "conv/conv/kernel:0", "conv", {2, 3, 4, 5}, {3}, {2, 0, 1}},
  {"keras2.h5", "c1/c1/kernel:0", "c1", {3, 4, 5}, {2}, {1, 0}},
  {"keras2.h5", "c3/c3/kernel:0", "c3", {2, 3, 2, 4, 5}, {4}, {3, 0, 1, 2}},
  {"keras2.h5", "sep/sep/depthwise_kernel:0", "sep", {2, 3, 4, 2}, {2, 3}, {0, 1}},
  {"keras2.h5", "sep/sep/pointwise_kernel:0", "sep", {1, 1, 8, 5}, {3}, {2, 0, 1}},
  {"keras2.h5", "sep1/sep1/depthwise_kernel:0", "sep1", {3, 4, 2}, {1, 2}, {0}},
  {"keras2.h5", "rnn/rnn/lstm_cell/kernel:0", "rnn", {6, 8}, {1}, {0}, kLstm},
  {"keras2.h5", "rnn/rnn/lstm_cell/recurrent_kernel:0", "rnn", {2, 8}, {1}, {0}, kLstm},
  {"keras2.h5", "gru/gru/kernel:0", "gru", {6, 9}, {1}, {0}, kKerasGru},
  {"keras2.h5", "gru/gru/recurrent_kernel:0", "gru", {3, 9}, {1}, {0}, kKerasGru},
  {"keras2.h5", "simple/simple/recurrent_kernel:0", "simple", {3, 3}, {1}, {0}},
  {"keras2.h5", "words/words/embeddings:0", "words", {9, 4}, {0}, {1}},
  {"keras2_full.h5", "model_weights/up/up/kernel:0", "up", {2, 3, 4, 5}, {2}, {3, 0, 1}},
  {"keras2_full.h5", "model_weights/dw/dw/depthwise_kernel:0", "dw", {2, 3, 4, 1}, {2, 3}, {0, 1}},
  {"keras2_full.h5", "model_weights/table/table/weights:0", "table", {9, 4}, {0}, {1}},
  {"keras3.weights.h5", "layers/conv2d/vars/0", "stem", {2, 3, 4, 5}, {3}, {2, 0, 1}},
  {"keras3.weights.h5", "layers/dense/vars/0", "dense", {6, 4}, {1}, {0}},
  {"keras3.weights.h5", "layers/dense_1/vars/0", "dense_1", {4, 4}, {1}, {0}},
  {"keras3.weights.h5", "layers/depthwise_conv2d/vars/0", "depthwise_conv2d", {2, 3, 4, 1}, {2, 3}, {0, 1}},
  {"keras3.weights.h5", "layers/lstm/cell/vars/0", "lstm", {6, 8}, {1}, {0}, kLstm},
  {"keras3.weights.h5", "layers/lstm/cell/vars/1", "lstm", {2, 8}, {1}, {0}, kLstm},
  {"keras3.keras", "layers/lstm/cell/vars/0", "memory", {6, 8}, {1}, {0}, kLstm},
  {"keras3.keras", "layers/lstm/cell/vars/1", "memory", {2, 8}, {1}, {0}, kLstm},
  {"keras3.keras", "layers/dense/vars/0", "head", {6, 4}, {1}, {0}},
  {"keras3.keras", "layers/depthwise_conv2d/vars/0", "depth", {2, 3, 4, 1}, {2, 3}, {0, 1}},
  {"keras3.keras", "layers/dense_1/vars/0", "logits", {4, 4}, {1}, {0}},
  {"keras3.keras", "layers/conv2d/vars/0", "stem", {2, 3, 4, 5}, {3}, {2, 0, 1}},
  {"model.weights.json", "layers/dense/vars/0", "dense", {6, 4}, {1}, {0}},
  {"model.weights.json", "layers/dense_1/vars/0", "dense_1", {4, 4}, {1}, {0}},
  {"dotted.h5", "layers.1.weight", "layers.1", {4, 6}, {0}, {1}},
  {"dotted.h5", "layers.2.conv.weight", "layers.2.conv", {4, 3, 2, 5}, {0}, {1, 2, 3}},
  {"dotted.h5", "layers.10.weight", "layers.10", {4, 6}, {0}, {1}},
  {"dotted.h5", "up.conv_transpose.weight", "up.conv_transpose", {4, 3, 2, 5}, {1}, {0, 2, 3}},
  {"nested.h5", "layers/2/weight", "layers.2", {4, 6}, {0}, {1}},
  {"nested.h5", "layers/10/weight", "layers.10", {4, 6}, {0}, {1}},
  {"nested.h5", "rnn/weight_hh_l0", "rnn", {8, 2}, {0}, {1}, kLstm},
  {"nested.h5", "rnn/weight_hh_l0_reverse", "rnn", {6, 2}, {0}, {1}, kTorchGru},
  {"nested.h5", "rnn/weight_ih_l0", "rnn", {8, 5}, {0}, {1}, kLstm},
  {"nested.h5", "rnn/weight_ih_l0_reverse", "rnn", {6, 5}, {0}, {1}, kTorchGru},
  {"plus.h5", "layers+2+weight", "layers.2", {4, 6}, {0}, {1}},
  {"plus.h5", "layers+10+weight", "layers.10", {4, 6}, {0}, {1}},
  {"created.h5", "z.weight", "z", {4, 6}, {0}, {1}},
  {"created.h5", "a.weight", "a", {4, 6}, {0}, {1}},
  {"created.h5", "m/two.weight", "m.two", {4, 6}, {0}, {1}},
  {"listed.h5", "z/weight", "z", {4, 6}, {0}, {1}},
  {"listed.h5", "a/weight", "a", {4, 6}, {0}, {1}},
  {"listed.h5", "m/weight", "m", {4, 6}, {0}, {1}},
  {"listed_plus.h5", "z+weight", "z", {4, 6}, {0}, {1}},
  {"listed_plus.h5", "a+weight", "a", {4, 6}, {0}, {1}},
  {"listed_plus.h5", "m+weight", "m", {4, 6}, {0}, {1}},
  {"gpt2.h5", "h.0.attn.c_attn.weight", "h.0.attn.c_attn", {4, 12}, {1}, {0}},
  {"gpt2.h5", "h.0.attn.c_proj.weight", "h.0.attn.c_proj", {4, 4}, {1}, {0}},
  {"gpt2.h5", "h.0.mlp.c_fc.weight", "h.0.mlp.c_fc", {4, 16}, {1}, {0}},
  {"gpt2.h5", "wte.weight", "wte", {9, 4}, {0}, {1}},
  {"generic.h5", "block/kernel", "block", {6, 4}, {1}, {0}},
  {"generic.h5", "block/matrix", "block", {6, 4}, {0}, {1}},
  {"model.safetensors.index.json", "layers.2.weight", "layers.2", {4, 6}, {0}, {1}},
  {"model.safetensors.index.json", "layers.10.weight", "layers.10", {4, 6}, {0}, {1}},
  {"saved.npz", "second", "", {4, 6}, {0}, {1}},
  {"saved.npz", "first", "", {4, 6}, {0}, {1}},
  {"single.npy", "single", "", {4, 6}, {0}, {1}},
};
// clang-format on

std::size_t product(const Axes& shape, const Axes& axes) {
  std::size_t sides = 1;
  for (const std::size_t axis : axes) sides *= shape[axis];
  return sides;
}

/// Adds the offset in the stored array of the i-th combination of these axes' indices.
std::size_t offsetOf(const Axes& shape, const Axes& axes, std::size_t i) {
  std::size_t offset = 0;
  for (std::size_t a = axes.size(); a-- > 0;) {
    std::size_t stride = 1;
    for (std::size_t later = axes[a] + 1; later < shape.size(); ++later) stride *= shape[later];
    offset += i % shape[axes[a]] * stride;
    i /= shape[axes[a]];
  }
  return offset;
}

std::string countingBytes(std::size_t count) {
  const std::vector<float> values = test::countingValues(count);
  return {reinterpret_cast<const char*>(values.data()), count * sizeof(float)};
}

}  // namespace

class LayoutTableTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const std::string& name) const {
    return folder_.filePath(QString::fromStdString(name)).toStdString();
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string contentOf(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// The arrays that the table has for `table`, as they are.
  static void addArrays(Hdf5Fixture& file, const std::string& table) {
    for (const Row& row : kTable) {
      if (row.file == table) file.counting(row.name, {row.shape.begin(), row.shape.end()});
    }
  }
  /// The same as a Keras file has them: layers and weights named in the order of the table.
  static void addKeras(Hdf5Fixture& file, const std::string& table, const std::string& root) {
    std::vector<std::string> layers;
    std::map<std::string, std::vector<std::string>> weights;
    for (const Row& row : kTable) {
      if (row.file != table) continue;
      file.counting(row.name, {row.shape.begin(), row.shape.end()});
      if (weights[row.layer].empty()) layers.emplace_back(row.layer);
      const std::string above = (root.empty() ? "" : root + "/") + row.layer + "/";
      weights[row.layer].push_back(std::string(row.name).substr(above.size()));
    }
    file.texts(root.empty() ? "/" : "/" + root, "layer_names", layers);
    for (const std::string& layer : layers) {
      file.texts(root + "/" + layer, "weight_names", weights[layer], true);
    }
  }

  void writeKeras() const {
    {
      Hdf5Fixture file(path("keras1.h5"));
      addKeras(file, "keras1.h5", "");
    }
    {
      Hdf5Fixture file(path("keras2.h5"));
      addKeras(file, "keras2.h5", "");
      file.text("/", "keras_version", "2.4.0");
    }
    {
      Hdf5Fixture file(path("keras2_full.h5"));
      addKeras(file, "keras2_full.h5", "model_weights");
      file.text("/", "keras_version", "2.4.0");
      file.text("/", "model_config",
                R"({"class_name": "Functional", "config": {"name": "m", "layers": [
                  {"class_name": "Conv2DTranspose", "config": {"name": "up"}},
                  {"class_name": "DepthwiseConv2D", "config": {"name": "dw"}},
                  {"class_name": "Embedding", "config": {"name": "table"}}]}})");
      file.counting("optimizer_weights/Adam/up/kernel/m:0", {4, 4});
    }
    {
      Hdf5Fixture file(path("keras3.weights.h5"));
      addArrays(file, "keras3.weights.h5");
      file.text("/layers/conv2d/vars", "name", "stem");
      file.counting("optimizer/vars/1", {4, 4});
    }
    writeArchive();
    write("model.weights.json", R"({"metadata": {"total_size": 160}, "weight_map": {
      "/layers/dense/vars": "model_00000.weights.h5",
      "/layers/dense_1/vars": ["model_00001.weights.h5"]}})");
    Hdf5Fixture first(path("model_00000.weights.h5"));
    first.counting("layers/dense/vars/0", {6, 4});
    Hdf5Fixture second(path("model_00001.weights.h5"));
    second.counting("layers/dense_1/vars/0", {4, 4});
  }

  void writeArchive() const {
    {
      Hdf5Fixture file(path("inner.h5"));
      addArrays(file, "keras3.keras");
    }
    ZipWriter writer;
    writer.add("metadata.json", R"({"keras_version": "3.3.3"})");
    writer.add("config.json", R"({"class_name": "Functional", "config": {"layers": [
      {"class_name": "InputLayer", "config": {"name": "in"}, "name": "in"},
      {"class_name": "LSTM", "config": {"name": "memory"}, "name": "memory"},
      {"class_name": "Dense", "config": {"name": "head"}, "name": "head"},
      {"class_name": "DepthwiseConv2D", "config": {"name": "depth"}},
      {"class_name": "Dense", "config": {"name": "logits"}},
      {"class_name": "Conv2D", "config": {"name": "stem"}}]}})");
    writer.add("model.weights.h5", contentOf("inner.h5"));
    write("keras3.keras", writer.finish());
  }

  void writePyTorch() const {
    for (const char* name : {"dotted.h5", "nested.h5", "plus.h5", "gpt2.h5", "generic.h5"}) {
      Hdf5Fixture file(path(name));
      addArrays(file, name);
    }
    {
      Hdf5Fixture file(path("created.h5"), 0, true);
      addArrays(file, "created.h5");
    }
    for (const char* listed : {"listed.h5", "listed_plus.h5"}) {
      Hdf5Fixture file(path(listed));
      addArrays(file, listed);
      const char names[] = "z.weighta.weightm.weight";
      const hid_t type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, 8);
      file.array("keys", {3}, names, {.fileType = type, .memoryType = type});
      H5Tclose(type);
    }
  }

  void writePlain() const {
    for (const char* layer : {"2", "10"}) {
      write(std::string("part") + layer + ".safetensors",
            safetensorsBytes(std::string("{\"layers.") + layer +
                                 ".weight\":{\"dtype\":\"F32\",\"shape\":[4,6],"
                                 "\"data_offsets\":[0,96]}}",
                             countingBytes(24)));
    }
    write("model.safetensors.index.json", R"({"metadata": {}, "weight_map": {
      "layers.10.weight": "part10.safetensors", "layers.2.weight": "part2.safetensors"}})");
    const std::string array =
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 6), }", countingBytes(24));
    ZipWriter writer;
    writer.add("second.npy", array, true);
    writer.add("first.npy", array);
    write("saved.npz", writer.finish());
    write("single.npy", array);
  }

  QTemporaryDir folder_;

 private slots:
  /// Long names of layers in layers in layers cost the file nothing, and shall cost us little.
  void pathsOfAConfigurationAreBounded() {
    const std::string layer = "{\"class_name\":\"";
    const std::string layers = "\"config\":{\"layers\":[";
    const auto placesOf = [&](std::size_t letters) {
      std::string config = "{" + layers + layer + std::string(letters, 'a') + "\"," + layers;
      for (int i = 0; i < 20000; ++i) config += (i > 0 ? "," : "") + layer + "A\"}";
      const auto json = parseJson(config + "]}}]}}", "config.json");
      return json ? kerasPlaces(*json) : std::map<std::string, KerasPlace>{};
    };
    std::size_t bytes = 0;
    const auto places = placesOf(4096);
    for (const auto& [path, place] : places) bytes += path.size();
    QVERIFY(places.size() > 10000 && places.size() < 20000);
    QVERIFY2(bytes <= std::size_t{64} << 20, std::to_string(bytes).c_str());
    QVERIFY(placesOf(1 << 20).empty());  // no class has such a name
  }

  void initTestCase() {
    writeKeras();
    writePyTorch();
    writePlain();
  }

  void everyFileListsItsTensorsInOrder() {
    std::map<std::string, std::vector<std::string>> expected;
    for (const Row& row : kTable) expected[row.file].emplace_back(row.name);
    for (const auto& [file, names] : expected) {
      const auto source = openTensorSource(path(file));
      QVERIFY2(source, source ? "" : source.error().message.c_str());
      std::vector<std::string> found;
      for (const TensorInfo& info : (*source)->tensors()) {
        if (info.quantizable) found.push_back(info.name);
      }
      QCOMPARE(found, names);
    }
  }

  void everyTensorIsAsTheTableSays_data() {
    QTest::addColumn<int>("row");
    for (int i = 0; i < static_cast<int>(kTable.size()); ++i) {
      QTest::addRow("%s::%s", kTable[i].file, kTable[i].name) << i;
    }
  }
  void everyTensorIsAsTheTableSays() {
    QFETCH(int, row);
    const Row& expected = kTable[static_cast<std::size_t>(row)];
    const auto source = openTensorSource(path(expected.file));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const auto info = findTensor(**source, expected.name);
    QVERIFY2(info, info ? "" : info.error().message.c_str());
    QCOMPARE(info->layer, std::string(expected.layer));
    QCOMPARE(info->shape, expected.shape);
    QCOMPARE(info->dtype, std::string("float32"));
    QCOMPARE(info->gates, expected.gates);
    std::vector<int> order(expected.rowAxes.begin(), expected.rowAxes.end());
    order.insert(order.end(), expected.columnAxes.begin(), expected.columnAxes.end());
    QCOMPARE(info->axes.order, order);
    QCOMPARE(info->axes.rowAxes, static_cast<int>(expected.rowAxes.size()));
    QCOMPARE(info->rows, product(expected.shape, expected.rowAxes));
    QCOMPARE(info->cols, product(expected.shape, expected.columnAxes));

    const auto tensor = (*source)->load(*info, Orientation::Auto);
    QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    std::vector<float> scratch;
    const MatrixView matrix = tensor->block(0, tensor->rows(), scratch);
    for (std::size_t r = 0; r < info->rows; ++r) {
      for (std::size_t c = 0; c < info->cols; ++c) {
        const std::size_t at = offsetOf(expected.shape, expected.rowAxes, r) +
                               offsetOf(expected.shape, expected.columnAxes, c);
        QCOMPARE(matrix.row(r)[c], static_cast<float>(at) / 8);
      }
    }
  }

  void rowsTellTheirGate() {
    const auto source = openTensorSource(path("keras2.h5"));
    QVERIFY(source);
    const auto info = findTensor(**source, "gru/gru/kernel:0");
    QVERIFY(info);
    QCOMPARE(gateOfRow(*info, 0), std::string("update"));
    QCOMPARE(gateOfRow(*info, 2), std::string("update"));
    QCOMPARE(gateOfRow(*info, 3), std::string("reset"));
    QCOMPARE(gateOfRow(*info, 8), std::string("candidate"));
    QCOMPARE(gateOfRow(*info, 9), std::string());
    QVERIFY(oriented(*info, Orientation::Rows).gates.empty());
    QCOMPARE(oriented(*info, Orientation::Columns).gates, kKerasGru);
  }

  void theInputAxisCanBeAskedFor_data() {
    QTest::addColumn<int>("orientation");
    QTest::addColumn<std::vector<int>>("order");
    const auto row = [](const char* name, Orientation orientation, const std::vector<int>& order) {
      QTest::newRow(name) << static_cast<int>(orientation) << order;
    };
    row("rows", Orientation::Rows, {0, 1, 2, 3});
    row("columns", Orientation::Columns, {3, 2, 0, 1});
    row("second", Orientation::Second, {1, 0, 2, 3});
    row("last but one", Orientation::LastButOne, {2, 3, 0, 1});
  }
  void theInputAxisCanBeAskedFor() {
    QFETCH(int, orientation);
    QFETCH(std::vector<int>, order);
    const auto source = openTensorSource(path("keras2.h5"));
    QVERIFY(source);
    const auto info = findTensor(**source, "conv/conv/kernel:0");
    const auto tensor = (*source)->load(*info, static_cast<Orientation>(orientation));
    QVERIFY(tensor);
    QCOMPARE(tensor->info().axes.order, order);
    const Axes shape = info->shape;
    const Axes rows = {static_cast<std::size_t>(order[0])};
    const Axes columns(order.begin() + 1, order.end());
    std::vector<float> scratch;
    const MatrixView matrix = tensor->block(0, tensor->rows(), scratch);
    QCOMPARE(matrix.rows, product(shape, rows));
    for (std::size_t r = 0; r < matrix.rows; ++r) {
      for (std::size_t c = 0; c < matrix.cols; ++c) {
        const std::size_t at = offsetOf(shape, rows, r) + offsetOf(shape, columns, c);
        QCOMPARE(matrix.row(r)[c], static_cast<float>(at) / 8);
      }
    }
  }
};

QTEST_APPLESS_MAIN(LayoutTableTest)
#include "layout_table_test.moc"
