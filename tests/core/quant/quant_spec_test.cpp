#include "core/quant/quant_spec.h"

#include <QtTest>

#include "core/quant/storage_cost.h"

using namespace quantoscope;

namespace {

bool mentions(const Status& status, const char* field, const char* value) {
  return !status && status.error().code == ErrorCode::InvalidArgument &&
         status.error().message.find(field) != std::string::npos &&
         status.error().message.find(value) != std::string::npos &&
         status.error().message.find("allowed") != std::string::npos;
}

}  // namespace

class QuantSpecTest : public QObject {
  Q_OBJECT

 private slots:
  void theDefaultsAreValid() {
    QVERIFY(QuantSpec{}.validate());
    QCOMPARE(describe(QuantSpec{}), std::string("int4 g32 asym"));
  }

  void storedArithmeticHasOnlyWhatThePublishedFunctionsHave() {
    QuantSpec stored;
    stored.compute = Compute::Stored;
    QVERIFY(stored.validate());
    QCOMPARE(describe(stored), std::string("int4 g32 asym, computed as stored"));
    QVERIFY(commandLineOptions(stored).ends_with(" --compute stored"));
    QVERIFY(*specFromJson(toJson(stored), "x") == stored);
    QVERIFY(stored.withDtype(Dtype::Nf4).validate());
    QCOMPARE(stored.withDtype(Dtype::Mxfp4).compute, Compute::Float32);
    QuantSpec other = stored.withDtype(Dtype::Fp8E4m3fn);
    other.compute = Compute::Stored;
    QVERIFY(mentions(other.validate(), "compute stored", "fp8_e4m3fn"));
    other = stored;
    other.scheme = Scheme::Sym;
    other.halfRange = true;
    QVERIFY(mentions(other.validate(), "compute stored", "half_range"));
    other = stored;
    other.clip.kind = ClipPolicy::Kind::Optimal;
    QVERIFY(mentions(other.validate(), "compute stored", "clip optimal"));
    QVERIFY(!parseCompute("float16"));
  }

  void errorsNameFieldValueAndWhatIsAllowed() {
    QuantSpec spec;
    spec.bits = 9;
    QVERIFY(mentions(spec.validate(), "bits", "9"));
    spec = {};
    spec.groupSize = 0;
    QVERIFY(mentions(spec.validate(), "group_size", "0"));
    spec.groupSize = -2;
    QVERIFY(mentions(spec.validate(), "group_size", "-2"));
    spec = {};
    spec.fullRange = true;
    QVERIFY(mentions(spec.validate(), "full_range", "asym"));
    spec.scheme = Scheme::Sym;
    QVERIFY(spec.validate());
    spec.bits = 1;
    QVERIFY(mentions(spec.validate(), "full_range", "2 to 8"));
    spec = {};
    spec.dtype = Dtype::Nf4;
    spec.bits = 3;
    QVERIFY(mentions(spec.validate(), "bits", "nf4"));
    spec = {};
    spec.clip = ClipPolicy::fixed(1.5);
    QVERIFY(mentions(spec.validate(), "clip", "1.5"));
    spec.clip = ClipPolicy::fixed(0);
    QVERIFY(!spec.validate());
    spec.clip = ClipPolicy::fixed(NAN);
    QVERIFY(!spec.validate());
    spec = {};
    spec.doubleQuant = DoubleQuant{Dtype::Int, 0, Scheme::Asym, 256};
    QVERIFY(mentions(spec.validate(), "double_quant_bits", "0"));
    spec.doubleQuant = DoubleQuant{Dtype::Int, 8, Scheme::Asym, 0};
    QVERIFY(mentions(spec.validate(), "double_quant_group_size", "0"));
  }

  void theDefaultGridIsExact() {
    const auto ratios = RatioGrid{}.ratios();
    QCOMPARE(ratios.size(), std::size_t{40});
    for (int i = 0; i < 40; ++i) QCOMPARE(ratios[static_cast<std::size_t>(i)], 1 - i / 200.0);
    // The wider grid that the window draws holds the same numbers, so both curves agree.
    const auto wide = RatioGrid{1, 0.5, 101}.ratios();
    for (std::size_t i = 0; i < 40; ++i) QCOMPARE(wide[i], ratios[i]);
  }

