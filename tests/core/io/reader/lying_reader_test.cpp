// A reader that was taken over by its file says what it likes: each lie ends in an error of one
// line or in a right answer.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sys/stat.h>

#include <QTemporaryDir>
#include <QtTest>

#include "core/io/container_source.h"
#include "core/io/reader/remote_container.h"
#include "core/io/tensor_source.h"
#include "tests/support/processes.h"

using namespace quantoscope;
using namespace std::chrono_literals;

namespace {

enum class Outcome {
  Refused,  ///< the file is not listed
  Listed,   ///< it is listed, and no tensor of it can be loaded
  Loaded,   ///< the first tensor is loaded
};

struct Lie {
  const char* mode;  ///< of tests/support/fake_reader.cpp
  Outcome outcome;
  const char* error;  ///< a part of the error, or of the reason why a tensor cannot be loaded
};

const char* const kCannotBe = "the reader gave an answer that cannot be";
const char* const kOutside = "lies outside the file";
const char* const kTooMany = "its shape claims more elements than can exist";
const char* const kNoProgress = "no progress for 1 s";

// clang-format off
const Lie kLies[] = {
    {"extent beyond the file", Outcome::Listed, kOutside},
    {"extent that overflows", Outcome::Listed, kOutside},
    {"extent too small", Outcome::Listed, kOutside},
    {"extent of nothing", Outcome::Listed, kOutside},
    {"extent too large", Outcome::Listed, kOutside},
    {"extent elsewhere", Outcome::Listed, kCannotBe},
    {"extent in the folder above", Outcome::Listed, kCannotBe},
    {"extent in the folder", Outcome::Listed, kCannotBe},
    {"extent in a folder above", Outcome::Listed, kCannotBe},
    {"extent beside, never asked for", Outcome::Listed, kCannotBe},
    {"extent by a link out", Outcome::Listed, kCannotBe},
    {"extent in a pipe", Outcome::Listed, kCannotBe},
    {"extent in a name with NUL", Outcome::Listed, kCannotBe},
    {"extent that is not aligned", Outcome::Loaded, ""},
    {"extent before the file", Outcome::Listed, kOutside},
    {"extent that fits", Outcome::Loaded, ""},

    {"rows that wrap", Outcome::Refused, kCannotBe},
    {"rows that wrap, honest type", Outcome::Listed, kTooMany},
    {"columns that wrap", Outcome::Refused, kCannotBe},
    {"columns that wrap, to be read", Outcome::Refused, kCannotBe},
    {"float16 that wraps", Outcome::Refused, kCannotBe},
    {"float64 that wraps", Outcome::Refused, kCannotBe},
    {"kernel that wraps", Outcome::Refused, kCannotBe},
    {"size that wraps to nothing", Outcome::Refused, kCannotBe},
    {"size that wraps to nothing, honest type", Outcome::Listed, kTooMany},
    {"experts that wrap", Outcome::Refused, kCannotBe},
    {"no type, but a shape that wraps", Outcome::Listed, kTooMany},
    {"more than there is memory", Outcome::Listed, "not enough memory"},
    {"more than the machine has", Outcome::Listed, "not enough memory"},
    {"elements of 2^63 bytes", Outcome::Refused, kCannotBe},
    {"unknown elements of 2^63 bytes", Outcome::Listed, kTooMany},

    {"62 axes", Outcome::Listed, kTooMany},
    {"64 axes of 1", Outcome::Loaded, ""},
    {"65 axes", Outcome::Refused, kCannotBe},
    {"chunk sides of 2^63", Outcome::Loaded, ""},
    {"chunk sides of 2^64-1", Outcome::Loaded, ""},
    {"chunk of 64 axes", Outcome::Listed, kCannotBe},
    {"chunk of no axes", Outcome::Loaded, ""},
    {"chunk of nothing", Outcome::Listed, kCannotBe},
    {"listed chunk that is none", Outcome::Loaded, ""},
    {"axes beyond the rank", Outcome::Loaded, ""},
    {"axes that repeat", Outcome::Loaded, ""},
    {"row axes beyond the rank", Outcome::Loaded, ""},
    {"row axes of none", Outcome::Loaded, ""},

    {"element too large", Outcome::Listed, kCannotBe},
    {"element of no bytes", Outcome::Listed, kCannotBe},
    {"another type than listed", Outcome::Listed, kCannotBe},
    {"an integer that was listed as float", Outcome::Listed, kCannotBe},
    {"a half that calls itself float32", Outcome::Listed, kCannotBe},
    {"an element of 4 GiB", Outcome::Listed, "only floating-point weights"},

    {"one name three times", Outcome::Loaded, ""},
    {"an empty name", Outcome::Loaded, ""},
    {"names of separators", Outcome::Loaded, ""},
    {"names with NUL", Outcome::Loaded, ""},
    {"a name of 1 MiB", Outcome::Listed, "its name"},
    {"a name of 30 MB", Outcome::Listed, "its name"},
    {"a name of 30 MB of slashes", Outcome::Listed, "its name"},
    {"a deep Keras name", Outcome::Listed, "its name"},
    {"many deep Keras names", Outcome::Listed, "its name"},
    {"long names of digits", Outcome::Loaded, ""},

    {"a million arrays and one", Outcome::Refused, kCannotBe},
    {"stacks of experts without end", Outcome::Loaded, ""},
    {"an order without end", Outcome::Loaded, ""},
    {"groups without end", Outcome::Loaded, ""},
    {"parts that lead out", Outcome::Refused, kCannotBe},
    {"parts that were never asked for", Outcome::Loaded, ""},

    {"a deep configuration", Outcome::Loaded, ""},
    {"a configuration of 100 MB", Outcome::Loaded, ""},
    {"a configuration of many keys", Outcome::Loaded, ""},
    {"a configuration of many layers", Outcome::Loaded, ""},

    {"hangs", Outcome::Refused, kNoProgress},
    {"exits", Outcome::Refused, "exit status 7"},
    {"dies", Outcome::Refused, "signal 6"},
    {"stops itself", Outcome::Refused, kNoProgress},
    {"leaves a child behind", Outcome::Refused, "stopped"},
    {"writes to its streams", Outcome::Loaded, ""},
    {"answers something else", Outcome::Refused, kCannotBe},
    {"answers with a request", Outcome::Refused, kCannotBe},
    {"answers with a file", Outcome::Refused, kCannotBe},
    {"lists garbage", Outcome::Refused, kCannotBe},
    {"lists nothing", Outcome::Refused, kCannotBe},
    {"ends with a payload", Outcome::Refused, kCannotBe},
    {"goes on after the end", Outcome::Listed, kCannotBe},
    {"repeats its progress", Outcome::Refused, kNoProgress},
    {"makes progress without end", Outcome::Refused, kCannotBe},
    {"makes slow progress without end", Outcome::Refused, kNoProgress},
    {"names without end", Outcome::Refused, kCannotBe},
    {"slow names without end", Outcome::Refused, kNoProgress},
    {"empty lists of names", Outcome::Refused, kCannotBe},
    {"the largest lists of names", Outcome::Refused, ""},
    {"names that are markup", Outcome::Loaded, ""},
    {"parts without end", Outcome::Refused, kCannotBe},
    {"tiny parts without end", Outcome::Refused, kCannotBe},
    {"slow tiny parts", Outcome::Refused, kCannotBe},
    {"empty parts", Outcome::Refused, kCannotBe},
    {"asks for files without end", Outcome::Refused, kCannotBe},
    {"asks for a file above", Outcome::Refused, kCannotBe},
    {"dribbles", Outcome::Refused, kNoProgress},
    {"sends no message", Outcome::Refused, kCannotBe},
    {"announces too much", Outcome::Refused, kCannotBe},
    {"sends half a message", Outcome::Refused, kNoProgress},
    {"ends within a header", Outcome::Refused, "exit status 0"},
    {"ends within a payload", Outcome::Refused, "exit status 0"},
    {"another magic number", Outcome::Refused, kCannotBe},
    {"bits that are not used", Outcome::Refused, kCannotBe},
    {"a type that there is not", Outcome::Refused, kCannotBe},
    {"stops talking", Outcome::Refused, "it hung up"},
    {"hangs up", Outcome::Refused, "it hung up"},
    {"closes its socket", Outcome::Refused, "it hung up"},
    {"sends descriptors without end", Outcome::Refused, kCannotBe},
    {"an error of garbage", Outcome::Refused, kCannotBe},
    {"an error with control characters", Outcome::Refused, "evil"},
    {"the longest error", Outcome::Refused, "eee"},
    {"an error that is too long", Outcome::Refused, kCannotBe},
    {"an error of no kind", Outcome::Refused, kCannotBe},
    {"claims to be cancelled", Outcome::Refused, kCannotBe},

    {"hangs while describing", Outcome::Listed, kNoProgress},
    {"dies while describing", Outcome::Listed, "signal 6"},
    {"describes garbage", Outcome::Listed, kCannotBe},
    {"describes a float of no type", Outcome::Listed, kCannotBe},
    {"hangs while reading", Outcome::Listed, kNoProgress},
    {"dies while reading", Outcome::Listed, "signal 6"},
    {"shrinks the memory", Outcome::Loaded, ""},
    {"makes progress while reading, without end", Outcome::Listed, kNoProgress},
    {"is done beyond all", Outcome::Listed, kNoProgress},
    {"fails while reading", Outcome::Listed, "no"},
    {"describes instead of reading", Outcome::Listed, kCannotBe},
    {"is done with a payload", Outcome::Listed, kCannotBe},
    {"reads NaN", Outcome::Loaded, ""},
    {"writes on after it is done", Outcome::Loaded, ""},
};
// clang-format on

/// Patient, for a busy machine, where the mode is none that patience must be lost with.
ReaderSettings lyingReader(const Lie& lie) {
  ReaderSettings settings;
  settings.program = QUANTOSCOPE_FAKE_READER;
  const bool idle = lie.error == kNoProgress;
  settings.listingPatience = idle ? 300ms : 20s;
  settings.readingPatience = settings.listingPatience;
  return settings;
}

bool isOneLine(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  });
}

}  // namespace

