// What is open, chosen and known: the state behind the window.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <QElapsedTimer>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QStringList>
#include <QTimer>
#include <QUndoGroup>
#include <QUndoStack>

#include "core/engine/detail.h"
#include "core/engine/question.h"
#include "core/engine/selected_weights.h"
#include "core/io/model/completeness.h"
#include "core/io/tensor_source.h"
#include "core/model/measure_model.h"
#include "core/model/model_job.h"
#include "core/parallel/executor.h"
#include "core/quant/tuning_plan.h"
#include "ui/session/background_job.h"
#include "ui/session/compute_lane.h"
#include "ui/session/export_jobs.h"
#include "ui/session/io_queue.h"
#include "ui/session/outbox.h"

namespace quantoscope::ui {

using SharedCurve = std::shared_ptr<const ClipCurve>;

/// What is known about a tensor that is not shown.
struct TensorOverview {
  std::optional<TensorMeasurement> measure;
  bool finite = true;                   ///< with false there is no measure
  std::optional<TensorTraits> weights;  ///< whatever the spec; absent until they are known
  bool settled = false;  ///< `measure` belongs to the tensor's present spec, or cannot be had
  QString problem;       ///< why it cannot be had
};

/// What a person chose for one opened file.
struct FileState {
  QString path;                   ///< absolute
  std::optional<QString> tensor;  ///< the chosen one; its name may be empty
  TuningPlan plan;
  std::map<std::string, Orientation> orientations = {};  ///< chosen axes, by tensor
  bool wordsAreBFloat16 = false;                         ///< see OpenOptions
};

/// What runs at the moment, for a status line.
struct Activity {
  enum class Kind {
    Idle,
    Opening,
    Loading,
    Analysing,
    Exporting,
    Reporting,
    Selecting,
    Searching,
    Comparing,
    Surveying
  };

  Kind kind = Kind::Idle;
  QString text;                    ///< empty when idle
  std::optional<double> progress;  ///< 0..1 where it is known
  qint64 elapsedMs = 0;

  bool idle() const { return kind == Kind::Idle; }
  /// Whether the user is waiting for it; everything else is background work.
  bool foreground() const;
};

/// Opened files, the tensor that is looked at, the spec of every tensor, and what quantizing it
/// leads to. Lives on the GUI thread and never blocks it: requests return at once, results arrive
/// as signals. Reading happens on one thread, analyses on a second, and the clip curve and the
/// overview of all tensors on a third, which stands back whenever the second has work.
///
/// Of a large tensor an edit is answered by a preview first, on a thread of its own: the exact
/// answer and the background stand back at the next block until it is there, and an exact answer to
/// an older question is given up. Of a small one an edit lets the running analysis finish and
/// replaces only the one that waits. Another tensor, another file or cancel() cancels all. A result
/// that belongs to a tensor no longer chosen is dropped. Failures leave the last good state and are
/// told by failed().
class Session : public QObject {
  Q_OBJECT

 public:
  using OpenFunction = std::function<Result<SharedSource>(const std::string&, const OpenOptions&)>;
  using AnalyseFunction = std::function<Result<SharedResult>(const AnalysisRequest&,
                                                             const Executor&, const TaskControl&)>;

  /// What a session works with; a test may bring its own.
  struct Environment {
    Executor executor{0};
    OpenFunction open = [](const std::string& path, const OpenOptions& options) {
      return openTensorSource(path, options);
    };
    AnalyseFunction analyse = quantoscope::analyse;
    bool overview = true;  ///< whether all tensors are measured in the background
  };

  explicit Session(QObject* parent = nullptr);
  explicit Session(Environment environment, QObject* parent = nullptr);
  /// Cancels and waits for what runs.
  ~Session() override;

  /// The grid of the clip curve: it contains the reference's own, 1 to 0.805, exactly.
  static constexpr RatioGrid kCurveGrid{1.0, 0.5, 101};

  // ---- files

