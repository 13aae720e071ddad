#include "core/metrics/channels.h"

#include <cmath>
#include <limits>

#include <QtTest>

#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

ColumnSums sumsOf(std::size_t rows, std::size_t cols, const std::vector<float>& w,
                  const std::vector<float>& e) {
  ColumnSums sums(cols);
  sums.add({w.data(), rows, cols}, e.data());
  return sums;
}

}  // namespace

class ChannelsTest : public QObject {
  Q_OBJECT

 private slots:
  void columnsAreSummedRowAfterRow() {
    const auto w = normalValues(30 * 17, 1);
    const auto e = normalValues(30 * 17, 2);
    ColumnSums first(17);
    first.add({w.data(), 12, 17}, e.data());
    ColumnSums second(17);
    second.add({w.data() + 12 * 17, 18, 17}, e.data() + 12 * 17);
    first.append(second);
    for (std::size_t c = 0; c < 17; ++c) {
      ErrorTally expected;
      for (std::size_t r = 0; r < 30; ++r) {
        expected.squaredError += double{e[r * 17 + c]} * e[r * 17 + c];
        expected.absError += std::fabs(double{e[r * 17 + c]});
        expected.squaredWeight += double{w[r * 17 + c]} * w[r * 17 + c];
        expected.maxAbsError = std::max(expected.maxAbsError, std::fabs(e[r * 17 + c]));
        expected.maxAbsWeight = std::max(expected.maxAbsWeight, std::fabs(w[r * 17 + c]));
      }
      const ErrorTally found = first.tally(c);
      QCOMPARE(found.count, std::uint64_t{30});
      QVERIFY(std::fabs(found.squaredError - expected.squaredError) < 1e-15);
      QVERIFY(std::fabs(found.absError - expected.absError) < 1e-14);
      QVERIFY(std::fabs(found.squaredWeight - expected.squaredWeight) < 1e-15);
      QCOMPARE(found.maxAbsError, expected.maxAbsError);
      QCOMPARE(found.maxAbsWeight, expected.maxAbsWeight);
    }
  }

  void groupPositionsAreSumsOfColumns() {
    const auto w = normalValues(5 * 10, 3);
    const ColumnSums sums = sumsOf(5, 10, w, w);
    const Profile profile = groupPositionProfile(sums, 4, 100);
    QCOMPARE(profile.length, std::size_t{3});
    QCOMPARE(profile.points[2].tally.count, std::uint64_t{10});  // the tail: 2 columns
    QCOMPARE(profile.points[2].tally.squaredError,
             sums.tally(8).squaredError + sums.tally(9).squaredError);
    QCOMPARE(profileOf(sums, 100).points.size(), std::size_t{10});
    QCOMPARE(profileOf(sums, 3).points.size(), std::size_t{3});
  }

  void channelsFarFromTheMedianStandOut() {
    std::vector<float> w(4 * 8, 1.0f);
    for (std::size_t r = 0; r < 4; ++r) {
      w[r * 8 + 2] = 6.0f;   // not more than six times
      w[r * 8 + 5] = -8.0f;  // by RMS and by magnitude
      w[r * 8 + 7] = 0.0f;   // pruned
    }
    w[3] = 7.0f;  // by magnitude alone
    const auto found = ChannelOutliers::of(sumsOf(4, 8, w, w), 10);
    QCOMPARE(found.medianRms, 1.0);
    QCOMPARE(found.medianMaxAbs, 1.0);
    QCOMPARE(found.count, std::uint64_t{2});
    QCOMPARE(found.channels[0].channel, std::size_t{5});
    QCOMPARE(found.channels[0].rmsTimes, 8.0);
    QCOMPARE(found.channels[1].channel, std::size_t{3});
    QCOMPARE(found.channels[1].amaxTimes, 7.0);
    QCOMPARE(found.channels[1].rms, std::sqrt(13.0));
    const auto limited = ChannelOutliers::of(sumsOf(4, 8, w, w), 1);
    QCOMPARE(limited.count, std::uint64_t{2});
    QCOMPARE(limited.channels.size(), std::size_t{1});
    QCOMPARE(limited.channels[0].channel, std::size_t{5});
  }

  void equalsAreOrderedByChannel() {
    std::vector<float> w(16, 1.0f);
    for (const std::size_t c : {14, 3, 9}) w[c] = 10;
    const auto found = ChannelOutliers::of(sumsOf(1, 16, w, w), 2);
    QCOMPARE(found.count, std::uint64_t{3});
    QCOMPARE(found.channels[0].channel, std::size_t{3});
    QCOMPARE(found.channels[1].channel, std::size_t{9});
  }

  void theMedianIsAChannelsOwnAndPassesOverPrunedOnes() {
    const std::vector<float> even = {1, 4, 2, 3};
    QCOMPARE(ChannelOutliers::of(sumsOf(1, 4, even, even), 10).medianRms, 2.0);
    const std::vector<float> pruned = {0, 0, 0, 0, 0, 0, 1, 1, 1, 7};
    const auto found = ChannelOutliers::of(sumsOf(1, 10, pruned, pruned), 10);
    QCOMPARE(found.medianMaxAbs, 1.0);
    QCOMPARE(found.count, std::uint64_t{1});
    QCOMPARE(found.channels[0].channel, std::size_t{9});
  }

  void withoutWeightsNothingStandsOut() {
    const std::vector<float> zeros(12);
    const auto found = ChannelOutliers::of(sumsOf(3, 4, zeros, zeros), 10);
    QCOMPARE(found.count, std::uint64_t{0});
    QCOMPARE(found.medianRms, 0.0);
  }

  void importanceWeighsTheErrors() {
    const std::vector<float> w(6, 1.0f);
    const std::vector<float> e = {1, 2, 3, 1, 2, 5};
    const auto importance = Importance::of({1, 0, 0.5f}, 3, "h");
    QVERIFY(importance);
    QCOMPARE(importance->weightedMse(sumsOf(2, 3, w, e).squaredErrors(), 2), (2 + 17.0) / 3);
    const auto equal = Importance::of({3, 3, 3}, 3, "h");
    QCOMPARE(equal->weightedMse(sumsOf(2, 3, w, e).squaredErrors(), 2), 44.0 / 6);
  }

  void importanceIsValidated() {
    const auto refusal = [](std::vector<float> values) {
      return Importance::of(std::move(values), 3, "file::h").error();
    };
    QCOMPARE(refusal({1, 2}).code, ErrorCode::DoesNotFit);
    QCOMPARE(refusal({1, 2, 3, 4}).code, ErrorCode::DoesNotFit);
    QCOMPARE(refusal({1, std::nanf(""), 3}).code, ErrorCode::NotFinite);
    QCOMPARE(refusal({1, std::numeric_limits<float>::infinity(), 3}).code, ErrorCode::NotFinite);
    QCOMPARE(refusal({1, -0.5f, 3}).code, ErrorCode::InvalidArgument);
    QCOMPARE(refusal({0, -0.0f, 0}).code, ErrorCode::InvalidArgument);
    QVERIFY(refusal({1, -0.5f, 3}).message.starts_with("file::h: "));
    QVERIFY(refusal({1, -0.5f, 3}).message.find("channel 1;") != std::string::npos);
    QVERIFY(Importance::of({0, 0, 1e-30f}, 3, "h"));
  }
};

QTEST_GUILESS_MAIN(ChannelsTest)
#include "channels_test.moc"
