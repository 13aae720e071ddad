// Golden cases of the reference on float16 and bfloat16 weights, on every kernel table.
#include <bit>
#include <cmath>

#include <QScopeGuard>
#include <QtTest>

#include "core/base/half.h"
#include "core/kernels/kernels.h"
#include "core/quant/weight_only.h"
#include "tests/support/golden_file.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using quantoscope::test::GoldenCase;
using quantoscope::test::GoldenFile;

namespace {

/// A matrix in 16 bits, which hold its values exactly.
struct HalfMatrix {
  std::vector<std::uint16_t> bits;
  std::size_t rows;
  std::size_t cols;
  bool isFloat16;

  HalfMatrix(const Matrix& matrix, const std::string& type)
      : rows(matrix.rows), cols(matrix.cols), isFloat16(type == "float16") {
    for (const float value : matrix.values) {
      bits.push_back(isFloat16 ? halfFromFloat(value) : bfloat16FromFloat(value));
      const float held = isFloat16 ? floatFromHalf(bits.back()) : floatFromBfloat16(bits.back());
      if (held != value) qFatal("an input is no number of its type");
    }
  }

  WeightView view() const {
    return isFloat16 ? WeightView::float16(bits.data(), rows, cols)
                     : WeightView::bfloat16(bits.data(), rows, cols);
  }
};

/// The first element that differs, by bits or by value; empty if none does.
QByteArray difference(const char* what, const std::vector<float>& found,
                      const std::vector<float>& wanted, bool byBits) {
  if (found.size() != wanted.size()) return QByteArray(what) + " has another size";
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool same =
        byBits ? std::bit_cast<std::uint32_t>(found[i]) == std::bit_cast<std::uint32_t>(wanted[i])
               : found[i] == wanted[i];
    if (same) continue;
    return QByteArray(what) + " differs at element " + QByteArray::number(qulonglong(i)) + ": " +
           QByteArray::number(double(found[i]), 'g', 9) + " instead of " +
           QByteArray::number(double(wanted[i]), 'g', 9);
  }
  return {};
}

std::string describe(const GoldenCase& c) {
  std::string text = c.name;
  for (const auto& [key, value] : c.text) text += " " + value;
  for (const auto& [key, value] : c.numbers) text += " " + key + "=" + std::to_string(value);
  return text;
}

/// The golden cases, or those of another file of the same layout.
GoldenFile readCases() {
  const QByteArray other = qgetenv("QUANTOSCOPE_HALF_GOLDEN");
  return GoldenFile::read(other.isEmpty() ? test::sourcePath("tests/golden/half_golden.h5")
                                          : other.toStdString());
}

}  // namespace

class HalfGoldenTest : public QObject {
  Q_OBJECT

 private:
  GoldenFile golden_;
  Executor executor_{1};

  Result<WeightOnlyResult> quantTensor(const GoldenCase& c, WeightView weight,
                                       bool returnInt) const {
    const std::string scheme = c.textOr("scheme", "asym");
    const std::string dtype = c.textOr("dtype", "int");
    const std::string dqDtype = c.textOr("double_quant_dtype", "int");
    const std::string dqScheme = c.textOr("double_quant_scheme", "asym");
    DoubleQuantArguments dq;
    dq.double_quant = c.number("double_quant", 0) != 0;
    dq.double_quant_dtype = dqDtype;
    dq.double_quant_bits = static_cast<int>(c.number("double_quant_bits", 8));
    dq.double_quant_scheme = dqScheme;
    dq.double_quant_group_size = static_cast<long long>(c.number("double_quant_group_size", 256));
    return quant_tensor(weight, static_cast<int>(c.number("bits", 4)),
                        static_cast<long long>(c.number("group_size", 32)), scheme,
                        c.number("quantile", 1.0), dtype, returnInt, c.number("full_range", 0) != 0,
                        dq, executor_, Compute::Stored);
  }

  QByteArray differsInQuantTensor(const GoldenCase& c, WeightView weight) const {
    const auto values = quantTensor(c, weight, false);
    const auto codes = quantTensor(c, weight, true);
    if (!values) return values.error().message.c_str();
    if (!codes) return codes.error().message.c_str();
    if (values->zeroPoint.has_value() != c.matrices.contains("zp")) return "zp is there or not";
    QByteArray found = difference("int", codes->values.values, c.matrices.at("int").values, false);
    if (found.isEmpty() && values->zeroPoint) {
      found = difference("zp", values->zeroPoint->values, c.matrices.at("zp").values, false);
    }
    if (found.isEmpty()) {
      found = difference("scale", values->scale.values, c.matrices.at("scale").values, true);
    }
    if (found.isEmpty()) {
      found = difference("qdq", values->values.values, c.matrices.at("qdq").values, true);
    }
    return found;
  }

