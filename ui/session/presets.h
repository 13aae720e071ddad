// Specifications worth a name.
#pragma once

#include <vector>

#include <QString>

#include "core/quant/quant_spec.h"

namespace quantoscope::ui {

struct Preset {
  QString name;  ///< "W4 g128 asym"
  QuantSpec spec;
};

/// Common choices, from gentle to coarse; all valid.
const std::vector<Preset>& presets();

}  // namespace quantoscope::ui
