// Cutting arrays into boxes and putting boxes into oriented matrices.
#include "core/io/container/array_box.h"

#include <numeric>
#include <random>

#include <QtTest>

using namespace quantoscope;

namespace {

using Sides = std::vector<std::size_t>;

std::size_t product(const Sides& sides) {
  return std::accumulate(sides.begin(), sides.end(), std::size_t{1}, std::multiplies<>());
}

/// The next index in row-major order within a box; false at the end.
bool next(Sides& index, const Box& box) {
  for (std::size_t a = index.size(); a-- > 0;) {
    if (++index[a] < box.start[a] + box.count[a]) return true;
    index[a] = box.start[a];
  }
  return false;
}

std::size_t offset(const Sides& index, const Sides& shape) {
  std::size_t at = 0;
  for (std::size_t a = 0; a < shape.size(); ++a) at = at * shape[a] + index[a];
  return at;
}

/// The plain definition of an oriented matrix.
template <typename T>
std::vector<T> orientedPlainly(const std::vector<T>& stored, const Sides& shape,
                               const AxisMap& axes) {
  std::vector<T> matrix(stored.size());
  Box whole{Sides(shape.size(), 0), shape};
  Sides index = whole.start;
  do {
    std::size_t at = 0;
    for (const int axis : axes.order) {
      const auto a = static_cast<std::size_t>(axis);
      at = at * shape[a] + index[a];
    }
    matrix[at] = stored[offset(index, shape)];
  } while (next(index, whole));
  return matrix;
}

/// The same by cutting into boxes and scattering each.
template <typename T>
std::vector<T> orientedByBoxes(const std::vector<T>& stored, const Sides& shape,
                               const AxisMap& axes, const Sides& unit, std::size_t target) {
  std::vector<T> matrix(stored.size(), T(-1));
  const Box whole{Sides(shape.size(), 0), shape};
  const Sides strides = matrixStrides(shape, axes);
  for (const Box& box : cutIntoBoxes(whole, unit, target)) {
    std::vector<T> part;
    Sides index = box.start;
    do {
      part.push_back(stored[offset(index, shape)]);
    } while (next(index, box));
    scatter(part.data(), box, whole.start, strides, matrix.data());
  }
  return matrix;
}

}  // namespace

class ArrayBoxTest : public QObject {
  Q_OBJECT

 private slots:
  void unitsBeyondTheArrayAreOnePiece() {
    constexpr std::size_t kMost = ~std::size_t{0};
    const Box whole{{3, 0}, {5, 6}};
    for (const std::size_t side : {std::size_t{8}, std::size_t{1} << 63, kMost}) {
      QCOMPARE(cutIntoBoxes(whole, {side, side}, 4), std::vector<Box>{whole});
    }
    QCOMPARE(cutIntoBoxes(whole, {0, 0}, 1000), std::vector<Box>{whole});
  }

  void boxesCoverTheWholeOnceAlongChunks() {
    std::mt19937 random(7);
    for (int round = 0; round < 500; ++round) {
      const std::size_t rank = 1 + random() % 4;
      Sides shape, unit, start, count;
      for (std::size_t a = 0; a < rank; ++a) {
        shape.push_back(1 + random() % 12);
        unit.push_back(1 + random() % 14);
        start.push_back(random() % shape[a]);
        count.push_back(1 + random() % (shape[a] - start[a]));
      }
      const Box whole{start, count};
      std::vector<int> covered(product(shape), 0);
      for (const Box& box : cutIntoBoxes(whole, unit, 1 + random() % 200)) {
        Sides index = box.start;
        do {
          ++covered[offset(index, shape)];
        } while (next(index, box));
        for (std::size_t a = 0; a < rank; ++a) {
          QVERIFY(box.start[a] == start[a] || box.start[a] % unit[a] == 0);
        }
      }
      QCOMPARE(std::accumulate(covered.begin(), covered.end(), 0),
               static_cast<int>(whole.elements()));
      QVERIFY(*std::max_element(covered.begin(), covered.end()) == 1);
    }
  }

  void boxesAreAboutAsLargeAsAsked() {
    const auto boxes = cutIntoBoxes({{0, 0}, {1000, 1000}}, {1, 1}, 10000);
    QCOMPARE(boxes.size(), std::size_t{100});
    QCOMPARE(boxes[1], (Box{{10, 0}, {10, 1000}}));
    QCOMPARE(cutIntoBoxes({{0, 0}, {10, 10}}, {1, 1}, 1000).size(), std::size_t{1});
    QCOMPARE(cutIntoBoxes({{0, 0}, {10, 10}}, {10, 10}, 1).size(), std::size_t{1});
    QVERIFY(cutIntoBoxes({{0, 0}, {10, 0}}, {1, 1}, 1000).empty());
    QCOMPARE(cutIntoBoxes({{}, {}}, {}, 1000).size(), std::size_t{1});
  }

  void scatteringIsThePlainPermutation() {
    std::mt19937 random(11);
    for (int round = 0; round < 400; ++round) {
      const std::size_t rank = 1 + random() % 5;
      Sides shape, unit;
      AxisMap axes;
      for (std::size_t a = 0; a < rank; ++a) {
        shape.push_back(1 + random() % (rank < 3 ? 150 : 9));
        unit.push_back(1 + random() % shape[a]);
        axes.order.push_back(static_cast<int>(a));
      }
      std::shuffle(axes.order.begin(), axes.order.end(), random);
      const std::size_t target = 1 + random() % (2 * product(shape));

      std::vector<float> floats(product(shape));
      std::iota(floats.begin(), floats.end(), 0.0f);
      QVERIFY(orientedByBoxes(floats, shape, axes, unit, target) ==
              orientedPlainly(floats, shape, axes));
      std::vector<std::uint16_t> halfs(product(shape));
      std::iota(halfs.begin(), halfs.end(), std::uint16_t{0});
      QVERIFY(orientedByBoxes(halfs, shape, axes, unit, target) ==
              orientedPlainly(halfs, shape, axes));
    }
  }

  void aSliceHasNoStride() {
    QCOMPARE(matrixStrides({3, 4, 5}, {{2, 1}, 1, 1}), (Sides{0, 1, 4}));
    const std::vector<float> part = {0, 1, 2, 3, 4, 5};
    std::vector<float> matrix(6);
    scatter(part.data(), {{7, 0, 0}, {1, 2, 3}}, {7, 0, 0}, {0, 1, 2}, matrix.data());
    QCOMPARE(matrix, (std::vector<float>{0, 3, 1, 4, 2, 5}));
  }
};

QTEST_APPLESS_MAIN(ArrayBoxTest)
#include "array_box_test.moc"
