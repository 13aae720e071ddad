// Two specifications against each other, held to the plainest way of counting.
#include "core/engine/win_rate.h"

#include <cmath>
#include <limits>

#include <QtTest>

#include "core/engine/detail.h"
#include "core/quant/clip_search.h"
#include "core/quant/quantizer.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

QuantSpec integer(int bits, long long groupSize, ClipPolicy::Kind kind = ClipPolicy::Kind::None) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.clip.kind = kind;
  return spec;
}

WinRateRequest requestFor(WeightTensor tensor, const QuantSpec& first, const QuantSpec& second) {
  WinRateRequest request;
  request.id = 9;
  request.tensor = std::make_shared<const WeightTensor>(std::move(tensor));
  request.first = first;
  request.second = second;
  request.groupSize = 32;
  request.bins = 64;
  return request;
}

Matrix decoded(const WeightTensor& tensor, const QuantSpec& spec) {
  const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1));
  const auto parameters =
      groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
  return *dequantized(tensor, coded(tensor, spec), *parameters, Executor(1));
}

/// Counted with nothing shared with the function under test but the quantizer.
WinRate bruteForce(const WinRateRequest& request) {
  const WeightTensor& tensor = *request.tensor;
  const Matrix a = decoded(tensor, request.first);
  const Matrix b = decoded(tensor, request.second);
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  const auto size =
      request.groupSize < 0 ? tensor.cols() : static_cast<std::size_t>(request.groupSize);
  WinRate found;
  std::vector<float> differences;
  for (std::size_t r = 0; r < tensor.rows(); ++r) {
    for (std::size_t begin = 0; begin < tensor.cols(); begin += size) {
      double sumA = 0;
      double sumB = 0;
      for (std::size_t c = begin; c < std::min(begin + size, tensor.cols()); ++c) {
        const float ea = w.row(r)[c] - a.row(r)[c];
        const float eb = w.row(r)[c] - b.row(r)[c];
        sumA += double{ea} * double{ea};
        sumB += double{eb} * double{eb};
        differences.push_back(std::fabs(ea) - std::fabs(eb));
        if (std::fabs(ea) < std::fabs(eb)) ++found.firstNearer;
        if (std::fabs(eb) < std::fabs(ea)) ++found.secondNearer;
      }
      ++found.groups;
      if (sumA < sumB) ++found.firstWins;
      if (sumB < sumA) ++found.secondWins;
    }
  }
  float largest = 0;
  for (const float difference : differences) largest = std::max(largest, std::fabs(difference));
  found.difference = Histogram::over(-largest, largest, request.bins);
  for (const float difference : differences) found.difference.add(difference);
  return found;
}

void compareWithBruteForce(const WinRateRequest& request) {
  const WinRate expected = bruteForce(request);
  for (const int threads : {1, 3}) {
    const auto found = winRate(request, Executor(threads));
    QVERIFY2(bool(found), found ? "" : found.error().message.c_str());
    QCOMPARE((*found)->groups, expected.groups);
    QCOMPARE((*found)->firstWins, expected.firstWins);
    QCOMPARE((*found)->secondWins, expected.secondWins);
    QCOMPARE((*found)->firstNearer, expected.firstNearer);
    QCOMPARE((*found)->secondNearer, expected.secondNearer);
    QCOMPARE((*found)->difference.lo, expected.difference.lo);
    QCOMPARE((*found)->difference.counts, expected.difference.counts);
    QCOMPARE((*found)->difference.total(), std::uint64_t{request.tensor->elements()});
  }
}

}  // namespace

class WinRateTest : public QObject {
  Q_OBJECT

 private slots:
  void winsAreThoseOfCountingOneByOne() {
    compareWithBruteForce(requestFor(normalTensor(700, 200, 3), integer(4, 32), integer(4, 128)));
    compareWithBruteForce(requestFor(normalTensor(37, 150, 4), integer(3, 64),
                                     integer(3, 64, ClipPolicy::Kind::SearchGroups)));
    QuantSpec nf4;
    nf4 = nf4.withDtype(Dtype::Nf4);
    auto tails = requestFor(normalTensor(20, 70, 5), nf4, integer(4, 32));
    for (const long long size : {1LL, 33LL, 500LL, -1LL}) {
      tails.groupSize = size;
      compareWithBruteForce(tails);
    }
  }

