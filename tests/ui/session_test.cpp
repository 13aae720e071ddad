// The session: who wins, who is dropped, what is remembered.
#include "ui/session/session.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <stdexcept>

#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include "core/exporting/plan_file.h"
#include "tests/support/fake_source.h"
#include "tests/support/quantizing.h"
#include "ui/session/presets.h"
#include "ui/session/settings.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;
using test::Gate;

constexpr auto kModel = "/fake/model.h5";
constexpr auto kOther = "/fake/other.h5";

std::shared_ptr<FakeSource> makeModel(const std::string& path) {
  auto source = std::make_shared<FakeSource>(path);
  source->addOther("embed/ids", 7, "int64 is not a floating-point type");
  source->add("dense/kernel", 24, 64);
  source->add("dense_1/kernel", 16, 96);
  source->add("dense_2/kernel", 8, 40);
  return source;
}

/// A session on fake files, whose analyses pass through a gate and are counted.
struct Bench {
  std::shared_ptr<FakeSource> model = makeModel(kModel);
  std::shared_ptr<FakeSource> other = makeModel(kOther);
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::shared_ptr<std::atomic<int>> analyses = std::make_shared<std::atomic<int>>(0);
  std::unique_ptr<Session> session;

  explicit Bench(bool overview = false) {
    Session::Environment environment;
    environment.executor = Executor(2);
    environment.overview = overview;
    environment.open = [model = model, other = other](const std::string& path,
                                                      const OpenOptions&) -> Result<SharedSource> {
      if (path == kModel) return SharedSource(model);
      if (path == kOther) return SharedSource(other);
      return Error{ErrorCode::UnreadableFile, path + ": no such file"};
    };
    environment.analyse = [gate = gate, analyses = analyses](const AnalysisRequest& request,
                                                             const Executor& executor,
                                                             const TaskControl& control) {
      ++*analyses;
      gate->pass(control.cancel);
      return analyse(request, executor, control);
    };
    session = std::make_unique<Session>(environment);
  }
  ~Bench() { gate->open(); }

  void open() {
    session->openFile(QString::fromLatin1(kModel));
    QTRY_VERIFY(session->settled() && session->resultIsCurrent());
  }
  void editBits(int bits, int gesture = 0) {
    QuantSpec spec = session->spec();
    spec.bits = bits;
    session->editSpec(spec, QStringLiteral("%1 bits").arg(bits), gesture);
  }
};

}  // namespace

class SessionTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();

  void openingShowsTheFirstQuantizableTensor();
  void aResultEqualsWhatAnalyseSays();
  void theDetailFollowsTheResult();
  void largeTensorsArePreviewed();
  void theCurveContainsTheReferenceGridExactly();
  void theCurveIsNotComputedAgainForAnotherRatio();
  void codebooksOfOneNameHaveAnswersOfTheirOwn();
  void whatIsThrownInAnAnalysisIsAnErrorOfItsTensor();
  void whatIsThrownWhileOpeningIsAnErrorOfItsFile();
  void whatIsThrownInAnExportIsAnErrorOfItsFile();
  void whatIsThrownInABackgroundJobIsItsAnswer();
  void aJobThatThrowsEndsNoLane();
  void theNewestEditWinsAndTheRunningOneFinishes();
  void anotherTensorCancelsAndItsResultIsTheOnlyOneShown();
  void cancelKeepsTheLastResult();
  void cancelStopsAnEditUntilItIsAskedForAgain();
  void cancelledLoadingReturnsToTheLastTensor();
  void aDamagedTensorLeavesTheLastOne();
  void aFileThatCannotBeOpenedLeavesTheState();
  void aTensorThatCannotBeQuantizedIsNotChosen();
  void fileAndTensorAreUnderstood();
  void severalFilesKeepTheirOwnState();
  void theOverviewFillsInForEveryTensor();
  void theOverviewFollowsTheDefault();
  void loadsNeverOverlap();
  void editsAreUndoneAndRedone();
  void aDragIsOneStep();
  void undoShowsTheTensorItChanges();
  void applyToAllAndBack();
  void anInvalidSpecIsRefused();
  void thePlanListsOwnSpecsWithMetrics();
  void aTensorThatIsNotFiniteHasNoMetrics();
  void theGroupIsShownAsChosen();
  void oneExportAtATime();
  void nothingThatIsOpenIsWrittenTo();
  void aCancelledExportSaysSo();
  void presetsAreValidAndDiffer();
  void dyingDoesNotWaitForWorkThatRuns();
  void settingsAreRemembered();
};

