#include "core/metrics/percentiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <QtTest>

#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

std::vector<Percentile> search(const std::vector<float>& values,
                               const std::vector<double>& percents) {
  MagnitudeCounts magnitudes;
  magnitudes.add(values);
  const PercentileSearch search(magnitudes, percents);
  auto table = search.emptyTable();
  search.add(values, table);
  return search.found(table);
}

/// The definition itself: the smallest value that `parts` millionths of all do not exceed.
double byDefinition(std::vector<float> values, std::uint64_t parts) {
  for (float& value : values) value = std::fabs(value);
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((i + 1) * 1000000 >= parts * values.size()) return values[i];
  }
  return values.back();
}

}  // namespace

class PercentilesTest : public QObject {
  Q_OBJECT

 private slots:
  void ranksAreExactWhereDoublesAreNot() {
    QCOMPARE(nearestRank(99.9, 1000), std::uint64_t{999});
    QCOMPARE(nearestRank(50, 4), std::uint64_t{2});
    QCOMPARE(nearestRank(50, 5), std::uint64_t{3});
    QCOMPARE(nearestRank(99, 1), std::uint64_t{1});
    QCOMPARE(nearestRank(100, 7), std::uint64_t{7});
    QCOMPARE(nearestRank(0.0001, 7), std::uint64_t{1});
    QCOMPARE(nearestRank(99.9, 5000000000000), std::uint64_t{4995000000000});
  }

  void everyPercentileIsTheOneOfASortedCopy() {
    const std::vector<std::pair<double, std::uint64_t>> wanted = {
        {50, 500000}, {95, 950000}, {99, 990000}, {99.9, 999000}, {0.1, 1000}, {100, 1000000}};
    std::vector<double> percents;
    for (const auto& [percent, parts] : wanted) percents.push_back(percent);
    for (const std::size_t count : {1, 2, 3, 10, 999, 1000, 40001}) {
      const auto values = normalValues(count, static_cast<std::uint32_t>(count));
      const auto found = search(values, percents);
      QCOMPARE(found.size(), wanted.size());
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        QCOMPARE(found[i].percent, wanted[i].first);
        QCOMPARE(found[i].value, byDefinition(values, wanted[i].second));
      }
    }
  }

  void tiesZerosAndExtremesAreValuesLikeAnyOther() {
    const float smallest = std::numeric_limits<float>::denorm_min();
    const float largest = std::numeric_limits<float>::max();
    const std::vector<float> values = {0.0f, -0.0f, -smallest, smallest, 1, -1, 1, -largest};
    for (const auto& [percent, parts] : std::vector<std::pair<double, std::uint64_t>>{
             {12.5, 125000}, {25, 250000}, {37.5, 375000}, {75, 750000}, {87.6, 876000}}) {
      QCOMPARE(search(values, {percent})[0].value, byDefinition(values, parts));
    }
  }

  void valuesThatDifferInTheLastBitAreToldApart() {
    std::vector<float> values(100, 0.25f);
    for (std::size_t i = 60; i < 100; ++i) values[i] = std::nextafter(0.25f, 1.0f);
    QCOMPARE(search(values, {60})[0].value, 0.25);
    QCOMPARE(search(values, {61})[0].value, double{std::nextafter(0.25f, 1.0f)});
  }

  void partsMayBeCountedApart() {
    const auto values = normalValues(5000, 9);
    const std::span<const float> all(values);
    MagnitudeCounts first;
    MagnitudeCounts second;
    first.add(all.subspan(0, 1234));
    second.add(all.subspan(1234));
    second.merge(first);
    QCOMPARE(second.total(), std::uint64_t{5000});
    const std::vector<double> percents = {50, 99.9};
    const PercentileSearch search(second, percents);
    auto one = search.emptyTable();
    auto other = search.emptyTable();
    search.add(all.subspan(0, 77), one);
    search.add(all.subspan(77), other);
    PercentileSearch::merge(one, other);
    QCOMPARE(search.found(one)[0].value, byDefinition(values, 500000));
    QCOMPARE(search.found(one)[1].value, byDefinition(values, 999000));
  }

  void ofNothingThereAreNone() { QVERIFY(search({}, {50, 99}).empty()); }
};

QTEST_GUILESS_MAIN(PercentilesTest)
#include "percentiles_test.moc"