  void mapsAreThoseOfAReport() {
    for (const std::size_t side : {4, 300}) {
      WinRateRequest request =
          requestFor(normalTensor(700, 200, 3), integer(4, 32), integer(2, 32));
      request.mapSide = side;
      for (const QuantSpec& spec : {request.first, request.second}) {
        DetailRequest detail;
        detail.tensor = request.tensor;
        detail.spec = spec;
        detail.sizes.mapRows = detail.sizes.mapCols = side;
        const BlockMap expected = (*analyseDetail(detail, Executor(2)))->report.map;
        for (const int threads : {1, 3}) {
          const auto found = winRate(request, Executor(threads));
          const BlockMap& map = spec == request.first ? *(*found)->firstMap : *(*found)->secondMap;
          QCOMPARE(map.rms, expected.rms);
          QCOMPARE(map.maximum, expected.maximum);
          QVERIFY(map.layout == expected.layout);
        }
      }
      request.mapSide = 0;
      QVERIFY(!(*winRate(request, Executor(1)))->firstMap);
    }
  }

  void formatsWithAScaleOfTheTensorTakePart() {
    QuantSpec nvfp4;
    nvfp4 = nvfp4.withDtype(Dtype::Nvfp4);
    QuantSpec doubled = integer(4, 32);
    doubled.doubleQuant = DoubleQuant{};
    compareWithBruteForce(requestFor(normalTensor(40, 96, 6), nvfp4, doubled));
  }

  void finerQuantizationWinsEverywhere() {
    const auto found =
        winRate(requestFor(normalTensor(16, 128, 7), integer(8, 32), integer(2, 32)), Executor(2));
    QCOMPARE((*found)->groups, std::uint64_t{64});
    QCOMPARE((*found)->firstWins, std::uint64_t{64});
    QCOMPARE((*found)->secondWins, std::uint64_t{0});
    QCOMPARE((*found)->id, std::uint64_t{9});
  }

  void aSpecAgainstItselfIsADraw() {
    const auto found =
        winRate(requestFor(normalTensor(16, 128, 7), integer(4, 32), integer(4, 32)), Executor(2));
    QCOMPARE((*found)->draws(), (*found)->groups);
    QCOMPARE((*found)->firstNearer + (*found)->secondNearer, std::uint64_t{0});
    QCOMPARE((*found)->difference.counts, std::vector<std::uint64_t>{16 * 128});
  }

  void swappingTheTwoSwapsTheCounts() {
    const auto there =
        winRate(requestFor(normalTensor(9, 64, 8), integer(4, 32), integer(4, 16)), Executor(1));
    const auto back =
        winRate(requestFor(normalTensor(9, 64, 8), integer(4, 16), integer(4, 32)), Executor(1));
    QCOMPARE((*there)->firstWins, (*back)->secondWins);
    QCOMPARE((*there)->firstNearer, (*back)->secondNearer);
  }

  void whatCannotBeComparedIsRefused() {
    auto request = requestFor(normalTensor(4, 32, 1), integer(4, 32), integer(9, 32));
    QCOMPARE(winRate(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
    request.second = integer(4, 32);
    request.groupSize = 0;
    QVERIFY(winRate(request, Executor(1)).error().message.find("group_size 0") == 0);
    request.groupSize = 32;
    request.bins = 0;
    QCOMPARE(winRate(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
    request.bins = 8;
    auto values = normalValues(128, 1);
    values[70] = std::numeric_limits<float>::quiet_NaN();
    request.tensor = std::make_shared<const WeightTensor>(tensorOf(4, 32, values));
    QCOMPARE(winRate(request, Executor(1)).error().code, ErrorCode::NotFinite);
    request.tensor = std::make_shared<const WeightTensor>(normalTensor(4, 32, 1));
    TaskControl stopped;
    stopped.cancel.cancel();
    QCOMPARE(winRate(request, Executor(1), stopped).error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(WinRateTest)
#include "win_rate_test.moc"
