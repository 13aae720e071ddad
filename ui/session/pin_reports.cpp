#include "ui/session/pin_reports.h"

#include <algorithm>
#include <utility>

namespace quantoscope::ui {

namespace {

QuantSpec withoutClip(QuantSpec spec) {
  spec.clip = {};
  spec.grid = RatioGrid{};
  return spec;
}

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
    auto found =
        wideClipCurveOf(*tensor, withoutClip(spec), Session::kCurveGrid, executor, control);
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

QString PinReports::keyOf(const Pin& pin) const {
  return session_->tensorKey() + QLatin1Char('\n') +
         QString::fromStdString(commandLineOptions(pin.spec));
}

const PinReport* PinReports::of(const Pin& pin) const {
  if (!isShown(pin)) return nullptr;
  const auto found = reports_.constFind(keyOf(pin));
  return found == reports_.constEnd() ? nullptr : &*found;
}

void PinReports::follow() {
  QSet<QString> wanted;
  bool any = false;
  for (const Pin& pin : pins_->pins()) {
    if (!isShown(pin)) continue;
    wanted.insert(keyOf(pin));
    any = any || of(pin) == nullptr;
  }
  const auto before = reports_.size();
  reports_.removeIf([&](const QHash<QString, PinReport>::iterator& known) {
    return !wanted.contains(known.key());
  });
  refused_.intersect(wanted);
  if (reports_.size() != before) Q_EMIT changed();
  if (any) session_->wakeErrands();
}

std::optional<Errand> PinReports::next() {
  for (const Pin& pin : pins_->pins()) {
    if (!isShown(pin)) continue;
    const QString key = keyOf(pin);
    if (reports_.contains(key) || refused_.contains(key)) continue;
    const auto curve = pin.measure ? pin.measure->curve : nullptr;
    return Errand{tr("Analysing pin %1").arg(pin.name),
                  [this, key, spec = pin.spec, curve](const auto& tensor, const auto& executor,
                                                      const auto& control) -> Errand::Delivery {
                    auto answer = answerTo(tensor, spec, curve, executor, control);
                    if (answer) {
                      return [this, key, spec, found = std::move(*answer)] {
                        take(key, spec, found.report, found.measure);
                      };
                    }
                    if (answer.error().code == ErrorCode::Cancelled) return {};
                    const QString problem = QString::fromStdString(answer.error().message);
                    return [this, key, spec, problem] { refuse(key, spec, problem); };
                  }};
  }
  return std::nullopt;
}

void PinReports::take(const QString& key, const QuantSpec& spec, PinReport report,
                      PinMeasure measure) {
  const auto shared = std::make_shared<const PinMeasure>(std::move(measure));
  bool wanted = false;
  for (const Pin& pin : std::vector<Pin>(pins_->pins())) {
    if (!isShown(pin) || keyOf(pin) != key || !(pin.spec == spec)) continue;
    if (!wanted) reports_.insert(key, report);
    wanted = true;
    pins_->setMeasure(pin.id, shared);
  }
  if (wanted) Q_EMIT changed();
}

void PinReports::refuse(const QString& key, const QuantSpec& spec, const QString& problem) {
  refused_.insert(key);
  for (const Pin& pin : std::vector<Pin>(pins_->pins())) {
    if (isShown(pin) && keyOf(pin) == key && pin.spec == spec) {
      pins_->setMeasure(pin.id, pin.measure, problem);
    }
  }
}

}  // namespace quantoscope::ui
