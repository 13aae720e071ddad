#include "ui/main_window/export_dialog.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileInfo>
#include <QFontDatabase>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QScreen>
#include <QStackedWidget>
#include <QTabWidget>
#include <QTableView>
#include <QVBoxLayout>

#include "ui/models/export_models.h"
#include "ui/models/number_text.h"
#include "ui/panels/file_dialogs.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr int kProgressMs = 100;
constexpr int kBarSteps = 1000;

/// Lines of a table that wrap; more would take long to measure, and are elided.
constexpr int kMostWrapped = 200;

constexpr std::size_t kMostNotes = 3;

QLabel* plainLabel(const QString& name, QWidget* parent) {
  auto* label = new QLabel(parent);
  label->setObjectName(name);
  label->setTextFormat(Qt::PlainText);
  label->setWordWrap(true);
  return label;
}

/// Of all targets the native file alone has a place for decoded weights.
bool holdsDequantized(const ExportFormat& format) {
  return std::string_view(format.id) == "native";
}

QString titleOfFormat(const ExportFormat& format) {
  return QString::fromUtf8(format.title);
}

QString suffixOf(const ExportFormat& format) {
  return QString::fromUtf8(format.suffix);
}

QString secondsText(double seconds) {
  if (seconds < 1) return ExportDialog::tr("less than 1 s");
  if (seconds < 90) return ExportDialog::tr("%1 s").arg(qRound(seconds));
  return ExportDialog::tr("%1 min").arg(qRound(seconds / 60));
}

QString findingsText(std::size_t count) {
  return count == 1 ? ExportDialog::tr("1 finding stands")
                    : ExportDialog::tr("%1 findings stand").arg(countText(count));
}

/// The words of a report, line by line as they may be shown.
QString shownReport(const std::string& report) {
  QString text;
  std::size_t begin = 0;
  while (begin < report.size()) {
    const std::size_t end = std::min(report.find('\n', begin), report.size());
    text += shownText(report.substr(begin, end - begin)) + QLatin1Char('\n');
    begin = end + 1;
  }
  return text;
}

/// Widens a column to its content, but not beyond some letters.
void fitColumn(QTableView* table, int column, int letters) {
  table->resizeColumnToContents(column);
  const int most = table->fontMetrics().averageCharWidth() * letters;
  table->setColumnWidth(column, std::min(table->columnWidth(column), most));
}

void wrapRows(QTableView* table) {
  const bool few = table->model()->rowCount() <= kMostWrapped;
  table->verticalHeader()->setSectionResizeMode(few ? QHeaderView::ResizeToContents
                                                    : QHeaderView::Fixed);
}

QString phaseText(const ExportRun::Progress& now) {
  switch (now.phase) {
    case ExportRun::Phase::Quantizing:
      return ExportDialog::tr("Quantizing %1 of %2: %3")
          .arg(countText(now.index + 1), countText(now.count), shownName(now.tensor));
    case ExportRun::Phase::Passing:
      return ExportDialog::tr("Handing on what stays as it is");
    case ExportRun::Phase::Proving:
      return ExportDialog::tr("Reading back and comparing what was written");
    case ExportRun::Phase::Preparing:
      break;
  }
  return ExportDialog::tr("Checking the source and taking its fingerprint");
}

/// How much is done, how fast, and how long the rest will take.
QStringList rateTexts(const ExportRun::Progress& now, qint64 ms) {
  constexpr qint64 kTellingMs = 500;
  const auto done = static_cast<double>(now.bytes);
  const auto all = static_cast<double>(now.allBytes);
  QStringList texts = {ExportDialog::tr("%1 of %2").arg(bytesText(done), bytesText(all))};
  if (ms < kTellingMs || now.bytes == 0) return texts;
  const double rate = done / (static_cast<double>(ms) / 1000);
  texts << ExportDialog::tr("%1/s").arg(bytesText(rate));
  texts << ExportDialog::tr("%1 left").arg(secondsText((all - done) / rate));
  return texts;
}

QString outcomeLines(const ExportReport& report, const QString& path) {
  QStringList lines = {ExportDialog::tr("Written to %1.").arg(path)};
  lines << (report.isProven ? ExportDialog::tr("Read back and decoded: every code, zero point and "
                                               "scale is as quantized.")
                            : ExportDialog::tr("It holds choices alone, so there is nothing to "
                                               "decode."));
  for (std::size_t i = 0; i < std::min(report.findings.size(), kMostNotes); ++i) {
    lines << QStringLiteral("• ") + shownText(report.findings[i].line(), kMostOfName);
  }
  if (report.findings.size() > kMostNotes) {
    lines << ExportDialog::tr("• and %1 more in the report")
                 .arg(countText(report.findings.size() - kMostNotes));
  }
  return lines.join(QLatin1Char('\n'));
}

}  // namespace