  /// Opens a file, or FILE::TENSOR, and shows it. FILE may be a folder that holds a model. A file
  /// that is open already is shown again. `tensor`, unless it is empty, or else the first that can
  /// be quantized, is chosen. Ends with fileOpened or failed.
  void openFile(const QString& fileAndTensor, const QString& tensor = {});
  /// Opens a file without showing it, unless none is shown.
  void openBeside(const QString& file);
  /// Opens the current file again, as it is now, and keeps its choices and the chosen tensor where
  /// it is still there. `allowOutside`: what is refused by default is allowed from now on, see
  /// OpenOptions. Ends with fileOpened, or with failed and everything as before.
  void reloadCurrentFile(bool allowOutside) { reloadFile(currentPath(), allowOutside); }
  /// The same for any opened file, by its path; nothing where none is open under it.
  void reloadFile(const QString& path, bool allowOutside);
  /// Opens the current file again, with its 16-bit words read as bfloat16 from now on.
  void readUint16AsBFloat16();
  /// Whether something in the current file was refused that the user may allow.
  bool refusesSomething() const;
  /// Lists a file with the choices made for it earlier, and opens it when it is shown, be it now or
  /// later: each open file is a process. Where it is listed already, the plan is adopted as an
  /// undoable step. One that cannot be opened is listed no more, see notOpened().
  void restoreFile(const FileState& state, bool show);
  /// The same of several at once; `shown` is an index into them.
  void restoreFiles(const std::vector<FileState>& states, std::optional<std::size_t> shown);
  /// What restoreFile() takes, of all opened files in their order.
  std::vector<FileState> fileStates() const;
  void closeCurrentFile();
  /// Paths in the order in which they were opened or restored.
  QStringList openFiles() const;
  int currentFile() const;  ///< index into openFiles(); -1 when none is open
  /// Shows a file, after opening it where that was not needed before.
  void setCurrentFile(int index);
  /// Names of the arrays of a file that is being opened to be shown, in no order, as soon as they
  /// are known and until it is open or failed; else empty.
  const QStringList& openingNames() const { return openingNames_; }
  QString currentPath() const;
  QString currentFormat() const;       ///< for people: "Keras 2 HDF5"
  SharedSource currentSource() const;  ///< null when no file is open
  /// Arrays that the current file's model lacks.
  const Completeness& currentCompleteness() const;
  /// How far its checksums are compared, which is done in the background; see integrityChanged().
  Integrity currentIntegrity() const;

  // ---- tensors of the current file

  /// In the file's order; empty when no file is open.
  const std::vector<TensorInfo>& tensors() const;
  const TensorOverview& overview(std::size_t tensor) const;
  bool hasTensor() const;         ///< whether one is chosen
  QString currentTensor() const;  ///< its name, which may be empty; also where none is chosen
  const TensorInfo* currentInfo() const;
  /// Chooses a tensor by name. One that cannot be quantized is not chosen, and failed() says why.
  void selectTensor(const QString& name);

  // ---- specs

  /// The current tensor's, or the default.
  QuantSpec spec() const;
  QuantSpec specOf(const TensorInfo& info) const;
  bool hasOwnSpec() const;  ///< whether the current tensor differs from the default by choice
  /// The choices for the current file, with what has been measured of them.
  TuningPlan plan() const;
  /// Gives the current tensor a spec of its own, as one undoable step called `step`. Steps that
  /// follow each other with the same `gesture`, when it is not 0, become one. An invalid spec is
  /// refused with failed().
  void editSpec(const QuantSpec& spec, const QString& step, int gesture = 0);
  /// Gives each of these tensors of the current file a spec of its own, as one undoable step called
  /// `step`. Names that are not there, or cannot be quantized, are left out; an invalid spec is
  /// refused with failed().
  void applySpecTo(const QStringList& tensors, const QuantSpec& spec, const QString& step);
  /// Lets these tensors follow the default, as one undoable step.
  void dropOwnSpecsOf(const QStringList& tensors);
  /// Whether a tensor differs from the default by choice.
  bool hasOwnSpec(const TensorInfo& info) const;
  /// Makes the current tensor's spec the default and drops all others.
  void applyToAll();
  /// Lets the current tensor follow the default.
  void dropOwnSpec();
  /// Replaces all choices, as one undoable step.
  void adoptPlan(const TuningPlan& plan);
  /// A number for the steps of one drag; see editSpec().
  int newGesture() { return ++lastGesture_; }
  QUndoGroup* undoGroup() { return &undoGroup_; }

