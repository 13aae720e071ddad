// The session's answers: the analysis, the clip curve and the overview of all tensors.
#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>

#include "core/engine/preview.h"
#include "core/engine/ratio_search.h"
#include "ui/session/guarded.h"
#include "ui/session/queued_loader.h"
#include "ui/session/session_state.h"

namespace quantoscope::ui {

namespace {

/// How many times the preview's weights a tensor must have that a preview is worth its time: below,
/// the whole answer comes as quickly.
constexpr std::size_t kPreviewGain = 8;

/// How long the overview measures small tensors before it reports them together: the window has
/// something to do for every report.
constexpr std::chrono::milliseconds kReportEvery{50};
constexpr std::size_t kMostInReport = 256;

/// Cells of the error map at most: more than a screen has pixels for it.
constexpr std::size_t kMapSide = 512;

}  // namespace

// ---- the analysis

bool Session::foregroundBusy() const {
  return opening_ > 0 || loading_ || lastAnswer_ < lastRequest_;
}

void Session::abandonForeground() {
  ++epoch_;
  loading_ = false;
  loadCancel_.cancel();
  previewLane_->cancel();
  foregroundLane_->cancel();
  lastAnswer_ = lastRequest_;
  firstOfEpoch_ = lastRequest_ + 1;
}

void Session::requestAnalysis() {
  if (!tensor_ || file() == nullptr) return;
  dropOvertakenBackground();
  AnalysisRequest request;
  request.id = ++lastRequest_;
  request.tensor = tensor_;
  request.spec = spec();
  request.group = file()->group;
  // Shared, since jobs are copied; they hold from now on, not from when their thread is free.
  const auto foreground = std::make_shared<YieldGate::Hold>(foregroundGate_);
  const std::size_t sample = previewWeights(request.spec);
  if (request.tensor->elements() / kPreviewGain > sample) {
    foregroundLane_->cancel();  // nobody waits any more for an exact answer to an older question
    previewLane_->submit([request, sample, outbox = outbox_, executor = environment_.executor,
                          urgent = std::make_shared<YieldGate::Hold>(previewGate_),
                          foreground](const CancelToken& cancel) {
      auto quick = guarded(request.tensor->info().name, [&] {
        return preview(request, executor, {cancel, {}}, sample);
      });
      if (!quick) return;
      outbox->post([id = request.id, result = std::move(*quick), urgent](Session& session) {
        session.takePreview(id, result);
      });
    });
  }
  foregroundLane_->submit([request = std::move(request), outbox = outbox_,
                           executor = exactExecutor_, analyseIt = environment_.analyse,
                           foreground](const CancelToken& cancel) {
    auto result = guarded(request.tensor->info().name, [&] {
      return analyseIt(request, executor, {cancel, {}});
    });
    outbox->post([id = request.id, result = std::move(result), foreground](Session& session) {
      session.takeResult(id, result);
    });
  });
  Q_EMIT resultChanged();  // it is no longer current
  Q_EMIT activityChanged();
}

/// Shown until the whole answer comes. It settles nothing: the request still counts as open.
void Session::takePreview(std::uint64_t id, SharedResult result) {
  const bool overtaken = result_ && result_->id > id;
  if (id < firstOfEpoch_ || id <= lastAnswer_ || overtaken) return;
  letPaint();
  result_ = std::move(result);
  resultFile_ = file()->id;
  Q_EMIT resultChanged();
}

/// Leaves the cores to this thread for as long as it takes to paint a new answer.
void Session::letPaint() {
  painting_ = YieldGate::Hold(previewGate_);
  painted_.start();
}

void Session::takeResult(std::uint64_t id, Result<SharedResult> result) {
  if (id < firstOfEpoch_) return;
  lastAnswer_ = std::max(lastAnswer_, id);
  const bool overtaken = result_ && result_->id > id;  // by a preview of a newer question
  if (result && !overtaken) {
    letPaint();
    adoptResult(std::move(*result));
  } else if (!result && !isCancelled(result.error())) {
    Q_EMIT failed(messageOf(result.error()));
  }
  Q_EMIT resultChanged();
  pumpBackground();
  Q_EMIT activityChanged();
}

void Session::adoptResult(SharedResult result) {
  result_ = std::move(result);
  resultFile_ = file()->id;
  const int index = file()->indexOf(tensorText(result_->info.name));
  // An answer that is already overtaken says nothing about the present spec.
  if (index < 0 || !resultIsCurrent()) return;
  TensorOverview& known = file()->overview[static_cast<std::size_t>(index)];
  known.finite = result_->health.finite();
  const std::optional<double> bestKnown = known.measure ? known.measure->bestRatio : std::nullopt;
  // The curve's grid contains the default grid, so its optimum there is the one a search finds.
  const bool curveTells = curve() && result_->spec.grid == RatioGrid{};
  known.measure.reset();
  if (known.finite) {
    known.measure = TensorMeasurement::from(*result_);
    known.measure->bestRatio = curveTells ? bestRatio() : bestKnown;
  }
  if (const SharedDetail report = detail()) {
    known.weights = TensorTraits::from(result_->statistics, report->report.outliers.count);
  } else if (!known.finite) {
    known.weights = TensorTraits::from(result_->statistics, std::nullopt);
  }
  if ((curveTells && known.weights) || !known.finite) {
    file()->settle(static_cast<std::size_t>(index));
  } else {
    file()->unsettle(static_cast<std::size_t>(index));
  }
  Q_EMIT overviewChanged(index, index);
}

bool Session::resultIsCurrent() const {
  return result_ && !result_->preview && !loading_ && result_->id == lastRequest_ &&
         lastAnswer_ == lastRequest_ && file() != nullptr && resultFile_ == file()->id &&
         tensorText(result_->info.name) == file()->tensor;
}

void Session::recompute() {
  halted_ = false;
  if (!hasTensor()) return;
  if (tensor_ && !loading_ && tensorText(tensor_->info().name) == file()->tensor &&
      loadedAs_ == orientation()) {
    requestAnalysis();
  } else if (!loading_) {
    loadCurrentTensor();
  }
}

void Session::cancel() {
  const Activity stopped = activity();
  if (stopped.idle()) return;
  const bool wasLoading = loading_;
  halted_ = true;
  openCancel_.cancel();
  if (!std::exchange(openingNames_, {}).isEmpty()) Q_EMIT openingNamesChanged();
  abandonForeground();
  standBack();
  exportCancel_.cancel();
  if (wasLoading) keepLastGoodTensor();
  Q_EMIT resultChanged();
  Q_EMIT cancelled(stopped.text);
  Q_EMIT activityChanged();
}

// ---- the background

std::optional<Question> Session::questionUnder(const QuantSpec& asked) const {
  const TensorInfo* info = currentInfo();
  if (info == nullptr) return std::nullopt;
  return Question{file()->id, info->name, oriented(*info, orientation()).axes, asked};
}

std::optional<Question> Session::curveQuestion() const {
  return questionUnder(spec().withoutClip());
}

SharedCurve Session::curve() const {
  const auto asked = curveQuestion();
  const auto known = asked ? curves_.find(*asked) : curves_.end();
  return known == curves_.end() ? nullptr : known->second;
}

QString Session::curveProblem() const {
  const auto asked = curveQuestion();
  return asked && asked == failedCurve_ ? curveProblem_ : QString();
}

std::optional<double> Session::bestRatio() const {
  const SharedCurve known = curve();
  if (!known) return std::nullopt;
  const auto window = std::min<std::ptrdiff_t>(RatioGrid{}.count, std::ssize(known->mse));
  const auto best = std::min_element(known->mse.begin(), known->mse.begin() + window);
  return known->ratios[static_cast<std::size_t>(best - known->mse.begin())];
}

void Session::standBack() {
  backgroundCancel_.cancel();
}

/// What does not depend on what was edited goes on, after it stood back for the answer.
void Session::dropOvertakenBackground() {
  const bool detail = background_ == Activity::Kind::Reporting && backgroundOf_ == detailQuestion();
  const bool curve = background_ == Activity::Kind::Searching && backgroundOf_ == curveQuestion();
  if (!detail && !curve) standBack();
}

void Session::pumpBackground() {
  if (halted_ || background_ || foregroundBusy() || file() == nullptr) return;
  backgroundCancel_ = CancelToken();
  if (!startDetail() && !startSelection() && !startCurve() && !startBackgroundJob()) startMeasure();
  if (background_) Q_EMIT activityChanged();
}

std::optional<Question> Session::detailQuestion() const {
  return questionUnder(spec());
}

SharedDetail Session::detail() const {
  const auto asked = detailQuestion();
  return asked && asked == detailOf_ ? detail_ : nullptr;
}

bool Session::startDetail() {
  if (!resultIsCurrent() || !result_->health.finite()) return false;
  const auto asked = detailQuestion();
  if (!asked || asked == detailOf_ || asked == failedDetail_) return false;
  background_ = Activity::Kind::Reporting;
  backgroundOf_ = asked;
  DetailRequest request;
  request.tensor = tensor_;
  request.spec = spec();
  request.known = result_;
  request.sizes.mapRows = request.sizes.mapCols = kMapSide;
  backgroundLane_->submit([asked = *asked, request = std::move(request),
                           executor = patientExecutor_, cancel = backgroundCancel_,
                           outbox = outbox_](const CancelToken&) {
    auto found = guarded(asked.tensor, [&] {
      return analyseDetail(request, executor, {cancel, {}});
    });
    outbox->post(
        [asked, found = std::move(found)](Session& session) { session.takeDetail(asked, found); });
  });
  return true;
}

void Session::takeDetail(const Question& asked, Result<SharedDetail> found) {
  background_.reset();
  if (found) {
    detail_ = std::move(*found);
    detailOf_ = asked;
    if (resultIsCurrent()) adoptResult(result_);  // outliers are told
    Q_EMIT detailChanged();
  } else if (!isCancelled(found.error())) {
    failedDetail_ = asked;
    Q_EMIT failed(messageOf(found.error()));
  }
  pumpBackground();
  Q_EMIT activityChanged();
}

bool Session::startCurve() {
  if (!resultIsCurrent() || !result_->health.finite()) return false;
  const auto asked = curveQuestion();
  if (!asked || curves_.contains(*asked) || asked == failedCurve_) return false;
  background_ = Activity::Kind::Searching;
  backgroundOf_ = asked;
  backgroundLane_->submit([asked = *asked, tensor = tensor_, executor = patientExecutor_,
                           cancel = backgroundCancel_, outbox = outbox_](const CancelToken&) {
    auto found = guarded(asked.tensor, [&] {
      return searchCurve(*tensor, asked.spec, executor, {cancel, {}}, kCurveGrid);
    });
    outbox->post(
        [asked, found = std::move(found)](Session& session) { session.takeCurve(asked, found); });
  });
  return true;
}

void Session::takeCurve(const Question& asked, Result<ClipCurve> found) {
  background_.reset();
  if (found) {
    constexpr std::size_t kRemembered = 500;  // a curve takes 2 kB
    if (curves_.size() >= kRemembered) curves_.clear();
    curves_.insert_or_assign(asked, std::make_shared<const ClipCurve>(std::move(*found)));
    if (resultIsCurrent()) adoptResult(result_);
    Q_EMIT curveChanged();
  } else if (!isCancelled(found.error())) {
    failedCurve_ = asked;
    curveProblem_ = messageOf(found.error());
    Q_EMIT curveChanged();
  }
  pumpBackground();
  Q_EMIT activityChanged();
}

bool Session::startMeasure() {
  OpenFile& shown = *file();
  if (!environment_.overview || shown.measured == shown.measurable) return false;
  const auto& all = tensors();
  ModelJob job;
  job.file = shown.source->path();
  job.plan.defaultSpec = shown.plan.defaultSpec;
  std::map<std::string, Orientation> orientations;
  std::vector<Survey> wanted;
  std::unordered_set<std::string> withoutTraits;
  for (std::size_t i = 0; i < all.size() && wanted.size() < kMostInReport; ++i) {
    if (!all[i].quantizable || shown.overview[i].settled) continue;
    wanted.push_back({static_cast<int>(i), orientationOf(all[i])});
    job.tensors.push_back(all[i]);
    const auto chosen = shown.plan.tensors.find(all[i].name);
    if (chosen != shown.plan.tensors.end()) job.plan.tensors.insert(*chosen);
    orientations[all[i].name] = orientationOf(all[i]);
    if (!shown.overview[i].weights) withoutTraits.insert(all[i].name);
  }
  job.load = queuedLoader(shown.source, std::move(orientations), io_);
  MeasureModelOptions options;
  options.bestRatio = true;
  options.traits = [withoutTraits = std::move(withoutTraits)](const TensorInfo& info) {
    return withoutTraits.contains(info.name);
  };
  background_ = Activity::Kind::Surveying;
  backgroundLane_->submit([fileId = shown.id, wanted = std::move(wanted), job = std::move(job),
                           options = std::move(options), executor = patientExecutor_,
                           cancel = backgroundCancel_, outbox = outbox_](const CancelToken&) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<Survey> surveyed = wanted;
    std::size_t done = 0;
    const TakeMeasurement take = [&](ModelMeasurement&& line) {
      surveyed[done++].line = std::move(line);
      return std::chrono::steady_clock::now() - begin <= kReportEvery;
    };
    const Status status =
        guarded(job.file, [&] { return measureModel(job, options, take, executor, {cancel}); });
    if (!status && !isCancelled(status.error()) && done < surveyed.size()) {
      ModelMeasurement& line = surveyed[done].line;  // the one that it happened at
      line.spec = job.plan.specFor(job.tensors[done].name);
      line.measured = status.error();
      ++done;
    }
    surveyed.resize(done);
    outbox->post([fileId, surveyed = std::move(surveyed)](Session& session) {
      session.takeMeasures(fileId, surveyed);
    });
  });
  return true;
}

void Session::takeMeasures(std::uint64_t fileId, const std::vector<Survey>& surveyed) {
  background_.reset();
  OpenFile* owner = fileById(fileId);
  int first = -1;
  int last = -1;
  for (const Survey& survey : surveyed) {
    if (owner == nullptr) break;
    const auto index = static_cast<std::size_t>(survey.tensor);
    const std::string& name = owner->source->tensors()[index].name;
    const bool overtaken = !(owner->plan.specFor(name) == survey.line.spec) ||
                           owner->orientationOf(name) != survey.orientation;
    if (overtaken) continue;
    TensorOverview& known = owner->overview[index];
    const auto& measured = survey.line.measured;
    if (survey.line.traits) known.weights = survey.line.traits;
    known.finite = measured || measured.error().code != ErrorCode::NotFinite;
    known.measure.reset();
    if (measured) {
      known.measure = *measured;
    } else if (known.finite) {
      known.problem = messageOf(measured.error());
    }
    owner->settle(index);
    if (first < 0) first = survey.tensor;
    last = survey.tensor;
  }
  if (owner == file() && first >= 0) Q_EMIT overviewChanged(first, last);
  pumpBackground();
  Q_EMIT activityChanged();
}

}  // namespace quantoscope::ui