ExportDialog::ExportDialog(Session* session, Settings* settings,
                           const std::vector<ExportFormat>& formats, QWidget* parent)
    : QDialog(parent),
      session_(session),
      settings_(settings),
      study_(new ExportStudy(session, formats, this)) {
  setObjectName(QStringLiteral("exportDialog"));
  setWindowTitle(tr("Export Model"));
  auto* form = new QGridLayout;
  form->setColumnStretch(1, 1);
  createTargetRows(form);
  createPathRows(form);
  createChoices(form);
  tabs_ = new QTabWidget(this);
  tabs_->setObjectName(QStringLiteral("exportTabs"));
  tabs_->setAccessibleName(tr("What the target demands, and all targets"));
  tabs_->addTab(createFindings(), tr("Findings"));
  tabs_->addTab(createTargets(), tr("Which targets can carry this plan?"));
  size_ = plainLabel(QStringLiteral("exportSize"), this);
  size_->setAccessibleName(tr("Size"));
  auto* layout = new QVBoxLayout(this);
  layout->addLayout(form);
  layout->addWidget(tabs_, 1);
  layout->addWidget(size_);
  layout->addWidget(createProgress());
  layout->addWidget(createOutcome());
  layout->addWidget(createButtons());
  connectAll();
  showTarget();
  suggestPath();
  showStudy();
  resize(sizeHint());
}

QSize ExportDialog::sizeHint() const {
  const QSize wanted(fontMetrics().averageCharWidth() * 170, fontMetrics().height() * 40);
  const QSize room = parentWidget() != nullptr ? parentWidget()->size() : screen()->availableSize();
  return wanted.boundedTo(room * 0.94).expandedTo(minimumSizeHint());
}

// ---- what it is made of

void ExportDialog::createTargetRows(QGridLayout* form) {
  target_ = new QComboBox(this);
  target_->setObjectName(QStringLiteral("exportTarget"));
  target_->setAccessibleName(tr("Target"));
  target_->setMaxVisibleItems(30);
  for (const ExportFormat& format : study_->formats()) {
    target_->addItem(titleOfFormat(format));
    target_->setItemData(target_->count() - 1, tipText(QString::fromUtf8(format.tip)),
                         Qt::ToolTipRole);
  }
  tip_ = plainLabel(QStringLiteral("exportTip"), this);
  tip_->setAccessibleName(tr("Who reads it"));
  auto* label = new QLabel(tr("&Target"), this);
  label->setBuddy(target_);
  form->addWidget(label, 0, 0);
  form->addWidget(target_, 0, 1, 1, 2);
  form->addWidget(tip_, 1, 1, 1, 2);
}

void ExportDialog::createPathRows(QGridLayout* form) {
  path_ = new QLineEdit(this);
  path_->setObjectName(QStringLiteral("exportPath"));
  path_->setAccessibleName(tr("Where the export is written to"));
  browse_ = new QPushButton(tr("&Browse…"), this);
  browse_->setObjectName(QStringLiteral("exportBrowse"));
  browse_->setAccessibleName(tr("Choose where the export is written to"));
  browse_->setAutoDefault(false);
  replace_ = new QCheckBox(this);
  replace_->setObjectName(QStringLiteral("exportReplace"));
  auto* label = new QLabel(tr("&Write to"), this);
  label->setBuddy(path_);
  form->addWidget(label, 2, 0);
  form->addWidget(path_, 2, 1);
  form->addWidget(browse_, 2, 2);
  form->addWidget(replace_, 3, 1, 1, 2);
}

void ExportDialog::createChoices(QGridLayout* form) {
  fix_ = new QCheckBox(tr("Apply &remedies"), this);
  fix_->setObjectName(QStringLiteral("exportFix"));
  fix_->setToolTip(tr("Take the first remedy of each finding that stands in the way"));
  dequantized_ = new QCheckBox(tr("Include &dequantized weights"), this);
  dequantized_->setObjectName(QStringLiteral("exportDequantized"));
  dequantized_->setToolTip(tr("Also store float32 weights as they are decoded"));
  auto* row = new QHBoxLayout;
  row->setSpacing(fontMetrics().averageCharWidth() * 4);
  row->addWidget(fix_);
  row->addWidget(dequantized_);
  row->addStretch(1);
  form->addLayout(row, 4, 1, 1, 2);
}

