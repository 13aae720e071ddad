#include "ui/panels/spec_panel.h"

#include <algorithm>
#include <cmath>

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QMenu>
#include <QPushButton>
#include <QRegularExpressionValidator>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>

#include "core/metrics/error_metrics.h"
#include "core/quant/coding.h"
#include "ui/models/number_text.h"
#include "ui/panels/decimal_spin_box.h"
#include "ui/panels/preset_dialog.h"
#include "ui/panels/text_size.h"
#include "ui/plots/choices.h"
#include "ui/session/presets.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// The slider's steps are the ratios of the reference's grid, continued to 0.5: 1 - i/200.
constexpr int kSliderSteps = 100;

double ratioAt(int position) {
  return 1 - (kSliderSteps - position) / 200.0;
}

int positionOf(double ratio) {
  return std::clamp(kSliderSteps - static_cast<int>(std::lround((1 - ratio) * 200)), 0,
                    kSliderSteps);
}

/// The very double of the grid where `ratio` is one of its values but for rounding.
double onGrid(double ratio) {
  const double near = ratioAt(positionOf(ratio));
  return std::abs(near - ratio) < 1e-9 ? near : ratio;
}

const QString& wholeRow() {
  static const QString kText = SpecPanel::tr("whole row");
  return kText;
}

/// Lets a combo box become as narrow as the panel, whatever its longest item.
void makeShrinkable(QComboBox* box) {
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumContentsLength(8);
}

QString groupSizeText(long long size) {
  return size < 0 ? wholeRow() : QString::number(size);
}

QComboBox* groupSizeBox(const QString& name, const QStringList& sizes, QWidget* parent) {
  auto* box = new QComboBox(parent);
  makeShrinkable(box);
  box->setEditable(true);
  box->setInsertPolicy(QComboBox::NoInsert);
  box->addItem(wholeRow());
  box->addItems(sizes);
  box->setAccessibleName(name);
  box->lineEdit()->setAccessibleName(name);
  box->setToolTip(SpecPanel::tr(
      "Weights along a row that share a scale; -1 or 'whole row': one group per row"));
  const QRegularExpression allowed(QStringLiteral("-1|[1-9][0-9]{0,8}|") +
                                   QRegularExpression::escape(wholeRow()));
  box->setValidator(new QRegularExpressionValidator(allowed, box));
  return box;
}

QComboBox* dtypeBox(const QString& name, const std::vector<Dtype>& dtypes, QWidget* parent) {
  auto* box = new QComboBox(parent);
  makeShrinkable(box);
  for (const Dtype dtype : dtypes) {
    const NumberFormat& format = formatOf(dtype);
    addChoice(box, QString::fromLatin1(format.name), dtype);
    box->setItemData(box->count() - 1, SpecPanel::tr(format.tip), Qt::ToolTipRole);
  }
  box->setAccessibleName(name);
  return box;
}

/// The formats that scales can be quantized to.
const std::vector<Dtype>& publishedDtypes() {
  static const std::vector<Dtype> kPublished = [] {
    std::vector<Dtype> published;
    std::copy_if(allDtypes().begin(), allDtypes().end(), std::back_inserter(published),
                 isPublished);
    return published;
  }();
  return kPublished;
}

QComboBox* schemeBox(const QString& name, const QString& asymmetric, const QString& symmetric,
                     QWidget* parent) {
  auto* box = new QComboBox(parent);
  makeShrinkable(box);
  addChoice(box, asymmetric, Scheme::Asym);
  addChoice(box, symmetric, Scheme::Sym);
  box->setAccessibleName(name);
  return box;
}

QSpinBox* bitsSpin(const QString& name, QWidget* parent) {
  auto* spin = new QSpinBox(parent);
  spin->setRange(1, 8);
  spin->setKeyboardTracking(false);
  spin->setAccessibleName(name);
  return spin;
}

QFont bold(QFont font) {
  font.setBold(true);
  return font;
}

QLabel* sectionTitle(const QString& title, QWidget* parent) {
  auto* label = new QLabel(title, parent);
  label->setFont(bold(label->font()));
  label->setContentsMargins(0, 4, 0, 0);
  return label;
}

QFormLayout* newForm(QWidget* parent) {
  auto* form = new QFormLayout(parent);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  form->setHorizontalSpacing(10);
  form->setVerticalSpacing(6);
  return form;
}

