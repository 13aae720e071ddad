#include "ui/panels/clip_curve_frame.h"

#include <QLocale>

#include "ui/plots/choices.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

ClipCurveFrame::ClipCurveFrame(ClipCurvePlot* plot, QWidget* parent)
    : PlotFrame(plot, parent),
      search_(makeChooser("clipSearch", tr("Scope of a clip ratio"),
                          tr("One ratio for the tensor, or the best of each row or group"), this)),
      window_(makeChooser("clipWindow", tr("Window of the search"),
                          tr("Ratios that a search tries: the reference's window, or the extended "
                             "one"),
                          this)) {
  addChoice(search_, tr("Tensor"), ClipPolicy::Kind::SearchTensor);
  addChoice(search_, tr("Each row"), ClipPolicy::Kind::SearchRows);
  addChoice(search_, tr("Each group"), ClipPolicy::Kind::SearchGroups);
  const QLocale numbers;
  const auto range = [&numbers](double to, int decimals) {
    return QStringLiteral("1–%1").arg(numbers.toString(to, 'f', decimals));
  };
  window_->addItems({range(RatioGrid{}.to, 3), range(Session::kCurveGrid.to, 1)});
  QComboBox* unit = makeChooser("clipUnit", tr("Unit of the error"),
                                tr("Mean squared error, or signal to noise in dB (U)"), this);
  addChoice(unit, tr("MSE"), ClipCurvePlot::Measure::Mse);
  addChoice(unit, tr("SQNR"), ClipCurvePlot::Measure::Sqnr);
  for (QComboBox* box : {search_, window_, unit}) addControl(box);

  connect(search_, &QComboBox::currentIndexChanged, this, &ClipCurveFrame::searchChanged);
  connect(window_, &QComboBox::currentIndexChanged, this, &ClipCurveFrame::windowChanged);
  connect(unit, &QComboBox::currentIndexChanged, plot, [plot, unit](int index) {
    plot->setMeasure(choiceAt<ClipCurvePlot::Measure>(unit, index));
  });
  connect(plot, &ClipCurvePlot::measureChanged, unit,
          [unit](ClipCurvePlot::Measure measure) { showChoice(unit, measure); });
}

ClipPolicy::Kind ClipCurveFrame::search() const {
  return choiceAt<ClipPolicy::Kind>(search_, search_->currentIndex());
}

RatioGrid ClipCurveFrame::window() const {
  return window_->currentIndex() == 0 ? RatioGrid{} : Session::kCurveGrid;
}

}  // namespace quantoscope::ui
