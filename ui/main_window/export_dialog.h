// Export > Export Model: a target, what it demands of the plan, and the proof of what was written.
#pragma once

#include <memory>
#include <vector>

#include <QDialog>
#include <QElapsedTimer>
#include <QTimer>

#include "ui/session/export_study.h"
#include "ui/session/settings.h"

QT_BEGIN_NAMESPACE
class QCheckBox;
class QComboBox;
class QGridLayout;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QStackedWidget;
class QTabWidget;
class QTableView;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Exports the session's current model. It is not modal: while it is open it follows the plan, and
/// shows for the chosen target what stands in the way, what each remedy costs and how large the
/// export will be; and for all targets whether they can carry the plan. An export goes on when the
/// dialog is closed.
class ExportDialog : public QDialog {
  Q_OBJECT

 public:
  /// Session and settings must outlive the dialog; the formats live as long as the program.
  ExportDialog(Session* session, Settings* settings, const std::vector<ExportFormat>& formats,
               QWidget* parent);

  const ExportStudy* study() const { return study_; }
  QSize sizeHint() const override;

 protected:
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  void createTargetRows(QGridLayout* form);
  void createPathRows(QGridLayout* form);
  void createChoices(QGridLayout* form);
  QWidget* createFindings();
  QWidget* createTargets();
  QWidget* createProgress();
  QWidget* createOutcome();
  QWidget* createButtons();
  QTableView* createTable(const char* name, const QString& spoken);
  void connectAll();

  const ExportFormat& format() const { return study_->format(); }
  void choose();
  void chooseTarget(int target);
  void browse();
  void suggestPath();
  QString suggestedPath() const;
  QString path() const;

  void showTarget();
  void showPath();
  void showStudy();
  void showFindings();
  void showSize();
  void showReason();
  void arrangeFindings();
  void arrangeTargets();

  QString reason() const;
  QString reasonOfPlan() const;
  QString reasonOfPath() const;

  void begin();
  void watch();
  void showProgress();
  void showOutcome(const ExportOutcome& outcome);
  void showReport();

  Session* session_;
  Settings* settings_;
  ExportStudy* study_;

  QComboBox* target_;
  QLabel* tip_;
  QLineEdit* path_;
  QPushButton* browse_;
  QCheckBox* replace_;
  QCheckBox* fix_;
  QCheckBox* dequantized_;
  QTabWidget* tabs_;
  QStackedWidget* pages_;
  QLabel* state_;
  QTableView* findings_;
  QTableView* targets_;
  QLabel* size_;
  QWidget* progress_;
  QProgressBar* bar_;
  QLabel* progressText_;
  QWidget* outcome_;
  QLabel* outcomeText_;
  QPushButton* report_;
  QLabel* reason_;
  QPushButton* export_;

  bool pathIsOwn_ = false;  ///< the user's, not suggested
  std::shared_ptr<ExportRun> run_;
  QString runPath_;
  QString reportText_;
  QTimer refresh_;
  QElapsedTimer since_;  ///< the first tensor was begun; invalid before
};

}  // namespace quantoscope::ui
