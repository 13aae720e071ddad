#include "ui/panels/clip_curve_frame.h"

#include <QComboBox>
#include <QLocale>

#include "ui/plots/clip_curve_plot.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

ClipCurveFrame::ClipCurveFrame(ClipCurvePlot* plot, QWidget* parent)
    : PlotFrame(plot, parent), search_(new QComboBox(this)), window_(new QComboBox(this)) {
  const auto prepare = [this](QComboBox* box, const char* objectName, const QStringList& items,
                              const QString& name, const QString& toolTip) {
    box->setObjectName(QString::fromLatin1(objectName));
    box->addItems(items);
    box->setAccessibleName(name);
    box->setToolTip(toolTip);
    addControl(box);
  };
  prepare(search_, "clipSearch", {tr("Tensor"), tr("Each row"), tr("Each group")},
          tr("What has a clip ratio of its own"),
          tr("One ratio for the tensor, or the best of each row or group"));
  const QLocale numbers;
  const auto range = [&numbers](double to, int decimals) {
    return QStringLiteral("1–%1").arg(numbers.toString(to, 'f', decimals));
  };
  prepare(window_, "clipWindow", {range(RatioGrid{}.to, 3), range(Session::kCurveGrid.to, 1)},
          tr("Window of the search"),
          tr("Ratios that a search tries: the reference's window, or the extended one"));
  auto* unit = new QComboBox(this);
  prepare(unit, "clipUnit", {tr("MSE"), tr("SQNR")}, tr("Unit of the error"),
          tr("Mean squared error, or signal to noise in dB (U)"));

  connect(search_, &QComboBox::currentIndexChanged, this, &ClipCurveFrame::searchChanged);
  connect(window_, &QComboBox::currentIndexChanged, this, &ClipCurveFrame::windowChanged);
  connect(unit, &QComboBox::currentIndexChanged, plot,
          [plot](int index) { plot->setMeasure(static_cast<ClipCurvePlot::Measure>(index)); });
  connect(plot, &ClipCurvePlot::measureChanged, unit, [unit](ClipCurvePlot::Measure measure) {
    unit->setCurrentIndex(static_cast<int>(measure));
  });
}

ClipPolicy::Kind ClipCurveFrame::search() const {
  static constexpr ClipPolicy::Kind kKinds[] = {
      ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups};
  return kKinds[search_->currentIndex()];
}

RatioGrid ClipCurveFrame::window() const {
  return window_->currentIndex() == 0 ? RatioGrid{} : Session::kCurveGrid;
}

}  // namespace quantoscope::ui
