#include "ui/session/pin_reports.h"

#include <algorithm>
#include <utility>

#include "core/engine/ratio_search.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// Everything that is asked about a pin; the first error, if there is one.
struct Answer {
  PinReport report;
  PinMeasure measure;
};

Result<Answer> answerTo(const std::shared_ptr<const WeightTensor>& tensor, const QuantSpec& spec,
                        std::shared_ptr<const ClipCurve> curve, const Executor& executor,
                        const TaskControl& control) {
  AnalysisRequest request;
  request.tensor = tensor;
  request.spec = spec;
  auto result = analyse(request, executor, control);
  if (!result) return result.error();
  if (!(*result)->metrics) return notFiniteError(tensor->info().name, (*result)->health);
  DetailRequest more;
  more.tensor = tensor;
  more.spec = spec;
  more.known = *result;
  auto detail = analyseDetail(more, executor, control);
  if (!detail) return detail.error();
  if (!curve) {
    auto found = searchCurve(*tensor, spec.withoutClip(), executor, control, Session::kCurveGrid);
    // Some specs have no curve; their other answers stand.
    if (!found && found.error().code == ErrorCode::Cancelled) return found.error();
    if (found) curve = std::make_shared<const ClipCurve>(std::move(*found));
  }
  return Answer{{*result, *detail}, *PinMeasure::from(**result, std::move(curve))};
}

}  // namespace

PinReports::PinReports(Session* session, PinStore* pins, QObject* parent)
    : QObject(parent), session_(session), pins_(pins) {
  session->serve(this, [this] { return next(); });
  connect(pins, &PinStore::changed, this, &PinReports::follow);
  connect(session, &Session::tensorChanged, this, &PinReports::follow);
  connect(session, &Session::orientationChanged, this, &PinReports::follow);
  connect(session, &Session::fileChanged, this, &PinReports::follow);
}

bool PinReports::isShown(const Pin& pin) const {
  return pin.file == session_->currentPath() && pin.tensor == session_->currentTensor();
}

std::optional<Question> PinReports::questionOf(const Pin& pin) const {
  return isShown(pin) ? session_->questionUnder(pin.spec) : std::nullopt;
}

const PinReport* PinReports::of(const Pin& pin) const {
  const auto asked = questionOf(pin);
  const auto found = asked ? reports_.find(*asked) : reports_.end();
  return found == reports_.end() ? nullptr : &found->second;
}

void PinReports::follow() {
  std::unordered_set<Question, QuestionHash> wanted;
  bool any = false;
  for (const Pin& pin : pins_->pins()) {
    const auto asked = questionOf(pin);
    if (!asked) continue;
    any = any || !reports_.contains(*asked);
    wanted.insert(*asked);
  }
  const auto dropped = std::erase_if(
      reports_, [&wanted](const auto& known) { return !wanted.contains(known.first); });
  std::erase_if(refused_, [&wanted](const Question& asked) { return !wanted.contains(asked); });
  if (dropped > 0) Q_EMIT changed();
  if (any) session_->wakeBackgroundJobs();
}

std::optional<BackgroundJob> PinReports::next() {
  for (const Pin& pin : pins_->pins()) {
    const auto asked = questionOf(pin);
    if (!asked || reports_.contains(*asked) || refused_.contains(*asked)) continue;
    const auto curve = pin.measure ? pin.measure->curve : nullptr;
    return BackgroundJob::of(
        tr("Analysing pin %1").arg(pin.name),
        [spec = pin.spec, curve](const auto& tensor, const auto& executor, const auto& control) {
          return answerTo(tensor, spec, curve, executor, control);
        },
        [this, asked = *asked](const Result<Answer>& answer) {
          if (answer) {
            take(asked, answer->report, answer->measure);
          } else {
            refuse(asked, messageOf(answer.error()));
          }
        });
  }
  return std::nullopt;
}

void PinReports::take(const Question& asked, PinReport report, PinMeasure measure) {
  const auto shared = std::make_shared<const PinMeasure>(std::move(measure));
  bool wanted = false;
  for (const Pin& pin : std::vector<Pin>(pins_->pins())) {
    if (questionOf(pin) != asked) continue;
    if (!wanted) reports_.insert_or_assign(asked, report);
    wanted = true;
    pins_->setMeasure(pin.id, shared);
  }
  if (wanted) Q_EMIT changed();
}

void PinReports::refuse(const Question& asked, const QString& problem) {
  refused_.insert(asked);
  for (const Pin& pin : std::vector<Pin>(pins_->pins())) {
    if (questionOf(pin) == asked) pins_->setMeasure(pin.id, pin.measure, problem);
  }
}

}  // namespace quantoscope::ui
