#include "ui/session/shown_text.h"

#include <algorithm>
#include <utility>

#include <QCoreApplication>
#include <QStringList>
#include <QTextDocument>

#include "core/base/printable.h"

namespace quantoscope::ui {

namespace {

struct ShownText {
  Q_DECLARE_TR_FUNCTIONS(ShownText)
};

/// No more than is needed to shorten it, so that a long text is not converted as a whole.
std::string endsOf(const QString& text, int most) {
  if (text.size() <= 2 * most) return text.toStdString();
  return (text.left(most) + text.right(most)).toStdString();
}

}  // namespace

QString shownText(const std::string& text, int most) {
  const auto bytes = static_cast<std::size_t>(most);
  // Escaping makes text longer: it is shortened once more.
  return QString::fromStdString(shortened(printable(shortened(text, bytes)), bytes));
}

QString shownText(const QString& text, int most) {
  return shownText(endsOf(text, most), most);
}

QString shownName(const std::string& name) {
  return name.empty() ? ShownText::tr("(empty name)") : shownText(name, kMostOfName);
}

QString shownName(const QString& name) {
  return name.isEmpty() ? ShownText::tr("(empty name)") : shownText(name, kMostOfName);
}

QString shownLines(const QString& text) {
  constexpr qsizetype kMostLines = 40;
  if (text.size() > kMostLines * kMostOfText) return shownText(text);
  QStringList lines = text.split(QLatin1Char('\n'));
  const qsizetype more = lines.size() - std::min(lines.size(), kMostLines);
  lines.resize(lines.size() - more);
  for (QString& line : lines) line = shownText(line);
  if (more > 0) lines << ShownText::tr("and %1 more lines").arg(more);
  return lines.join(QLatin1Char('\n'));
}

QString messageOf(const Error& error) {
  return shownText(error.message);
}

QString tipText(QString text) {
  if (!Qt::mightBeRichText(text)) return text;
  return text.replace(QLatin1Char('&'), QLatin1String("\\x26"))
      .replace(QLatin1Char('<'), QLatin1String("\\x3c"));
}

QString menuText(QString text) {
  return tipText(std::move(text)).replace(QLatin1Char('&'), QLatin1String("&&"));
}

QString tensorText(const std::string& name) {
  return QString::fromStdString(isUtf8(name) ? name : printable(name));
}

}  // namespace quantoscope::ui
