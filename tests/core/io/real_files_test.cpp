// Public weight files as frameworks wrote them. What is expected was computed with h5py and NumPy.
#include <cmath>
#include <filesystem>
#include <set>

#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/support/test_data.h"

using namespace quantoscope;

namespace {

struct ExpectedFile {
  const char* path;
  const char* format;
  std::size_t arrays;
  std::size_t quantizable;
};

const ExpectedFile kFiles[] = {
    {"dtln/DTLN_norm_500h.h5", "Keras 2 HDF5", 22, 12},
    {"dtln/dtln_gzip_shuffle.h5", "Keras 2 HDF5", 22, 12},
    {"face_classification/gender_mini_XCEPTION.21-0.95.hdf5", "Keras 2 HDF5", 185, 23},
    {"face_classification/fer2013_mini_XCEPTION.110-0.65.hdf5", "Keras 2 HDF5", 185, 23},
    {"hand_gesture_keras3/main_model.weights.h5", "Keras 3 weights HDF5", 59, 11},
    {"hand_gesture_keras3/model2.weights.h5", "Keras 3 weights HDF5", 26, 4},
    {"hand_gesture_keras3/latest_checkpoint.h5", "Keras 3 HDF5 (legacy)", 60, 8},
    {"hls4ml/KERAS_mnist_mlp_weights.h5", "Keras 2 HDF5", 6, 3},
    {"hls4ml/mnist_mlp_25P_pruned_weights.h5", "Keras 2 HDF5", 6, 3},
    {"hls4ml/mnist_mlp_float16_gzip.h5", "Keras 2 HDF5", 6, 3},
    {"hls4ml/KERAS_conv1d_weights.h5", "Keras 2 HDF5", 10, 5},
    {"hls4ml/KERAS_dense_16x500x5_weights.h5", "Keras 2 HDF5", 12, 6},
    {"hls4ml/KERAS_gru_model_weights.h5", "Keras 2 HDF5", 29, 4},
    {"hls4ml/KERAS_lstm_model_weights.h5", "Keras 2 HDF5", 21, 3},
    {"hls4ml/QKERAS_3layer.h5", "Keras 2 HDF5", 25, 4},
    {"hls4ml/garnet_1layer_weights.h5", "Keras 2 HDF5", 10, 5},
    {"stories260K/stories260K.h5", "PyTorch HDF5", 47, 36},
    {"music_tagger/music_tagger_crnn_weights_tensorflow.h5", "Keras 1 HDF5", 48, 17},
    {"music_tagger/music_tagger_crnn_weights_theano.h5", "Keras 1 HDF5", 48, 17},
    {"textgenrnn/textgenrnn_weights.hdf5", "Keras 2 HDF5", 10, 7},
    {"textgenrnn/hacker_news.hdf5", "Keras 2 HDF5", 10, 7},
    {"aesthetic_predictor/aesthetic_mlp.h5", "PyTorch HDF5", 10, 5},
};

/// `sum` is over the elements, `weighted` over each element times (31 row + 17 col) mod 1009, so
/// that it changes with their order; `probe` is the element at [rows / 2][cols / 3].
struct ExpectedTensor {
  const char* file;
  const char* name;
  std::vector<std::size_t> shape;
  const char* dtype;
  std::size_t rows;
  std::size_t cols;
  bool transposed;
  double sum;
  double weighted;
  float probe;
};

// clang-format off
const ExpectedTensor kTensors[] = {
    {"dtln/DTLN_norm_500h.h5", "lstm/lstm/lstm_cell/kernel:0",
     {257, 512}, "float32", 512, 257, true, -2615.498335764634, -1271425.5973239653, -0.09412785f},
    {"dtln/DTLN_norm_500h.h5", "conv1d/conv1d/kernel:0",
     {1, 512, 256}, "float32", 256, 512, true, -12.956613697200282, -15155.553304369481, -0.77552533f},
    {"dtln/DTLN_norm_500h.h5", "dense_1/dense_1/kernel:0",
     {128, 256}, "float32", 256, 128, true, -2279.258732985204, -1164476.6564716306, 0.09367726f},
    {"dtln/dtln_gzip_shuffle.h5", "lstm/lstm/lstm_cell/kernel:0",
     {257, 512}, "float32", 512, 257, true, -2615.498335764634, -1271425.5973239653, -0.09412785f},
    {"dtln/dtln_gzip_shuffle.h5", "conv1d_1/conv1d_1/kernel:0",
     {1, 256, 512}, "float32", 512, 256, true, 247.00921556420212, 145096.06950095535, -0.47719115f},
    {"face_classification/gender_mini_XCEPTION.21-0.95.hdf5", "model_weights/conv2d_2/conv2d_2/kernel:0",
     {3, 3, 8, 8}, "float32", 8, 72, true, -0.22774933058099123, -138.30231994667702, -0.05124602f},
    {"face_classification/gender_mini_XCEPTION.21-0.95.hdf5", "model_weights/conv2d_7/conv2d_7/kernel:0",
     {3, 3, 128, 2}, "float32", 2, 1152, true, 0.9445942096936051, -694.8407963247591, -0.063115016f},
    {"face_classification/gender_mini_XCEPTION.21-0.95.hdf5", "model_weights/separable_conv2d_1/separable_conv2d_1/depthwise_kernel:0",
     {3, 3, 8, 1}, "float32", 8, 9, true, -1.138481093221344, -354.35308419330977, 0.06819632f},
    {"face_classification/gender_mini_XCEPTION.21-0.95.hdf5", "model_weights/separable_conv2d_1/separable_conv2d_1/pointwise_kernel:0",
     {1, 1, 8, 16}, "float32", 16, 8, true, 0.7538867981638759, -842.6998477799352, 0.26954812f},
    {"face_classification/fer2013_mini_XCEPTION.110-0.65.hdf5", "model_weights/conv2d_1/conv2d_1_1/kernel:0",
     {3, 3, 1, 8}, "float32", 8, 9, true, 0.04156737861922011, 42.77909998112591, -0.05550744f},
    {"hand_gesture_keras3/main_model.weights.h5", "layers/conv1d_1/vars/0",
     {3, 64, 64}, "float32", 64, 192, true, -158.32086836446524, -79237.10351386268, 0.002968779f},
    {"hand_gesture_keras3/main_model.weights.h5", "layers/lstm_1/cell/vars/0",
     {128, 256}, "float32", 256, 128, true, -51.95430329002738, -39296.75822761076, -0.08830302f},
    {"hand_gesture_keras3/main_model.weights.h5", "layers/lstm_1/cell/vars/1",
     {64, 256}, "float32", 256, 64, true, -21.242689062128193, -5666.012970209238, 0.4086014f},
    {"hand_gesture_keras3/main_model.weights.h5", "layers/dense/vars/0",
     {32, 128}, "float32", 128, 32, true, 14.766911546637857, 7524.343383722462, 0.19960997f},
    {"hand_gesture_keras3/model2.weights.h5", "layers/conv2d_1/vars/0",
     {2, 2, 16, 32}, "float32", 32, 64, true, -267.8895255272655, -137686.3516146011, -1.1387091f},
    {"hand_gesture_keras3/model2.weights.h5", "layers/dense/vars/0",
     {1536, 64}, "float32", 64, 1536, true, -2398.1371306489477, -1205331.8386554255, -0.046239667f},
    {"hand_gesture_keras3/latest_checkpoint.h5", "model_weights/conv1d_1/sequential/conv1d_1/kernel",
     {3, 32, 64}, "float32", 64, 96, true, -89.04034314457385, -47835.2544687397, 0.06143636f},
    {"hand_gesture_keras3/latest_checkpoint.h5", "model_weights/lstm/sequential/lstm/lstm_cell/recurrent_kernel",
     {64, 256}, "float32", 256, 64, true, 9.964749446484348, 6398.005517513047, -0.2812753f},
    {"hls4ml/KERAS_mnist_mlp_weights.h5", "dense_1/dense_1/kernel:0",
     {784, 512}, "float32", 512, 784, true, 598.2046052707399, 355693.1248931719, -0.12013433f},
    {"hls4ml/mnist_mlp_25P_pruned_weights.h5", "fc1_relu/fc1_relu/kernel:0",
     {784, 512}, "float32", 512, 784, true, -71.78425466467161, -42349.29370392236, 0.0f},
    {"hls4ml/mnist_mlp_float16_gzip.h5", "dense_1/dense_1/kernel:0",
     {784, 512}, "float16", 512, 784, true, 598.2036190032959, 355691.42379039526, -0.12011719f},
    {"hls4ml/mnist_mlp_float16_gzip.h5", "dense_3/dense_3/kernel:0",
     {512, 10}, "float16", 10, 512, true, -654.3144045472145, -326626.512806952, 0.089782715f},
    {"hls4ml/KERAS_conv1d_weights.h5", "conv1_relu/conv1_relu/kernel:0",
     {40, 7, 32}, "float32", 32, 280, true, -4.8897237806231715, -3016.1488960423158, 0.006031373f},
    {"hls4ml/KERAS_dense_16x500x5_weights.h5", "fc2_relu/fc2_relu/kernel:0",
     {500, 500}, "float32", 500, 500, true, 0.00030824123854600316, -0.15634665511917945, 5.6407293e-07f},
    {"hls4ml/KERAS_gru_model_weights.h5", "model_weights/gru_selu/gru_selu/recurrent_kernel:0",
     {20, 60}, "float32", 60, 20, true, 21.93190049275529, 12022.799437584068, 5.79669e-06f},
    {"hls4ml/KERAS_lstm_model_weights.h5", "model_weights/lstm_lstm/lstm_lstm/kernel:0",
     {6, 64}, "float32", 64, 6, true, -0.8572514341212809, 551.286516277949, 0.33903477f},
    {"hls4ml/QKERAS_3layer.h5", "model_weights/fc1/fc1_1/kernel:0",
     {16, 64}, "float32", 64, 16, true, -9.231351612166236, -100.46506425576308, -0.13824235f},
    {"hls4ml/garnet_1layer_weights.h5", "model_weights/gar_1/gar_1/Fout_kernel:0",
     {16, 4}, "float32", 4, 16, true, -0.23796397726982832, -165.1852492298931, 0.09997937f},
    {"stories260K/stories260K.h5", "model/embed_tokens/weight",
     {512, 64}, "float32", 512, 64, false, -752.3677446640068, -378710.8700851932, -0.67852515f},
    {"stories260K/stories260K.h5", "model/layers/3/mlp/down_proj/weight",
     {64, 172}, "float32", 64, 172, false, -9.517077817885365, -6371.915553165332, 0.06811736f},
    {"music_tagger/music_tagger_crnn_weights_tensorflow.h5", "conv2/conv2_W_1:0",
     {128, 64, 3, 3}, "float32", 128, 576, false, -7304.189610262489, -3650607.910032616, -0.11248524f},
    {"music_tagger/music_tagger_crnn_weights_tensorflow.h5", "gru1/gru1_W_z:0",
     {128, 32}, "float32", 32, 128, true, -5.216357683064416, -7276.295655304391, -0.44958967f},
    {"music_tagger/music_tagger_crnn_weights_tensorflow.h5", "output/output_W_1:0",
     {32, 50}, "float32", 50, 32, true, 0.13463002373464406, 3896.4813248165883, -0.07730006f},
    {"music_tagger/music_tagger_crnn_weights_theano.h5", "conv2/conv2_W",
     {128, 64, 3, 3}, "float32", 128, 576, false, -7304.189610262489, -3711994.342960738, -0.09079469f},
    {"music_tagger/music_tagger_crnn_weights_theano.h5", "gru1/gru1_U_h",
     {32, 32}, "float32", 32, 32, true, 35.34593659522943, 21411.906103922753, -0.4562912f},
    {"textgenrnn/textgenrnn_weights.hdf5", "embedding/embedding/embeddings:0",
     {465, 100}, "float32", 465, 100, false, -1048.3397294971255, -580999.3901819767, 0.36144382f},
    {"textgenrnn/textgenrnn_weights.hdf5", "attention/attention/attention_W:0",
     {356, 1}, "float32", 1, 356, true, -0.06145327468402684, -16854.954467442352, 0.23481177f},
    {"textgenrnn/textgenrnn_weights.hdf5", "rnn_1/rnn_1/kernel:0",
     {100, 512}, "float32", 512, 100, true, 57.64153816037424, 56453.982088622186, 0.83409214f},
    {"textgenrnn/hacker_news.hdf5", "output/output/kernel:0",
     {356, 465}, "float32", 465, 356, true, -6778.897033526087, -3418446.9254087363, 0.15667307f},
    {"aesthetic_predictor/aesthetic_mlp.h5", "layers/0/weight",
     {1024, 768}, "float32", 1024, 768, false, -11.765618821832504, 10171.979512167549, -0.36751842f},
    {"aesthetic_predictor/aesthetic_mlp.h5", "layers/7/weight",
     {1, 16}, "float32", 1, 16, false, 1.5261942148208618, 210.6298429518938, 0.16080868f},
};
// clang-format on

std::string weightsPath(const std::string& relative = {}) {
  return test::sharedDataPath(relative.empty() ? "weights" : "weights/" + relative);
}

bool isHdf5Name(const std::filesystem::path& path) {
  return path.extension() == ".h5" || path.extension() == ".hdf5";
}

/// The HDF5 files below a folder, by their path from it.
std::set<std::string> hdf5FilesIn(const std::string& folder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (isHdf5Name(entry.path())) {
      files.insert(std::filesystem::relative(entry.path(), folder).string());
    }
  }
  return files;
}