QTableView* ExportDialog::createTable(const char* name, const QString& spoken) {
  auto* table = new QTableView(this);
  table->setObjectName(QString::fromLatin1(name));
  table->setAccessibleName(spoken);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setSelectionMode(QAbstractItemView::SingleSelection);
  table->setFrameShape(QFrame::NoFrame);
  table->setShowGrid(false);
  table->setAlternatingRowColors(true);
  table->setWordWrap(true);
  table->setTextElideMode(Qt::ElideMiddle);
  table->setTabKeyNavigation(false);
  table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  table->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  table->verticalHeader()->hide();
  table->horizontalHeader()->setHighlightSections(false);
  table->horizontalHeader()->setAccessibleName(tr("Columns: %1").arg(spoken));
  return table;
}

QWidget* ExportDialog::createFindings() {
  pages_ = new QStackedWidget(this);
  pages_->setObjectName(QStringLiteral("exportPages"));
  state_ = plainLabel(QStringLiteral("exportState"), pages_);
  state_->setAccessibleName(tr("Findings"));
  state_->setAlignment(Qt::AlignCenter);
  state_->setMargin(fontMetrics().height());
  findings_ = createTable("exportFindings", tr("Findings"));
  findings_->setModel(new ExportFindingsModel(study_, findings_));
  findings_->horizontalHeader()->setSectionResizeMode(ExportFindingsModel::Finding,
                                                      QHeaderView::Stretch);
  pages_->addWidget(state_);
  pages_->addWidget(findings_);
  return pages_;
}

QWidget* ExportDialog::createTargets() {
  targets_ = createTable("exportTargets", tr("Targets"));
  targets_->setModel(new ExportTargetsModel(study_, targets_));
  targets_->horizontalHeader()->setSectionResizeMode(ExportTargetsModel::Obstacle,
                                                     QHeaderView::Stretch);
  targets_->setToolTip(tr("A double click, or Enter, chooses the target"));
  return targets_;
}

QWidget* ExportDialog::createProgress() {
  progress_ = new QWidget(this);
  bar_ = new QProgressBar(progress_);
  bar_->setObjectName(QStringLiteral("exportProgress"));
  bar_->setAccessibleName(tr("Progress"));
  bar_->setTextVisible(false);
  progressText_ = plainLabel(QStringLiteral("exportProgressText"), progress_);
  progressText_->setAccessibleName(tr("What is being done"));
  auto* cancel = new QPushButton(tr("&Cancel Export"), progress_);
  cancel->setObjectName(QStringLiteral("exportCancel"));
  cancel->setAutoDefault(false);
  connect(cancel, &QPushButton::clicked, session_, &Session::cancelExport);
  auto* layout = new QGridLayout(progress_);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setColumnStretch(0, 1);
  layout->addWidget(bar_, 0, 0);
  layout->addWidget(cancel, 0, 1);
  layout->addWidget(progressText_, 1, 0, 1, 2);
  progress_->hide();
  return progress_;
}

QWidget* ExportDialog::createOutcome() {
  outcome_ = new QWidget(this);
  outcomeText_ = plainLabel(QStringLiteral("exportOutcome"), outcome_);
  outcomeText_->setAccessibleName(tr("How the export ended"));
  outcomeText_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  report_ = new QPushButton(tr("Sh&ow Report"), outcome_);
  report_->setObjectName(QStringLiteral("exportReport"));
  report_->setAutoDefault(false);
  auto* layout = new QHBoxLayout(outcome_);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(outcomeText_, 1);
  layout->addWidget(report_, 0, Qt::AlignTop);
  outcome_->hide();
  return outcome_;
}

QWidget* ExportDialog::createButtons() {
  auto* row = new QWidget(this);
  reason_ = plainLabel(QStringLiteral("exportReason"), row);
  reason_->setAccessibleName(tr("Why nothing can be exported"));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, row);
  export_ = buttons->addButton(tr("&Export"), QDialogButtonBox::ActionRole);
  export_->setObjectName(QStringLiteral("exportStart"));
  // Enter chooses a line of the tables, and begins nothing.
  export_->setAutoDefault(false);
  buttons->button(QDialogButtonBox::Close)->setAutoDefault(false);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
  connect(export_, &QPushButton::clicked, this, &ExportDialog::begin);
  auto* layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(reason_, 1);
  layout->addWidget(buttons, 0, Qt::AlignBottom);
  return row;
}

