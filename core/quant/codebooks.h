// The published 4-bit codebooks.
#pragma once

#include "core/kernels/codec.h"

namespace quantoscope {

/// NormalFloat4: quantiles of the normal distribution (QLoRA; bitsandbytes' table).
const Codebook& nf4Codebook();

/// "fp4" and "fp4_e2m1_bnb": bitsandbytes' 4-bit float, scaled to -12..12.
const Codebook& fp4Codebook();

/// "fp4_e2m1" as neural-compressor has it: bitsandbytes' values scaled to -1..1. This is not the
/// OCP e2m1 format.
const Codebook& fp4E2m1Codebook();

}  // namespace quantoscope
