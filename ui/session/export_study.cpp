#include "ui/session/export_study.h"

#include <algorithm>
#include <utility>

#include "ui/session/guarded.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// Edits that follow each other, as in a drag, are asked about once.
constexpr int kAskAfterMs = 120;

bool samePlan(const TuningPlan& a, const TuningPlan& b) {
  const auto same = [](const auto& left, const auto& right) {
    return left.first == right.first && left.second.spec == right.second.spec &&
           left.second.clipRatio == right.second.clipRatio;
  };
  return a.defaultSpec == b.defaultSpec &&
         std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(), same);
}

bool sameAxes(const std::vector<TensorInfo>& a, const std::vector<TensorInfo>& b) {
  const auto same = [](const TensorInfo& left, const TensorInfo& right) {
    return left.axes == right.axes;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

/// The header of the plan as it is, nothing mended: what remedies are measured against.
Result<ExportPlan> unmended(const ModelJob& job, const ExportFormat& format) {
  ExportFormat unchecked = format;
  unchecked.check = [](const ModelHeader&) { return Findings(); };
  unchecked.sizeOf = nullptr;
  return quantoscope::planExport(job, unchecked, Fix::Usual);
}

std::uint64_t bytesOf(const std::vector<TensorInfo>& infos) {
  std::uint64_t bytes = 0;
  for (const TensorInfo& info : infos) bytes += info.bytes;
  return bytes;
}

void putIntoAnswer(TargetAnswer& answer, const ExportPlan& asItIs, const ExportPlan& fits) {
  answer.usual = asItIs.taken.size();
  answer.remedies = fits.taken.size() - std::min(fits.taken.size(), asItIs.taken.size());
  answer.bytes = fits.bytes;
  for (const Finding& finding : asItIs.findings) {
    if (finding.severity == Finding::Severity::Note) continue;
    answer.obstacle = finding.line();
    return;
  }
}

}  // namespace

std::vector<ExportLine> exportLinesOf(const ExportPlan& plan) {
  using State = ExportLine::State;
  std::vector<ExportLine> lines;
  std::vector<ExportLine> notes;
  for (const Finding& finding : plan.findings) {
    if (finding.severity == Finding::Severity::Note) {
      notes.push_back({State::Note, finding});
      continue;
    }
    lines.push_back({State::Refused, finding});
    if (!finding.remedies.empty()) lines.back().remedy = finding.remedies.front();
  }
  for (const TakenRemedy& taken : plan.taken) {
    const bool usual = taken.finding.severity == Finding::Severity::Usual;
    lines.push_back({usual ? State::TakenAsUsual : State::Taken, taken.finding, taken.remedy});
  }
  lines.insert(lines.end(), notes.begin(), notes.end());
  return lines;
}

TargetAnswer answerOf(const ModelJob& job, const ExportFormat& format) {
  TargetAnswer answer;
  const auto failed = [&answer](const Error& error) {
    answer.fit = TargetAnswer::Fit::Failed;
    answer.obstacle = error.message;
    return answer;
  };
  const auto asItIs = quantoscope::planExport(job, format, Fix::Usual);
  if (!asItIs) return failed(asItIs.error());
  if (!asItIs->isRefused()) {
    putIntoAnswer(answer, *asItIs, *asItIs);
    answer.fit = TargetAnswer::Fit::AsItIs;
    return answer;
  }
  const auto mended = quantoscope::planExport(job, format, Fix::All);
  if (!mended) return failed(mended.error());
  putIntoAnswer(answer, *asItIs, *mended);
  answer.fit = mended->isRefused() ? TargetAnswer::Fit::Refused : TargetAnswer::Fit::WithRemedies;
  return answer;
}

ExportStudy::ExportStudy(Session* session, const std::vector<ExportFormat>& formats,
                         QObject* parent)
    : QObject(parent),
      session_(session),
      formats_(formats),
      format_(&formats.front()),
      targets_(formats.size()),
      outbox_(std::make_shared<Outbox<ExportStudy>>(this)),
      checks_(std::make_unique<ComputeLane>()),
      measures_(std::make_unique<ComputeLane>()) {
  soon_.setSingleShot(true);
  soon_.setInterval(kAskAfterMs);
  connect(&soon_, &QTimer::timeout, this, &ExportStudy::askIfPlanChanged);
  const auto soon = [this] {
    if (!awake_) return;
    soon_.start();
    Q_EMIT isCurrentChanged();
  };
  connect(session_, &Session::specChanged, this, soon);
  connect(session_, &Session::fileChanged, this, soon);
  connect(session_, &Session::orientationChanged, this, soon);
}

ExportStudy::~ExportStudy() {
  outbox_->close();
  measures_.reset();
  checks_.reset();
}

void ExportStudy::setAwake(bool awake) {
  if (std::exchange(awake_, awake) == awake) return;
  if (awake) {
    askIfPlanChanged();
    return;
  }
  soon_.stop();
  checks_->cancel();
  measures_->cancel();
  job_.reset();  // what was cancelled is asked again
}

void ExportStudy::choose(const ExportFormat& format, Fix fix) {
  if (format_ == &format && fix_ == fix) return;
  format_ = &format;
  fix_ = fix;
  if (awake_) ask();
}

std::uint64_t ExportStudy::sourceBytes() const {
  return plan_ ? bytesOf(plan_->header.tensors) + bytesOf(plan_->header.passed) : 0;
}

// ---- asking

bool ExportStudy::modelIsKnown(const ModelJob& job) const {
  return job_ && source_ == session_->currentSource() && samePlan(job_->plan, job.plan) &&
         sameAxes(job_->tensors, job.tensors);
}

void ExportStudy::forgetModel() {
  answered_ = ++asked_;
  ++model_;
  checks_->cancel();
  measures_->cancel();
  job_.reset();
  source_.reset();
  plan_.reset();
  problem_.clear();
  lines_.clear();
  seconds_.reset();
  targets_.assign(formats_.size(), {});
  costs_.clear();
  priced_.clear();
  Q_EMIT changed();
}

void ExportStudy::askIfPlanChanged() {
  auto job = session_->wholeModel();
  hasModel_ = job.has_value();
  if (!job) return forgetModel();
  if (modelIsKnown(*job)) {
    Q_EMIT isCurrentChanged();
    return;
  }
  job_ = std::make_shared<const ModelJob>(std::move(*job));
  source_ = session_->currentSource();
  ++model_;
  costs_.clear();
  ask();
}

void ExportStudy::ask() {
  if (!job_) return askIfPlanChanged();
  const std::uint64_t id = ++asked_;
  measures_->cancel();
  checks_->cancel();
  const bool targets = targetsOf_ != model_;
  checks_->submit([id, job = job_, format = format_, fix = fix_, model = model_, targets,
                   formats = &formats_, outbox = outbox_](const CancelToken& cancel) {
    using Plan = std::shared_ptr<const ExportPlan>;
    auto plan = guarded(job->file, [&]() -> Result<Plan> {
      auto made = quantoscope::planExport(*job, *format, fix);
      if (!made) return made.error();
      return Plan(std::make_shared<const ExportPlan>(std::move(*made)));
    });
    outbox->post([id, plan = std::move(plan)](ExportStudy& study) { study.takePlan(id, plan); });
    for (std::size_t i = 0; targets && i < formats->size(); ++i) {
      if (cancel.cancelled()) return;
      auto answer = guarded(
          job->file, [&]() -> Result<TargetAnswer> { return answerOf(*job, (*formats)[i]); });
      if (!answer) {
        answer = TargetAnswer{TargetAnswer::Fit::Failed, 0, 0, {}, answer.error().message};
      }
      outbox->post([model, i, answer = std::move(*answer)](ExportStudy& study) {
        study.takeTarget(model, i, answer);
      });
    }
  });
  Q_EMIT isCurrentChanged();
}

void ExportStudy::takePlan(std::uint64_t id,
                           const Result<std::shared_ptr<const ExportPlan>>& plan) {
  if (id != asked_) return;
  answered_ = id;
  plan_ = plan ? *plan : nullptr;
  problem_ = plan ? QString() : messageOf(plan.error());
  lines_ = plan_ ? exportLinesOf(*plan_) : std::vector<ExportLine>();
  seconds_.reset();
  fillCosts();
  Q_EMIT changed();
  askForCosts();
}

void ExportStudy::takeTarget(std::uint64_t model, std::size_t target, const TargetAnswer& answer) {
  if (model != model_) return;
  targets_[target] = answer;
  if (target + 1 == targets_.size()) targetsOf_ = model;
  Q_EMIT targetChanged(static_cast<int>(target));
}

// ---- what is measured

/// Those that are known of this model already.
void ExportStudy::fillCosts() {
  priced_.clear();
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    ExportLine& line = lines_[i];
    if (!line.remedy) continue;
    const CostKey key{format_, line.finding.subject, line.remedy->text()};
    priced_[key].push_back(i);
    const auto known = costs_.find(key);
    if (known != costs_.end()) line.cost = known->second;
  }
}

