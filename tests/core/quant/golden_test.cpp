// All golden cases of the reference, on every kernel table, with one thread and with several.
#include <bit>
#include <cmath>

#include <QScopeGuard>
#include <QtTest>

#include "core/kernels/kernels.h"
#include "core/quant/weight_only.h"
#include "tests/support/golden_file.h"

using namespace quantoscope;
using quantoscope::test::GoldenCase;
using quantoscope::test::GoldenFile;

namespace {

QByteArray place(const char* what, std::size_t i, float found, float wanted) {
  return QByteArray(what) + " differs at element " + QByteArray::number(qulonglong(i)) + ": " +
         QByteArray::number(double(found), 'g', 9) + " instead of " +
         QByteArray::number(double(wanted), 'g', 9);
}

void compareBits(const char* what, const std::vector<float>& found,
                 const std::vector<float>& wanted) {
  QCOMPARE(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    QVERIFY2(std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(wanted[i]),
             place(what, i, found[i], wanted[i]));
  }
}

void compareValues(const char* what, const std::vector<float>& found,
                   const std::vector<float>& wanted) {
  QCOMPARE(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    QVERIFY2(found[i] == wanted[i], place(what, i, found[i], wanted[i]));
  }
}

float largest(const std::vector<float>& values) {
  float found = 0;
  for (const float value : values) found = std::max(found, std::fabs(value));
  return found;
}

void compareWithin(const char* what, float tolerance, const std::vector<float>& found,
                   const std::vector<float>& wanted) {
  QCOMPARE(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    QVERIFY2(std::fabs(found[i] - wanted[i]) <= tolerance, place(what, i, found[i], wanted[i]));
  }
}

}  // namespace

class GoldenTest : public QObject {
  Q_OBJECT

 private:
  GoldenFile golden_;
  Executor executor_{1};

  MatrixView input(const GoldenCase& golden) const {
    return golden_.inputs.at(golden.text.at("input")).view();
  }

  Result<WeightOnlyResult> quantTensor(const GoldenCase& c, bool returnInt,
                                       const std::string& scheme, const std::string& dqDtype,
                                       const std::string& dqScheme) const {
    DoubleQuantArguments dq;
    dq.double_quant = c.number("double_quant", 0) != 0;
    dq.double_quant_dtype = dqDtype;
    dq.double_quant_bits = static_cast<int>(c.number("double_quant_bits", 8));
    dq.double_quant_scheme = dqScheme;
    dq.double_quant_group_size = static_cast<long long>(c.number("double_quant_group_size", 256));
    return quant_tensor(input(c), static_cast<int>(c.number("bits", 4)),
                        static_cast<long long>(c.number("group_size", -1)), scheme,
                        c.number("quantile", 1.0), c.textOr("dtype", "int"), returnInt,
                        c.number("full_range", 0) != 0, dq, executor_);
  }

  void checkQuantTensor(const GoldenCase& c) const {
    const std::string scheme = c.textOr("scheme", "asym");
    const std::string dqDtype = c.textOr("double_quant_dtype", "int");
    const std::string dqScheme = c.textOr("double_quant_scheme", "asym");
    const auto values = quantTensor(c, false, scheme, dqDtype, dqScheme);
    const auto codes = quantTensor(c, true, scheme, dqDtype, dqScheme);
    QVERIFY2(values, values ? "" : values.error().message.c_str());
    QVERIFY2(codes, codes ? "" : codes.error().message.c_str());
    compareValues("int", codes->values.values, c.matrices.at("int").values);
    const bool hasZeroPoint = c.matrices.contains("zp");
    QCOMPARE(values->zeroPoint.has_value(), hasZeroPoint);
    if (hasZeroPoint) compareValues("zp", codes->zeroPoint->values, c.matrices.at("zp").values);

    const auto& scale = c.matrices.at("scale");
    const auto& qdq = c.matrices.at("qdq");
    QCOMPARE(values->scale.rows, scale.rows);
    QCOMPARE(values->scale.cols, scale.cols);
    const bool centred = c.number("double_quant", 0) != 0 && dqScheme == "asym";
    if (!centred) {
      compareBits("scale", codes->scale.values, scale.values);
      compareBits("qdq", values->values.values, qdq.values);
      return;
    }
    // The reference's float32 mean depends on its build; see double_quant.h.
    const float tolerance = 1e-6f * largest(scale.values);
    compareWithin("scale", tolerance, codes->scale.values, scale.values);
    compareWithin("qdq", tolerance * largest(codes->values.values), values->values.values,
                  qdq.values);
  }

