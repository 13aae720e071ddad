#include <cmath>
#include <limits>

#include <QtTest>

#include "core/base/half.h"
#include "core/tensor/group_layout.h"
#include "core/tensor/health.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

class TensorTest : public QObject {
  Q_OBJECT

 private slots:
  void groupsCoverARowOnce_data() {
    QTest::addColumn<int>("cols");
    QTest::addColumn<int>("groupSize");
    for (const int cols : {1, 7, 32, 33, 130}) {
      for (const int size : {-1, 1, 7, 32, 1000})
        QTest::addRow("%d %d", cols, size) << cols << size;
    }
  }
  void groupsCoverARowOnce() {
    QFETCH(int, cols);
    QFETCH(int, groupSize);
    const GroupLayout layout = GroupLayout::of(3, static_cast<std::size_t>(cols), groupSize);
    std::size_t next = 0;
    for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
      QCOMPARE(layout.begin(g), next);
      QVERIFY(layout.length(g) >= 1);
      next += layout.length(g);
    }
    QCOMPARE(next, static_cast<std::size_t>(cols));
    if (groupSize == -1 || groupSize > cols) QCOMPARE(layout.groupsPerRow(), std::size_t{1});
  }

  void axesAreReadAsAMatrix() {
    TensorInfo conv;
    conv.shape = {3, 5, 7, 11};  // a Keras Conv2D kernel: kh, kw, in, out
    setAxes(conv, AxisMap{{3, 2, 0, 1}, 1, std::nullopt});
    QCOMPARE(conv.rows, std::size_t{11});
    QCOMPARE(conv.cols, std::size_t{105});
    QVERIFY(conv.transposed);
    QCOMPARE(oriented(conv, Orientation::Auto).cols, std::size_t{105});
    QCOMPARE(oriented(conv, Orientation::Rows).rows, std::size_t{3});
    QVERIFY(!oriented(conv, Orientation::Rows).transposed);
    QCOMPARE(oriented(conv, Orientation::Columns).axes, conv.axes);
  }

  void orientationsAreFoundByTheirNames() {
    for (const NamedOrientation& row : kOrientations) {
      QCOMPARE(std::string(nameOf(row.orientation)), std::string(row.name));
      QVERIFY(*parseOrientation(row.name) == row.orientation);
    }
    const auto unknown = parseOrientation("sideways");
    QVERIFY(unknown.error().code == ErrorCode::InvalidArgument);
    QCOMPARE(unknown.error().message,
             std::string("orientation sideways: allowed are auto, rows, second, last-but-one, "
                         "columns"));
  }

  void aSliceOfAStackKeepsItsOwnAxes() {
    TensorInfo expert;
    expert.shape = {8, 3, 5};
    AxisMap axes{{1, 2}, 1, 6};
    setAxes(expert, axes);
    QCOMPARE(expert.rows, std::size_t{3});
    QVERIFY(!expert.transposed);
    const TensorInfo turned = oriented(expert, Orientation::Columns);
    QCOMPARE(turned.rows, std::size_t{5});
    QCOMPARE(turned.axes, (AxisMap{{2, 1}, 1, 6}));
  }

  void blocksOfHalfPrecisionBecomeFloats() {
    TensorInfo info;
    info.shape = {2, 3};
    setAxes(info, AxisMap::rows(2));
    std::vector<std::uint16_t> halfs;
    for (const float value : {1.0f, -2.0f, 0.5f, 3.0f, 4.0f, -0.25f}) {
      halfs.push_back(halfFromFloat(value));
    }
    const WeightTensor tensor(info, StoredType::Float16, halfs);
    std::vector<float> scratch;
    const MatrixView second = tensor.block(1, 1, scratch);
    QCOMPARE(second.row(0)[0], 3.0f);
    QCOMPARE(second.row(0)[2], -0.25f);
  }

  void floatsThatAreNotAlignedAreCopied() {
    std::vector<char> bytes(4 * sizeof(float) + 1);
    const float values[4] = {1, 2, 3, 4};
    std::memcpy(bytes.data() + 1, values, sizeof values);
    TensorInfo info;
    info.shape = {2, 2};
    setAxes(info, AxisMap::rows(2));
    const WeightTensor tensor(info, StoredType::Float32, nullptr, bytes.data() + 1);
    std::vector<float> scratch;
    QCOMPARE(tensor.block(1, 1, scratch).row(0)[1], 4.0f);
  }

  void healthCountsAndFindsTheFirst() {
    std::vector<float> values(400 * 300, 1.0f);
    values[7] = 0;
    values[8] = -0.0f;
    values[9] = 1e-40f;
    values[399 * 300 + 5] = NAN;
    values[250 * 300 + 17] = std::numeric_limits<float>::infinity();
    const WeightTensor tensor = tensorOf(400, 300, values, "w");
    for (const int threads : {1, 3}) {
      const auto health = healthOf(tensor, Executor(threads));
      QVERIFY(health);
      QCOMPARE(health->nan, std::uint64_t{1});
      QCOMPARE(health->inf, std::uint64_t{1});
      QCOMPARE(health->zero, std::uint64_t{2});
      QCOMPARE(health->subnormal, std::uint64_t{1});
      QCOMPARE(*health->firstNonFinite, (Position{250, 17}));
      const std::string message = notFiniteError("w", *health).message;
      QVERIFY(message.find("w: ") == 0);
      QVERIFY(message.find("row 250, column 17") != std::string::npos);
    }
  }
};

QTEST_GUILESS_MAIN(TensorTest)
#include "tensor_test.moc"