void ExportStudy::askForCosts() {
  if (!plan_) return;
  std::vector<std::pair<CostKey, ExportLine>> wanted;
  for (const auto& [key, lines] : priced_) {
    const ExportLine& line = lines_[lines.front()];
    if (!line.cost) wanted.emplace_back(key, line);
  }
  measures_->submit([id = asked_, model = model_, job = job_, plan = plan_, format = format_,
                     wanted = std::move(wanted), executor = session_->patientExecutor(),
                     outbox = outbox_](const CancelToken& cancel) {
    if (!plan->isRefused() && format->content == ExportContent::Tensors) {
      const auto seconds = guarded(job->file, [&] {
        return estimateSeconds(*job, *format, plan->header, executor, {cancel, {}});
      });
      if (cancel.cancelled()) return;
      if (seconds) {
        outbox->post([id, seconds = *seconds](ExportStudy& s) { s.takeSeconds(id, seconds); });
      }
    }
    if (wanted.empty()) return;
    const auto asItIs = guarded(job->file, [&] { return unmended(*job, *format); });
    for (const auto& [key, line] : wanted) {
      auto cost = guarded(line.finding.subject, [&, &about = line]() -> Result<RemedyCost> {
        if (!asItIs) return asItIs.error();
        return costOf(*about.remedy, about.finding, *job, *format, asItIs->header, executor,
                      {cancel, {}});
      });
      if (cancel.cancelled()) return;
      outbox->post([model, key = key, cost = std::move(cost)](ExportStudy& study) {
        study.takeCost(model, key, cost);
      });
    }
  });
}

void ExportStudy::takeSeconds(std::uint64_t id, double seconds) {
  if (id != asked_) return;
  seconds_ = seconds;
  Q_EMIT secondsChanged();
}

void ExportStudy::takeCost(std::uint64_t model, const CostKey& key,
                           const Result<RemedyCost>& cost) {
  if (model != model_) return;
  costs_.insert_or_assign(key, cost);
  const auto priced = priced_.find(key);
  if (priced == priced_.end()) return;
  for (const std::size_t line : priced->second) {
    lines_[line].cost = cost;
    Q_EMIT costChanged(static_cast<int>(line));
  }
}

}  // namespace quantoscope::ui