void ExportDialog::connectAll() {
  connect(target_, &QComboBox::currentIndexChanged, this, &ExportDialog::choose);
  connect(fix_, &QCheckBox::toggled, this, &ExportDialog::choose);
  connect(dequantized_, &QCheckBox::toggled, this, &ExportDialog::showSize);
  connect(path_, &QLineEdit::textEdited, this, [this] { pathIsOwn_ = true; });
  connect(path_, &QLineEdit::textChanged, this, [this] {
    replace_->setChecked(false);
    showPath();
  });
  connect(replace_, &QCheckBox::toggled, this, &ExportDialog::showReason);
  connect(browse_, &QPushButton::clicked, this, &ExportDialog::browse);
  connect(report_, &QPushButton::clicked, this, &ExportDialog::showReport);
  connect(targets_, &QTableView::activated, this,
          [this](const QModelIndex& index) { chooseTarget(index.row()); });
  connect(study_, &ExportStudy::isCurrentChanged, this, &ExportDialog::showReason);
  connect(study_, &ExportStudy::changed, this, &ExportDialog::showStudy);
  connect(study_, &ExportStudy::secondsChanged, this, &ExportDialog::showSize);
  connect(study_, &ExportStudy::targetChanged, this, &ExportDialog::arrangeTargets);
  connect(session_, &Session::fileChanged, this, &ExportDialog::suggestPath);
  connect(session_, &Session::activityChanged, this, &ExportDialog::watch);
  refresh_.setInterval(kProgressMs);
  connect(&refresh_, &QTimer::timeout, this, &ExportDialog::showProgress);
}

void ExportDialog::showEvent(QShowEvent* event) {
  QDialog::showEvent(event);
  study_->setAwake(true);
  suggestPath();
  showPath();
}

void ExportDialog::hideEvent(QHideEvent* event) {
  QDialog::hideEvent(event);
  study_->setAwake(false);
}

// ---- what is chosen

void ExportDialog::choose() {
  const QString before = suffixOf(format());
  const auto target = static_cast<std::size_t>(std::max(target_->currentIndex(), 0));
  study_->choose(study_->formats()[target], fix_->isChecked() ? Fix::All : Fix::Usual);
  showTarget();
  const QString after = suffixOf(format());
  if (pathIsOwn_ && !before.isEmpty() && before != after && path_->text().endsWith(before)) {
    path_->setText(path_->text().chopped(before.size()) + after);
  }
  suggestPath();
  showPath();
}

void ExportDialog::chooseTarget(int target) {
  target_->setCurrentIndex(target);
  tabs_->setCurrentIndex(0);
}

QString ExportDialog::suggestedPath() const {
  if (session_->currentPath().isEmpty()) return {};
  const QString base = QFileInfo(session_->currentPath()).completeBaseName();
  const QString name =
      base + QLatin1Char('-') + QString::fromUtf8(format().id) + suffixOf(format());
  return QDir(settings_->lastDirectory()).filePath(name);
}

void ExportDialog::suggestPath() {
  if (!pathIsOwn_) path_->setText(suggestedPath());
}

QString ExportDialog::path() const {
  const QString text = path_->text().trimmed();
  return text.isEmpty() ? QString() : QDir::cleanPath(QFileInfo(text).absoluteFilePath());
}

void ExportDialog::browse() {
  const QString title = titleOfFormat(format());
  const QString suffix = suffixOf(format());
  const QStringList filters =
      suffix.isEmpty() ? QStringList() : QStringList(title + QStringLiteral(" (*%1)").arg(suffix));
  const QString now = QFileInfo(path().isEmpty() ? suggestedPath() : path()).fileName();
  askForSavePath(this, *settings_, {tr("Export as %1").arg(title), now, filters, suffix.mid(1)},
                 [this](const QString& chosen) {
                   pathIsOwn_ = true;
                   path_->setText(chosen);
                   replace_->setChecked(QFileInfo::exists(chosen));  // the chooser has asked
                   showReason();
                 });
}

// ---- what is shown

void ExportDialog::showTarget() {
  const QString tip = QString::fromUtf8(format().tip);
  tip_->setText(tip);
  target_->setToolTip(tipText(tip));
  dequantized_->setVisible(holdsDequantized(format()));
}