void setUsable(QWidget* control, const QString& whyNot, const QString& tip) {
  control->setEnabled(whyNot.isEmpty());
  control->setToolTip(tipText(whyNot.isEmpty() ? tip : whyNot));
}

/// What a spec has that the published functions, and so Compute::Stored, do not; empty if nothing.
QString whyNotStored(const QuantSpec& spec) {
  if (spec.clip.kind == ClipPolicy::Kind::Optimal) {
    return SpecPanel::tr("neural-compressor's functions have no optimal scale");
  }
  if (spec.halfRange) return SpecPanel::tr("neural-compressor's functions have no half range");
  if (isPublished(spec.dtype)) return {};
  return SpecPanel::tr("neural-compressor's functions have no %1")
      .arg(QString::fromLatin1(nameOf(spec.dtype)));
}

/// Only combinations that can work: a change of one field drops what it rules out.
void repair(QuantSpec& spec) {
  if (spec.isFloat()) {
    spec.bits = prescribedBits(spec.dtype, spec.codebook).value_or(spec.bits);
    spec.groupSize = prescribedGroupSize(spec.dtype).value_or(spec.groupSize);
    spec.scheme = Scheme::Asym;
  }
  if (spec.isFloat() || spec.scheme != Scheme::Sym || spec.bits == 1) {
    spec.fullRange = false;
    spec.halfRange = false;
  }
  if (!whyNotStored(spec).isEmpty()) spec.compute = Compute::Float32;
  if (!formatOf(spec.dtype).takesDoubleQuant()) spec.doubleQuant.reset();
  if (spec.doubleQuant) {
    DoubleQuant& second = *spec.doubleQuant;
    second.bits = prescribedBits(second.dtype).value_or(second.bits);
  }
}

/// The ratio that a result was made with; the middle one where groups differ.
double ratioInUse(const AnalysisResult& result) {
  std::vector<double> ratios = result.clip.ratios.values;
  const auto middle = ratios.begin() + std::ssize(ratios) / 2;
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

}  // namespace

SpecPanel::SpecPanel(Session* session, PresetStore* ownPresets, QWidget* parent)
    : QWidget(parent), session_(session), ownPresets_(ownPresets) {
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(10, 8, 10, 8);
  layout->setSpacing(8);
  layout->addWidget(makePresets());
  QFormLayout* form = newForm(nullptr);
  addFormat(form);
  addClipping(form);
  layout->addLayout(form);
  doubleQuant_ = new QCheckBox(tr("&Double quantization"), this);
  doubleQuant_->setObjectName(QStringLiteral("doubleQuant"));
  doubleQuant_->setAccessibleName(tr("Double quantization"));
  doubleQuant_->setToolTip(tr("Quantizes the scales themselves: fewer bits a weight, more error"));
  doubleQuant_->setFont(bold(doubleQuant_->font()));
  layout->addWidget(doubleQuant_);
  layout->addWidget(makeDoubleQuantBody());
  layout->addWidget(makeScope());
  layout->addStretch(1);
  connectControls();
  showSpec();
}

QWidget* SpecPanel::makePresets() {
  presets_ = new QToolButton(this);
  presets_->setObjectName(QStringLiteral("presets"));
  presets_->setText(tr("&Presets"));
  presets_->setAccessibleName(tr("Presets"));
  presets_->setToolTip(tr("Common settings by name"));
  presets_->setPopupMode(QToolButton::InstantPopup);
  presets_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  presets_->setFocusPolicy(Qt::StrongFocus);
  presets_->setMenu(new QMenu(presets_));
  presets_->menu()->setToolTipsVisible(true);
  fillPresets();
  connect(ownPresets_, &PresetStore::changed, this, &SpecPanel::fillPresets);
  return presets_;
}

void SpecPanel::fillPresets() {
  QMenu* menu = presets_->menu();
  menu->clear();
  const auto add = [&](const Preset& preset) {
    QAction* action = menu->addAction(menuText(preset.name), this, [this, preset] {
      session_->editSpec(preset.spec, tr("preset %1").arg(preset.name));
    });
    action->setToolTip(tipText(shownText(describe(preset.spec))));
  };
  for (const Preset& preset : presets()) add(preset);
  menu->addSeparator();
  for (const Preset& preset : ownPresets_->own()) add(preset);
  menu->addSeparator();
  menu->addAction(tr("&Own Presets…"), this,
                  [this] { (new PresetDialog(session_, ownPresets_, window()))->open(); });
}

