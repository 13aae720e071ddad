// Numbers as people read them.
#pragma once

#include <cstdint>

#include <QString>

namespace quantoscope::ui {

/// `value` with `digits` significant digits in the user's locale: "0.0123", "4.56e-09". Values that
/// are not finite read "∞", "−∞" and "–".
QString numberText(double value, int digits = 4);

/// A whole number in the user's locale: "1,234,567".
QString countText(std::uint64_t count);

/// A number of bytes in the user's locale: "832 B", "1.2 MB" (powers of 1000).
QString bytesText(double bytes);

}  // namespace quantoscope::ui
