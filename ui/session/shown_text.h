// The way of every text that comes from a file (names, paths, reasons, messages of errors) to where
// people read or hear it: labels, tips, menus, tables, titles, pictures, assistive tools.
#pragma once

#include <string>

#include <QString>

#include "core/base/error.h"

namespace quantoscope::ui {

/// The most bytes of a name on one line; the middle of a longer one is left out before anything
/// measures it, since a name may have megabytes. The longer bound is for tips and messages.
inline constexpr int kMostOfName = 300;
inline constexpr int kMostOfText = 1500;

/// `text` on one line, as printable() of core/base writes it, with at most about `most` bytes.
/// Ordinary text is returned unchanged.
QString shownText(const std::string& text, int most = kMostOfText);
QString shownText(const QString& text, int most = kMostOfText);

/// The same for a name, in which an empty one is told.
QString shownName(const std::string& name);
QString shownName(const QString& name);

/// The same with its lines kept, for messages.
QString shownLines(const QString& text);

QString messageOf(const Error& error);

/// `text`, which is fit to be shown, for a tip: one that Qt would guess to be rich text gets its
/// angle brackets and ampersands escaped as shownText() escapes other characters.
QString tipText(QString text);

/// The same for an action, whose text is its tip as well, and in which an ampersand would mark the
/// letter behind it.
QString menuText(QString text);

/// A tensor's name as the session knows it. Bytes that are no UTF-8 are escaped, so that different
/// names stay different; else exactly the name, however long and with whatever characters: not to
/// be shown.
QString tensorText(const std::string& name);

}  // namespace quantoscope::ui