/// Equal but for the order in which float64 sums were formed.
bool isNear(double value, double expected, double magnitude) {
  return std::abs(value - expected) <= 1e-11 * magnitude;
}

}  // namespace

class RealFilesTest : public QObject {
  Q_OBJECT

 private slots:
  void init() {
    if (weightsPath().empty()) {
      QSKIP("the shared weight files are absent; QUANTOSCOPE_SHARED_DATA tells where they are");
    }
  }

  void everyFileIsRecognised_data() {
    QTest::addColumn<int>("index");
    for (int i = 0; i < static_cast<int>(std::size(kFiles)); ++i)
      QTest::newRow(kFiles[i].path) << i;
  }
  void everyFileIsRecognised() {
    QFETCH(int, index);
    const ExpectedFile& expected = kFiles[index];
    const auto source = openTensorSource(weightsPath(expected.path));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE((*source)->format(), std::string(expected.format));
    QCOMPARE((*source)->tensors().size(), expected.arrays);
    std::size_t quantizable = 0;
    for (const TensorInfo& info : (*source)->tensors()) {
      QCOMPARE(info.quantizable, info.reason.empty());
      if (info.quantizable) ++quantizable;
    }
    QCOMPARE(quantizable, expected.quantizable);
  }

  void noFileIsForgotten() {
    std::set<std::string> expected;
    for (const ExpectedFile& file : kFiles) expected.insert(file.path);
    for (const std::string& file : hdf5FilesIn(weightsPath())) {
      const bool scrambled = file.starts_with("llama2c_");  // stories260K has its rows in order
      QVERIFY2(scrambled || expected.contains(file), file.c_str());
    }
  }

