// Files that shrink or change while they are mapped.
#include "core/base/file_mapping.h"

#include <csignal>
#include <unistd.h>

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "core/engine/analysis.h"

using namespace quantoscope;

namespace {

volatile std::sig_atomic_t g_otherErrors = 0;

void countError(int) {
  g_otherErrors = g_otherErrors + 1;
}

}  // namespace

class FileMappingTest : public QObject {
  Q_OBJECT

 private:
  std::string write(qint64 bytes) const {
    QFile file(directory_.filePath("file"));
    if (!file.open(QIODevice::WriteOnly) ||
        file.write(QByteArray(static_cast<int>(bytes), 'x')) != bytes) {
      qFatal("no file");
    }
    return file.fileName().toStdString();
  }
  static std::shared_ptr<const FileMapping> mapped(const std::string& path, std::uint64_t offset,
                                                   std::uint64_t bytes) {
    const auto mapping = FileMapping::map(path, *identityOf(path), offset, bytes);
    if (!mapping) qFatal("%s", mapping.error().message.c_str());
    return *mapping;
  }

  QTemporaryDir directory_;

 private slots:
  void initTestCase() { std::signal(SIGBUS, countError); }  // before there is any mapping

  void anyPartCanBeMapped() {
    const std::string path = write(20000);
    QFile file(QString::fromStdString(path));
    QVERIFY(file.open(QIODevice::ReadWrite) && file.seek(4097) && file.write("abc") == 3);
    file.close();
    const auto mapping = mapped(path, 4096, 5);
    QCOMPARE(QByteArray(reinterpret_cast<const char*>(mapping->data()), 5), QByteArray("xabcx"));
    QVERIFY(mapping->intact());
  }

  void whatIsNotInTheFileIsRefused() {
    const std::string path = write(100);
    const FileIdentity identity = *identityOf(path);
    QVERIFY(!FileMapping::map(path, identity, 0, 101));
    QVERIFY(!FileMapping::map(path, identity, 101, 1));
    QVERIFY(!FileMapping::map(path, identity, 50, ~std::uint64_t{0} - 20));
    QVERIFY(!FileMapping::map(path, identity, 0, 0));
    FileIdentity other = identity;
    ++other.inode;
    const auto replaced = FileMapping::map(path, other, 0, 1);
    QVERIFY(!replaced);
    QCOMPARE(replaced.error().message, path + ": was changed while it was in use; open it again");
    QVERIFY(!identityOf("/dev/zero"));
  }

  void aTruncatedFileReadsAsZerosAndSaysSo() {
    const std::string path = write(1 << 20);
    const auto mapping = mapped(path, 8, (1 << 20) - 8);
    const auto other = mapped(path, 0, 4096);
    QCOMPARE(::truncate(path.c_str(), 8192), 0);
    QCOMPARE(mapping->data()[0], std::byte{'x'});
    QCOMPARE(mapping->data()[1 << 19], std::byte{0});
    QCOMPARE(mapping->data()[(1 << 20) - 9], std::byte{0});
    QCOMPARE(other->data()[0], std::byte{'x'});
    const Status status = mapping->intact();
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::UnreadableFile);
    QCOMPARE(status.error().message, path + ": was changed while it was in use; open it again");
  }

  void aChangedFileSaysSo() {
    const std::string path = write(8192);
    const auto mapping = mapped(path, 0, 8192);
    QTest::qSleep(20);  // the clock of file times ticks slowly
    QFile file(QString::fromStdString(path));
    QVERIFY(file.open(QIODevice::ReadWrite) && file.write("new") == 3);
    file.close();
    QVERIFY(!mapping->intact());
    QVERIFY(mapping->intact().error().message.find("was changed") != std::string::npos);
  }

  void aFileTruncatedDuringAnAnalysisIsAnError() {
    constexpr std::size_t kRows = 2048;
    constexpr std::size_t kCols = 1024;
    constexpr std::size_t kBytes = kRows * kCols * sizeof(float);
    const std::string path = write(kBytes);
    TensorInfo info;
    info.shape = {kRows, kCols};
    setAxes(info, AxisMap::rows(2));
    const auto mapping = mapped(path, 0, kBytes);
    AnalysisRequest request;
    request.tensor =
        std::make_shared<const WeightTensor>(info, StoredType::Float32, mapping, mapping->data(),
                                             [mapping] { return mapping->intact(); });
    const Executor executor(2);
    QVERIFY(analyse(request, executor));

    TaskControl control;
    control.progress = [&](std::uint64_t done, std::uint64_t) {
      if (done == 4 && ::truncate(path.c_str(), 100) != 0) qFatal("cannot truncate");
    };
    const auto result = analyse(request, executor, control);
    QVERIFY(!result);
    QCOMPARE(result.error().message, path + ": was changed while it was in use; open it again");
  }

  void otherBusErrorsGoToTheHandlerBefore() {
    g_otherErrors = 0;
    raise(SIGBUS);
    QCOMPARE(int(g_otherErrors), 1);
    const std::string path = write(1);
    const auto guarded = mapped(path, 0, 1);
    QCOMPARE(::truncate(path.c_str(), 0), 0);
    QCOMPARE(guarded->data()[0], std::byte{0});
    QCOMPARE(int(g_otherErrors), 1);
  }
};

QTEST_APPLESS_MAIN(FileMappingTest)
#include "file_mapping_test.moc"