class LyingReaderTest : public QObject {
  Q_OBJECT

 private:
  std::string path(const char* name = "victim") const {
    return directory_.filePath(name).toStdString();
  }

  /// The 16 floats that "extent that fits" names.
  static std::vector<float> sixteen() {
    std::vector<float> values(16);
    std::iota(values.begin(), values.end(), 16.0f);
    return values;
  }

  QTemporaryDir directory_;

 private slots:
  void initTestCase() {
    std::vector<float> values(4096);
    std::iota(values.begin(), values.end(), 0.0f);
    for (const char* name : {"victim", "beside"}) {
      std::ofstream(path(name), std::ios::binary)
          .write(reinterpret_cast<const char*>(values.data()), 4096 * sizeof(float));
    }
    std::filesystem::create_symlink("/etc/passwd", path("link"));
    QCOMPARE(mkfifo(path("pipe").c_str(), 0600), 0);
  }

  void cleanup() {
    qunsetenv("FAKE_READER");
    QVERIFY(test::childProcesses().empty());
  }

  void everyLieEndsInAnErrorOrARightAnswer_data() {
    QTest::addColumn<int>("row");
    for (int row = 0; const Lie& lie : kLies) QTest::newRow(lie.mode) << row++;
  }
  void everyLieEndsInAnErrorOrARightAnswer() {
    QFETCH(int, row);
    const Lie& lie = kLies[row];
    qputenv("FAKE_READER", lie.mode);
    const auto descriptors = test::openDescriptors();
    {
      auto container = openRemoteContainer(path(), {}, lyingReader(lie));
      auto source = container ? makeContainerSource(path(), *container)
                              : Result<SharedSource>(container.error());
      if (!source) {
        const std::string& message = source.error().message;
        QVERIFY2(lie.outcome == Outcome::Refused, message.c_str());
        QVERIFY(isOneLine(message));
        QVERIFY2(message.find(lie.error) != std::string::npos, message.c_str());
        return;
      }
      QVERIFY2(lie.outcome != Outcome::Refused, "the lie was believed");
      QVERIFY(!(*source)->tensors().empty());
      const TensorInfo& first = (*source)->tensors().front();
      const auto tensor = (*source)->load(first, Orientation::Auto);
      if (!tensor) {
        const std::string& message = tensor.error().message;
        QVERIFY2(lie.outcome == Outcome::Listed, message.c_str());
        if (first.name.size() < 1000) QVERIFY2(isOneLine(message), message.c_str());
        QVERIFY2(message.find(lie.error) != std::string::npos, message.substr(0, 300).c_str());
        return;
      }
      QVERIFY2(lie.outcome == Outcome::Loaded, "the lie was believed");
      QCOMPARE(tensor->elements(), first.elements());
      if (lie.mode == std::string("extent that fits")) {
        std::vector<float> scratch;
        const MatrixView view = tensor->block(0, tensor->rows(), scratch);
        QCOMPARE(std::vector<float>(view.data, view.data + 16), sixteen());
      }
    }
    QCOMPARE(test::openDescriptors(), descriptors);
  }

  void aCancelledListingOfALieEnds() {
    qputenv("FAKE_READER", "makes slow progress without end");
    OpenOptions options;
    options.control.cancel.cancel();
    const auto container = openRemoteContainer(path(), options, lyingReader(kLies[0]));
    QVERIFY(!container);
    QCOMPARE(container.error().code, ErrorCode::Cancelled);
  }
};

QTEST_APPLESS_MAIN(LyingReaderTest)
#include "lying_reader_test.moc"
