// The table of number formats, row by row: whatever a row says must hold everywhere that reads it.
#include <set>

#include <QtTest>

#include "core/engine/analysis.h"
#include "core/quant/quant_spec.h"
#include "core/quant/storage_cost.h"

using namespace quantoscope;

namespace {

std::vector<NumberFormat> namedFormats() {
  std::vector<NumberFormat> named;
  for (const NumberFormat& format : numberFormats()) {
    if (format.isNamed()) named.push_back(format);
  }
  return named;
}

QuantSpec specOf(const NumberFormat& format) {
  return QuantSpec{}.withDtype(format.dtype);
}

bool refuses(const QuantSpec& spec, const std::string& field, const std::string& allowed) {
  const Status status = spec.validate();
  return !status && status.error().message.starts_with(field + " ") &&
         status.error().message.find("allowed are " + allowed) != std::string::npos;
}

}  // namespace

class NumberFormatsTest : public QObject {
  Q_OBJECT

 private slots:
  void usersSeeTheseNamesInThisOrder() {
    std::vector<std::string> names;
    for (const Dtype dtype : allDtypes()) names.emplace_back(nameOf(dtype));
    const std::vector<std::string> first = {"int",        "nf4",          "fp4",   "fp4_e2m1_bnb",
                                            "fp4_e2m1",   "fp4_e2m1_ocp", "mxfp4", "nvfp4",
                                            "fp8_e4m3fn", "fp8_e5m2"};
    QVERIFY(names.size() >= first.size());
    QVERIFY(std::equal(first.begin(), first.end(), names.begin()));
    QCOMPARE(QByteArray(formatNames(&NumberFormat::isPublished).c_str()),
             QByteArray("int, nf4, fp4, fp4_e2m1_bnb, fp4_e2m1"));
  }

  void everyNameIsOneFormat() {
    std::set<std::string> names;
    for (const NumberFormat& format : numberFormats()) {
      QVERIFY(names.insert(format.name).second);
      QVERIFY2(*format.tip != '\0', format.name);
      const auto parsed = parseDtype(format.name);
      QVERIFY2(parsed && *parsed == format.dtype, format.name);
      QCOMPARE(&formatOf(format.dtype), &formatOf(*parsed));
    }
    const auto unknown = parseDtype("int9");
    QVERIFY(!unknown);
    for (const std::string& name : names) {
      QVERIFY2(unknown.error().message.find(name) != std::string::npos, name.c_str());
    }
  }

  void everyFormatComesBackFromJson() {
    for (const NumberFormat& format : namedFormats()) {
      const QuantSpec spec = specOf(format);
      QVERIFY2(spec.validate(), format.name);
      const auto again = specFromJson(toJson(spec), "spec");
      QVERIFY2(again && *again == spec, format.name);
      const auto brief = specFromJson(Json::object({{"dtype", format.name}}), "spec");
      QVERIFY2(brief && *brief == spec, format.name);
      QVERIFY(commandLineOptions(spec).starts_with(std::string("--dtype ") + format.name + " "));
    }
  }

  void whatARowPrescribesIsHeld() {
    for (const NumberFormat& format : namedFormats()) {
      QuantSpec spec = specOf(format);
      if (format.bits != 0) {
        QCOMPARE(spec.bits, format.bits);
        spec.bits = format.bits - 1;
        QVERIFY2(refuses(spec, "bits", std::to_string(format.bits)), format.name);
      }
      spec = specOf(format);
      spec.groupSize = 48;
      if (format.groupSize == 0) {
        QVERIFY2(spec.validate(), format.name);
      } else {
        QVERIFY2(refuses(spec, "group_size", std::to_string(format.groupSize)), format.name);
      }
      spec = specOf(format);
      spec.scheme = Scheme::Sym;
      spec.fullRange = true;
      QCOMPARE(bool(spec.validate()), format.levels == FormatLevels::Steps);
    }
  }

  void onlyFloat32ScalesAreQuantizedThemselves() {
    for (const NumberFormat& format : namedFormats()) {
      QuantSpec spec = specOf(format);
      spec.doubleQuant = DoubleQuant{};
      if (format.scaleFormat == ScaleFormat::Float32) {
        QVERIFY2(spec.validate(), format.name);
      } else {
        QVERIFY2(refuses(spec, "double_quant", "formats with float32 scales"), format.name);
      }
      spec = {};
      spec.doubleQuant = DoubleQuant{};
      spec.doubleQuant->dtype = format.dtype;
      QCOMPARE(bool(spec.validate()), format.isPublished());
    }
  }

  void levelsAscendAndHaveCodesOfTheirOwn() {
    for (const NumberFormat& format : namedFormats()) {
      const Codec codec = codecOf(specOf(format));
      QCOMPARE(codec.kind == CodecKind::Codebook, format.levels == FormatLevels::Table);
      QCOMPARE(codec.extended, !format.isPublished());
      QCOMPARE(codec.scaleFormat, format.scaleFormat);
      if (codec.codebook == nullptr) continue;
      const Codebook& book = *codec.codebook;
      const std::size_t count = book.levels.size();
      QVERIFY2(count >= 2 && count <= std::size_t{1} << format.bits, format.name);
      QCOMPARE(book.thresholds.size(), count - 1);
      for (std::size_t i = 0; i + 1 < count; ++i) {
        QVERIFY2(book.levels[i] < book.thresholds[i] && book.thresholds[i] < book.levels[i + 1],
                 format.name);
      }
      QCOMPARE(std::set<int>(book.codes.begin(), book.codes.end()).size(), count);
      for (const float scale : {0.25f, -0.25f}) {
        const auto shown = levelsOf(codec, scale, 0);
        QCOMPARE(shown.size(), count);
        QVERIFY2(std::is_sorted(shown.begin(), shown.end()), format.name);
      }
    }
  }

  void costIsWhatTheRowSays() {
    for (const NumberFormat& format : namedFormats()) {
      const QuantSpec spec = specOf(format);
      const StorageCost cost = storageCostOf(spec, 3, 100);
      const auto groups = static_cast<std::uint64_t>(3 * ((99 + spec.groupSize) / spec.groupSize));
      QCOMPARE(cost.codeBits, std::uint64_t(300 * spec.bits));
      QCOMPARE(cost.scaleBits, std::uint64_t(format.scaleBits) * groups);
      QCOMPARE(cost.zeroPointBits, spec.isFloat() ? 0 : std::uint64_t(spec.bits) * groups);
      QCOMPARE(cost.tensorBits, std::uint64_t(format.tensorBits));
    }
  }
};

QTEST_GUILESS_MAIN(NumberFormatsTest)
#include "number_formats_test.moc"