void SessionTest::initTestCase() {
  QStandardPaths::setTestModeEnabled(true);
}

void SessionTest::openingShowsTheFirstQuantizableTensor() {
  Bench bench;
  QSignalSpy opened(bench.session.get(), &Session::fileOpened);
  bench.open();
  QCOMPARE(opened.size(), 1);
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
  QCOMPARE(bench.session->tensors().size(), 4u);
  QCOMPARE(bench.session->currentPath(), QString::fromLatin1(kModel));
}

void SessionTest::aResultEqualsWhatAnalyseSays() {
  Bench bench;
  bench.open();
  bench.editBits(3);
  QTRY_VERIFY(bench.session->resultIsCurrent());
  AnalysisRequest request;
  request.tensor = std::make_shared<WeightTensor>(
      *bench.model->load(bench.model->tensors()[1], Orientation::Auto, {}));
  request.spec = bench.session->spec();
  const auto expected = analyse(request, Executor(1));
  QVERIFY(expected.hasValue());
  const SharedResult shown = bench.session->result();
  QCOMPARE(shown->spec.bits, 3);
  QCOMPARE(shown->metrics->mse, (*expected)->metrics->mse);
  QCOMPARE(shown->metrics->sqnrDb, (*expected)->metrics->sqnrDb);
  QCOMPARE(shown->errorHistogram->counts, (*expected)->errorHistogram->counts);
  QCOMPARE(shown->weightHistogram.counts, (*expected)->weightHistogram.counts);
}

void SessionTest::largeTensorsArePreviewed() {
  Bench bench;
  bench.model->add("large/kernel", 1100, 1024);
  bench.open();
  bench.gate->shut();  // the whole answer waits
  bench.session->selectTensor(QStringLiteral("large/kernel"));
  QTRY_VERIFY(bench.session->result() && bench.session->result()->preview);
  const SharedResult rough = bench.session->result();
  QCOMPARE(rough->info.name, std::string("large/kernel"));
  QVERIFY(!bench.session->resultIsCurrent());
  QVERIFY(rough->preview->sampled < rough->preview->total);
  QVERIFY(bench.session->activity().text.startsWith(QStringLiteral("Preview")));
  bench.gate->open();
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QVERIFY(!bench.session->result()->preview);
  const double exact = bench.session->result()->metrics->mse;
  QVERIFY(std::fabs(rough->metrics->mse - exact) < 0.05 * exact);
}

void SessionTest::theDetailFollowsTheResult() {
  Bench bench;
  bench.open();
  const SharedDetail detail = bench.session->detail();
  QVERIFY(detail);
  QCOMPARE(detail->report.metrics.mse, bench.session->result()->metrics->mse);
  QCOMPARE(detail->spec, bench.session->spec());

  QSignalSpy changes(bench.session.get(), &Session::detailChanged);
  bench.session->setGroup(GroupIndex{1, 0});  // the same answer, seen elsewhere
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QCOMPARE(changes.count(), 0);
  QCOMPARE(bench.session->detail(), detail);

  bench.editBits(3);
  QVERIFY(!bench.session->detail());  // another question, not answered yet
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QCOMPARE(changes.count(), 1);
  QCOMPARE(bench.session->detail()->report.metrics.mse, bench.session->result()->metrics->mse);
}

void SessionTest::theCurveContainsTheReferenceGridExactly() {
  const auto wide = Session::kCurveGrid.ratios();
  const auto reference = RatioGrid{}.ratios();
  for (std::size_t i = 0; i < reference.size(); ++i) QCOMPARE(wide[i], reference[i]);

  Bench bench;
  bench.open();
  QTRY_VERIFY(bench.session->curve());
  const auto tensor = bench.model->load(bench.model->tensors()[1], Orientation::Auto, {});
  const auto searched = clipCurveOf(*tensor, test::coded(*tensor, QuantSpec{}), Executor(1));
  QCOMPARE(bench.session->bestRatio().value(), searched->bestRatio());
}