  // ---- axes

  /// Whether the current file's 16-bit words are read as bfloat16.
  bool wordsAreBFloat16() const;
  /// How a tensor is read: Auto, as its file's layout says, unless the user chose otherwise.
  Orientation orientation() const;
  Orientation orientationOf(const TensorInfo& info) const;
  /// Reads the current tensor otherwise from now on, as one undoable step.
  void setOrientation(Orientation orientation);

  // ---- the group whose levels are shown

  std::optional<GroupIndex> group() const;  ///< nothing: a typical one
  void setGroup(std::optional<GroupIndex> group);

  // ---- results

  /// The newest answer about the current tensor; while another tensor is loaded, still the last. Of
  /// a large tensor first a preview, which is not current: a sample of groups, long before the
  /// whole.
  SharedResult result() const { return result_; }
  /// Whether result() answers the present tensor, spec and group.
  bool resultIsCurrent() const;
  /// The longer answer to what result() answers: map, profiles, use of codes, percentiles. Null
  /// until it is known, which is some time after result().
  SharedDetail detail() const;
  /// The clip curve of the current tensor and spec over kCurveGrid; null until it is known. It does
  /// not depend on the clip policy.
  SharedCurve curve() const;
  /// Why there is no curve; empty where there is one or none has been tried.
  QString curveProblem() const;
  /// The optimum of the curve within the reference's window; nothing until the curve is known.
  std::optional<double> bestRatio() const;

  // ---- the selected weights

  /// Which weights are selected; stays when the spec or the tensor changes.
  const std::optional<Selection>& selection() const { return selection_; }
  /// Selects weights, or none. What they are is counted after detail(), before all else in the
  /// background.
  void setSelection(std::optional<Selection> selection);
  /// What selection() selects of the current tensor under its spec; null until it is known.
  SharedSelection selected() const;

  /// Asks again, after cancel() for instance.
  void recompute();
  /// Stops all that runs. Background work begins again with the next request.
  void cancel();
  Activity activity() const;
  /// Whether nothing runs and nothing waits.
  bool settled() const { return activity().idle(); }
  int threads() const { return environment_.executor.threads(); }

  // ---- work for others

  /// Asks `source` for work on the current tensor, if it is finite, whenever detail and curve are
  /// known, one piece at a time and before other tensors are measured. It is forgotten when its
  /// owner dies, and so is an answer that comes later. Foreground work cancels what runs; that is
  /// asked for again.
  void serve(QObject* owner, BackgroundJobSource source);
  /// Tells that a source has something new to ask for.
  void wakeBackgroundJobs();
  /// What is asked about the current tensor, as it is read, under a spec: the key for answers that
  /// are kept. A file that was reloaded is another one. Nothing without a tensor.
  std::optional<Question> questionUnder(const QuantSpec& spec) const;

  // ---- exporting

  /// Whether a file may be written there: OutputFailed where it is one that is open, or a part of
  /// one, by any path or link. Whatever writes a file that a person has named asks this first.
  Status mayWrite(const QString& path) const;

  /// Runs the job on a thread of its own, one at a time; ends with exported, failed or cancelled.
  /// `what` is a noun to be shown: "Plan", `path` what it writes. False where it was not begun,
  /// which failed() told.
  bool startExport(const QString& what, const QString& path, ExportJob job);
  /// Stops that alone.
  void cancelExport() { exportCancel_.cancel(); }
  /// What exportModel() writes.
  struct ExportChoice {
    bool allTensors = true;    ///< else the current one
    bool dequantized = false;  ///< the decoded weights as well
  };
  /// The current file's choices, or its tensors quantized by them, in a format of the table of
  /// export formats; tensors that cannot be quantized are left out.
  void exportModel(const ExportFormat& format, const QString& path, const ExportChoice& choice);

  /// The current file's model as an export takes it: each tensor that can be quantized under its
  /// present choice, and all else as it is. To be worked on by threads that may wait for reading;
  /// nothing where no file is open.
  std::optional<ModelJob> wholeModel() const;
  /// Begins an export of wholeModel(). False where it was not begun, which failed() told.
  bool exportWholeModel(const ExportFormat& format, const OutputPath& path,
                        const ExportOptions& options, std::shared_ptr<ExportRun> run);
  /// For work of others on threads of their own: stands back for all that the user waits for.
  const Executor& patientExecutor() const { return patientExecutor_; }