void ExportDialog::showPath() {
  const QFileInfo there(path());
  const bool exists = !path().isEmpty() && (there.exists() || there.isSymLink());
  replace_->setText(there.isDir() ? tr("Re&place the folder that is there; only one that an export "
                                       "wrote is ever replaced")
                                  : tr("Re&place the file that is there"));
  replace_->setVisible(exists);
  showReason();
}

void ExportDialog::showStudy() {
  showFindings();
  arrangeTargets();
  showSize();
  showReason();
}

void ExportDialog::showFindings() {
  const std::size_t count = study_->lines().size();
  tabs_->setTabText(0, count == 0 ? tr("Findings") : tr("Findings (%1)").arg(countText(count)));
  QString state;
  if (!study_->hasModel()) {
    state = tr("Open a model to export it.");
  } else if (!study_->problem().isEmpty()) {
    state = tr("The plan cannot be checked: %1").arg(study_->problem());
  } else if (!study_->plan()) {
    state = tr("Checking the plan…");
  } else if (count == 0) {
    state = tr("This target can carry the plan as it is.");
  }
  state_->setText(state);
  pages_->setCurrentWidget(state.isEmpty() ? static_cast<QWidget*>(findings_) : state_);
  arrangeFindings();
}

void ExportDialog::arrangeFindings() {
  using Model = ExportFindingsModel;
  wrapRows(findings_);
  const auto& lines = study_->lines();
  const bool rules = std::any_of(lines.begin(), lines.end(),
                                 [](const ExportLine& line) { return !line.finding.rule.empty(); });
  findings_->setColumnHidden(Model::Rule, !rules);
  const std::pair<int, int> columns[] = {{Model::State, 16}, {Model::Tensor, 44},
                                         {Model::Rule, 28},  {Model::Remedy, 32},
                                         {Model::Sqnr, 14},  {Model::Size, 14}};
  for (const auto& [column, letters] : columns) fitColumn(findings_, column, letters);
  // Filled in later, and not to be cut then.
  const int number = findings_->fontMetrics().horizontalAdvance(QStringLiteral(" −999.99 dB "));
  for (const int column : {Model::Sqnr, Model::Size}) {
    findings_->setColumnWidth(column, std::max(findings_->columnWidth(column), number));
  }
}

void ExportDialog::arrangeTargets() {
  wrapRows(targets_);
  fitColumn(targets_, ExportTargetsModel::Target, 60);
  fitColumn(targets_, ExportTargetsModel::Carries, 30);
  fitColumn(targets_, ExportTargetsModel::Size, 20);
}

void ExportDialog::showSize() {
  QStringList parts;
  if (const auto plan = study_->plan()) {
    const QString size =
        plan->bytes ? exactBytesText(*plan->bytes) : tr("known when it is written");
    parts << (plan->isRefused() ? tr("Size: told once nothing stands in the way")
                                : tr("Size: %1").arg(size));
    if (dequantized_->isVisibleTo(this) && dequantized_->isChecked()) {
      std::uint64_t weights = 0;
      for (const TensorInfo& info : plan->header.tensors) weights += info.elements();
      parts
          << tr("and %1 of dequantized weights").arg(bytesText(4.0 * static_cast<double>(weights)));
    }
    parts << tr("source: %1").arg(bytesText(static_cast<double>(study_->sourceBytes())));
    if (study_->seconds()) parts << tr("takes %1").arg(secondsText(*study_->seconds()));
  }
  size_->setText(parts.join(QStringLiteral("  ·  ")));
}

void ExportDialog::showReason() {
  const QString why = shownText(reason(), kMostOfName);
  reason_->setText(why);
  export_->setEnabled(why.isEmpty());
  export_->setAccessibleDescription(why);
}

QString ExportDialog::reason() const {
  if (run_) return tr("The export is being written.");
  if (session_->activity().kind == Activity::Kind::Exporting) {
    return tr("Another export is being written.");
  }
  const QString plan = reasonOfPlan();
  return plan.isEmpty() ? reasonOfPath() : plan;
}

QString ExportDialog::reasonOfPlan() const {
  if (!study_->hasModel()) return tr("Open a model first.");
  if (!study_->isCurrent()) return tr("Checking the plan…");
  if (!study_->problem().isEmpty()) return tr("The plan cannot be checked.");
  const auto plan = study_->plan();
  if (!plan) return tr("Checking the plan…");
  if (!plan->isRefused()) return {};
  std::size_t refused = 0;
  bool mendable = false;
  const ExportLine* first = nullptr;
  for (const ExportLine& line : study_->lines()) {
    if (line.state != ExportLine::State::Refused) continue;
    ++refused;
    mendable = mendable || line.remedy;
    if (first == nullptr) first = &line;
  }
  if (mendable && study_->fix() == Fix::Usual) {
    return tr("%1 in the way: apply the remedies, or change the plan.").arg(findingsText(refused));
  }
  return tr("Refused: %1").arg(shownText(first->finding.line(), kMostOfName));
}