void SessionTest::theCurveIsNotComputedAgainForAnotherRatio() {
  Bench bench;
  bench.open();
  const SharedCurve before = bench.session->curve();
  QVERIFY(before);
  QuantSpec spec = bench.session->spec();
  spec.clip = ClipPolicy::fixed(0.9);
  bench.session->editSpec(spec, QStringLiteral("ratio"));
  QCOMPARE(bench.session->curve(), before);
  spec.bits = 3;
  bench.session->editSpec(spec, QStringLiteral("bits"));
  QVERIFY(!bench.session->curve());
  QTRY_VERIFY(bench.session->curve());
  QVERIFY(bench.session->curve() != before);
}

void SessionTest::codebooksOfOneNameHaveAnswersOfTheirOwn() {
  Bench bench;
  bench.open();
  Session& session = *bench.session;
  const auto useLevels = [&](const std::vector<double>& levels) {
    const QuantSpec spec =
        session.spec().withDtype(Dtype::Codebook, *makeNamedCodebook("mine", levels));
    session.editSpec(spec, QStringLiteral("codebook"));
    QTRY_VERIFY(session.settled() && session.resultIsCurrent());
    QCOMPARE(session.detail()->spec, spec);
    QCOMPARE(session.detail()->report.metrics.mse, session.result()->metrics->mse);
    const auto tensor = bench.model->load(bench.model->tensors()[1], Orientation::Auto, {});
    QCOMPARE(session.curve()->mse,
             wideClipCurveOf(*tensor, test::coded(*tensor, spec), Session::kCurveGrid, Executor(1))
                 ->mse);
  };
  useLevels({-1, 0, 0.5, 1});
  useLevels({-1, -0.25, 0.25, 1});
}

void SessionTest::whatIsThrownInAnAnalysisIsAnErrorOfItsTensor() {
  auto model = makeModel(kModel);
  Session::Environment environment;
  environment.executor = Executor(2);
  environment.overview = false;
  environment.open = [model](const std::string&, const OpenOptions&) -> Result<SharedSource> {
    return SharedSource(model);
  };
  auto broken = std::make_shared<std::atomic<bool>>(false);
  environment.analyse = [broken](const AnalysisRequest& request, const Executor& executor,
                                 const TaskControl& control) -> Result<SharedResult> {
    if (*broken) throw std::bad_alloc();
    return analyse(request, executor, control);
  };
  Session session(environment);
  QSignalSpy failures(&session, &Session::failed);
  session.openFile(QString::fromLatin1(kModel));
  QTRY_VERIFY(session.settled() && session.resultIsCurrent());
  *broken = true;
  QuantSpec spec = session.spec();
  spec.bits = 3;
  session.editSpec(spec, QStringLiteral("bits"));
  QTRY_VERIFY(session.settled());
  QCOMPARE(failures.count(), 1);
  QCOMPARE(failures[0][0].toString(), QStringLiteral("dense/kernel: not enough memory"));
  *broken = false;
  session.recompute();
  QTRY_VERIFY(session.settled() && session.resultIsCurrent());
  QCOMPARE(session.result()->spec, spec);
}

void SessionTest::whatIsThrownWhileOpeningIsAnErrorOfItsFile() {
  Session::Environment environment;
  environment.executor = Executor(1);
  environment.open = [](const std::string&, const OpenOptions&) -> Result<SharedSource> {
    throw std::runtime_error("no more descriptors");
  };
  Session session(environment);
  QSignalSpy failures(&session, &Session::failed);
  session.openFile(QString::fromLatin1(kModel));
  QTRY_VERIFY(session.settled());
  QCOMPARE(failures.count(), 1);
  QCOMPARE(failures[0][0].toString(), QStringLiteral("/fake/model.h5: no more descriptors"));
}

