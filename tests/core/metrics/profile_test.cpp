#include "core/metrics/profile.h"

#include <cmath>
#include <set>

#include <QtTest>

#include "core/metrics/block_map.h"
#include "core/metrics/group_sample.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

ErrorTally tallyWith(double squaredError, float maxAbsError, std::uint64_t count = 1) {
  ErrorTally tally;
  tally.count = count;
  tally.squaredError = squaredError;
  tally.maxAbsError = maxAbsError;
  return tally;
}

bool close(double a, double b) {
  return std::fabs(a - b) <= 1e-13 * std::max(std::fabs(a), std::fabs(b));
}

}  // namespace

class ProfileTest : public QObject {
  Q_OBJECT

 private slots:
  void aTallyIsTheSumsOfItsRun() {
    for (const std::size_t size : {1, 7, 8, 9, 33}) {
      const auto w = normalValues(size, 1);
      const auto e = normalValues(size, 2);
      double squared = 0, absolute = 0, weight = 0, largest = 0, largestWeight = 0;
      for (std::size_t i = 0; i < size; ++i) {
        squared += double{e[i]} * e[i];
        absolute += std::fabs(double{e[i]});
        weight += double{w[i]} * w[i];
        largest = std::max(largest, std::fabs(double{e[i]}));
        largestWeight = std::max(largestWeight, std::fabs(double{w[i]}));
      }
      const ErrorTally tally = tallyOf(w, e);
      QCOMPARE(tally.count, std::uint64_t{size});
      QVERIFY(close(tally.mse(), squared / static_cast<double>(size)));
      QVERIFY(close(tally.meanAbs(), absolute / static_cast<double>(size)));
      QVERIFY(close(tally.weightRms(), std::sqrt(weight / static_cast<double>(size))));
      QCOMPARE(double{tally.maxAbsError}, largest);
      QCOMPARE(double{tally.maxAbsWeight}, largestWeight);
    }
  }

  void aPointKeepsItsWorstMember() {
    ProfileBuilder builder(7, 3);  // points of 3, 3 and 1
    const std::vector<double> squared = {1, 5, 5, 0, 0, 0, 9};
    for (std::size_t i = 0; i < 7; ++i) builder.add(i, tallyWith(squared[i], 0.5f));
    const Profile& profile = builder.profile();
    QCOMPARE(profile.perPoint, std::size_t{3});
    QCOMPARE(profile.points.size(), std::size_t{3});
    QCOMPARE(profile.points[0].worst, std::size_t{1});  // the first of equals
    QCOMPARE(profile.points[0].worstMse, 5.0);
    QCOMPARE(profile.points[0].tally.squaredError, 11.0);
    QCOMPARE(profile.points[1].worst, std::size_t{3});
    QCOMPARE(profile.points[2].first, std::size_t{6});
    QCOMPARE(profile.points[2].members, std::size_t{1});
  }

  void runsMayCutAPoint() {
    for (std::size_t cut = 0; cut <= 10; ++cut) {
      ProfileBuilder whole(10, 3), first(10, 3), second(10, 3);
      for (std::size_t i = 0; i < 10; ++i) {
        const ErrorTally tally = tallyWith(static_cast<double>(i * 7 % 5), static_cast<float>(i));
        whole.add(i, tally);
        (i < cut ? first : second).add(i, tally);
      }
      first.append(second);
      QCOMPARE(first.profile().points.size(), whole.profile().points.size());
      for (std::size_t p = 0; p < whole.profile().points.size(); ++p) {
        const auto& a = first.profile().points[p];
        const auto& b = whole.profile().points[p];
        QCOMPARE(a.first, b.first);
        QCOMPARE(a.worst, b.worst);
        QCOMPARE(a.tally.squaredError, b.tally.squaredError);
        QCOMPARE(a.tally.maxAbsError, b.tally.maxAbsError);
        QCOMPARE(a.tally.count, b.tally.count);
      }
    }
  }

