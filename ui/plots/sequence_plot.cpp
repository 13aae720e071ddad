#include "ui/plots/sequence_plot.h"

#include <algorithm>

namespace quantoscope::ui {

std::optional<std::size_t> SequencePlot::cursorPlace() const {
  return place_ && hasData() && *place_ < itemCount() ? place_ : std::nullopt;
}

void SequencePlot::hoverAt(QPointF position) {
  const auto item = itemAt(position, false);
  showPlace(item ? std::optional(static_cast<std::size_t>(item->x())) : std::nullopt);
}

bool SequencePlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  const auto last = static_cast<std::ptrdiff_t>(itemCount()) - 1;
  const int step = direction * (modifiers.testFlag(Qt::ControlModifier) ? longStep() : 1);
  const auto next = place_ ? static_cast<std::ptrdiff_t>(*place_) + step : 0;
  showPlace(static_cast<std::size_t>(std::clamp(next, std::ptrdiff_t{0}, last)));
  return true;
}

std::optional<double> SequencePlot::cursorX() const {
  const auto place = cursorPlace();
  return place ? std::optional(middleOf(*place)) : std::nullopt;
}

std::optional<BrushPlot::Item> SequencePlot::itemAt(QPointF position, bool nearest) const {
  const double place = placeAt(xAt(position.x()));
  const auto last = static_cast<double>(itemCount()) - 1;
  if (!nearest && (place < 0 || place > last)) return std::nullopt;
  return Item(static_cast<int>(std::clamp(place, 0.0, last)), 0);
}

std::optional<BrushPlot::Item> SequencePlot::cursorItem() const {
  const auto place = cursorPlace();
  return place ? std::optional(Item(static_cast<int>(*place), 0)) : std::nullopt;
}

QString SequencePlot::cursorText() const {
  const auto place = cursorPlace();
  return place ? linesOf(*place).join(QStringLiteral(", ")) : QString();
}

void SequencePlot::showPlace(std::optional<std::size_t> place) {
  if (place == place_ && place.has_value() != hoverText().isEmpty()) return;
  place_ = place;
  redraw(Layer::Hover);
  setHoverText(cursorText());
}

}  // namespace quantoscope::ui