  QByteArray differsInSearchClip(const GoldenCase& c, WeightView weight) const {
    const auto curve = search_clip(weight, static_cast<int>(c.number("bits", 4)),
                                   static_cast<long long>(c.number("group_size", 32)),
                                   c.textOr("scheme", "asym"), c.textOr("dtype", "int"),
                                   c.number("full_range", 0) != 0, executor_, Compute::Stored);
    if (!curve) return curve.error().message.c_str();
    for (std::size_t i = 0; i < c.loss.size(); ++i) {
      if (!(std::fabs(curve->mse[i] - c.loss[i]) <= 1e-13 * c.loss[i])) {
        return "loss " + QByteArray::number(qulonglong(i)) + " differs";
      }
    }
    return curve->bestRatio() == c.numbers.at("best_ratio_float64") ? "" : "another best ratio";
  }

  QByteArray differsInEncode(const GoldenCase& c, WeightView weight) const {
    std::optional<Matrix> zeroPoint;
    if (c.matrices.contains("zp")) zeroPoint = c.matrices.at("zp");
    const auto codes = quant_weight_w_scale(weight, c.matrices.at("scale"), zeroPoint,
                                            static_cast<long long>(c.number("group_size", 32)),
                                            c.textOr("dtype", "int"), Compute::Stored);
    if (!codes) return codes.error().message.c_str();
    return difference("int", codes->values, c.matrices.at("int").values, false);
  }

  QByteArray differs(const GoldenCase& c) const {
    const HalfMatrix input(golden_.inputs.at(c.text.at("input")), c.text.at("type"));
    const std::string& function = c.text.at("function");
    if (function == "quant_tensor") return differsInQuantTensor(c, input.view());
    if (function == "search_clip") return differsInSearchClip(c, input.view());
    if (function == "quant_weight_w_scale") return differsInEncode(c, input.view());
    return "an unknown function";
  }

 private slots:
  void initTestCase() {
    golden_ = readCases();
    QVERIFY(golden_.cases.size() >= 120);
    const int type = static_cast<int>(
        std::count_if(golden_.cases.begin(), golden_.cases.end(),
                      [](const GoldenCase& c) { return c.text.at("type") == "float16"; }));
    QCOMPARE(2 * type, static_cast<int>(golden_.cases.size()));
  }

  void allCasesHoldOnEveryTable_data() {
    QTest::addColumn<QByteArray>("table");
    for (const kernels::KernelTable* table : kernels::availableKernels()) {
      QTest::addRow("%s", table->name) << QByteArray(table->name);
    }
  }
  void allCasesHoldOnEveryTable() {
    QFETCH(QByteArray, table);
    const QByteArray best = kernels::activeKernels().name;
    QVERIFY(kernels::useKernels(table.constData()));
    const auto restore = qScopeGuard([&] { kernels::useKernels(best.constData()); });
    for (const int threads : {1, 3}) {
      executor_ = Executor(threads);
      int different = 0;
      for (const GoldenCase& c : golden_.cases) {
        const QByteArray found = differs(c);
        if (found.isEmpty()) continue;
        if (++different <= 10) qWarning("%s: %s", describe(c).c_str(), found.constData());
      }
      QVERIFY2(different == 0, QByteArray::number(different) + " cases of " +
                                   QByteArray::number(qulonglong(golden_.cases.size())));
    }
  }

  void converting16BitWeightsFirstIsAnotherAnswer() {
    int different = 0;
    int compared = 0;
    for (const GoldenCase& c : golden_.cases) {
      if (c.text.at("function") != "quant_tensor" || c.number("bits", 4) != 8) continue;
      const HalfMatrix input(golden_.inputs.at(c.text.at("input")), c.text.at("type"));
      const auto codes =
          quant_tensor(input.view(), 8, static_cast<long long>(c.number("group_size", 32)),
                       c.textOr("scheme", "asym"), c.number("quantile", 1.0), "int", true,
                       c.number("full_range", 0) != 0);
      QVERIFY(codes);
      ++compared;
      different += codes->values.values == c.matrices.at("int").values ? 0 : 1;
    }
    QVERIFY(compared > 0 && 2 * different > compared);
  }

  void float32WeightsAreTheSameEitherWay() {
    for (const GoldenCase& c : golden_.cases) {
      if (c.text.at("function") != "quant_tensor") continue;
      const MatrixView weight = golden_.inputs.at(c.text.at("input")).view();
      const auto stored = quantTensor(c, weight, false);
      QVERIFY(stored);
      const auto wide =
          quant_tensor(weight, static_cast<int>(c.number("bits", 4)),
                       static_cast<long long>(c.number("group_size", 32)),
                       c.textOr("scheme", "asym"), c.number("quantile", 1.0),
                       c.textOr("dtype", "int"), false, c.number("full_range", 0) != 0);
      QVERIFY(wide);
      if (c.number("double_quant", 0) != 0) continue;
      QCOMPARE(difference("qdq", stored->values.values, wide->values.values, true), QByteArray());
    }
  }
};

QTEST_GUILESS_MAIN(HalfGoldenTest)
#include "half_golden_test.moc"