  void everyGroupLiesInTheCellThatSaysSo() {
    for (const auto& [rows, cols, group, maxRows, maxCols] :
         std::vector<std::array<std::size_t, 5>>{{1, 1, 1, 4, 4},
                                                 {10, 130, 32, 4, 3},
                                                 {3, 64, 64, 1, 1},
                                                 {1000, 7, 2, 64, 64},
                                                 {5, 5000, 3, 1024, 100}}) {
      const GroupLayout layout{rows, cols, group};
      const BlockMap map = BlockMap::over(layout, maxRows, maxCols);
      QVERIFY(map.cellRows <= maxRows && map.cellCols <= maxCols);
      std::vector<std::size_t> weights(map.cellRows * map.cellCols);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
          const std::size_t cell = map.cellOf(r, g);
          const IndexRange inRows = map.rowsOf(cell / map.cellCols);
          const IndexRange inGroups = map.groupsOf(cell % map.cellCols);
          QVERIFY(r >= inRows.first && r < inRows.first + inRows.size);
          QVERIFY(g >= inGroups.first && g < inGroups.first + inGroups.size);
          weights[cell] += layout.length(g);
        }
      }
      for (std::size_t cell = 0; cell < weights.size(); ++cell) {
        QCOMPARE(map.rowsOf(cell / map.cellCols).size * map.columnsOf(cell % map.cellCols).size,
                 weights[cell]);
      }
    }
  }

  void aMapOfRunsIsTheMapOfTheWhole() {
    const GroupLayout layout{9, 10, 4};
    const BlockMap mapping = BlockMap::over(layout, 4, 2);  // 3 rows and 2 groups a cell
    for (std::size_t cut = 0; cut <= 9; ++cut) {
      BlockMapBuilder first(mapping), second(mapping), joined(mapping);
      for (std::size_t r = 0; r < 9; ++r) {
        for (std::size_t g = 0; g < 3; ++g) {
          (r < cut ? first : second)
              .add(r, g, tallyWith(1, r == 4 && g == 1 ? 8.0f : 0.5f, layout.length(g)));
        }
      }
      joined.append(first);
      joined.append(second);
      const BlockMap map = joined.finish();
      QCOMPARE(map.maximum, (std::vector<float>{0.5f, 0.5f, 8, 0.5f, 0.5f, 0.5f}));
      QCOMPARE(map.worstOf(2), (GroupIndex{4, 1}));  // wherever the runs were cut
      QCOMPARE(map.worstOf(0), (GroupIndex{0, 0}));  // the first of equals
      QCOMPARE(map.worstOf(5), (GroupIndex{6, 2}));
      QCOMPARE(map.rms[0], std::sqrt(6.0f / 24));  // 3 rows of two groups, a 1 each
      QCOMPARE(map.rms[1], std::sqrt(3.0f / 6));   // the tail: 2 weights
      QCOMPARE(map.mean[0], 0.0f);
    }
  }

  void aSampleIsOfWholeGroupsAllOverTheTensor() {
    const GroupLayout layout{512, 1024, 32};
    const GroupSample sample(layout, 16384, false);
    QCOMPARE(sample.cols(), std::size_t{64});
    QCOMPARE(sample.elements(), std::size_t{16384});
    std::set<std::size_t> rows;
    std::set<std::pair<std::size_t, std::size_t>> runs;
    std::array<int, 4> quarters{};
    for (std::size_t i = 0; i < sample.rows(); ++i) {
      const Position begin = sample.original({i, 0});
      QCOMPARE(begin.col % 32, std::size_t{0});
      QVERIFY(begin.row < 512 && begin.col + 64 <= 1024);
      QCOMPARE(sample.original({i, 63}), (Position{begin.row, begin.col + 63}));
      QCOMPARE(begin.row / 2, i);  // each run has two rows to itself
      rows.insert(begin.row);
      runs.insert({begin.row, begin.col});
      ++quarters[begin.col / 256];
    }
    QCOMPARE(rows.size(), std::size_t{256});  // each of its own stratum
    QCOMPARE(runs.size(), sample.rows());
    for (const int count : quarters)
      QVERIFY2(count > 56 && count < 72, qPrintable(QString::number(count)));
  }

  void noWeightIsTakenTwice() {
    for (const auto& [rows, cols, group, limit] :
         std::vector<std::array<std::size_t, 4>>{{3, 65536, 128, 100000},
                                                 {3, 64 * 3, 64, 500},
                                                 {7, 32 * 33, 32, 7000},
                                                 {100, 96, 24, 5000},
                                                 {40, 130, 32, 1000},
                                                 {2, 999, 999, 10},
                                                 {2, 32 * 7, 32, 447},
                                                 {4, 4, 1, 100}}) {
      const GroupSample sample(GroupLayout{rows, cols, group}, limit, false);
      QVERIFY(sample.elements() <= limit || sample.rows() == 1);
      QVERIFY(sample.elements() > 0);
      std::set<std::pair<std::size_t, std::size_t>> seen;
      for (std::size_t r = 0; r < sample.rows(); ++r) {
        for (std::size_t c = 0; c < sample.cols(); ++c) {
          const Position at = sample.original({r, c});
          QVERIFY(at.row < rows && at.col < cols);
          seen.insert({at.row, at.col});
        }
      }
      QCOMPARE(seen.size(), sample.elements());
      QCOMPARE(sample.whole(), rows * cols <= limit);
    }
  }

  void theSampledWeightsAreThoseAtTheirPositions() {
    const WeightTensor tensor = normalTensor(50, 256, 5);
    const GroupSample sample(GroupLayout{50, 256, 32}, 3000, false);
    const WeightTensor taken = sample.take(tensor);
    QCOMPARE(taken.elements(), sample.elements());
    std::vector<float> scratch;
    for (std::size_t r = 0; r < taken.rows(); ++r) {
      for (std::size_t c = 0; c < taken.cols(); ++c) {
        const Position at = sample.original({r, c});
        QCOMPARE(taken.block(r, 1, scratch).row(0)[c],
                 tensor.block(at.row, 1, scratch).row(0)[at.col]);
      }
    }
  }

  void rowsStayWholeWhereTheyMust() {
    QCOMPARE(GroupSample(GroupLayout{50, 256, 32}, 1024, true).cols(), std::size_t{256});
    QCOMPARE(GroupSample(GroupLayout{50, 256, 256}, 1024, false).cols(), std::size_t{256});
    QCOMPARE(GroupSample(GroupLayout{50, 250, 32}, 1024, false).cols(), std::size_t{250});
  }
};

QTEST_GUILESS_MAIN(ProfileTest)
#include "profile_test.moc"
