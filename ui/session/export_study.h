// What an export would be, before it is made: what a target demands of the plan, and what that
// costs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <QObject>
#include <QString>
#include <QTimer>

#include "core/exporting/export_format.h"
#include "core/model/export_plan.h"
#include "ui/session/compute_lane.h"
#include "ui/session/outbox.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// A finding, and what is done about it.
struct ExportLine {
  enum class State {
    Refused,       ///< it stands in the way
    TakenAsUsual,  ///< its remedy is taken unasked
    Taken,         ///< its remedy is taken since all are
    Note,
  };

  State state = State::Note;
  Finding finding;
  std::optional<Remedy> remedy = {};  ///< the one that is taken, or the best; none for notes
  std::optional<Result<RemedyCost>> cost =
      {};  ///< of it alone, by itself; nothing until it is known
};

/// The lines of a plan: what stands in the way first, notes last.
std::vector<ExportLine> exportLinesOf(const ExportPlan& plan);

/// Whether a target can carry the plan.
struct TargetAnswer {
  enum class Fit { Unknown, AsItIs, WithRemedies, Refused, Failed };

  Fit fit = Fit::Unknown;
  std::size_t usual = 0;                    ///< remedies that are taken unasked
  std::size_t remedies = 0;                 ///< others that are needed
  std::optional<std::uint64_t> bytes = {};  ///< with all of them
  std::string obstacle =
      {};  ///< the first that stands in the way of the plan as it is, or the error
};

TargetAnswer answerOf(const ModelJob& job, const ExportFormat& format);

/// Follows the session's current file and its plan while it is awake, and asks all formats about
/// them on threads of its own, which stand back for all that the user waits for. Answers to what is
/// no longer asked are dropped; the last ones stay until the new ones are there.
class ExportStudy : public QObject {
  Q_OBJECT

 public:
  /// The session must outlive the study; the formats live as long as the program.
  ExportStudy(Session* session, const std::vector<ExportFormat>& formats,
              QObject* parent = nullptr);
  /// Waits for what runs, cancelled.
  ~ExportStudy() override;

  const std::vector<ExportFormat>& formats() const { return formats_; }

  /// Whether it follows the session. Put to sleep it cancels what runs.
  void setAwake(bool awake);
  /// What is asked: one of formats(), and which remedies are taken.
  void choose(const ExportFormat& format, Fix fix);
  const ExportFormat& format() const { return *format_; }
  Fix fix() const { return fix_; }

  bool hasModel() const { return hasModel_; }
  /// Whether the answers are those to the present question.
  bool isCurrent() const { return answered_ == asked_ && !soon_.isActive(); }
  /// Null where the check failed, see problem(), or none was made.
  std::shared_ptr<const ExportPlan> plan() const { return plan_; }
  QString problem() const { return problem_; }
  const std::vector<ExportLine>& lines() const { return lines_; }
  /// How long the export will take about, in seconds.
  std::optional<double> seconds() const { return seconds_; }
  /// Of the model, as its file holds it: of what will be in the export.
  std::uint64_t sourceBytes() const;
  /// By the place of a format in formats().
  const std::vector<TargetAnswer>& targets() const { return targets_; }

 Q_SIGNALS:
  void isCurrentChanged();     ///< without changed()
  void changed();              ///< all but costs and targets
  void costChanged(int line);  ///< of one of lines()
  void secondsChanged();
  void targetChanged(int target);

 private:
  using CostKey = std::tuple<const ExportFormat*, std::string, std::string>;

  void ask();
  void askIfPlanChanged();
  void forgetModel();
  bool modelIsKnown(const ModelJob& job) const;
  void takePlan(std::uint64_t id, const Result<std::shared_ptr<const ExportPlan>>& plan);
  void takeTarget(std::uint64_t model, std::size_t target, const TargetAnswer& answer);
  void takeCost(std::uint64_t model, const CostKey& key, const Result<RemedyCost>& cost);
  void takeSeconds(std::uint64_t id, double seconds);
  void fillCosts();
  void askForCosts();

  Session* session_;
  const std::vector<ExportFormat>& formats_;
  const ExportFormat* format_;
  Fix fix_ = Fix::Usual;
  bool awake_ = false;
  bool hasModel_ = false;
  QTimer soon_;

  std::shared_ptr<const ModelJob> job_;
  SharedSource source_;      ///< of the session, whose model job_ is
  std::uint64_t model_ = 0;  ///< counts files and plans: older answers are stale
  std::uint64_t asked_ = 0;  ///< counts questions
  std::uint64_t answered_ = 0;
  std::uint64_t targetsOf_ = 0;  ///< the model_ that targets_ are about

  std::shared_ptr<const ExportPlan> plan_;
  QString problem_;
  std::vector<ExportLine> lines_;
  std::optional<double> seconds_;
  std::vector<TargetAnswer> targets_;
  std::map<CostKey, Result<RemedyCost>> costs_;         ///< of model_
  std::map<CostKey, std::vector<std::size_t>> priced_;  ///< the lines that each is about

  std::shared_ptr<Outbox<ExportStudy>> outbox_;
  std::unique_ptr<ComputeLane> checks_;
  std::unique_ptr<ComputeLane> measures_;
};

}  // namespace quantoscope::ui