void SpecPanel::addFormat(QFormLayout* form) {
  dtype_ = dtypeBox(tr("Number format"), allDtypes(), this);
  dtype_->setObjectName(QStringLiteral("dtype"));
  bits_ = bitsSpin(tr("Bits"), this);
  bits_->setObjectName(QStringLiteral("bits"));
  groupSize_ = groupSizeBox(tr("Group size"),
                            {QStringLiteral("16"), QStringLiteral("32"), QStringLiteral("64"),
                             QStringLiteral("128"), QStringLiteral("256")},
                            this);
  groupSize_->setObjectName(QStringLiteral("groupSize"));
  scheme_ = schemeBox(tr("Scheme"), tr("asym – zero point"), tr("sym – zero in the middle"), this);
  scheme_->setObjectName(QStringLiteral("scheme"));
  fullRange_ = new QCheckBox(tr("&Full range"), this);
  fullRange_->setObjectName(QStringLiteral("fullRange"));
  fullRange_->setAccessibleName(tr("Full range"));
  halfRange_ = new QCheckBox(tr("H&alf range"), this);
  halfRange_->setObjectName(QStringLiteral("halfRange"));
  halfRange_->setAccessibleName(tr("Half range"));
  compute_ = new QComboBox(this);
  makeShrinkable(compute_);
  compute_->setObjectName(QStringLiteral("compute"));
  addChoice(compute_, tr("float32"), Compute::Float32);
  addChoice(compute_, tr("as stored – like neural-compressor"), Compute::Stored);
  compute_->setAccessibleName(tr("Arithmetic for 16-bit weights"));

  form->addRow(sectionTitle(tr("Number format"), this));
  form->addRow(tr("&Type"), dtype_);
  form->addRow(tr("&Bits"), bits_);
  form->addRow(tr("&Group size"), groupSize_);
  form->addRow(tr("Sche&me"), scheme_);
  form->addRow(QString(), fullRange_);
  form->addRow(QString(), halfRange_);
  form->addRow(tr("C&ompute"), compute_);
}

void SpecPanel::addClipping(QFormLayout* form) {
  policy_ = new QComboBox(this);
  makeShrinkable(policy_);
  policy_->setObjectName(QStringLiteral("policy"));
  addChoice(policy_, tr("none"), ClipPolicy::Kind::None);
  addChoice(policy_, tr("fixed ratio"), ClipPolicy::Kind::Ratio);
  addChoice(policy_, tr("search per tensor"), ClipPolicy::Kind::SearchTensor);
  addChoice(policy_, tr("search per row"), ClipPolicy::Kind::SearchRows);
  addChoice(policy_, tr("search per group"), ClipPolicy::Kind::SearchGroups);
  addChoice(policy_, tr("optimal scale"), ClipPolicy::Kind::Optimal);
  policy_->setAccessibleName(tr("Clip policy"));
  policy_->setToolTip(
      tr("How much of each group's range is kept; a search tries the ratios from 1 "
         "to 0.805 and takes the one with the smallest error; the optimal scale of each group "
         "is found over all scales, not by a grid"));
  slider_ = new QSlider(Qt::Horizontal, this);
  slider_->setObjectName(QStringLiteral("ratioSlider"));
  slider_->setRange(0, kSliderSteps);
  slider_->setPageStep(10);
  slider_->setTickInterval(20);
  slider_->setTickPosition(QSlider::TicksBelow);
  slider_->setAccessibleName(tr("Clip ratio slider"));
  slider_->setToolTip(tr("Clip ratio from 0.5 to 1; moving it chooses a fixed ratio"));
  slider_->installEventFilter(this);
  ratio_ = new DecimalSpinBox(this);
  ratio_->setObjectName(QStringLiteral("ratio"));
  ratio_->setDecimals(4);
  ratio_->setRange(0.0001, 1);
  ratio_->setSingleStep(0.005);
  ratio_->setKeyboardTracking(false);
  ratio_->setAccessibleName(tr("Clip ratio"));
  ratio_->setToolTip(tr("Clip ratio, above 0 up to 1; changing it chooses a fixed ratio"));
  ratio_->installEventFilter(this);
  best_ = new QLabel(this);
  useBest_ = new QPushButton(tr("&Use"), this);
  useBest_->setObjectName(QStringLiteral("useBest"));
  followFont(useBest_, [this] {
    useBest_->setMaximumWidth(useBest_->fontMetrics().horizontalAdvance(useBest_->text()) + 24);
  });
  useBest_->setAccessibleName(tr("Use the best clip ratio"));
  useBest_->setToolTip(tr("Choose the best ratio as a fixed ratio (Ctrl+B)"));

  auto* ratioRow = new QHBoxLayout;
  ratioRow->setSpacing(8);
  ratioRow->addWidget(slider_, 1);
  ratioRow->addWidget(ratio_);
  auto* bestRow = new QHBoxLayout;
  bestRow->setSpacing(8);
  bestRow->addWidget(best_, 1);
  bestRow->addWidget(useBest_);

  form->addRow(sectionTitle(tr("Clipping"), this));
  form->addRow(tr("P&olicy"), policy_);
  auto* label = new QLabel(tr("&Ratio"), this);
  label->setBuddy(slider_);
  form->addRow(label, ratioRow);
  form->addRow(tr("Best"), bestRow);
}