QString ExportDialog::reasonOfPath() const {
  const QString chosen = path();
  if (chosen.isEmpty()) return tr("Choose where to write to.");
  if (const Status status = session_->mayWrite(chosen); !status) return messageOf(status.error());
  const QFileInfo there(chosen);
  if (!there.dir().exists()) return tr("There is no folder %1.").arg(there.dir().path());
  if (format().isFolder() && there.exists() && !there.isDir()) {
    return tr("%1 is a file; this target is a folder.").arg(there.fileName());
  }
  if (!format().isFolder() && there.isDir()) {
    return tr("%1 is a folder; this target is a file.").arg(there.fileName());
  }
  if (!replace_->isHidden() && !replace_->isChecked()) {
    return tr("%1 is there already: allow replacing it, or choose another name.")
        .arg(there.fileName());
  }
  return {};
}

// ---- exporting

void ExportDialog::begin() {
  if (!reason().isEmpty()) return showReason();
  outcome_->hide();
  settings_->rememberDirectoryOf(path());
  const auto existing = replace_->isChecked() ? Existing::Replaced : Existing::Kept;
  const bool dequantized = holdsDequantized(format()) && dequantized_->isChecked();
  auto run = std::make_shared<ExportRun>(study_->sourceBytes());
  runPath_ = path();
  since_.invalidate();
  if (!session_->exportWholeModel(format(), {runPath_.toStdString(), existing},
                                  {dequantized, study_->fix()}, run)) {
    return showReason();
  }
  run_ = std::move(run);
  refresh_.start();
  progress_->show();
  showProgress();
  showReason();
}

/// The session tells of all activities; ours has ended where it exports nothing any more.
void ExportDialog::watch() {
  if (run_ && session_->activity().kind != Activity::Kind::Exporting) {
    if (const auto outcome = run_->outcome()) showOutcome(*outcome);
    run_.reset();
    refresh_.stop();
    progress_->hide();
    showPath();
  }
  if (isVisible()) showReason();
}

void ExportDialog::showProgress() {
  if (!run_) return;
  const ExportRun::Progress now = run_->progress();
  const bool counts = now.allBytes > 0 && (now.phase == ExportRun::Phase::Quantizing ||
                                           now.phase == ExportRun::Phase::Passing);
  QStringList parts = {phaseText(now)};
  bar_->setRange(0, counts ? kBarSteps : 0);
  if (counts) {
    if (!since_.isValid()) since_.start();
    parts += rateTexts(now, since_.elapsed());
    bar_->setValue(static_cast<int>(static_cast<double>(now.bytes) /
                                    static_cast<double>(now.allBytes) * kBarSteps));
  }
  progressText_->setText(parts.join(QStringLiteral("  ·  ")));
}

void ExportDialog::showOutcome(const ExportOutcome& outcome) {
  const bool done = outcome.report.hasValue();
  reportText_ = done ? shownReport(outcome.text) : QString();
  QString text;
  if (done) {
    text = outcomeLines(*outcome.report, shownText(runPath_));
    if (!outcome.reportWritten) {
      text += QLatin1Char('\n') + tr("The report beside it could not be written: %1")
                                      .arg(messageOf(outcome.reportWritten.error()));
    }
  } else if (outcome.report.error().code == ErrorCode::Cancelled) {
    text = tr("Cancelled: nothing was written.");
  } else {
    text = tr("Nothing was written: %1").arg(messageOf(outcome.report.error()));
  }
  outcomeText_->setText(text);
  outcomeText_->setAccessibleDescription(text);
  report_->setVisible(done);
  outcome_->show();
}

void ExportDialog::showReport() {
  auto* dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setObjectName(QStringLiteral("exportReportDialog"));
  dialog->setWindowTitle(tr("Report of the Export"));
  auto* text = new QPlainTextEdit(reportText_, dialog);
  text->setObjectName(QStringLiteral("exportReportText"));
  text->setAccessibleName(tr("Report of the export"));
  text->setReadOnly(true);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
  auto* layout = new QVBoxLayout(dialog);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->resize(fontMetrics().averageCharWidth() * 110, fontMetrics().height() * 30);
  dialog->show();
}

}  // namespace quantoscope::ui