void SessionTest::whatIsThrownInAnExportIsAnErrorOfItsFile() {
  Bench bench;
  bench.open();
  QSignalSpy failures(bench.session.get(), &Session::failed);
  bench.session->startExport(QStringLiteral("Plan"), QStringLiteral("/fake/plan.json"),
                             [](const TaskControl&) -> ExportResult { throw std::bad_alloc(); });
  QTRY_VERIFY(bench.session->settled());
  QCOMPARE(failures.count(), 1);
  QCOMPARE(failures[0][0].toString(), QStringLiteral("/fake/plan.json: not enough memory"));
}

void SessionTest::whatIsThrownInABackgroundJobIsItsAnswer() {
  Bench bench;
  bench.open();
  std::optional<Error> told;
  QObject owner;
  bench.session->serve(&owner, [&]() -> std::optional<BackgroundJob> {
    if (told) return std::nullopt;
    return BackgroundJob::of(
        QStringLiteral("Throwing"),
        [](const auto&, const auto&, const auto&) -> Result<int> { throw std::bad_alloc(); },
        [&](const Result<int>& found) { told = found.error(); });
  });
  bench.session->wakeBackgroundJobs();
  QTRY_VERIFY(told);
  QCOMPARE(told->message, std::string("dense/kernel: not enough memory"));
  QTRY_VERIFY(bench.session->settled());
}

/// What slips past the guards, memory for a message say, must not end the program.
void SessionTest::aJobThatThrowsEndsNoLane() {
  std::atomic<int> done = 0;
  {
    ComputeLane lane;
    lane.submit([&](const CancelToken&) {
      ++done;
      throw std::bad_alloc();
    });
    QTRY_COMPARE(done.load(), 1);
    lane.submit([&](const CancelToken&) { ++done; });
    QTRY_COMPARE(done.load(), 2);
    IoQueue queue;
    queue.post(IoQueue::Priority::Foreground, [](const CancelToken&) { throw 1; });
    queue.post(IoQueue::Priority::Foreground, [&](const CancelToken&) { ++done; });
  }
  QCOMPARE(done.load(), 3);
}

void SessionTest::theNewestEditWinsAndTheRunningOneFinishes() {
  Bench bench;
  bench.open();
  const int before = *bench.analyses;
  std::vector<int> shown;
  connect(bench.session.get(), &Session::resultChanged, this, [&] {
    const int bits = bench.session->result()->spec.bits;
    if (shown.empty() || shown.back() != bits) shown.push_back(bits);
  });
  bench.gate->shut();
  bench.editBits(8);
  QTRY_COMPARE(bench.gate->waiting(), 1);
  for (const int bits : {7, 6, 5, 3}) bench.editBits(bits);
  QVERIFY(!bench.session->resultIsCurrent());
  bench.gate->open();
  QTRY_VERIFY(bench.session->resultIsCurrent());
  QCOMPARE(bench.session->result()->spec.bits, 3);
  // The one that ran was left to finish and is seen on the way; those between never ran.
  QCOMPARE(*bench.analyses - before, 2);
  QCOMPARE(shown, (std::vector<int>{4, 8, 3}));
}

void SessionTest::anotherTensorCancelsAndItsResultIsTheOnlyOneShown() {
  Bench bench;
  bench.open();
  std::vector<std::string> shown;
  connect(bench.session.get(), &Session::resultChanged, this, [&] {
    if (bench.session->resultIsCurrent()) shown.push_back(bench.session->result()->info.name);
  });
  bench.gate->shut();
  bench.editBits(8);
  QTRY_COMPARE(bench.gate->waiting(), 1);
  bench.session->selectTensor(QStringLiteral("dense_1/kernel"));
  // The first analysis is cancelled, which is what lets the second one begin behind a shut gate.
  QTRY_COMPARE(*bench.analyses, 3);
  bench.gate->open();
  QTRY_VERIFY(bench.session->resultIsCurrent());
  QCOMPARE(bench.session->result()->info.name, std::string("dense_1/kernel"));
  QCOMPARE(bench.session->result()->spec.bits, 4);
  QVERIFY(std::all_of(shown.begin(), shown.end(),
                      [](const std::string& name) { return name == "dense_1/kernel"; }));
}

