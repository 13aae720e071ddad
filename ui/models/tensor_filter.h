// The words by which tensors are filtered.
#pragma once

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <QString>
#include <QStringList>

#include "core/metrics/error_metrics.h"

namespace quantoscope::ui {

/// What a filter looks at.
struct TensorFacts {
  QString text;   ///< name, layer and dtype
  QString dtype;  ///< "float16"
  QString layer;  ///< may be empty
  QString spec;   ///< the assigned configuration in words; empty where there is none
  double elements = 0;
  double rows = 0;
  double cols = 0;
  double bytes = 0;                     ///< as stored
  std::optional<ErrorMetrics> metrics;  ///< absent until they are measured
  std::optional<double> clip;           ///< the best clip ratio
  std::optional<double> bits;           ///< per weight
  std::optional<double> kurtosis;
  std::optional<double> outliers;  ///< input channels that stand out
};

/// Words that must all hold, as in `attn -lm_head shape:>1M dtype:f16 sqnr:<20`:
///
/// | word | holds where |
/// |---|---|
/// | attn | name, layer or dtype contain it, in any case |
/// | dtype:f16 | the dtype is, or begins with, this one; f16, bf16, f32, f64, f8 are understood |
/// | layer:3, spec:nf4 | the layer, or the assigned configuration, contains it, in any case |
/// | shape:>1M | the number of weights compares so; rows:, cols: and size: (bytes) likewise |
/// | sqnr:<20 | the measured SQNR in dB compares so; likewise every metric, in its shown unit |
/// | clip:<1 | the best clip ratio compares so; bits:, kurtosis: and outliers: likewise |
/// | -word | the word does not hold |
///
/// Comparisons are <, <=, >, >= and =, which may be left out; k, M and G stand for thousands,
/// millions and billions. What is not measured yet meets no comparison. A value type.
class TensorFilter {
 public:
  /// Never fails: a word that is not understood is left out, and `problem` says what is allowed.
  static TensorFilter parse(const QString& text);

  bool matches(const TensorFacts& facts) const;
  QString problem() const { return problem_; }
  /// Examples of words that compare, two lines or more, for tooltips.
  static QString examples();
  /// Whether it lets everything pass.
  bool empty() const { return words_.empty(); }

 private:
  enum class Field {
    Text,
    Dtype,
    Layer,
    Spec,
    Elements,
    Rows,
    Cols,
    Bytes,
    Metric,
    Clip,
    Bits,
    Kurtosis,
    Outliers
  };
  enum class Relation { Less, LessOrEqual, Equal, GreaterOrEqual, Greater };
  struct Word {
    Field field = Field::Text;
    const MetricRow* metric = nullptr;  ///< of Field::Metric
    bool excluded = false;
    QString text;
    Relation relation = Relation::Equal;
    double number = 0;
  };

  static bool comparesText(Field field);
  static std::optional<double> numberIn(const Word& word, const TensorFacts& facts);
  static bool holds(const Word& word, const TensorFacts& facts);
  void addWord(QString text);
  static void takeField(QString& text, Word& word);
  bool refuseUnknownField(const QString& text);

  /// Fields other than metrics.
  static constexpr std::array<std::pair<const char*, Field>, 11> kFields = {
      {{"dtype", Field::Dtype},
       {"layer", Field::Layer},
       {"spec", Field::Spec},
       {"shape", Field::Elements},
       {"rows", Field::Rows},
       {"cols", Field::Cols},
       {"size", Field::Bytes},
       {"bits", Field::Bits},
       {"clip", Field::Clip},
       {"kurtosis", Field::Kurtosis},
       {"outliers", Field::Outliers}}};

  std::vector<Word> words_;
  QString problem_;
};

}  // namespace quantoscope::ui