  void checkSearchClip(const GoldenCase& c) const {
    const auto curve =
        search_clip(input(c), static_cast<int>(c.number("bits", 4)),
                    static_cast<long long>(c.number("group_size", 32)), c.textOr("scheme", "asym"),
                    c.textOr("dtype", "int"), c.number("full_range", 0) != 0, executor_);
    QVERIFY2(curve, curve ? "" : curve.error().message.c_str());
    QCOMPARE(curve->mse.size(), c.loss.size());
    for (std::size_t i = 0; i < c.loss.size(); ++i) {
      QVERIFY2(std::fabs(curve->mse[i] - c.loss[i]) <= 1e-13 * c.loss[i],
               "loss " + QByteArray::number(qulonglong(i)));
    }
    QCOMPARE(curve->bestRatio(), c.numbers.at("best_ratio_float64"));
  }

  void checkEncode(const GoldenCase& c) const {
    std::optional<Matrix> zeroPoint;
    if (c.matrices.contains("zp")) zeroPoint = c.matrices.at("zp");
    const auto codes = quant_weight_w_scale(input(c), c.matrices.at("scale"), zeroPoint,
                                            static_cast<long long>(c.number("group_size", -1)),
                                            c.textOr("dtype", "int"));
    QVERIFY2(codes, codes ? "" : codes.error().message.c_str());
    compareValues("int", codes->values, c.matrices.at("int").values);
  }

  void addRows(const std::string& function) const {
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < golden_.cases.size(); ++i) {
      const GoldenCase& c = golden_.cases[i];
      if (c.text.at("function") == function) {
        QTest::newRow((c.name + " " + c.text.at("input")).c_str()) << static_cast<int>(i);
      }
    }
  }

  const GoldenCase& current() const {
    return golden_
        .cases[static_cast<std::size_t>(*static_cast<int*>(QTest::qData("index", QMetaType::Int)))];
  }

 private slots:
  void initTestCase() {
    golden_ = GoldenFile::read();
    QCOMPARE(golden_.cases.size(), std::size_t{553});
    QCOMPARE(golden_.inputs.size(), std::size_t{14});
  }

  void quantTensorEqualsTheReference_data() { addRows("quant_tensor"); }
  void quantTensorEqualsTheReference() { checkQuantTensor(current()); }

  void searchClipFindsTheFloat64Argmin_data() { addRows("search_clip"); }
  void searchClipFindsTheFloat64Argmin() { checkSearchClip(current()); }

  void codesFromGivenScalesEqualTheReference_data() { addRows("quant_weight_w_scale"); }
  void codesFromGivenScalesEqualTheReference() { checkEncode(current()); }

  void allCasesHoldOnEveryTableWithOneTwoAndThreeThreads_data() {
    QTest::addColumn<QByteArray>("table");
    QTest::addColumn<int>("threads");
    for (const kernels::KernelTable* table : kernels::availableKernels()) {
      for (const int threads : {1, 2, 3}) {
        QTest::addRow("%s, %d threads", table->name, threads) << QByteArray(table->name) << threads;
      }
    }
  }
  void allCasesHoldOnEveryTableWithOneTwoAndThreeThreads() {
    QFETCH(QByteArray, table);
    QFETCH(int, threads);
    const QByteArray best = kernels::activeKernels().name;
    QVERIFY(kernels::useKernels(table.constData()));
    const auto restore = qScopeGuard([&] { kernels::useKernels(best.constData()); });
    executor_ = Executor(threads);
    for (const GoldenCase& c : golden_.cases) {
      const std::string& function = c.text.at("function");
      if (function == "quant_tensor") checkQuantTensor(c);
      if (function == "search_clip") checkSearchClip(c);
      if (function == "quant_weight_w_scale") checkEncode(c);
      QVERIFY2(!QTest::currentTestFailed(), c.name.c_str());
    }
  }
};

QTEST_GUILESS_MAIN(GoldenTest)
#include "golden_test.moc"