QWidget* SpecPanel::makeDoubleQuantBody() {
  doubleQuantBody_ = new QWidget(this);
  secondDtype_ = dtypeBox(tr("Number format of the scales"), publishedDtypes(), doubleQuantBody_);
  secondDtype_->setObjectName(QStringLiteral("secondDtype"));
  secondBits_ = bitsSpin(tr("Bits of the scales"), doubleQuantBody_);
  secondBits_->setObjectName(QStringLiteral("secondBits"));
  secondScheme_ = schemeBox(tr("Scheme of the scales"), tr("asym – minus mean"),
                            tr("sym – as they are"), doubleQuantBody_);
  secondScheme_->setObjectName(QStringLiteral("secondScheme"));
  secondGroupSize_ = groupSizeBox(
      tr("Group size of the scales"),
      {QStringLiteral("64"), QStringLiteral("128"), QStringLiteral("256"), QStringLiteral("512")},
      doubleQuantBody_);
  secondGroupSize_->setItemText(0, tr("all scales"));
  secondGroupSize_->setObjectName(QStringLiteral("secondGroupSize"));

  QFormLayout* form = newForm(doubleQuantBody_);
  form->setContentsMargins(20, 0, 0, 0);
  form->addRow(tr("T&ype"), secondDtype_);
  form->addRow(tr("B&its"), secondBits_);
  form->addRow(tr("S&cheme"), secondScheme_);
  form->addRow(tr("Grou&p size"), secondGroupSize_);
  return doubleQuantBody_;
}

QWidget* SpecPanel::makeScope() {
  auto* box = new QWidget(this);
  scope_ = new QLabel(box);
  scope_->setWordWrap(true);
  applyToAll_ = new QPushButton(tr("App&ly to All"), box);
  applyToAll_->setObjectName(QStringLiteral("applyToAll"));
  applyToAll_->setAccessibleName(tr("Apply to all tensors"));
  applyToAll_->setToolTip(tr("Make these the settings of every tensor of the file"));
  useDefault_ = new QPushButton(tr("Use D&efault"), box);
  useDefault_->setObjectName(QStringLiteral("useDefault"));
  useDefault_->setAccessibleName(tr("Use the default settings"));
  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(6);
  buttons->addWidget(applyToAll_, 1);
  buttons->addWidget(useDefault_);
  auto* layout = new QVBoxLayout(box);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(6);
  layout->addWidget(scope_);
  layout->addLayout(buttons);
  return box;
}