  void everyTensorLoads_data() { everyFileIsRecognised_data(); }
  void everyTensorLoads() {
    QFETCH(int, index);
    const auto source = openTensorSource(weightsPath(kFiles[index].path));
    QVERIFY(source);
    for (const TensorInfo& info : (*source)->tensors()) {
      if (!info.quantizable) continue;
      const auto tensor = (*source)->load(info, Orientation::Auto);
      QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    }
  }

  void tensorsHaveTheExpectedElements_data() {
    QTest::addColumn<int>("index");
    for (int i = 0; i < static_cast<int>(std::size(kTensors)); ++i) {
      QTest::addRow("%s::%s", kTensors[i].file, kTensors[i].name) << i;
    }
  }
  void tensorsHaveTheExpectedElements() {
    QFETCH(int, index);
    const ExpectedTensor& expected = kTensors[index];
    const auto source = openTensorSource(weightsPath(expected.file));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const auto info = findTensor(**source, expected.name);
    QVERIFY2(info, info ? "" : info.error().message.c_str());
    QCOMPARE(info->shape, expected.shape);
    QCOMPARE(info->dtype, std::string(expected.dtype));
    QCOMPARE(info->rows, expected.rows);
    QCOMPARE(info->cols, expected.cols);
    QCOMPARE(info->transposed, expected.transposed);

    const auto tensor = (*source)->load(*info, Orientation::Auto);
    QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    std::vector<float> scratch;
    const MatrixView matrix = tensor->block(0, tensor->rows(), scratch);
    double sum = 0;
    double weighted = 0;
    double magnitude = 0;
    for (std::size_t r = 0; r < matrix.rows; ++r) {
      for (std::size_t c = 0; c < matrix.cols; ++c) {
        const double value = matrix.row(r)[c];
        sum += value;
        weighted += value * static_cast<double>((31 * r + 17 * c) % 1009);
        magnitude += std::abs(value);
      }
    }
    QVERIFY(isNear(sum, expected.sum, magnitude));
    QVERIFY(isNear(weighted, expected.weighted, 1009 * magnitude));
    QCOMPARE(matrix.row(matrix.rows / 2)[matrix.cols / 3], expected.probe);
  }