 Q_SIGNALS:
  void filesChanged();  ///< openFiles()
  void fileChanged();   ///< the current file and with it its tensors
  void fileOpened(const QString& path);
  void notOpened(const FileState& state);  ///< of a listed file, after failed()
  void contentTaken(const QString& path);  ///< what is open is now what lies on disk
  void openingNamesChanged();
  void tensorChanged();       ///< the chosen tensor
  void specChanged();         ///< the current tensor's spec, or whether it is its own
  void orientationChanged();  ///< of the current tensor
  void groupChanged();
  void resultChanged();  ///< result(), or whether it is current
  void detailChanged();
  void curveChanged();
  void selectionChanged();                    ///< selection(), or selected()
  void overviewChanged(int first, int last);  ///< of these tensors; -1: of all
  void activityChanged();
  void exported(const QString& what, const QString& path, const QStringList& notes);
  /// The checksums of some file are compared; failed() follows where they do not match.
  void integrityChanged();
  void failed(const QString& message);
  void cancelled(const QString& what);

 private:
  struct OpenFile;
  class PlanCommand;
  class OrientationCommand;
  using SharedOutbox = std::shared_ptr<Outbox<Session>>;

  OpenFile* file() const;
  OpenFile* fileById(std::uint64_t id) const;

  /// What to do with a file once it is open.
  struct Opening {
    QString path = {};
    std::optional<QString> tensor = {};
    bool show = true;
    bool replace = false;       ///< the file that is open under this path
    std::uint64_t waiting = 0;  ///< the id of the listed file that it is; else 0
    OpenOptions options = {};
  };
  void open(Opening opening);
  void takeNames(const QString& path, const std::vector<std::string>& names);
  void takeSource(const Opening& opening, Result<SharedSource> source);
  void addFile(const Opening& opening, SharedSource source);
  void replaceFile(OpenFile& replaced, const Opening& opening, SharedSource source);
  OpenFile* listedAs(const Opening& opening) const;
  void addWaiting(const FileState& state);
  OpenFile* waitingAt(const QString& path) const;
  OpenFile* waitingFor(const QString& fileAndTensor) const;
  void openWaiting(OpenFile& waiting);
  void dropWaiting(std::uint64_t id);
  void adoptPlanOf(OpenFile& listed, const FileState& state);
  void showFile(int index);
  void beginWithTensor(OpenFile& shown);
  void chooseTensor(OpenFile& file, const QString& name);
  void loadCurrentTensor();
  void takeTensor(std::uint64_t epoch, Orientation readAs, Result<SharedTensor> tensor);
  void keepLastGoodTensor();
  void applyOrientation(OpenFile& edited, const QString& tensor, Orientation orientation);
  void keepLastGoodOrientation();

  void pushPlan(TuningPlan plan, const QString& step, int gesture);
  void setPlan(OpenFile& edited, TuningPlan plan, const std::optional<QString>& tensor);
  void unsettleOverview(OpenFile& file, const TuningPlan& before);

  void requestAnalysis();
  void takePreview(std::uint64_t id, SharedResult result);
  void takeResult(std::uint64_t id, Result<SharedResult> result);
  void adoptResult(SharedResult result);
  void letPaint();
  bool foregroundBusy() const;
  void abandonForeground();

  std::optional<Question> detailQuestion() const;
  std::optional<Question> curveQuestion() const;
  void pumpBackground();
  void standBack();
  void dropOvertakenBackground();
  bool startDetail();
  void takeDetail(const Question& asked, Result<SharedDetail> detail);
  /// What the selected weights are asked under a spec.
  struct SelectionQuestion {
    std::uint64_t selection = 0;  ///< see lastSelection_
    Question question;
    bool operator==(const SelectionQuestion&) const = default;
  };
  std::optional<SelectionQuestion> selectionQuestion() const;
  bool startSelection();
  void takeSelection(const SelectionQuestion& asked, Result<SharedSelection> found);
  bool startCurve();
  bool startBackgroundJob();
  bool startMeasure();
  void takeCurve(const Question& asked, Result<ClipCurve> curve);
  struct Survey;
  void takeMeasures(std::uint64_t fileId, const std::vector<Survey>& surveyed);
  ModelJob jobOf(const OpenFile& opened, SharedSource source) const;
  void takeExport(const QString& what, const QString& path, ExportResult result);
  void checkIntegrity();
  void takeIntegrity(const Status& status);