  void gridsAndPoliciesReadWhatTheyWrite() {
    for (const char* text : {"1:0.805:40", "1:0.5:101", "0.9:0.9:1"}) {
      QCOMPARE(RatioGrid::parse(text)->text(), std::string(text));
    }
    for (const char* text : {"1:0.5", "1:0.5:0", "1.1:0.5:3", "a:b:c", "1:0:5", "1:0.5:3.5"}) {
      QVERIFY2(!RatioGrid::parse(text), text);
    }
    for (const char* text : {"none", "0.93", "search", "search-rows", "search-groups"}) {
      QCOMPARE(ClipPolicy::parse(text)->text(), std::string(text));
    }
    for (const char* text : {"", "2", "0", "-0.5", "serach", "nan"}) {
      QVERIFY2(!ClipPolicy::parse(text), text);
    }
  }

  void jsonKeepsEverySpec() {
    std::vector<QuantSpec> specs(4);
    specs[1].dtype = Dtype::Fp4E2m1;
    specs[1].clip = {ClipPolicy::Kind::SearchGroups, 1.0};
    specs[1].grid = {1, 0.5, 101};
    specs[2].scheme = Scheme::Sym;
    specs[2].fullRange = true;
    specs[2].bits = 3;
    specs[2].clip = ClipPolicy::fixed(0.9299999999999999);
    specs[3].groupSize = -1;
    specs[3].doubleQuant = DoubleQuant{Dtype::Nf4, 4, Scheme::Sym, 16};
    for (const QuantSpec& spec : specs) {
      const auto text = toJson(spec).text();
      const auto read = specFromJson(*parseJson(text, "x"), "x");
      QVERIFY2(read, text.c_str());
      QCOMPARE(*read, spec);
    }
  }

  void badJsonIsRefusedByName() {
    for (const char* text :
         {R"({"bitz":4})", R"({"bits":"4"})", R"({"bits":4.5})", R"({"bits":4294967300})",
          R"({"dtype":"int5"})", R"({"clip":7})", R"([])", R"({"full_range":1})"}) {
      const auto spec = specFromJson(*parseJson(text, "p"), "p: t");
      QVERIFY2(!spec, text);
      QVERIFY(spec.error().message.starts_with("p: t: "));
    }
  }

  void storageCountsEveryBit() {
    QuantSpec spec;                                          // int4, groups of 32, asymmetric
    const StorageCost plain = storageCostOf(spec, 10, 130);  // 4 groups and a tail a row
    QCOMPARE(plain.codeBits, std::uint64_t{4 * 1300});
    QCOMPARE(plain.scaleBits, std::uint64_t{16 * 50});
    QCOMPARE(plain.zeroPointBits, std::uint64_t{4 * 50});
    QCOMPARE(plain.bitsPerWeight(), (5200.0 + 800 + 200) / 1300);
    spec.scheme = Scheme::Sym;
    QCOMPARE(storageCostOf(spec, 10, 130).zeroPointBits, std::uint64_t{0});
    spec.doubleQuant = DoubleQuant{Dtype::Int, 6, Scheme::Asym, 16};
    const StorageCost twice = storageCostOf(spec, 10, 130);
    QCOMPARE(twice.scaleBits, std::uint64_t{6 * 50});
    QCOMPARE(twice.doubleQuantBits, std::uint64_t{32 * 4 + 32});  // 50 scales: 3 groups, a tail
  }

  void commandLinesSayTheWholeSpec() {
    QuantSpec spec;
    spec.dtype = Dtype::Nf4;
    spec.groupSize = 64;
    spec.clip = {ClipPolicy::Kind::SearchRows, 1};
    QCOMPARE(commandLineOptions(spec),
             std::string("--dtype nf4 --group-size 64 --clip search-rows"));
  }
};

QTEST_GUILESS_MAIN(QuantSpecTest)
#include "quant_spec_test.moc"