void SessionTest::cancelKeepsTheLastResult() {
  Bench bench;
  bench.open();
  const SharedResult before = bench.session->result();
  QSignalSpy cancelled(bench.session.get(), &Session::cancelled);
  bench.gate->shut();
  bench.editBits(2);
  QTRY_COMPARE(bench.gate->waiting(), 1);
  QCOMPARE(bench.session->activity().kind, Activity::Kind::Analysing);
  bench.session->cancel();
  QVERIFY(bench.session->settled());
  QCOMPARE(cancelled.size(), 1);
  QTRY_COMPARE(bench.gate->waiting(), 0);
  bench.gate->open();
  QTest::qWait(0);
  QCOMPARE(bench.session->result(), before);
  QVERIFY(!bench.session->resultIsCurrent());
}

void SessionTest::cancelStopsAnEditUntilItIsAskedForAgain() {
  Bench bench;
  bench.open();
  bench.gate->shut();
  bench.editBits(2);
  bench.session->cancel();
  bench.gate->open();
  bench.session->recompute();
  QTRY_VERIFY(bench.session->resultIsCurrent());
  QCOMPARE(bench.session->result()->spec.bits, 2);
}

void SessionTest::cancelledLoadingReturnsToTheLastTensor() {
  Bench bench;
  bench.open();
  bench.model->gate.shut();
  bench.session->selectTensor(QStringLiteral("dense_2/kernel"));
  QTRY_COMPARE(bench.model->gate.waiting(), 1);
  QCOMPARE(bench.session->activity().kind, Activity::Kind::Loading);
  bench.session->cancel();
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
  QVERIFY(bench.session->resultIsCurrent());
  bench.model->gate.open();
}

void SessionTest::aDamagedTensorLeavesTheLastOne() {
  Bench bench;
  bench.open();
  bench.model->breakTensor("dense_2/kernel");
  QSignalSpy failed(bench.session.get(), &Session::failed);
  bench.session->selectTensor(QStringLiteral("dense_2/kernel"));
  QTRY_COMPARE(failed.size(), 1);
  QVERIFY(failed[0][0].toString().contains(QStringLiteral("dense_2/kernel")));
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
  QVERIFY(bench.session->resultIsCurrent());
}

void SessionTest::aFileThatCannotBeOpenedLeavesTheState() {
  Bench bench;
  bench.open();
  const SharedResult before = bench.session->result();
  QSignalSpy failed(bench.session.get(), &Session::failed);
  bench.session->openFile(QStringLiteral("/fake/missing.h5"));
  QTRY_COMPARE(failed.size(), 1);
  QCOMPARE(failed[0][0].toString(), QStringLiteral("/fake/missing.h5: no such file"));
  QTRY_VERIFY(bench.session->settled());
  QCOMPARE(bench.session->result(), before);
  QCOMPARE(bench.session->openFiles().size(), 1);
}

void SessionTest::aTensorThatCannotBeQuantizedIsNotChosen() {
  Bench bench;
  bench.open();
  QSignalSpy failed(bench.session.get(), &Session::failed);
  bench.session->selectTensor(QStringLiteral("embed/ids"));
  QCOMPARE(failed.size(), 1);
  QVERIFY(failed[0][0].toString().contains(QStringLiteral("int64")));
  bench.session->selectTensor(QStringLiteral("nothing/like/this"));
  QCOMPARE(failed.size(), 2);
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
}

void SessionTest::fileAndTensorAreUnderstood() {
  Bench bench;
  bench.session->openFile(QString::fromLatin1(kModel), QStringLiteral("dense_1/kernel"));
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense_1/kernel"));
}

void SessionTest::severalFilesKeepTheirOwnState() {
  Bench bench;
  bench.open();
  bench.session->openBeside(QString::fromLatin1(kOther));
  QTRY_COMPARE(bench.session->openFiles().size(), 2);
  QCOMPARE(bench.session->currentFile(), 0);
  bench.editBits(3);
  bench.session->setCurrentFile(1);
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QCOMPARE(bench.session->spec().bits, 4);
  bench.session->selectTensor(QStringLiteral("dense_2/kernel"));
  bench.session->setCurrentFile(0);
  QCOMPARE(bench.session->spec().bits, 3);
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
  bench.session->closeCurrentFile();
  QCOMPARE(bench.session->openFiles(), QStringList{QString::fromLatin1(kOther)});
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  bench.session->closeCurrentFile();
  QCOMPARE(bench.session->currentFile(), -1);
  QVERIFY(!bench.session->result());
}