  void startActivityClock();
  Activity activityWithoutTime() const;
  Activity exportingActivity() const;
  Activity openingActivity() const;
  Activity loadingActivity() const;
  Activity analysingActivity() const;
  Activity backgroundActivity(Activity::Kind kind) const;

  Environment environment_;
  YieldGate previewGate_;     ///< held while a preview is computed and shown
  YieldGate foregroundGate_;  ///< held while the user waits for an answer
  Executor exactExecutor_;    ///< stands back for previews
  Executor patientExecutor_;  ///< yields to everything that the user waits for
  YieldGate::Hold painting_;
  QTimer painted_;
  SharedOutbox outbox_;
  std::vector<std::unique_ptr<OpenFile>> files_;
  int current_ = -1;
  std::uint64_t lastFileId_ = 0;
  QUndoGroup undoGroup_;
  int lastGesture_ = 0;

  int opening_ = 0;  ///< files that are being opened
  QString openingName_;
  QStringList openingNames_;
  CancelToken openCancel_;
  std::uint64_t epoch_ = 0;  ///< counts choices of a tensor: older answers are stale
  SharedTensor tensor_;      ///< the current tensor's weights, once loaded
  Orientation loadedAs_ = Orientation::Auto;  ///< how tensor_ was read
  bool loading_ = false;
  CancelToken loadCancel_;
  struct ProgressCell;
  std::shared_ptr<ProgressCell> loadProgress_;
  std::shared_ptr<ProgressCell> openProgress_;

  std::uint64_t lastRequest_ = 0;   ///< ids of analyses
  std::uint64_t firstOfEpoch_ = 1;  ///< the first request that is about the current tensor
  std::uint64_t lastAnswer_ = 0;
  SharedResult result_;
  std::uint64_t resultFile_ = 0;

  SharedDetail detail_;
  std::optional<Question> detailOf_;      ///< what detail_ answers
  std::optional<Question> failedDetail_;  ///< the last one that failed
  std::optional<Selection> selection_;
  std::uint64_t lastSelection_ = 0;  ///< counts choices of selection_
  SharedSelection selected_;
  std::optional<SelectionQuestion> selectedOf_;                     ///< what selected_ answers
  std::optional<SelectionQuestion> failedSelection_;                ///< the last one that failed
  std::unordered_map<Question, SharedCurve, QuestionHash> curves_;  ///< by curveQuestion()
  std::optional<Question> failedCurve_;                             ///< the last one that failed
  QString curveProblem_;
  std::optional<Activity::Kind> background_;
  std::optional<Question> backgroundOf_;  ///< of the detail or the curve that is computed
  std::vector<std::pair<QPointer<QObject>, BackgroundJobSource>> jobSources_;
  QString jobText_;  ///< of the one that runs
  CancelToken backgroundCancel_;
  bool halted_ = false;  ///< by cancel(), until the next request

  bool exporting_ = false;
  QString exportName_;
  CancelToken exportCancel_;
  std::shared_ptr<ProgressCell> exportProgress_;
  Activity::Kind announced_ = Activity::Kind::Idle;  ///< by activityChanged()
  QElapsedTimer since_;                              ///< when that kind of activity began

  // Threads go first when the session dies, the queue that others wait for last of them.
  std::shared_ptr<IoQueue> io_;
  std::unique_ptr<ComputeLane> previewLane_;
  std::unique_ptr<ComputeLane> foregroundLane_;
  std::unique_ptr<ComputeLane> backgroundLane_;
  std::unique_ptr<ComputeLane> exportLane_;
  std::unique_ptr<ComputeLane> checkLane_;
  bool checking_ = false;
};

}  // namespace quantoscope::ui
