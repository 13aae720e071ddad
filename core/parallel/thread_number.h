// A small number for each living thread.
#pragma once

#include <cstddef>

namespace quantoscope {

inline constexpr std::size_t kThreadNumbers = 128;

/// A number below kThreadNumbers that the calling thread keeps until it ends. No other living
/// thread has it unless more than kThreadNumbers of those living have asked; then some share one.
/// Takes no lock.
std::size_t threadNumber();

}  // namespace quantoscope