void SessionTest::theOverviewFillsInForEveryTensor() {
  Bench bench(true);
  bench.open();
  const auto& tensors = bench.session->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    QCOMPARE(bench.session->overview(i).settled, tensors[i].quantizable);
    if (!tensors[i].quantizable) continue;
    const auto tensor = bench.model->load(tensors[i], Orientation::Auto, {});
    AnalysisRequest request;
    request.tensor = std::make_shared<WeightTensor>(*tensor);
    const auto expected = analyse(request, Executor(1));
    QCOMPARE(bench.session->overview(i).measure->metrics.sqnrDb, (*expected)->metrics->sqnrDb);
    QCOMPARE(bench.session->overview(i).measure->bestRatio.value(),
             clipCurveOf(*tensor, test::coded(*tensor, QuantSpec{}), Executor(1))->bestRatio());
  }
}

void SessionTest::theOverviewFollowsTheDefault() {
  Bench bench(true);
  bench.open();
  const double before = bench.session->overview(3).measure->metrics.sqnrDb;
  bench.editBits(8);
  bench.session->applyToAll();
  QVERIFY(!bench.session->overview(3).settled);
  QTRY_VERIFY(bench.session->settled());
  QVERIFY(bench.session->overview(3).settled);
  QVERIFY(bench.session->overview(3).measure->metrics.sqnrDb > before + 20);
}

void SessionTest::loadsNeverOverlap() {
  Bench bench(true);
  bench.session->openFile(QString::fromLatin1(kModel));
  QTRY_VERIFY(bench.session->currentFile() == 0);
  for (int round = 0; round < 20; ++round) {
    for (const char* name : {"dense_1/kernel", "dense_2/kernel", "dense/kernel"}) {
      bench.session->selectTensor(QString::fromLatin1(name));
      QCoreApplication::processEvents();
    }
    if (round % 5 == 0) QTRY_VERIFY(bench.session->settled());
  }
  QTRY_VERIFY(bench.session->settled());
  QVERIFY(bench.model->loads > 3);
  QCOMPARE(bench.model->overlaps.load(), 0);
}

void SessionTest::editsAreUndoneAndRedone() {
  Bench bench;
  bench.open();
  QUndoStack* stack = bench.session->undoGroup()->activeStack();
  bench.editBits(3);
  bench.editBits(2);
  QCOMPARE(stack->undoText(), QStringLiteral("2 bits"));
  QVERIFY(bench.session->hasOwnSpec());
  stack->undo();
  QCOMPARE(bench.session->spec().bits, 3);
  stack->undo();
  QCOMPARE(bench.session->spec().bits, 4);
  QVERIFY(!bench.session->hasOwnSpec());
  stack->redo();
  QTRY_VERIFY(bench.session->resultIsCurrent());
  QCOMPARE(bench.session->result()->spec.bits, 3);
}

void SessionTest::aDragIsOneStep() {
  Bench bench;
  bench.open();
  QUndoStack* stack = bench.session->undoGroup()->activeStack();
  const int gesture = bench.session->newGesture();
  for (const double ratio : {0.99, 0.95, 0.9}) {
    QuantSpec spec = bench.session->spec();
    spec.clip = ClipPolicy::fixed(ratio);
    bench.session->editSpec(spec, QStringLiteral("clip ratio"), gesture);
  }
  QCOMPARE(stack->count(), 1);
  bench.editBits(5, bench.session->newGesture());
  QCOMPARE(stack->count(), 2);
  stack->undo();
  stack->undo();
  QCOMPARE(bench.session->spec(), QuantSpec{});
}

