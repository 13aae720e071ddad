#include "ui/models/tensor_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>

namespace quantoscope::ui {

namespace {

struct FilterTexts {
  Q_DECLARE_TR_FUNCTIONS(TensorFilter)
};

QString wholeDtype(const QString& text) {
  const QString lower = text.toLower();
  const std::pair<const char*, const char*> kShort[] = {{"f16", "float16"},
                                                        {"bf16", "bfloat16"},
                                                        {"f32", "float32"},
                                                        {"f64", "float64"},
                                                        {"f8", "float8"}};
  for (const auto& [brief, whole] : kShort) {
    if (lower == QLatin1String(brief)) return QString::fromLatin1(whole);
  }
  return lower;
}

/// A number in the user's or the C notation, with k, M or G behind it.
std::optional<double> numberOf(QString text) {
  double factor = 1;
  const std::pair<char, double> kFactors[] = {{'k', 1e3}, {'m', 1e6}, {'g', 1e9}};
  for (const auto& [letter, value] : kFactors) {
    if (text.endsWith(QLatin1Char(letter), Qt::CaseInsensitive)) {
      factor = value;
      text.chop(1);
      break;
    }
  }
  bool ok = false;
  double number = QLocale::c().toDouble(text, &ok);
  if (!ok) number = QLocale().toDouble(text, &ok);
  return ok ? std::optional(number * factor) : std::nullopt;
}

QString exampleOf(const MetricRow& metric) {
  return QStringLiteral("%1:%2").arg(QLatin1String(metric.filterField),
                                     QLatin1String(metric.filterExample));
}

}  // namespace

TensorFilter TensorFilter::parse(const QString& text) {
  TensorFilter filter;
  for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    filter.addWord(word);
  }
  return filter;
}

QString TensorFilter::examples() {
  QStringList listed;
  QStringList chosen;
  for (const MetricRow* metric : metricsOfTable(TableRoom::Narrow)) listed << exampleOf(*metric);
  for (const MetricRow& metric : kMetrics) {
    const QString example = exampleOf(metric);
    if (!listed.contains(example)) chosen << example;
  }
  const auto line = [](const QStringList& words) { return words.join(QLatin1String("   ")); };
  return QStringLiteral("dtype:f16   layer:3   spec:nf4   shape:>1M   rows:>=4096   size:>10M\n") +
         line(listed) + QStringLiteral("   bits:<4.5   clip:<1   kurtosis:>5   outliers:>0\n") +
         line(chosen);
}

/// `sqr:<3` is a slip of the pen. `kernel:0` is part of a name.
bool TensorFilter::refuseUnknownField(const QString& text) {
  static const QRegularExpression pattern(QStringLiteral("^[A-Za-z]+:[<>=]"));
  if (!pattern.match(text).hasMatch()) return false;
  QStringList known;
  for (const auto& [name, field] : kFields) known << QString::fromLatin1(name);
  for (const MetricRow& metric : kMetrics) known << QString::fromLatin1(metric.filterField);
  problem_ = FilterTexts::tr("%1: no such field; there are %2")
                 .arg(text.section(QLatin1Char(':'), 0, 0), known.join(QLatin1String(", ")));
  return true;
}

/// Moves the field that `text` begins with, if there is one, into `word`.
void TensorFilter::takeField(QString& text, Word& word) {
  const auto takes = [&text](const char* name) {
    const QString prefix = QLatin1String(name) + QLatin1Char(':');
    if (!text.startsWith(prefix, Qt::CaseInsensitive)) return false;
    text.remove(0, prefix.size());
    return true;
  };
  for (const auto& [name, field] : kFields) {
    if (!takes(name)) continue;
    word.field = field;
    return;
  }
  for (const MetricRow& metric : kMetrics) {
    if (!takes(metric.filterField)) continue;
    word.field = Field::Metric;
    word.metric = &metric;
    return;
  }
}

void TensorFilter::addWord(QString text) {
  static constexpr std::array<std::pair<const char*, Relation>, 5> kRelations = {
      {{"<=", Relation::LessOrEqual},
       {">=", Relation::GreaterOrEqual},
       {"<", Relation::Less},
       {">", Relation::Greater},
       {"=", Relation::Equal}}};
  const QString whole = text;
  Word word;
  if (text.size() > 1 && text.startsWith(QLatin1Char('-'))) {
    word.excluded = true;
    text.remove(0, 1);
  }
  takeField(text, word);
  if (word.field == Field::Text && refuseUnknownField(text)) return;
  if (comparesText(word.field)) {
    word.text = word.field == Field::Dtype ? wholeDtype(text) : text;
    if (!text.isEmpty()) words_.push_back(word);
    return;
  }
  for (const auto& [sign, relation] : kRelations) {
    if (!text.startsWith(QLatin1String(sign))) continue;
    word.relation = relation;
    text.remove(0, static_cast<qsizetype>(std::char_traits<char>::length(sign)));
    break;
  }
  if (const auto number = numberOf(text)) {
    word.number = *number;
    words_.push_back(word);
  } else {
    problem_ = FilterTexts::tr("%1: a number is missing, as in sqnr:<20 or shape:>1M").arg(whole);
  }
}

bool TensorFilter::comparesText(Field field) {
  return field == Field::Text || field == Field::Dtype || field == Field::Layer ||
         field == Field::Spec;
}

std::optional<double> TensorFilter::numberIn(const Word& word, const TensorFacts& facts) {
  switch (word.field) {
    case Field::Text:
    case Field::Dtype:
    case Field::Layer:
    case Field::Spec:
      return std::nullopt;
    case Field::Elements:
      return facts.elements;
    case Field::Rows:
      return facts.rows;
    case Field::Cols:
      return facts.cols;
    case Field::Bytes:
      return facts.bytes;
    case Field::Metric:
      if (!facts.metrics) return std::nullopt;
      return word.metric->shown(word.metric->of(*facts.metrics));
    case Field::Clip:
      return facts.clip;
    case Field::Bits:
      return facts.bits;
    case Field::Kurtosis:
      return facts.kurtosis;
    case Field::Outliers:
      return facts.outliers;
  }
  return std::nullopt;
}

bool TensorFilter::holds(const Word& word, const TensorFacts& facts) {
  switch (word.field) {
    case Field::Text:
      return facts.text.contains(word.text, Qt::CaseInsensitive);
    case Field::Dtype:
      return facts.dtype.startsWith(word.text, Qt::CaseInsensitive);
    case Field::Layer:
      return facts.layer.contains(word.text, Qt::CaseInsensitive);
    case Field::Spec:
      return facts.spec.contains(word.text, Qt::CaseInsensitive);
    default:
      break;
  }
  const std::optional<double> value = numberIn(word, facts);
  if (!value) return false;
  switch (word.relation) {
    case Relation::Less:
      return *value < word.number;
    case Relation::LessOrEqual:
      return *value <= word.number;
    case Relation::Equal:
      return *value == word.number;
    case Relation::GreaterOrEqual:
      return *value >= word.number;
    case Relation::Greater:
      return *value > word.number;
  }
  return false;
}

bool TensorFilter::matches(const TensorFacts& facts) const {
  return std::all_of(words_.begin(), words_.end(),
                     [&](const Word& word) { return holds(word, facts) != word.excluded; });
}

}  // namespace quantoscope::ui
