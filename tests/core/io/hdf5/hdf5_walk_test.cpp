// Listing HDF5 files: links, cycles, what cannot be read and why, attributes.
#include <algorithm>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/hdf5/hdf5_container.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"

using namespace quantoscope;
using quantoscope::test::Hdf5Fixture;
using quantoscope::test::Storage;

class Hdf5WalkTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const char* name = "test.h5") const {
    return directory_.filePath(name).toStdString();
  }
  SharedSource open() const {
    const auto source = openTensorSourceInProcess(path());
    if (!source) qFatal("%s", source.error().message.c_str());
    return *source;
  }
  /// The reason against a tensor; "quantizable" if there is none, "absent" if it is not listed.
  static std::string reason(const SharedSource& source, const std::string& name) {
    for (const TensorInfo& info : source->tensors()) {
      if (info.name == name) return info.quantizable ? "quantizable" : info.reason;
    }
    return "absent";
  }
  static std::vector<std::string> names(const SharedSource& source) {
    std::vector<std::string> result;
    for (const TensorInfo& info : source->tensors()) result.push_back(info.name);
    return result;
  }

  QTemporaryDir directory_;

 private slots:
  void groupsAreWalkedInNaturalOrder() {
    {
      Hdf5Fixture file(path());
      for (const char* name : {"m/layers/10/weight", "m/layers/2/weight", "m/layers/1/weight"}) {
        file.counting(name, {2, 2});
      }
      file.counting("m.layers.11.weight", {2, 2});
      file.group("empty/inside");
    }
    QCOMPARE(names(open()), (std::vector<std::string>{"m.layers.11.weight", "m/layers/1/weight",
                                                      "m/layers/2/weight", "m/layers/10/weight"}));
  }

  void whatNativeFilesSayOfATensorIsTold() {
    const unsigned char codes[6] = {};
    {
      Hdf5Fixture file(path());
      file.text("/", "format", "quantoscope");
      file.array("tensors/w/codes", {2, 3}, codes,
                 {.fileType = H5T_STD_U8LE, .memoryType = H5T_NATIVE_UCHAR});
      file.text("tensors/w", "dtype", "int", true);
      file.text("tensors/w", "packing", "dense");
      file.text("tensors/w", "compute", "stored");
      file.text("tensors/w", "source_dtype", "bfloat16");
      file.text("tensors/w", "source_name", "w");
      file.number("tensors/w", "source_shape", 16);
      file.number("tensors/w", "group_size", -1);
      file.number("tensors/w", "cols", 8);
      file.number("tensors/w", "code_bits", 3);
      file.number("tensors/w", "code_offset", -4);
      file.text("tensors/w", "bits", "three");
      file.counting("passed/a", {2});
      file.text("passed/a", "source_name", "a/");
    }
    const auto container = openHdf5Container(path(), {});
    QVERIFY(container);
    const auto& groups = (*container)->contents().groups;
    const NativeAttributes said{"dense", "int", "stored", "bfloat16", {16}, -1, 8, 3, -4};
    QVERIFY(groups.at("tensors/w").native == said);
    QCOMPARE(groups.at("tensors/w").sourceName, std::string("w"));
    QCOMPARE(groups.at("passed/a").sourceName, std::string("a/"));
  }

  void linksAreToldButNotCountedTwice() {
    {
      Hdf5Fixture other(path("other.h5"));
      other.counting("weight", {2, 2});
      Hdf5Fixture file(path());
      file.counting("a/weight", {2, 2});
      file.hardLink("/a/weight", "/tied");
      file.softLink("/a/weight", "/soft");
      file.softLink("/a", "/soft_group");
      file.softLink("/nowhere", "/dangling");
      file.softLink("/round", "/round");
      file.externalLink("other.h5", "/weight", "/outside");
      file.softLink("/outside", "/soft_outside");
    }
    const SharedSource source = open();
    // The shortest name of an array is its name.
    QCOMPARE(reason(source, "tied"), std::string("quantizable"));
    QCOMPARE(reason(source, "a/weight"), std::string("another name of tied"));
    QCOMPARE(reason(source, "soft"), std::string("a soft link to /a/weight"));
    QCOMPARE(reason(source, "soft_group"), std::string("absent"));
    QVERIFY(reason(source, "dangling").find("/nowhere, where this file has nothing") !=
            std::string::npos);
    QVERIFY(reason(source, "round").find("where this file has nothing") != std::string::npos);
    QVERIFY(reason(source, "outside").find("another file, other.h5") != std::string::npos);
    QVERIFY(reason(source, "soft_outside").find("where this file has nothing") !=
            std::string::npos);
    QVERIFY(!source->loadMatrix("outside"));
    QVERIFY(!source->loadMatrix("soft_outside"));
  }

  void cyclesOfGroupsEnd() {
    {
      Hdf5Fixture file(path());
      file.counting("a/b/weight", {2, 2});
      file.hardLink("/a", "/a/b/back");
      file.hardLink("/", "/a/root");
      file.softLink("/a", "/a/b/soft_back");
    }
    const SharedSource source = open();
    QCOMPARE(names(source), (std::vector<std::string>{"a/b/back", "a/b/weight", "a/root"}));
    QCOMPARE(reason(source, "a/b/back"),
             std::string("a cycle: another name of the group a, which it lies in"));
    QCOMPARE(reason(source, "a/root"),
             std::string("a cycle: another name of the root group, which it lies in"));
  }

  void furtherNamesOfGroupsAreTold() {
    {
      Hdf5Fixture file(path());
      file.counting("a/weight", {2, 2});
      file.hardLink("/a", "/b");
    }
    const SharedSource source = open();
    QCOMPARE(names(source), (std::vector<std::string>{"a/weight", "b"}));
    QCOMPARE(reason(source, "b"), std::string("another name of the group a"));
  }

  void deepNestingEnds() {
    std::string deep = "g";
    for (int i = 0; i < 300; ++i) deep += "/g";
    {
      Hdf5Fixture file(path());
      file.counting(deep + "/weight", {2, 2});
      file.counting("weight", {2, 2});
    }
    const SharedSource source = open();
    QCOMPARE(source->tensors().size(), std::size_t{2});
    QCOMPARE(reason(source, "weight"), std::string("quantizable"));
    QVERIFY(source->tensors().front().reason.find("deep") != std::string::npos);
  }

  void otherTypesAreToldByName() {
    {
      Hdf5Fixture file(path());
      const std::vector<std::int64_t> zeros(64, 0);
      const hid_t compound = H5Tcreate(H5T_COMPOUND, 8);
      H5Tinsert(compound, "r", 0, H5T_IEEE_F32LE);
      H5Tinsert(compound, "i", 4, H5T_IEEE_F32LE);
      const hid_t text = H5Tcopy(H5T_C_S1);
      H5Tset_size(text, H5T_VARIABLE);
      const hid_t extended = H5Tcopy(H5T_NATIVE_LDOUBLE);
      const auto add = [&](const char* name, hid_t type) {
        file.array(name, {2, 2}, zeros.data(), {.fileType = type, .memoryType = type});
      };
      add("int64", H5T_STD_I64LE);
      add("uint8", H5T_STD_U8LE);
      add("compound", compound);
      add("text", text);
      add("extended", extended);
      H5Tclose(extended);
      H5Tclose(text);
      H5Tclose(compound);
    }
    const SharedSource source = open();
    QCOMPARE(reason(source, "int64"),
             std::string("int64: only floating-point weights are quantized"));
    QCOMPARE(reason(source, "uint8"),
             std::string("uint8: only floating-point weights are quantized"));
    QCOMPARE(reason(source, "compound"),
             std::string("compound: only floating-point weights are quantized"));
    QCOMPARE(reason(source, "text"),
             std::string("string: only floating-point weights are quantized"));
    QCOMPARE(reason(source, "extended"),
             std::string("float128 (custom): only float8, float16, bfloat16, float32 and float64 "
                         "are quantized"));
  }

  void emptyArraysCarryAReason() {
    {
      Hdf5Fixture file(path());
      file.array("unwritten", {4, 4}, nullptr, {.write = false});
      file.array("unwritten_chunks", {4, 4}, nullptr, {.chunk = {2, 2}, .write = false});
      file.array("zero", {4, 0}, nullptr, {.write = false});
      file.counting("scalar", {});
      const hid_t nothing = H5Screate(H5S_NULL);
      H5Dclose(H5Dcreate2(file.id(), "null", H5T_IEEE_F32LE, nothing, H5P_DEFAULT, H5P_DEFAULT,
                          H5P_DEFAULT));
      H5Sclose(nothing);
    }
    const SharedSource source = open();
    QCOMPARE(reason(source, "unwritten"), std::string("no data has ever been written to it"));
    QCOMPARE(reason(source, "unwritten_chunks"),
             std::string("no data has ever been written to it"));
    QCOMPARE(reason(source, "zero"), std::string("empty: one of its sides is 0"));
    QCOMPARE(reason(source, "scalar"),
             std::string("a scalar: only matrices and larger are quantized"));
    QCOMPARE(reason(source, "null"), std::string("empty: it has no elements"));
  }

  void aRankOfThirtyTwoIsListed() {
    {
      Hdf5Fixture file(path());
      file.counting("deep", std::vector<hsize_t>(32, 1));
    }
    const SharedSource source = open();
    QCOMPARE(source->tensors().front().shape.size(), std::size_t{32});
    QVERIFY(source->load(source->tensors().front(), Orientation::Columns));
  }

  void claimsThatTheFileCannotHoldAreRefused() {
    {
      Hdf5Fixture file(path());
      const std::vector<char> chunk(64 * 64 * 4, 'x');
      file.rawChunk("tera", {1 << 20, 1 << 20}, {.chunk = {64, 64}}, chunk);
      file.array("overflow", {hsize_t{1} << 40, hsize_t{1} << 40}, nullptr,
                 {.chunk = {64, 64}, .write = false});
      file.counting("honest", {64, 64}, {.chunk = {64, 64}});
    }
    const SharedSource source = open();
    QVERIFY(reason(source, "tera").find("its shape claims 4.4 TB") != std::string::npos);
    QCOMPARE(reason(source, "overflow"),
             std::string("its shape claims more elements than can exist"));
    QCOMPARE(reason(source, "honest"), std::string("quantizable"));
    QVERIFY(!source->loadMatrix("tera"));
    QVERIFY(!source->loadMatrix("overflow"));
  }

  void missingFiltersAreNamed_data() {
    QTest::addColumn<int>("filter");
    QTest::addColumn<QString>("name");
    QTest::newRow("LZ4") << 32004 << "LZ4 (32004)";
    QTest::newRow("Zstandard") << 32015 << "Zstandard (32015)";
    QTest::newRow("nobody's") << 511 << "unknown (511)";
  }
  void missingFiltersAreNamed() {
    QFETCH(int, filter);
    QFETCH(QString, name);
    if (H5Zfilter_avail(filter) > 0) QSKIP("this machine has the filter");
    {
      Hdf5Fixture file(path());
      file.counting("weight", {4, 4}, {.chunk = {4, 4}, .more = [filter](hid_t properties) {
                                         H5Pset_filter(properties, filter, H5Z_FLAG_OPTIONAL, 0,
                                                       nullptr);
                                       }});
    }
    const SharedSource source = open();
    const std::string why = reason(source, "weight");
    QVERIFY2(why.find(name.toStdString()) != std::string::npos, why.c_str());
    QVERIFY2(why.find("install") != std::string::npos, why.c_str());
    QVERIFY(!source->loadMatrix("weight"));
  }

  void dataInOtherFilesAreNotFollowed() {
    {
      Hdf5Fixture part(path("part.h5"));
      part.counting("weight", {4, 4});
      Hdf5Fixture file(path());
      file.array(
          "external", {4, 4}, nullptr,
          {.more = [](hid_t properties) { H5Pset_external(properties, "elsewhere.raw", 0, 64); },
           .write = false});
      const hsize_t sides[2] = {4, 4};
      const hid_t space = H5Screate_simple(2, sides, nullptr);
      file.array("virtual", {4, 4}, nullptr,
                 {.more =
                      [space](hid_t properties) {
                        H5Pset_virtual(properties, space, "part.h5", "/weight", space);
                      },
                  .write = false});
      H5Sclose(space);
    }
    const SharedSource source = open();
    QCOMPARE(reason(source, "external"),
             std::string("its data lie in another file, which is not followed"));
    QCOMPARE(reason(source, "virtual"),
             std::string("a virtual array: it is put together from another file, part.h5, which is "
                         "not followed"));
  }

  void kerasAttributesAreReadInEveryForm_data() {
    QTest::addColumn<bool>("variable");
    QTest::addColumn<bool>("split");
    QTest::newRow("fixed length") << false << false;
    QTest::newRow("variable length") << true << false;
    QTest::newRow("split, fixed length") << false << true;
    QTest::newRow("split, variable length") << true << true;
  }
  void kerasAttributesAreReadInEveryForm() {
    QFETCH(bool, variable);
    QFETCH(bool, split);
    {
      Hdf5Fixture file(path());
      for (const char* layer : {"zeta", "dropout", "alpha"}) file.group(layer);
      file.counting("zeta/zeta/kernel:0", {4, 2});
      file.counting("alpha/alpha/kernel:0", {2, 3});
      file.counting("alpha/alpha/bias:0", {3});
      if (split) {
        file.texts("/", "layer_names0", {"zeta", "dropout"}, variable);
        file.texts("/", "layer_names1", {"alpha"}, variable);
      } else {
        file.texts("/", "layer_names", {"zeta", "dropout", "alpha"}, variable);
      }
      file.texts("zeta", "weight_names", {"zeta/kernel:0"}, variable);
      file.emptyList("dropout", "weight_names");
      file.texts("alpha", "weight_names", {"alpha/kernel:0", "alpha/bias:0"}, variable);
      file.text("/", "keras_version", "2.4.0", variable);
    }
    const SharedSource source = open();
    QCOMPARE(source->format(), std::string("Keras 2 HDF5"));
    QCOMPARE(names(source), (std::vector<std::string>{"zeta/zeta/kernel:0", "alpha/alpha/kernel:0",
                                                      "alpha/alpha/bias:0"}));
    QCOMPARE(source->tensors().front().layer, std::string("zeta"));
    QCOMPARE(source->tensors().front().rows, std::size_t{2});
  }

  void anEmptyListOfLayersIsStillKeras() {
    {
      Hdf5Fixture file(path());
      file.emptyList("/", "layer_names");
      file.text("/", "keras_version", "2.4.0");
    }
    QCOMPARE(open()->format(), std::string("Keras 2 HDF5"));
    QVERIFY(open()->tensors().empty());
  }

  void attributesThatAreNumbersAreNoHindrance() {
    {
      Hdf5Fixture file(path());
      file.number("/", "keras_version", '2');
      file.text("/", "format", "quantoscope");
    }
    QCOMPARE(open()->format(), std::string("Quantoscope native HDF5"));
  }

  void aTruncatedFileIsAnError() {
    {
      Hdf5Fixture file(path());
      file.counting("weight", {40, 40});
    }
    QFile file(directory_.filePath("test.h5"));
    QVERIFY(file.resize(file.size() - 1));
    const auto source = openTensorSourceInProcess(path());
    QVERIFY(!source);
    QCOMPARE(source.error().code, ErrorCode::UnreadableFile);
    QVERIFY(source.error().message.starts_with(path() + ": damaged"));
    QVERIFY(source.error().message.find("truncated file") != std::string::npos);
  }
};

QTEST_APPLESS_MAIN(Hdf5WalkTest)
#include "hdf5_walk_test.moc"
