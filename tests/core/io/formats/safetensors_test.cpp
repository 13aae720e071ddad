// safetensors files, single and in shards: what they offer, and what is refused.
#include "core/io/formats/safetensors.h"

#include <cmath>
#include <limits>
#include <random>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/half.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using quantoscope::test::bytesOf;
using quantoscope::test::safetensorsBytes;

namespace {

Result<SharedContainer> parse(const std::string& bytes) {
  return openSafetensors(bytesInMemory(bytes), "m");
}

std::string problemOf(const std::string& header, const std::string& data = {}) {
  const auto container = parse(safetensorsBytes(header, data));
  return container ? "it opened" : container.error().message;
}

const StoredArray& arrayNamed(const Container& container, const std::string& path) {
  for (const StoredArray& array : container.contents().arrays) {
    if (array.path == path) return array;
  }
  qFatal("no array %s", path.c_str());
}

template <typename T>
std::vector<T> readBox(const Container& container, const std::string& path, const Box& box) {
  std::vector<T> values(box.elements());
  const Status status = container.read(path, box, values.data(), {});
  if (!status) qFatal("%s", status.error().message.c_str());
  return values;
}

/// e4m3fn from its definition: 1 sign, 4 exponent (bias 7), 3 mantissa bits, NaN all ones.
double e4m3(unsigned bits) {
  const unsigned exponent = bits >> 3 & 15;
  const unsigned mantissa = bits & 7;
  const double sign = bits & 0x80 ? -1 : 1;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(mantissa, -9);
  return sign * std::ldexp(8 + mantissa, static_cast<int>(exponent) - 10);
}

/// e5m2: 5 exponent (bias 15), 2 mantissa bits, infinities and NaN as in IEEE 754.
double e5m2(unsigned bits) {
  const unsigned exponent = bits >> 2 & 31;
  const unsigned mantissa = bits & 3;
  const double sign = bits & 0x80 ? -1 : 1;
  if (exponent == 31) {
    return mantissa ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -16);
  return sign * std::ldexp(4 + mantissa, static_cast<int>(exponent) - 17);
}

}  // namespace

class SafetensorsTest : public QObject {
  Q_OBJECT

 private:
  std::string write(const QString& name, const std::string& bytes) const {
    QFile file(directory_.filePath(name));
    if (!file.open(QIODevice::WriteOnly)) qFatal("no file");
    file.write(bytes.data(), static_cast<qint64>(bytes.size()));
    return file.fileName().toStdString();
  }

  QTemporaryDir directory_;

