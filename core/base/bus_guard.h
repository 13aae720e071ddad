// What happens when mapped memory has no file behind it any more.
#pragma once

#include <cstddef>
#include <optional>

namespace quantoscope {

/// Memory regions in which a bus error (SIGBUS) does no harm: from the failing page on, the region
/// is replaced by zeros and marked as damaged. Errors elsewhere go to the handler that was there
/// before. Thread-safe; the handler uses nothing but atomics, mmap and sigaction.
namespace bus_guard {

/// How many regions can be guarded at a time.
inline constexpr std::size_t kRegions = 4096;

/// Guards whole pages; nothing where kRegions are guarded already.
std::optional<std::size_t> add(void* begin, std::size_t bytes);

/// Ends guarding, before the region is unmapped.
void remove(std::size_t region);

bool isDamaged(std::size_t region);

}  // namespace bus_guard

}  // namespace quantoscope
