// Files read by another process, and what becomes of us when that one dies, hangs or lies.
#include "core/io/reader/remote_container.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container_source.h"
#include "core/io/registry.h"
#include "core/io/tensor_source.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/support/processes.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace std::chrono_literals;
using quantoscope::test::countingValues;
using quantoscope::test::Hdf5Fixture;

namespace {

std::vector<float> allValues(const WeightTensor& tensor) {
  std::vector<float> scratch;
  const MatrixView view = tensor.block(0, tensor.rows(), scratch);
  return {view.data, view.data + tensor.elements()};
}

ReaderSettings fakeReader() {
  ReaderSettings settings;
  settings.program = QUANTOSCOPE_FAKE_READER;
  settings.listingPatience = 300ms;
  settings.readingPatience = 300ms;
  return settings;
}

}  // namespace

class RemoteContainerTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const char* name = "test.h5") const {
    return directory_.filePath(name).toStdString();
  }
  void writeModel() const {
    Hdf5Fixture file(path());
    file.counting("weight", {64, 64});
    file.counting("kernel", {64, 32});
    file.counting("packed/kernel", {100, 70},
                  {.chunk = {16, 16}, .more = [](hid_t p) { H5Pset_deflate(p, 6); }});
    file.counting("packed/weight", {100, 70},
                  {.chunk = {16, 16}, .more = [](hid_t p) { H5Pset_deflate(p, 6); }});
    file.counting("wide", {10, 10}, {.fileType = H5T_IEEE_F64BE});
    const int steps = 7;
    file.array("steps", {}, &steps, {.fileType = H5T_STD_I64LE, .memoryType = H5T_NATIVE_INT});
  }
  /// Kills the one reader there is, and waits until it is dead.
  static pid_t killReader() {
    const pid_t reader = test::childProcesses().at(0);
    ::kill(reader, SIGKILL);
    siginfo_t ended = {};
    if (waitid(P_PID, static_cast<id_t>(reader), &ended, WEXITED | WNOWAIT) != 0) qFatal("waitid");
    return reader;
  }
  static Result<SharedSource> openWith(const std::string& path, const ReaderSettings& settings) {
    auto container = openRemoteContainer(path, {}, settings);
    if (!container) return container.error();
    return makeContainerSource(path, *container);
  }

  QTemporaryDir directory_;

 private slots:
  void aReaderTellsWhatConfinesIt() {
    ReaderSettings settings;
    const auto report = sandboxOfReader(settings);
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(report->noNewPrivileges);
#ifndef __SANITIZE_ADDRESS__
    QVERIFY(report->memoryLimit);
    settings.memoryBytes = 0;
    QVERIFY(!sandboxOfReader(settings)->memoryLimit);
#endif
    const auto silent = sandboxOfReader(fakeReader());
    QVERIFY(!silent);
    QVERIFY(silent.error().message.find("does not report its sandbox") != std::string::npos);
    settings.program = path("none");
    QVERIFY(sandboxOfReader(settings).error().message.find("cannot be started") !=
            std::string::npos);
  }

  void cleanup() {
    qunsetenv("FAKE_READER");
  }

  void theOtherProcessGivesTheSame() {
    writeModel();
    const auto here = openTensorSourceInProcess(path());
    const auto there = openTensorSource(path());
    QVERIFY(here && there);
    QCOMPARE((*there)->format(), (*here)->format());
    QCOMPARE((*there)->tensors().size(), (*here)->tensors().size());
    for (const TensorInfo& info : (*here)->tensors()) {
      if (!info.quantizable) continue;
      for (const auto orientation : {Orientation::Auto, Orientation::Columns}) {
        const auto a = (*here)->load(info, orientation);
        const auto b = (*there)->load(info, orientation);
        QVERIFY(a && b);
        QCOMPARE(allValues(*b), allValues(*a));
      }
    }
    QCOMPARE((*there)->loadMatrix("steps")->values, std::vector<float>{7});
    QCOMPARE((*there)->loadMatrix("packed/weight")->values, countingValues(7000));
  }

  void namesComeBeforeDetails() {
    writeModel();
    std::vector<std::string> names;
    OpenOptions options;
    options.onNames = [&](const std::vector<std::string>& part) {
      names.insert(names.end(), part.begin(), part.end());
    };
    const auto source = openTensorSource(path(), options);
    QVERIFY(source);
    std::vector<std::string> listed;
    for (const TensorInfo& info : (*source)->tensors()) listed.push_back(info.name);
    std::sort(names.begin(), names.end());
    std::sort(listed.begin(), listed.end());
    QCOMPARE(names, listed);
  }

  void errorsOfTheOtherProcessAreTheSame() {
    const std::string text = path("text");
    std::ofstream(text) << "hello";
    QCOMPARE(openTensorSource(text).error().message,
             openTensorSourceInProcess(text).error().message);
    QCOMPARE(openTensorSource(path("absent")).error().message, path("absent") + ": no such file");
  }

  void theReaderHasGivenUpItsRights() {
#ifdef __SANITIZE_ADDRESS__
    QSKIP("sanitizers need the rights that are given up");
#endif
    writeModel();
    const auto source = openTensorSource(path());
    QVERIFY(source);
    const auto readers = test::childProcesses();
    QCOMPARE(readers.size(), std::size_t{1});
    QCOMPARE(test::statusField(readers[0], "NoNewPrivs"), std::string("1"));
    QCOMPARE(test::statusField(readers[0], "Seccomp"), std::string("2"));
  }

  void aReaderThatDiedWhileIdleIsReplaced() {
    writeModel();
    const auto source = openTensorSource(path());
    QVERIFY(source);
    const pid_t before = killReader();
    const auto tensor = (*source)->load(*findTensor(**source, "packed/kernel"), Orientation::Auto);
    QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    const auto after = test::childProcesses();
    QCOMPARE(after.size(), std::size_t{1});
    QVERIFY(after[0] != before);
  }

  void aReplacedReaderMustFindTheSameFile() {
    writeModel();
    const auto source = openTensorSource(path());
    QVERIFY(source);
    killReader();
    std::filesystem::remove(path());
    {
      Hdf5Fixture file(path());
      file.counting("packed/kernel", {100, 71}, {.chunk = {16, 16}});
    }
    const auto tensor = (*source)->load(*findTensor(**source, "packed/kernel"), Orientation::Auto);
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().message,
             path() + ": packed/kernel: was changed while it was in use; open it again");
  }

  void aReplacedFileIsNoLongerRead() {
    writeModel();
    const auto source = openTensorSource(path());
    QVERIFY(source);
    std::filesystem::remove(path());
    {
      Hdf5Fixture file(path());
      file.counting("other", {3, 3});
    }
    const auto tensor = (*source)->load(*findTensor(**source, "weight"), Orientation::Auto);
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().message,
             path() + ": weight: was changed while it was in use; open it again");
  }

  void cancellingEndsTheReader() {
    writeModel();
    qputenv("FAKE_READER", "hangs while reading");
    ReaderSettings patient = fakeReader();
    patient.readingPatience = 60s;
    const auto source = openWith(path(), patient);
    QVERIFY(source);
    TaskControl control;
    std::thread later([&] {
      std::this_thread::sleep_for(100ms);
      control.cancel.cancel();
    });
    const auto tensor = (*source)->load((*source)->tensors()[0], Orientation::Auto, control);
    later.join();
    QVERIFY(!tensor);
    QCOMPARE(tensor.error().code, ErrorCode::Cancelled);
    QVERIFY(test::childProcesses().empty());
  }

  void whatCannotBeStartedIsToldSo() {
    writeModel();
    ReaderSettings settings;
    settings.program = "/absent/quantoscope-reader";
    const auto container = openRemoteContainer(path(), {}, settings);
    QVERIFY(!container);
    QCOMPARE(container.error().message,
             path() + ": the reader /absent/quantoscope-reader cannot be started: " +
                 "No such file or directory");
  }

  void noReaderIsTakenFromTheWorkingDirectory() {
    // A name space of its own, in which /proc is empty.
    const pid_t child = fork();
    if (child == 0) {
      if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
          mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
        _exit(77);
      }
      unsetenv("QUANTOSCOPE_READER");
      const std::string program = readerProgram();
      const auto started = ReaderProcess::start("");
      const bool named = !started && started.error().message.find("/proc") != std::string::npos;
      _exit((program.empty() || program.front() == '/') && named ? 7 : 1);
    }
    int status = 0;
    QCOMPARE(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 77) QSKIP("no name spaces here");
    QCOMPARE(WEXITSTATUS(status), 7);
  }

  void aLinkedShardMustStayInTheFolder() {
    writeModel();
    QTemporaryDir cache;
    const auto in = [&cache](const char* name) { return cache.filePath(name).toStdString(); };
    std::filesystem::create_directories(in("blobs"));
    std::filesystem::create_directories(in("snapshot"));
    std::filesystem::copy_file(path(), in("blobs/1"));
    std::ofstream(in("blobs/0")) << R"({"weight_map":{"weight":"a.h5","kernel":"b.h5"}})";
    std::filesystem::create_symlink("../blobs/0", in("snapshot/model.weights.json"));
    std::filesystem::create_symlink("../blobs/1", in("snapshot/a.h5"));
    std::filesystem::create_symlink("/etc/passwd", in("snapshot/b.h5"));
    const auto source = openTensorSource(in("snapshot/model.weights.json"));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    const auto tensor = (*source)->load(*findTensor(**source, "weight"), Orientation::Auto);
    QVERIFY2(tensor, tensor ? "" : tensor.error().message.c_str());
    QCOMPARE(allValues(*tensor), countingValues(64 * 64));

    // As an index of its own, outside of a cache, the link leads out.
    std::filesystem::create_symlink("../blobs/1", in("snapshot/only.h5"));
    std::ofstream(in("snapshot/plain.json")) << R"({"weight_map":{"w":"only.h5","p":"b.h5"}})";
    const auto plain = openTensorSource(in("snapshot/plain.json"));
    QVERIFY(plain);
    for (const char* name : {"w", "p"}) {
      const std::string reason = findTensor(**plain, name)->reason;
      QVERIFY2(
          reason.find("a link that leads out of the model's folder, to /") != std::string::npos,
          reason.c_str());
    }
  }

  void aJsonFileOpensNothingBesideIt() {
    std::ofstream(path("evil.json")) << R"({"weight_map":{"w":"../x","v":"below/x","u":"pipe"}})";
    QCOMPARE(mkfifo(path("pipe").c_str(), 0600), 0);
    const auto none = openTensorSource(path("evil.json"));
    QVERIFY(!none);
    QVERIFY(none.error().message.find("none of the files that it names can be read (3)") !=
            std::string::npos);

    writeModel();
    const std::string file = std::filesystem::path(path()).filename().string();
    std::ofstream(path("evil.json"))
        << "{\"weight_map\":{\"w\":\"../x\",\"v\":\"below/x\",\"u\":\"pipe\",\"weight\":\"" << file
        << "\"}}";
    const auto source = openTensorSource(path("evil.json"));
    QVERIFY2(source, source ? "" : source.error().message.c_str());
    QCOMPARE(findTensor(**source, "u")->reason, std::string("pipe: not a regular file"));
    for (const char* name : {"w", "v"}) {
      QVERIFY(findTensor(**source, name)->reason.find("no plain file name") != std::string::npos);
    }
  }

  void everyOddFileIsListedOrRefusedInOneLine() {
    const std::string data = test::sharedDataPath("odd");
    if (data.empty()) QSKIP("the odd files are absent");
    int listed = 0;
    int refused = 0;
    for (const auto& folder : {data, test::sharedDataPath("damaged")}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        const auto source = openTensorSource(entry.path().string());
        if (!source) {
          QVERIFY(source.error().message.find('\n') == std::string::npos);
          QVERIFY(source.error().message.find(entry.path().string()) != std::string::npos);
          ++refused;
          continue;
        }
        ++listed;
        for (const TensorInfo& info : (*source)->tensors()) {
          QVERIFY(info.quantizable == info.reason.empty());
          if (!info.quantizable) continue;
          const auto tensor = (*source)->load(info, Orientation::Columns);
          QVERIFY(tensor || !tensor.error().message.empty());
        }
      }
    }
    QVERIFY2(listed > 150 && refused > 10,
             qPrintable(QString("%1 listed, %2 refused").arg(listed).arg(refused)));
  }

  void nothingIsLeftBehind() {
    writeModel();
    const auto before = test::openDescriptors();
    for (int round = 0; round < 20; ++round) {
      const auto source = openTensorSource(path());
      QVERIFY(source);
      QVERIFY((*source)->load(*findTensor(**source, "packed/weight"), Orientation::Auto));
      QVERIFY((*source)->load(*findTensor(**source, "weight"), Orientation::Auto));
    }
    QVERIFY(test::childProcesses().empty());
    QCOMPARE(test::openDescriptors(), before);
  }
};

QTEST_APPLESS_MAIN(RemoteContainerTest)
#include "remote_container_test.moc"