 private slots:
  void arraysAreListedInTheOrderOfTheirBytes() {
    const auto container = parse(safetensorsBytes(
        R"({"__metadata__":{"format":"pt"},
            "b.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},
            "a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},
            "e":{"dtype":"F64","shape":[0,7],"data_offsets":[20,20]},
            "s":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[20,24]}}   )",
        std::string(24, '\0')));
    QVERIFY2(container, container ? "" : container.error().message.c_str());
    const std::vector<StoredArray>& arrays = (*container)->contents().arrays;
    QCOMPARE(arrays.size(), std::size_t{4});
    QVERIFY(arrays[0] == (StoredArray{"a", {}, "int64", 8, {}, {}}));
    QVERIFY(arrays[1] == (StoredArray{"b.weight", {2, 3}, "bfloat16", 2, {}, {}}));
    QVERIFY(arrays[2] == (StoredArray{"e", {0, 7}, "float64", 8, {}, {}}));
    QCOMPARE(arrays[3].obstacle, std::string("F6_E2M3: a dtype that is not read"));
    QCOMPARE((*container)->contents().format, std::string("safetensors"));
    QCOMPARE((*container)->elementOf("s").error().message,
             std::string("m: s: F6_E2M3: a dtype that is not read"));
    QCOMPARE((*container)->elementOf("x").error().message, std::string("m: there is no array x"));
  }

  void nullIsMetadataToo() {
    const auto container = parse(safetensorsBytes(
        R"({"__metadata__":null,"w":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})", "ab"));
    QVERIFY2(container, container ? "" : container.error().message.c_str());
    QCOMPARE((*container)->contents().arrays.size(), std::size_t{1});
    for (const char* other : {"3", "[]", "\"pt\"", "false"}) {
      const std::string header = R"({"__metadata__":)" + std::string(other) + "}";
      QVERIFY2(problemOf(header).ends_with("__metadata__ is no object"), other);
    }
  }

  void boxesAreRead() {
    const float values[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                            12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
    const auto container = parse(safetensorsBytes(
        R"({"w":{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}})", bytesOf(values)));
    QVERIFY(container);
    const Container& file = **container;
    QCOMPARE(readBox<float>(file, "w", {{1, 1, 0}, {1, 2, 4}}),
             (std::vector<float>{16, 17, 18, 19, 20, 21, 22, 23}));
    QCOMPARE(readBox<float>(file, "w", {{0, 1, 2}, {2, 2, 1}}),
             (std::vector<float>{6, 10, 18, 22}));
    QCOMPARE(readBox<float>(file, "w", {{0, 0, 0}, {2, 3, 4}}).back(), 23.f);
    float none = 0;
    const Status outside = file.read("w", {{0, 2, 0}, {1, 2, 4}}, &none, {});
    QCOMPARE(outside.error().code, ErrorCode::InvalidArgument);
    TaskControl cancelled;
    cancelled.cancel.cancel();
    QCOMPARE(file.read("w", {{0, 0, 0}, {1, 1, 1}}, &none, cancelled).error().code,
             ErrorCode::Cancelled);
  }

  void integersAreReadAsFloats_data() {
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<float>("value");
    QTest::newRow("I8") << "I8" << QByteArray("\xfe", 1) << -2.f;
    QTest::newRow("U8") << "U8" << QByteArray("\xfe", 1) << 254.f;
    QTest::newRow("I16") << "I16" << QByteArray("\x00\xff", 2) << -256.f;
    QTest::newRow("U16") << "U16" << QByteArray("\x00\xff", 2) << 65280.f;
    QTest::newRow("I32") << "I32" << QByteArray("\xff\xff\xff\xff", 4) << -1.f;
    QTest::newRow("U32") << "U32" << QByteArray("\0\0\0\x80", 4) << 2147483648.f;
    QTest::newRow("I64") << "I64" << QByteArray("\0\0\0\0\0\0\0\x80", 8) << -0x1p63f;
    QTest::newRow("U64") << "U64" << QByteArray("\0\0\0\0\0\0\0\x80", 8) << 0x1p63f;
    QTest::newRow("BOOL") << "BOOL" << QByteArray("\1", 1) << 1.f;
  }
  void integersAreReadAsFloats() {
    QFETCH(QString, dtype);
    QFETCH(QByteArray, bytes);
    QFETCH(float, value);
    const QString header = R"({"w":{"dtype":"%1","shape":[1],"data_offsets":[0,%2]}})";
    const auto container = parse(
        safetensorsBytes(header.arg(dtype).arg(bytes.size()).toStdString(), bytes.toStdString()));
    QVERIFY(container);
    QVERIFY((*container)->elementOf("w")->integer);
    float found = 0;
    QVERIFY((*container)->readAsFloat("w", {{0}, {1}}, &found));
    QCOMPARE(found, value);
  }

  void eightBitFloatsAreExactInFloat16() {
    std::string data;
    for (int round = 0; round < 2; ++round) {
      for (int bits = 0; bits < 256; ++bits) data += static_cast<char>(bits);
    }
    const auto container = parse(safetensorsBytes(
        R"({"a":{"dtype":"F8_E4M3","shape":[16,16],"data_offsets":[0,256]},
            "b":{"dtype":"F8_E5M2","shape":[16,16],"data_offsets":[256,512]}})",
        data));
    QVERIFY(container);
    const auto check = [&](const char* name, const char* dtype, double (*value)(unsigned)) {
      QCOMPARE(arrayNamed(**container, name).dtype, std::string(dtype));
      QCOMPARE(arrayNamed(**container, name).elementBytes, std::uint64_t{1});
      const auto element = (*container)->elementOf(name);
      QCOMPARE(element->name, std::string(dtype));
      QVERIFY(element->floatType == StoredType::Float16);
      const auto halfs = readBox<std::uint16_t>(**container, name, {{0, 0}, {16, 16}});
      for (unsigned bits = 0; bits < 256; ++bits) {
        const double found = floatFromHalf(halfs[bits]);
        const double wanted = value(bits);
        const bool same = std::isnan(wanted)
                              ? std::isnan(found)
                              : found == wanted && std::signbit(found) == std::signbit(wanted);
        QVERIFY2(same, qPrintable(QString("%1 %2").arg(name).arg(bits)));
      }
    };
    check("a", "float8_e4m3fn", e4m3);
    check("b", "float8_e5m2", e5m2);
  }

  void headersThatContradictThemselvesAreRefused_data() {
    QTest::addColumn<QString>("header");
    QTest::addColumn<QString>("problem");
    const auto row = [](const char* name, const char* header, const char* problem) {
      QTest::newRow(name) << header << (QString("m: the header is damaged: ") + problem);
    };
    row("hole in front", R"({"w":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})",
        "4 bytes before w belong to no array");
    row("hole behind", R"({"w":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})",
        "4 bytes at the end of the file belong to no array");
    row("overlap",
        R"({"v":{"dtype":"I8","shape":[6],"data_offsets":[0,6]},
            "w":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})",
        "the bytes of v and w overlap");
    row("twice",
        R"({"w":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},
            "w":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})",
        "the key 'w' twice");
    row("size", R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
        "w has 8 bytes, which do not match its shape");
    row("overflow", R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
        "w has 8 bytes, which do not match its shape");
    row("negative", R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
        "w has no shape of whole numbers");
    row("fraction", R"({"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})",
        "w has no shape of whole numbers");
    row("backwards", R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
        "w has no data_offsets [begin, end]");
    row("no dtype", R"({"w":{"shape":[2],"data_offsets":[0,8]}})", "w has no dtype");
    row("no object", R"({"w":7})", "w has no dtype");
    row("metadata", R"({"__metadata__":3})", "__metadata__ is no object");
    row("list", R"([])", "no JSON object");
    row("no JSON", "{\"w", "no valid JSON at byte 4");
  }
  void headersThatContradictThemselvesAreRefused() {
    QFETCH(QString, header);
    QFETCH(QString, problem);
    QCOMPARE(QString::fromStdString(problemOf(header.toStdString(), "12345678")), problem);
  }

  /// Who waits for the reader gives up after 10 s without progress.
  void longHeadersTellOfProgress() {
    std::string header = "{";
    for (int i = 0; i < 5000; ++i) {
      header += (i > 0 ? ",\"t" : "\"t") + std::to_string(i) +
                "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
    }
    std::vector<std::uint64_t> steps;
    TaskControl control;
    control.progress = [&](std::uint64_t done, std::uint64_t) { steps.push_back(done); };
    QVERIFY(openSafetensors(bytesInMemory(safetensorsBytes(header + "}", "")), "m", control));
    QVERIFY2(steps.size() >= 20, qPrintable(QString::number(steps.size())));
    QVERIFY(std::is_sorted(steps.begin(), steps.end()));
    QVERIFY(steps.back() > 20000);
  }

  void lengthsThatCannotBeAreRefused() {
    QCOMPARE(parse("\1\2").error().message,
             std::string("m: cut off: 8 bytes are missing at byte 0 of 2"));
    std::string bytes = safetensorsBytes("{}", "");
    bytes[0] = 9;
    QCOMPARE(parse(bytes).error().message,
             std::string("m: cut off: 9 bytes are missing at byte 8 of 10"));
    bytes[7] = 1;
    QCOMPARE(parse(bytes).error().message,
             std::string("m: the header is damaged: it claims 72057594037927945 bytes; at most "
                         "100000000 are allowed"));
  }

  void aFileThatIsCutOffOffersWhatItHas() {
    const auto container = parse(safetensorsBytes(
        R"({"v":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},
            "w":{"dtype":"I8","shape":[4],"data_offsets":[4,8]},
            "x":{"dtype":"I8","shape":[4],"data_offsets":[8,12]}})",
        "123456"));
    QVERIFY(container);
    QVERIFY(arrayNamed(**container, "v").obstacle.empty());
    QCOMPARE(arrayNamed(**container, "w").obstacle,
             std::string("the file is cut off: 2 of its bytes are missing"));
    QCOMPARE(arrayNamed(**container, "x").obstacle,
             std::string("the file is cut off: 4 of its bytes are missing"));
  }

  void filesAreMappedWhereTheirBytesAreAsRead() {
    const std::string header =
        R"({"i":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "w":{"dtype":"F8_E5M2","shape":[4],"data_offsets":[8,12]}})";
    const std::string path = write("m.safetensors", safetensorsBytes(header, "12345678abcd"));
    const auto container = openContainer(path);
    QVERIFY(container);
    const auto extent = (*container)->extentOf("i");
    QVERIFY(extent && *extent);
    QCOMPARE((*extent)->file, path);
    QCOMPARE((*extent)->offset, std::uint64_t{8} + header.size());
    QCOMPARE((*extent)->bytes, std::uint64_t{8});
    QCOMPARE((**(*container)->extentOf("w")).bytes, std::uint64_t{4});  // not as read, but there
    QFile file(QString::fromStdString(path));
    QVERIFY(file.resize(static_cast<qint64>(header.size()) + 8));
    char bytes[8];
    const Status status = (*container)->read("i", {{0}, {2}}, bytes, {});
    QCOMPARE(status.error().message, path + ": i: the file was cut off while it was open");
  }

  void anIndexOfFilesThatCannotBeReadIsNotOpened() {
    const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    const auto problemWith = [&](const std::string& map) {
      const std::string index =
          write("unread.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
      for (const auto& opened :
           {openContainer(index).hasValue(), openTensorSource(index).hasValue()}) {
        if (opened) return std::string("it opened");
      }
      const Error error = openTensorSource(index).error();
      if (error.code != ErrorCode::UnreadableFile) return std::string("wrong code");
      return error.message.substr(std::min(index.size(), error.message.size()));
    };
    write("p1.safetensors", pointer);
    write("p2.safetensors", pointer);
    const std::string both = problemWith(R"("a":"p1.safetensors","b":"p2.safetensors")");
    QVERIFY2(both.starts_with(": none of the files that it names can be read (2): p1.safetensors: "
                              "a Git LFS pointer, not the file itself"),
             both.c_str());
    QVERIFY2(both.ends_with("git lfs pull"), both.c_str());
    QCOMPARE(
        problemWith(R"("a":"absent.safetensors")"),
        std::string(": none of the files that it names can be read (1): absent.safetensors: no "
                    "such file"));
    const std::string keras = problemWith(R"("a":["p1.safetensors","absent.h5"])");
    QVERIFY2(keras.find("absent.h5: no such file") != std::string::npos, keras.c_str());
    QVERIFY2(
        problemWith(R"("a":"../p1.safetensors")").find("no plain file name") != std::string::npos,
        "a path");

    // One that can be read is enough; what the others hold is named.
    write("good.safetensors",
          safetensorsBytes(R"({"b":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}})", "1234"));
    const auto half =
        openContainer(write("half.safetensors.index.json",
                            R"({"weight_map":{"a":"p1.safetensors","b":"good.safetensors"}})"));
    QVERIFY(half);
    QVERIFY(arrayNamed(**half, "a").obstacle.starts_with("p1.safetensors: a Git LFS pointer"));
    QCOMPARE((*half)->contents().format, std::string("safetensors"));
  }

  void shardsAreOneModel() {
    write("one.safetensors", safetensorsBytes(
                                 R"({"a.weight":{"dtype":"I8","shape":[2,2],"data_offsets":[0,4]},
            "c.weight":{"dtype":"I8","shape":[2,2],"data_offsets":[4,8]}})",
                                 "12345678"));
    write("two.safetensors", safetensorsBytes(
                                 R"({"b.weight":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},
            "c.weight":{"dtype":"U8","shape":[2,2],"data_offsets":[4,8]}})",
                                 "12345678"));
    const std::string index = write("model.safetensors.index.json", R"({"metadata":{},
      "weight_map":{"a.weight":"one.safetensors","b.weight":"two.safetensors",
        "c.weight":"two.safetensors","lost":"one.safetensors","gone":"three.safetensors",
        "out":"../one.safetensors","self":"model.safetensors.index.json"}})");
    const auto container = openContainer(index);
    QVERIFY2(container, container ? "" : container.error().message.c_str());
    QCOMPARE((*container)->contents().arrays.size(), std::size_t{7});
    QCOMPARE(arrayNamed(**container, "c.weight").dtype, std::string("uint8"));
    QCOMPARE(arrayNamed(**container, "lost").obstacle,
             std::string("one.safetensors does not have it"));
    QCOMPARE(arrayNamed(**container, "gone").obstacle,
             std::string("three.safetensors: no such file"));
    QCOMPARE(arrayNamed(**container, "out").obstacle,
             std::string("the index puts it into '../one.safetensors', which is no plain file "
                         "name"));
    QVERIFY(arrayNamed(**container, "self")
                .obstacle.starts_with("model.safetensors.index.json: a JSON text"));
    QCOMPARE(readBox<char>(**container, "c.weight", {{0, 0}, {2, 2}}),
             (std::vector<char>{'5', '6', '7', '8'}));
    const auto extent = (*container)->extentOf("b.weight");
    QVERIFY(extent && *extent);
    QVERIFY((*extent)->file.ends_with("/two.safetensors"));
    QCOMPARE((*container)->elementOf("gone").error().message,
             index + ": gone: three.safetensors: no such file");

    // The same by way of the reader process, whose sandbox must let it read the shards.
    const auto source = openTensorSource(index);
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE((*source)->format(), std::string("safetensors"));
    const auto info = findTensor(**source, "b.weight");
    QVERIFY(info);
    const auto tensor = (*source)->load(*info, Orientation::Auto);
    QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
  }

  void indexesThatAreNoneAreRefused() {
    const std::string odd = write("odd.json", R"({"weight_map":{"a":7}})");
    QCOMPARE(openContainer(odd).error().message,
             odd + ": the weight_map does not map names of weights to names of files");
    const std::string other = write("other.json", R"({"config":1})");
    QVERIFY(openContainer(other).error().message.starts_with(other + ": a JSON text;"));
    const std::string broken = write("broken.json", "{\"weight_map\":");
    QVERIFY(openContainer(broken).error().message.starts_with(broken + ": no valid JSON"));
  }

  void realFilesAgreeWithEachOther() {
    const std::string folder = test::sharedDataPath("weights/stories260K");
    if (folder.empty()) QSKIP("the public weight files are absent");
    const auto wide = openTensorSource(folder + "/stories260K_f32.safetensors");
    const auto narrow = openTensorSource(folder + "/stories260K_bf16.safetensors");
    QVERIFY(wide && narrow);
    QCOMPARE((*wide)->tensors().size(), (*narrow)->tensors().size());
    const auto table = findTensor(**wide, "model.embed_tokens.weight");
    QVERIFY(table);
    QCOMPARE(table->layer, std::string("model.embed_tokens"));
    int matrices = 0;
    for (const TensorInfo& info : (*wide)->tensors()) {
      const auto other = findTensor(**narrow, info.name);
      QVERIFY(other);
      QCOMPARE(other->shape, info.shape);
      const auto a = (*wide)->loadMatrix(info.name);
      const auto b = (*narrow)->loadMatrix(info.name);
      QVERIFY(a && b);
      for (std::size_t i = 0; i < a->values.size(); ++i) {
        QCOMPARE(b->values[i], floatFromBfloat16(bfloat16FromFloat(a->values[i])));
      }
      matrices += info.quantizable ? 1 : 0;
    }
    QVERIFY(matrices > 30);
  }

  void damagedRealFilesAreToldSo() {
    const std::string folder = test::sharedDataPath("damaged");
    if (folder.empty()) QSKIP("the public weight files are absent");
    const auto cut = openTensorSource(folder + "/silero_truncated.safetensors");
    QVERIFY2(cut, cut ? "" : cut.error().message.c_str());
    int whole = 0;
    for (const TensorInfo& info : (*cut)->tensors()) {
      if (info.quantizable) ++whole;
    }
    QVERIFY(whole > 0 && whole < static_cast<int>((*cut)->tensors().size()));
    const auto huge = openTensorSource(folder + "/silero_hugeheader.safetensors");
    QVERIFY(!huge);
    QVERIFY(huge.error().message.find('\n') == std::string::npos);
  }

  void mutationsListOrGiveOneError() {
    const std::string good = safetensorsBytes(
        R"({"__metadata__":{"format":"pt"},
            "v":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
            "w":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[16,24]},
            "x":{"dtype":"I16","shape":[],"data_offsets":[24,26]}})",
        std::string(26, 'x'));
    std::mt19937 random(20260101);
    int opened = 0;
    for (int round = 0; round < 20000; ++round) {
      std::string bytes = good;
      const unsigned changes = 1 + random() % 3;
      for (unsigned i = 0; i < changes; ++i) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 4) {
          case 0:
            bytes[at] = static_cast<char>(random());
            break;
          case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
            break;
          case 2:
            bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
            break;
          default:
            bytes.resize(std::max<std::size_t>(1, at));
        }
      }
      const auto container = parse(bytes);
      if (!container) {
        QVERIFY(container.error().message.starts_with("m: "));
        continue;
      }
      ++opened;
      for (const StoredArray& array : (*container)->contents().arrays) {
        const auto element = (*container)->elementOf(array.path);
        QCOMPARE(bool(element), array.obstacle.empty());
        if (!element) continue;
        const Box box{std::vector<std::size_t>(array.shape.size(), 0),
                      {array.shape.begin(), array.shape.end()}};
        std::vector<std::byte> values(box.elements() * element->bytes);
        QVERIFY((*container)->read(array.path, box, values.data(), {}));
      }
    }
    QVERIFY(opened > 100);
  }
};

QTEST_APPLESS_MAIN(SafetensorsTest)
#include "safetensors_test.moc"