void SpecPanel::connectControls() {
  connect(dtype_, &QComboBox::activated, this, [this](int index) {
    const auto dtype = choiceAt<Dtype>(dtype_, index);
    if (dtype == session_->spec().dtype) return;
    edit(tr("type %1").arg(dtype_->itemText(index)),
         [=](QuantSpec& spec) { spec = spec.withDtype(dtype); });
  });
  connect(bits_, &QSpinBox::valueChanged, this, [this](int bits) {
    edit(tr("%1 bits").arg(bits), [=](QuantSpec& spec) { spec.bits = bits; });
  });
  connect(scheme_, &QComboBox::activated, this, [this](int index) {
    const auto scheme = choiceAt<Scheme>(scheme_, index);
    edit(tr("scheme %1").arg(QString::fromLatin1(nameOf(scheme))),
         [=](QuantSpec& spec) { spec.scheme = scheme; });
  });
  connect(fullRange_, &QCheckBox::toggled, this, [this](bool on) {
    edit(on ? tr("full range") : tr("no full range"), [=](QuantSpec& spec) {
      spec.fullRange = on;
      spec.halfRange = spec.halfRange && !on;
    });
  });
  connect(halfRange_, &QCheckBox::toggled, this, [this](bool on) {
    edit(on ? tr("half range") : tr("no half range"), [=](QuantSpec& spec) {
      spec.halfRange = on;
      spec.fullRange = spec.fullRange && !on;
    });
  });
  connect(compute_, &QComboBox::activated, this, [this](int index) {
    const auto compute = choiceAt<Compute>(compute_, index);
    edit(tr("compute %1").arg(QString::fromLatin1(nameOf(compute))),
         [=](QuantSpec& spec) { spec.compute = compute; });
  });
  for (QComboBox* box : {groupSize_, secondGroupSize_}) {
    const bool second = box == secondGroupSize_;
    connect(box, &QComboBox::activated, this, [=, this] { editGroupSize(box, second); });
    connect(box->lineEdit(), &QLineEdit::editingFinished, this,
            [=, this] { editGroupSize(box, second); });
  }

  connect(policy_, &QComboBox::activated, this, &SpecPanel::editPolicy);
  connect(slider_, &QSlider::valueChanged, this,
          [this](int position) { editRatio(ratioAt(position)); });
  const auto nextGesture = [this] { gesture_ = session_->newGesture(); };
  connect(slider_, &QSlider::sliderPressed, this, nextGesture);
  connect(slider_, &QSlider::sliderReleased, this, nextGesture);
  connect(ratio_, &QDoubleSpinBox::valueChanged, this,
          [this](double ratio) { editRatio(onGrid(ratio)); });
  connect(useBest_, &QPushButton::clicked, this, [this] {
    if (const auto best = session_->bestRatio()) {
      edit(tr("best clip ratio"), [=](QuantSpec& spec) { spec.clip = ClipPolicy::fixed(*best); });
    }
  });

  connect(doubleQuant_, &QCheckBox::toggled, this, [this](bool on) {
    edit(on ? tr("double quantization") : tr("no double quantization"), [=](QuantSpec& spec) {
      spec.doubleQuant = on ? std::optional(DoubleQuant{}) : std::nullopt;
    });
  });
  connect(secondDtype_, &QComboBox::activated, this, [this](int index) {
    const auto dtype = choiceAt<Dtype>(secondDtype_, index);
    editDoubleQuant(tr("type of the scales"), [=](DoubleQuant& second) { second.dtype = dtype; });
  });
  connect(secondBits_, &QSpinBox::valueChanged, this, [this](int bits) {
    editDoubleQuant(tr("%1 bits for scales").arg(bits),
                    [=](DoubleQuant& second) { second.bits = bits; });
  });
  connect(secondScheme_, &QComboBox::activated, this, [this](int index) {
    const auto scheme = choiceAt<Scheme>(secondScheme_, index);
    editDoubleQuant(tr("scheme of the scales"),
                    [=](DoubleQuant& second) { second.scheme = scheme; });
  });

  connect(applyToAll_, &QPushButton::clicked, session_, &Session::applyToAll);
  connect(useDefault_, &QPushButton::clicked, session_, &Session::dropOwnSpec);
  connect(session_, &Session::specChanged, this, &SpecPanel::showSpec);
  connect(session_, &Session::tensorChanged, this, &SpecPanel::showSpec);
  connect(session_, &Session::resultChanged, this, [this] { showClipping(session_->spec()); });
  connect(session_, &Session::curveChanged, this, &SpecPanel::showBest);
}

bool SpecPanel::eventFilter(QObject* watched, QEvent* event) {
  // What is done to a control between its getting and losing the keyboard is one step.
  const bool ratioControl = watched == slider_ || watched == ratio_;
  if (ratioControl && (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut)) {
    gesture_ = session_->newGesture();
  }
  return QWidget::eventFilter(watched, event);
}

// ---- edits

void SpecPanel::edit(const QString& step, const Change& change, int gesture) {
  QuantSpec spec = session_->spec();
  change(spec);
  repair(spec);
  session_->editSpec(spec, step, gesture);
}

