// 16-bit words that are bfloat16 without saying so.
#pragma once

#include "core/io/container/container.h"

namespace quantoscope {

/// The container with its arrays of unsigned 16-bit integers and of two opaque bytes ("uint16",
/// "opaque16") offered as bfloat16; all else as it is.
SharedContainer wordsAsBFloat16(SharedContainer container);

}  // namespace quantoscope