  void layersComeInTheOrderOfTheModel() {
    const auto source = openTensorSource(weightsPath("textgenrnn/textgenrnn_weights.hdf5"));
    QVERIFY(source);
    std::vector<std::string> layers;
    for (const TensorInfo& info : (*source)->tensors()) {
      if (layers.empty() || layers.back() != info.layer) layers.push_back(info.layer);
    }
    QCOMPARE(layers,
             (std::vector<std::string>{"embedding", "rnn_1", "rnn_2", "attention", "output"}));
  }

  void damagedFilesAreErrorsOrReasons() {
    const std::string folder = test::sharedDataPath("damaged");
    if (folder.empty()) QSKIP("the damaged files are absent");
    for (const char* name : {"gender_truncated_1byte.h5", "gender_truncated_half.h5"}) {
      const auto source = openTensorSource(folder + "/" + name);
      QVERIFY2(!source, name);
      QCOMPARE(source.error().code, ErrorCode::UnreadableFile);
      QVERIFY(source.error().message.find("truncated file") != std::string::npos);
    }
    const auto zeroed = openTensorSource(folder + "/gender_zeroed_middle.h5");
    QVERIFY(zeroed);
    const auto weights = findTensor(**zeroed, "model_weights");
    QVERIFY(weights);
    QVERIFY(!weights->quantizable);
    QVERIFY(weights->reason.starts_with("a damaged group"));
  }

  void harmlessOddFilesAreListed() {
    // Other odd files can end the process that opens them.
    for (const char* name : {"odd/h5wasm", "odd/jhdf"}) {
      const std::string folder = test::sharedDataPath(name);
      if (folder.empty()) QSKIP("the odd files are absent");
      for (const std::string& file : hdf5FilesIn(folder)) {
        const auto source = openTensorSource(folder + "/" + file);
        if (!source) continue;
        for (const TensorInfo& info : (*source)->tensors()) {
          QVERIFY(info.quantizable == info.reason.empty());
          if (info.quantizable) QVERIFY((*source)->load(info, Orientation::Columns));
        }
      }
    }
  }
};

QTEST_APPLESS_MAIN(RealFilesTest)
#include "real_files_test.moc"