void SpecPanel::editDoubleQuant(const QString& step,
                                const std::function<void(DoubleQuant&)>& change) {
  edit(step, [&](QuantSpec& spec) {
    if (spec.doubleQuant) change(*spec.doubleQuant);
  });
}

void SpecPanel::editGroupSize(QComboBox* box, bool second) {
  bool isNumber = false;
  const long long number = box->currentText().toLongLong(&isNumber);
  const long long size = isNumber ? number : -1;
  const QString step = size < 0 ? wholeRow() : QString::number(size);
  if (second) {
    editDoubleQuant(tr("group size of the scales %1").arg(step),
                    [=](DoubleQuant& level) { level.groupSize = size; });
  } else {
    edit(tr("group size %1").arg(step), [=](QuantSpec& spec) { spec.groupSize = size; });
  }
  showSpec();
}

void SpecPanel::editRatio(double ratio) {
  edit(
      tr("clip ratio"), [=](QuantSpec& spec) { spec.clip = ClipPolicy::fixed(ratio); }, gesture_);
}

void SpecPanel::editPolicy(int index) {
  const auto kind = choiceAt<ClipPolicy::Kind>(policy_, index);
  const double ratio = ratio_->value();
  edit(tr("clip policy %1").arg(policy_->itemText(index)), [=](QuantSpec& spec) {
    spec.clip = kind == ClipPolicy::Kind::Ratio ? ClipPolicy::fixed(ratio) : ClipPolicy{kind, 1.0};
  });
}

// ---- what is shown

void SpecPanel::showSpec() {
  setEnabled(session_->hasTensor());
  const QuantSpec spec = session_->spec();
  showFormat(spec);
  showClipping(spec);
  showDoubleQuant(spec);
  showScope();
  showBest();
}

/// The user's own levels come from a preset, a session or a pin: they are listed while in use.
void SpecPanel::showDtype(const QuantSpec& spec) {
  const int listed = dtype_->findData(static_cast<int>(Dtype::Codebook));
  if (listed >= 0) dtype_->removeItem(listed);
  if (spec.dtype == Dtype::Codebook) {
    const NamedCodebook& own = spec.codebook;
    addChoice(dtype_, tr("codebook %1").arg(shownText(own.name, kMostOfName)), spec.dtype);
    dtype_->setItemData(
        dtype_->count() - 1,
        tr("%1 levels of your own, from %2 to %3")
            .arg(own.book->levels.size())
            .arg(numberText(own.book->levels.front()), numberText(own.book->levels.back())),
        Qt::ToolTipRole);
  }
  showChoice(dtype_, spec.dtype);
  dtype_->setToolTip(tipText(dtype_->itemData(dtype_->currentIndex(), Qt::ToolTipRole).toString()));
}

void SpecPanel::showFormat(const QuantSpec& spec) {
  const QSignalBlocker blockers[] = {QSignalBlocker(dtype_),     QSignalBlocker(bits_),
                                     QSignalBlocker(groupSize_), QSignalBlocker(scheme_),
                                     QSignalBlocker(fullRange_), QSignalBlocker(halfRange_),
                                     QSignalBlocker(compute_)};
  showDtype(spec);
  bits_->setValue(spec.bits);
  groupSize_->setCurrentText(groupSizeText(spec.groupSize));
  showChoice(scheme_, spec.scheme);

  const QString tableOfLevels =
      spec.isFloat() ? tr("%1 is a table of levels, always %2 bits, scaled about zero")
                           .arg(dtype_->currentText())
                           .arg(spec.bits)
                     : QString();
  setUsable(bits_, tableOfLevels, tr("Bits of a code"));
  const auto prescribed = prescribedGroupSize(spec.dtype);
  setUsable(groupSize_,
            prescribed ? tr("%1 has blocks of %2").arg(dtype_->currentText()).arg(*prescribed)
                       : QString(),
            tr("Weights along a row that share a scale"));
  setUsable(scheme_, tableOfLevels,
            tr("asym: codes span the group's range, with a zero point\n"
               "sym: codes are centred on zero, one parameter less"));
  showRanges(spec);
  showCompute(spec);
}