void SessionTest::undoShowsTheTensorItChanges() {
  Bench bench;
  bench.open();
  bench.editBits(3);
  bench.session->selectTensor(QStringLiteral("dense_1/kernel"));
  QCOMPARE(bench.session->spec().bits, 4);
  bench.session->undoGroup()->activeStack()->undo();
  QCOMPARE(bench.session->currentTensor(), QStringLiteral("dense/kernel"));
  QCOMPARE(bench.session->spec().bits, 4);
}

void SessionTest::applyToAllAndBack() {
  Bench bench;
  bench.open();
  bench.editBits(2);
  bench.session->applyToAll();
  QVERIFY(!bench.session->hasOwnSpec());
  QCOMPARE(bench.session->plan().defaultSpec.bits, 2);
  bench.session->selectTensor(QStringLiteral("dense_2/kernel"));
  QCOMPARE(bench.session->spec().bits, 2);
  bench.editBits(8);
  QVERIFY(bench.session->hasOwnSpec());
  bench.session->dropOwnSpec();
  QCOMPARE(bench.session->spec().bits, 2);
}

void SessionTest::anInvalidSpecIsRefused() {
  Bench bench;
  bench.open();
  QSignalSpy failed(bench.session.get(), &Session::failed);
  QuantSpec spec = bench.session->spec();
  spec.fullRange = true;  // not with scheme asym
  bench.session->editSpec(spec, QStringLiteral("full range"));
  QCOMPARE(failed.size(), 1);
  QVERIFY(!bench.session->spec().fullRange);
  QCOMPARE(bench.session->undoGroup()->activeStack()->count(), 0);
}

void SessionTest::thePlanListsOwnSpecsWithMetrics() {
  Bench bench;
  bench.open();
  QuantSpec spec = bench.session->spec();
  spec.bits = 3;
  spec.clip = {ClipPolicy::Kind::SearchTensor, 1.0};
  bench.session->editSpec(spec, QStringLiteral("search"));
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  const TuningPlan plan = bench.session->plan();
  QCOMPARE(plan.tensors.size(), 1u);
  const TensorPlan& choice = plan.tensors.at("dense/kernel");
  QCOMPARE(choice.metrics->mse, bench.session->result()->metrics->mse);
  QCOMPARE(choice.clipRatio.value(), bench.session->result()->clip.ratios.values.front());
  QVERIFY(choice.pinned);
}

void SessionTest::aTensorThatIsNotFiniteHasNoMetrics() {
  Bench bench(true);
  auto values = test::fakeWeights(8 * 32, 1);
  values[5] = std::numeric_limits<float>::quiet_NaN();
  bench.model->add("broken/kernel", 8, 32, values);
  bench.session->openFile(QString::fromLatin1(kModel), QStringLiteral("broken/kernel"));
  QTRY_VERIFY(bench.session->settled() && bench.session->resultIsCurrent());
  QVERIFY(!bench.session->result()->metrics);
  QCOMPARE(bench.session->result()->health.nan, 1u);
  QVERIFY(!bench.session->curve());
  QVERIFY(bench.session->overview(4).settled);
  QVERIFY(!bench.session->overview(4).finite);
}

void SessionTest::theGroupIsShownAsChosen() {
  Bench bench;
  bench.open();
  QVERIFY(bench.session->result()->group->typical);
  bench.session->setGroup(GroupIndex{3, 1});
  QTRY_VERIFY(bench.session->resultIsCurrent());
  QCOMPARE(bench.session->result()->group->index, (GroupIndex{3, 1}));
  QVERIFY(!bench.session->result()->group->typical);
  bench.session->selectTensor(QStringLiteral("dense_1/kernel"));
  QVERIFY(!bench.session->group());
}

void SessionTest::nothingThatIsOpenIsWrittenTo() {
  Bench bench;
  bench.open();
  QSignalSpy failed(bench.session.get(), &Session::failed);
  for (const char* path : {kModel, "/fake/../fake/./model.h5"}) {
    QVERIFY(!bench.session->mayWrite(QLatin1String(path)));
    bench.session->startExport(QStringLiteral("Plan"), QLatin1String(path),
                               [](const TaskControl&) -> ExportResult { qFatal("it ran"); });
  }
  QCOMPARE(failed.size(), 2);
  QCOMPARE(failed[1][0].toString(),
           QStringLiteral("/fake/model.h5 is open and never written to; choose another name"));
  QVERIFY(bench.session->mayWrite(QLatin1String(kOther)));
}

