// What a listing tells of how arrays are stored, through the reader process.
#include <QTemporaryDir>
#include <QtTest>

#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using test::Hdf5Fixture;

class StorageTest : public QObject {
  Q_OBJECT

 private slots:
  void filtersAndChunksAreListed() {
    QTemporaryDir folder;
    const std::string path = folder.filePath("a.h5").toStdString();
    {
      Hdf5Fixture file(path);
      file.counting("a_whole", {8, 16});
      file.counting("b_chunks", {8, 16}, {.chunk = {4, 8}});
      file.counting("c_packed", {8, 16}, {.chunk = {8, 16}, .more = [](hid_t properties) {
                                            H5Pset_shuffle(properties);
                                            H5Pset_deflate(properties, 4);
                                          }});
    }
    const auto source = openTensorSource(path);
    QVERIFY(source);
    const auto& all = (*source)->tensors();
    QCOMPARE(all.size(), std::size_t{3});
    QVERIFY(all[0].filters.empty() && all[0].chunk.empty());
    QVERIFY(all[1].filters.empty());
    QCOMPARE(all[1].chunk, (std::vector<std::size_t>{4, 8}));
    QCOMPARE(all[2].filters, (std::vector<std::string>{"shuffle", "gzip"}));
    QCOMPARE(all[2].chunk, (std::vector<std::size_t>{8, 16}));
  }

  void aMissingFilterIsListedByItsName() {
    QTemporaryDir folder;
    const std::string path = folder.filePath("a.h5").toStdString();
    {
      Hdf5Fixture file(path);
      file.rawChunk("a", {4, 4},
                    {.chunk = {4, 4},
                     .more =
                         [](hid_t properties) {
                           H5Pset_filter(properties, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
                         }},
                    std::vector<char>(64));
    }
    const auto source = openTensorSource(path);
    QVERIFY(source);
    const TensorInfo& info = (*source)->tensors().at(0);
    QCOMPARE(info.filters, std::vector<std::string>{"Zstandard"});
    QVERIFY(!info.quantizable);
    QVERIFY(info.reason.find("Zstandard (32015)") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(StorageTest)
#include "storage_test.moc"
