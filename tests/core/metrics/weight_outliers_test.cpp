// Outlier channels without a quantization, held to those of a report.
#include "core/metrics/weight_outliers.h"

#include <QtTest>

#include "core/engine/detail.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

class WeightOutliersTest : public QObject {
  Q_OBJECT

 private slots:
  void theyAreThoseOfAReportToTheBit() {
    for (const std::size_t cols : {40, 300, 5000}) {
      const std::size_t rows = 600;
      std::vector<float> values = normalValues(rows * cols, static_cast<std::uint32_t>(cols));
      for (std::size_t r = 0; r < rows; ++r) {
        values[r * cols + 7] *= 30;
        values[r * cols + 11] *= 9;
      }
      DetailRequest request;
      request.tensor = std::make_shared<const WeightTensor>(tensorOf(rows, cols, values));
      const ChannelOutliers expected = (*analyseDetail(request, Executor(2)))->report.outliers;
      QCOMPARE(expected.count, std::uint64_t{2});
      for (const int threads : {1, 3}) {
        const auto found = channelOutliersOf(*request.tensor, 64, Executor(threads));
        QCOMPARE(found->count, expected.count);
        QCOMPARE(found->medianRms, expected.medianRms);
        QCOMPARE(found->medianMaxAbs, expected.medianMaxAbs);
        QCOMPARE(found->channels[0].channel, std::size_t{7});
        QCOMPARE(found->channels[1].channel, std::size_t{11});
        QCOMPARE(found->channels[1].rms, expected.channels[1].rms);
      }
    }
  }

  void cancellingIsTold() {
    const WeightTensor tensor = normalTensor(100, 100, 1);
    TaskControl control;
    control.cancel.cancel();
    const auto found = channelOutliersOf(tensor, 1, Executor(2), control);
    QVERIFY(!found);
    QVERIFY(found.error().code == ErrorCode::Cancelled);
  }
};

QTEST_APPLESS_MAIN(WeightOutliersTest)
#include "weight_outliers_test.moc"
