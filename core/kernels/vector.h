// The vector kernel tables.
#pragma once

#include <vector>

#include "core/kernels/kernels.h"

namespace quantoscope::kernels {

/// One table for each instruction set that was compiled in and that this CPU has, the best first.
std::vector<const KernelTable*> vectorKernels();

}  // namespace quantoscope::kernels