void SessionTest::oneExportAtATime() {
  Bench bench;
  bench.open();
  auto gate = std::make_shared<Gate>();
  gate->shut();
  QSignalSpy exported(bench.session.get(), &Session::exported);
  QSignalSpy failed(bench.session.get(), &Session::failed);
  bench.session->startExport(QStringLiteral("first"), QStringLiteral("/fake/out"),
                             [gate](const TaskControl& control) -> ExportResult {
                               gate->pass(control.cancel);
                               return std::vector<std::string>{"a note"};
                             });
  QCOMPARE(bench.session->activity().kind, Activity::Kind::Exporting);
  bench.session->startExport(QStringLiteral("second"), QStringLiteral("/fake/out"),
                             [](const TaskControl&) { return std::vector<std::string>{}; });
  QCOMPARE(failed.size(), 1);
  gate->open();
  QTRY_COMPARE(exported.size(), 1);
  QCOMPARE(exported[0][2].toStringList(), QStringList{QStringLiteral("a note")});
}

void SessionTest::aCancelledExportSaysSo() {
  Bench bench;
  bench.open();
  QSignalSpy cancelled(bench.session.get(), &Session::cancelled);
  QTemporaryDir directory;
  bench.session->startExport(QStringLiteral("endless"), QString(),
                             [](const TaskControl& control) -> ExportResult {
                               Gate gate;
                               gate.shut();
                               gate.pass(control.cancel);
                               return Error{ErrorCode::Cancelled, "cancelled"};
                             });
  bench.session->cancel();
  QTRY_VERIFY(cancelled.size() == 2);  // the request and its fulfilment
  QVERIFY(bench.session->settled());
}

void SessionTest::presetsAreValidAndDiffer() {
  for (const Preset& preset : presets()) {
    QVERIFY2(preset.spec.validate().hasValue(), qPrintable(preset.name));
    QCOMPARE(std::count_if(presets().begin(), presets().end(),
                           [&](const Preset& other) { return other.spec == preset.spec; }),
             1);
  }
}

void SessionTest::dyingDoesNotWaitForWorkThatRuns() {
  for (const bool whileLoading : {true, false}) {
    Bench bench(true);
    (whileLoading ? bench.model->gate : *bench.gate).shut();
    bench.session->openFile(QString::fromLatin1(kModel));
    QTRY_COMPARE((whileLoading ? bench.model->gate : *bench.gate).waiting(), 1);
    bench.session.reset();  // does not wait for the gate, which nobody opens
  }
}

void SessionTest::settingsAreRemembered() {
  QTemporaryDir directory;
  const QString path = directory.filePath(QStringLiteral("settings.ini"));
  const auto load = [&] {
    return Settings(std::make_unique<QSettings>(path, QSettings::IniFormat));
  };
  {
    Settings settings = load();
    QVERIFY(!settings.windowLayout(1));
    QCOMPARE(settings.appearance(), Appearance::System);
    settings.setWindowLayout(1, {"geometry", "state", {"one", "two"}});
    settings.setAppearance(Appearance::Dark);
    for (int i = 0; i < 12; ++i) settings.addRecentFile(QStringLiteral("/fake/%1.h5").arg(i));
    settings.addRecentFile(QStringLiteral("/fake/5.h5"));
    settings.rememberDirectoryOf(path);
  }
  Settings settings = load();
  QCOMPARE(settings.windowLayout(1)->state, QByteArray("state"));
  QCOMPARE(settings.windowLayout(1)->splitters, (QList<QByteArray>{"one", "two"}));
  QVERIFY(!settings.windowLayout(2));
  QCOMPARE(settings.appearance(), Appearance::Dark);
  QCOMPARE(settings.recentFiles().size(), Settings::kRecentFiles);
  QCOMPARE(settings.recentFiles().first(), QStringLiteral("/fake/5.h5"));
  QCOMPARE(settings.lastDirectory(), directory.path());
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::SessionTest)
#include "session_test.moc"
