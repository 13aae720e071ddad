// Which file of a folder is the model.
#include "core/io/model_file.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/safetensors_fixture.h"

using namespace quantoscope;

class ModelFileTest : public QObject {
  Q_OBJECT

 private:
  std::string in(const QString& name) const { return directory_->filePath(name).toStdString(); }
  std::string folder() const { return directory_->path().toStdString(); }
  void write(const QString& name, const QByteArray& bytes = "x") const {
    QFile file(directory_->filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
  }
  std::string chosen() const {
    const auto file = modelFileOf(folder());
    return file ? *file : "";
  }
  std::string refused() const {
    const auto file = modelFileOf(folder());
    if (file) return "it is " + *file;
    return file.error().code == ErrorCode::UnreadableFile ? file.error().message : "wrong code";
  }

  std::unique_ptr<QTemporaryDir> directory_;

 private slots:
  void init() { directory_ = std::make_unique<QTemporaryDir>(); }

  void whatIsNoFolderStays() {
    write("a.h5");
    QCOMPARE(*modelFileOf(in("a.h5")), in("a.h5"));
    QCOMPARE(*modelFileOf(in("absent")), in("absent"));
  }

  void theIndexIsTheModel() {
    write("model-00001-of-00002.safetensors");
    write("model-00002-of-00002.safetensors");
    write("consolidated.safetensors");
    write("pytorch_model.bin.index.json");
    write("config.json");
    write("model.safetensors.index.json");
    QCOMPARE(chosen(), in("model.safetensors.index.json"));
  }

  void theOnlyWeightFileIsTheModel() {
    write("config.json");
    write("pytorch_model.bin");
    write(".model.h5");
    QVERIFY(QDir(directory_->path()).mkdir("old.h5"));
    write("MODEL.H5");
    QCOMPARE(chosen(), in("MODEL.H5"));
    QCOMPARE(*modelFileOf(folder() + "/"), in("MODEL.H5"));
  }

  void severalThatCouldBeMeantAreNamed() {
    write("b10.h5");
    write("b9.safetensors");
    QCOMPARE(refused(), folder() +
                            ": a folder with several weight files and no index: b9.safetensors, "
                            "b10.h5; name one: " +
                            in("b9.safetensors"));
    write("a.safetensors.index.json");
    write("b.weights.json");
    QCOMPARE(refused(), folder() +
                            ": a folder with several indexes: a.safetensors.index.json, "
                            "b.weights.json; name one: " +
                            in("a.safetensors.index.json"));
  }

  void aFolderWithoutWeightsTellsWhatItHas() {
    QVERIFY(refused().ends_with("; found: nothing"));
    QVERIFY(QDir(directory_->path()).mkdir("unet"));
    write("pytorch_model.bin");
    write("readme");
    const std::string message = refused();
    QVERIFY2(message.starts_with(folder() +
                                 ": a folder without a weight file; allowed are HDF5 (.h5, .hdf5)"),
             message.c_str());
    QVERIFY2(message.ends_with("; found: pytorch_model.bin (a PyTorch file), readme, unet/"),
             message.c_str());
    for (int i = 0; i < 10; ++i) write(QStringLiteral("note%1").arg(i));
    QVERIFY2(refused().ends_with("note7 and 5 more"), refused().c_str());
  }

  void aFolderIsOpenedAsItsFile() {
    const std::string header = R"({"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
    write("one.safetensors", QByteArray::fromStdString(test::safetensorsBytes(header, "12345678")));
    write("model.safetensors.index.json",
          R"({"weight_map":{"w":"one.safetensors","x":"two.safetensors","y":"../z"}})");
    for (const auto open : {openTensorSource, openTensorSourceInProcess}) {
      const auto source = open(folder(), {});
      QVERIFY2(source, source ? "" : source.error().message.c_str());
      QCOMPARE((*source)->path(), in("model.safetensors.index.json"));
      QCOMPARE((*source)->files(), (std::vector{in("model.safetensors.index.json"),
                                                in("one.safetensors"), in("two.safetensors")}));
      QVERIFY((*source)->load((*source)->tensors().front(), Orientation::Auto));
    }
    QVERIFY(QFile::remove(directory_->filePath("model.safetensors.index.json")));
    const auto source = openTensorSource(folder());
    QVERIFY(source);
    QCOMPARE((*source)->files(), std::vector{in("one.safetensors")});
    QVERIFY(QFile::remove(directory_->filePath("one.safetensors")));
    QVERIFY(!openTensorSource(folder()));
  }
};

QTEST_GUILESS_MAIN(ModelFileTest)
#include "model_file_test.moc"
