#include "ui/models/tensor_badges.h"

#include <algorithm>
#include <utility>

#include <QStringList>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

struct BadgeTexts {
  Q_DECLARE_TR_FUNCTIONS(TensorBadges)
};

/// "float8_e4m3fn x 128x128 block scales" is "e4m3fn × scale": a badge has room for a word or two.
QString shortDtype(const QString& dtype) {
  if (const auto scales = dtype.indexOf(QLatin1String(" x ")); scales > 0) {
    return shortDtype(dtype.left(scales)) + QStringLiteral(" × scale");
  }
  static const std::pair<const char*, const char*> kShort[] = {
      {"bfloat16", "bf16"}, {"float8_", ""}, {"float", "f"},
      {"uint", "u"},        {"int", "i"},    {"complex", "c"}};
  for (const auto& [begin, brief] : kShort) {
    const QLatin1String longForm(begin);
    if (dtype.startsWith(longForm)) return QLatin1String(brief) + dtype.mid(longForm.size());
  }
  return dtype.isEmpty() ? QStringLiteral("?") : dtype;
}

bool changesNoSize(const std::string& filter) {
  return filter == "shuffle" || filter == "fletcher32" || filter == "bitshuffle";
}

QStringList namesOf(const std::vector<std::string>& filters) {
  QStringList names;
  for (const std::string& filter : filters) names << shownText(filter, kMostOfName);
  return names;
}

/// The filter that compresses; of several that do not, the last.
QString filterBadge(const std::vector<std::string>& filters) {
  const auto found = std::find_if_not(filters.begin(), filters.end(), changesNoSize);
  const std::string& shown = found != filters.end() ? *found : filters.back();
  return shown == "gzip" ? QStringLiteral("gz") : shownText(shown, kMostOfName).toLower();
}

}  // namespace

QString shapeText(const std::vector<std::size_t>& shape) {
  QStringList parts;
  for (const std::size_t size : shape) parts << QString::number(size);
  return parts.isEmpty() ? QStringLiteral("scalar") : parts.join(QStringLiteral(" × "));
}

QString storageText(const TensorInfo& info) {
  if (info.chunk.empty()) return BadgeTexts::tr("in one piece");
  const QString chunks = BadgeTexts::tr("in chunks of %1").arg(shapeText(info.chunk));
  if (info.filters.empty()) return chunks + BadgeTexts::tr(", not compressed");
  return chunks +
         BadgeTexts::tr(", through %1").arg(namesOf(info.filters).join(QStringLiteral(", ")));
}

QString axesText(const TensorInfo& info) {
  QStringList outputs;
  QStringList inputs;
  for (std::size_t i = 0; i < info.axes.order.size(); ++i) {
    const auto axis = static_cast<std::size_t>(info.axes.order[i]);
    if (axis >= info.shape.size()) return {};
    (static_cast<int>(i) < info.axes.rowAxes ? outputs : inputs)
        << BadgeTexts::tr("%1 (%2)").arg(axis).arg(info.shape[axis]);
  }
  if (outputs.isEmpty()) return {};
  QString text = BadgeTexts::tr("output channels: axis %1").arg(outputs.join(QStringLiteral(", ")));
  text += inputs.isEmpty()
              ? BadgeTexts::tr("; one input channel")
              : BadgeTexts::tr("; input channels: axis %1").arg(inputs.join(QStringLiteral(", ")));
  if (info.axes.slice)
    text += BadgeTexts::tr("; matrix %1 of the stack along axis 0").arg(*info.axes.slice);
  return text;
}

std::vector<TensorBadge> badgesOf(const TensorInfo& info) {
  using Kind = TensorBadge::Kind;
  const QString dtype = shownText(info.dtype, kMostOfName);
  std::vector<TensorBadge> badges = {
      {Kind::Dtype, shortDtype(dtype),
       BadgeTexts::tr("Stored as %1")
           .arg(dtype.isEmpty() ? BadgeTexts::tr("something unknown") : dtype)}};
  if (!info.filters.empty()) {
    badges.push_back({Kind::Filter, filterBadge(info.filters),
                      BadgeTexts::tr("Stored %1; decoded when it is read").arg(storageText(info))});
  } else if (!info.chunk.empty()) {
    badges.push_back({Kind::Layout, BadgeTexts::tr("chunks"),
                      BadgeTexts::tr("Stored %1").arg(storageText(info))});
  }
  if (info.quantizable && info.transposed) {
    badges.push_back({Kind::Layout, QStringLiteral("T"),
                      BadgeTexts::tr("Read transposed: %1").arg(axesText(info))});
  }
  if (info.refused) {
    badges.push_back({Kind::Refusal, BadgeTexts::tr("refused"),
                      BadgeTexts::tr("Refused: %1. It can be allowed for this file")
                          .arg(shownText(info.reason))});
  } else if (!info.quantizable) {
    badges.push_back({Kind::Refusal, BadgeTexts::tr("no weight"),
                      BadgeTexts::tr("Cannot be quantized: %1").arg(shownText(info.reason))});
  }
  return badges;
}

}  // namespace quantoscope::ui
