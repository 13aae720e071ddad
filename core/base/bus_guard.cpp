#include "core/base/bus_guard.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace quantoscope::bus_guard {

namespace {

/// A region is guarded while `end` is not 0. Only atomics: the handler may interrupt anything.
struct Region {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

std::array<Region, kRegions> g_regions;
std::mutex g_mutex;  ///< of add() and remove(), never of the handler
struct sigaction g_previous = {};
std::uintptr_t g_pageBytes = 4096;

/// Replaces [address's page, end) by zeros. False where the address is none of ours.
bool repair(std::uintptr_t address) {
  for (Region& region : g_regions) {
    const std::uintptr_t end = region.end.load(std::memory_order_acquire);
    if (address >= end || address < region.begin.load(std::memory_order_relaxed)) continue;
    region.damaged.store(true, std::memory_order_release);
    const std::uintptr_t page = address & ~(g_pageBytes - 1);
    // All the rest at once: one signal for a file that has shrunk, not one a page.
    void* zeros = mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return zeros != MAP_FAILED;
  }
  return false;
}

void onBusError(int signal, siginfo_t* info, void* context) {
  const int savedErrno = errno;
  const bool repaired =
      info->si_code > 0 && repair(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = savedErrno;
  if (repaired) return;
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    // The failing instruction runs again and ends the process as it would have without us.
    sigaction(signal, &g_previous, nullptr);
    if (info->si_code <= 0) raise(signal);  // sent by somebody: there is no such instruction
  }
}

void install() {
  static const bool installed = [] {
    g_pageBytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &g_previous) == 0;
  }();
  static_cast<void>(installed);
}

}  // namespace

std::optional<std::size_t> add(void* begin, std::size_t bytes) {
  const std::lock_guard lock(g_mutex);
  install();
  for (std::size_t i = 0; i < g_regions.size(); ++i) {
    Region& region = g_regions[i];
    if (region.end.load(std::memory_order_relaxed) != 0) continue;
    const auto address = reinterpret_cast<std::uintptr_t>(begin);
    region.damaged.store(false, std::memory_order_relaxed);
    region.begin.store(address, std::memory_order_relaxed);
    region.end.store(address + bytes, std::memory_order_release);
    return i;
  }
  return std::nullopt;
}

void remove(std::size_t region) {
  const std::lock_guard lock(g_mutex);
  g_regions[region].end.store(0, std::memory_order_release);
}

bool isDamaged(std::size_t region) {
  return g_regions[region].damaged.load(std::memory_order_acquire);
}

}  // namespace quantoscope::bus_guard