void SpecPanel::showRanges(const QuantSpec& spec) {
  fullRange_->setChecked(spec.fullRange);
  halfRange_->setChecked(spec.halfRange);
  QString whyNot;
  if (spec.isFloat()) {
    whyNot = tr("%1 is a table of levels: only integers have ranges").arg(dtype_->currentText());
  } else if (spec.scheme != Scheme::Sym) {
    whyNot = tr("Only scheme sym has a lowest code without a counterpart");
  } else if (spec.bits == 1) {
    whyNot = tr("Not with 1 bit, which has no code to spare");
  }
  setUsable(fullRange_, whyNot, tr("Use the lowest code too: the largest magnitude maps to it"));
  setUsable(halfRange_, whyNot,
            tr("The largest magnitude maps to half of all steps: 7.5 with 4 bits"));
}

void SpecPanel::showCompute(const QuantSpec& spec) {
  showChoice(compute_, spec.compute);
  const TensorInfo* info = session_->currentInfo();
  QString whyNot = whyNotStored(spec);
  if (info != nullptr && storedArithmeticOf(*info) == Arithmetic::Float32) {
    whyNot = tr("Only float16 and bfloat16 weights have an arithmetic of their own; these are %1")
                 .arg(shownText(info->dtype));
  }
  setUsable(compute_, whyNot,
            tr("float32: 16-bit weights are converted first; the better answer\n"
               "as stored: every operation is rounded to the weights' type, as neural-compressor's "
               "functions do with such a tensor; its own codes, bit for bit"));
}

void SpecPanel::showClipping(const QuantSpec& spec) {
  const QSignalBlocker blockers[] = {QSignalBlocker(policy_), QSignalBlocker(slider_),
                                     QSignalBlocker(ratio_)};
  showChoice(policy_, spec.clip.kind);
  double shown = spec.clip.kind == ClipPolicy::Kind::Ratio ? spec.clip.ratio : 1.0;
  if (spec.clip.searches()) {
    const SharedResult result = session_->result();
    if (!result || !result->metrics || !session_->resultIsCurrent()) return;
    shown = ratioInUse(*result);
  }
  // The mouse holds the handle where it is; rounding must not pull it away.
  if (!slider_->isSliderDown()) slider_->setValue(positionOf(shown));
  ratio_->setValue(shown);
}

void SpecPanel::showDoubleQuant(const QuantSpec& spec) {
  const QSignalBlocker blockers[] = {QSignalBlocker(doubleQuant_), QSignalBlocker(secondDtype_),
                                     QSignalBlocker(secondBits_), QSignalBlocker(secondScheme_),
                                     QSignalBlocker(secondGroupSize_)};
  const DoubleQuant second = spec.doubleQuant.value_or(DoubleQuant{});
  doubleQuant_->setChecked(spec.doubleQuant.has_value());
  doubleQuantBody_->setVisible(spec.doubleQuant.has_value());
  showChoice(secondDtype_, second.dtype);
  secondBits_->setValue(second.bits);
  showChoice(secondScheme_, second.scheme);
  secondGroupSize_->setCurrentText(second.groupSize < 0 ? secondGroupSize_->itemText(0)
                                                        : QString::number(second.groupSize));
  setUsable(secondBits_,
            prescribedBits(second.dtype) ? tr("A table of 16 levels: always 4 bits") : QString(),
            tr("Bits of a scale"));
}

void SpecPanel::showScope() {
  const bool own = session_->hasOwnSpec();
  scope_->setText(own ? tr("Settings of this tensor alone") : tr("Default settings of the file"));
  setUsable(useDefault_, own ? QString() : tr("This tensor already follows the default"),
            tr("Drop this tensor's own settings and follow the default"));
}

void SpecPanel::showBest() {
  const SharedCurve curve = session_->curve();
  const auto best = session_->bestRatio();
  useBest_->setEnabled(best.has_value());
  if (!best) {
    best_->setText(QStringLiteral("…"));
    return;
  }
  const auto index = std::find(curve->ratios.begin(), curve->ratios.end(), *best);
  const double mse = curve->mse[static_cast<std::size_t>(index - curve->ratios.begin())];
  const double gain = mse == curve->unclippedMse ? 0 : decibels(curve->unclippedMse, mse);
  best_->setText(tr("%1 (+%2 dB)").arg(numberText(*best, 4), QLocale().toString(gain, 'f', 2)));
  best_->setToolTip(tr("Ratio from 1 to 0.805 with the smallest error, and what it gains"));
}

}  // namespace quantoscope::ui
