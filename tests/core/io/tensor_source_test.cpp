// Opening whatever people try to open, and finding tensors by name.
#include "core/io/tensor_source.h"

#include <filesystem>
#include <unistd.h>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using quantoscope::test::Hdf5Fixture;

/// How torch.save began before it wrote archives.
constexpr const char* kPyTorchPickle = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

class TensorSourceTest : public QObject {
  Q_OBJECT

 private:
  std::string write(const QByteArray& bytes) const {
    QFile file(directory_.filePath("file"));
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size()) qFatal("no file");
    return file.fileName().toStdString();
  }
  static std::string messageOfOpening(const std::string& path) {
    const auto source = openTensorSource(path);
    if (source) return "it opened";
    if (source.error().code != ErrorCode::UnreadableFile) return "wrong code";
    return source.error().message;
  }

  QTemporaryDir directory_;

 private slots:
  void otherFilesAreCalledByTheirName_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("name");
    const auto zip = [](const QByteArray& member) {
      return QByteArray("PK\x03\x04").append(QByteArray(26, '\0')).append(member).append("content");
    };
    QTest::newRow("PyTorch zip") << zip("model/data.pkl") << "a PyTorch file";
    QTest::newRow("PyTorch pickle") << QByteArray(kPyTorchPickle) << "a PyTorch file";
    const char* pickle = "a Python pickle, perhaps PyTorch's";
    QTest::newRow("OrderedDict") << QByteArray(
                                        "\x80\x02"
                                        "ccollections\nOrderedDict\n")
                                 << pickle;
    QTest::newRow("protocol 4") << QByteArray("\x80\x04\x95Y\0\0\0\0\0\0\0\x8c", 12) << pickle;
    QTest::newRow("joblib") << QByteArray(
                                   "\x80\x03"
                                   "cjoblib.numpy_pickle\n")
                            << pickle;
    QTest::newRow("a short number") << QByteArray("\x80\x02\x8a\x0al\xfc\x9c") << pickle;
    QTest::newRow("zip") << zip("readme.txt") << "a zip archive";
    QTest::newRow("GGUF") << QByteArray("GGUF\x03\0\0\0", 8) << "a GGUF file";
    QTest::newRow("ONNX") << QByteArray("\x08\x07\x12\x07pytorch") << "an ONNX model";
    QTest::newRow("TFLite") << QByteArray("\x1c\0\0\0TFL3....", 12) << "a TensorFlow Lite model";
    QTest::newRow("LFS") << QByteArray("version https://git-lfs.github.com/spec/v1\n")
                         << "a Git LFS pointer";
    QTest::newRow("JSON") << QByteArray("{\"config\": {}}") << "a JSON text";
    QTest::newRow("text") << QByteArray("hello") << "not a known weight file";
  }
  void otherFilesAreCalledByTheirName() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, name);
    const std::string path = write(bytes);
    const std::string message = messageOfOpening(path);
    const std::string expected =
        path + ": " + name.toStdString() +
        (name.contains("Git LFS") ? ", not the file itself" : "") +
        "; allowed are HDF5 (.h5, .hdf5), Keras archive (.keras), safetensors (.safetensors), "
        "NumPy (.npy, .npz) and index of several files (.safetensors.index.json, .weights.json)";
    QVERIFY2(message.starts_with(expected), message.c_str());
    QVERIFY2(message.find('\n') == std::string::npos, message.c_str());
  }

  void pyTorchFilesComeWithAWayToConvertThem() {
    const std::string message = messageOfOpening(write(kPyTorchPickle));
    QVERIFY2(message.find("h5py.File") != std::string::npos, message.c_str());
    QVERIFY2(message.find("torch.load") != std::string::npos, message.c_str());
  }

  void otherPicklesAreNotSaidToBeLoadedByPyTorch() {
    const std::string message = messageOfOpening(write(QByteArray("\x80\x02}.")));
    QVERIFY2(message.find("load it with what wrote it") != std::string::npos, message.c_str());
    QVERIFY2(message.find("torch.load") == std::string::npos, message.c_str());
  }

  void whatIsNoFileIsToldSo() {
    const std::string directory = directory_.path().toStdString();
    QCOMPARE(messageOfOpening(directory + "/absent"), directory + "/absent: no such file");
    QCOMPARE(messageOfOpening("/dev/null"),
             std::string("/dev/null: not a regular file but a device"));
    const std::string empty = write({});
    QCOMPARE(messageOfOpening(empty), empty + ": an empty file");
  }

  void aFileThatMayNotBeReadIsToldSo() {
    if (::geteuid() == 0) QSKIP("the superuser may read everything");
    const std::string path = write("secret");
    QVERIFY(QFile::setPermissions(QString::fromStdString(path), {}));
    const std::string message = messageOfOpening(path);
    QVERIFY(QFile::remove(QString::fromStdString(path)));
    QCOMPARE(message, path + ": Permission denied");
  }

  void aNameIsFoundOrItsNeighboursAre() {
    const std::string path = directory_.filePath("names.h5").toStdString();
    {
      Hdf5Fixture file(path);
      for (const char* name : {"model/q_proj/weight", "model/k_proj/weight", "model/v_proj/weight",
                               "model/o_proj/weight", "head/weight"}) {
        file.counting(name, {2, 2});
      }
      file.counting("model/q_proj/bias", {2});
    }
    const auto source = openTensorSource(path);
    QVERIFY(source);
    QCOMPARE(findTensor(**source, "head/weight")->name, std::string("head/weight"));
    QCOMPARE(findTensor(**source, "/head/weight")->name, std::string("head/weight"));
    QCOMPARE(findTensor(**source, "model/q_proj/bias")->quantizable, false);

    const auto part = findTensor(**source, "q_proj");
    QVERIFY(!part);
    QCOMPARE(part.error().code, ErrorCode::NotFound);
    QCOMPARE(part.error().message,
             path +
                 ": there is no tensor q_proj; the nearest names are model/q_proj/weight, "
                 "model/q_proj/bias");
    const auto typo = findTensor(**source, "haed/weight");
    QVERIFY2(typo.error().message.ends_with("the nearest names are head/weight"),
             typo.error().message.c_str());
    const auto several = findTensor(**source, "proj");
    QCOMPARE(several.error().message.substr(several.error().message.find("are ")),
             std::string("are model/k_proj/weight, model/o_proj/weight, model/q_proj/weight"));
    const auto nothing = findTensor(**source, "something entirely different");
    QCOMPARE(nothing.error().message, path + ": there is no tensor something entirely different");
  }

  void fileAndPathSplitAtTheFirstExistingFile() {
    const std::string path = write("x");
    const auto plain = splitFileAndPath(path + "::/a/b::c");
    QCOMPARE(plain.file, path);
    QCOMPARE(plain.path, std::string("/a/b::c"));

    const std::string odd = directory_.filePath("odd::name").toStdString();
    QVERIFY(QFile::copy(QString::fromStdString(path), QString::fromStdString(odd)));
    const auto inside = splitFileAndPath(odd + "::weight");
    QCOMPARE(inside.file, odd);
    QCOMPARE(inside.path, std::string("weight"));

    const std::string folder = directory_.filePath("odd").toStdString();
    std::filesystem::create_directory(folder);
    QCOMPARE(splitFileAndPath(folder + "::weight").file, folder);
    QCOMPARE(splitFileAndPath(folder + "::/a::b").path, std::string("/a::b"));
    QCOMPARE(splitFileAndPath(odd).file, odd);  // a file whose name begins as a folder's
    QCOMPARE(splitFileAndPath(odd + "::weight").file, odd);

    const auto none = splitFileAndPath("absent.h5::weight");
    QCOMPARE(none.file, std::string("absent.h5::weight"));
    QVERIFY(none.path.empty());
    QCOMPARE(splitFileAndPath(path).file, path);
  }
};

QTEST_APPLESS_MAIN(TensorSourceTest)
#include "tensor_source_test.moc"
