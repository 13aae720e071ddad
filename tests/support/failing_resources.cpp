// A library to be preloaded into quantoscope-cli: resources that run out.
//
// FAIL_MEMORY_AT=N     from main on, the Nth call of operator new fails
// FAIL_MEMORY_FROM=N   and all that follow it
// FAIL_THREADS=1       no thread can be created
// Other programs that inherit the environment are left alone.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>
#include <pthread.h>

namespace {

std::atomic<long> g_calls{0};
std::atomic<bool> g_armed{false};
long g_first = 0;
long g_last = 0;
bool g_noThreads = false;

long numberIn(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

bool fails() {
  if (!g_armed.load(std::memory_order_relaxed)) return false;
  const long call = ++g_calls;
  return call >= g_first && call <= g_last;
}

void* allocated(std::size_t bytes, std::size_t alignment) {
  if (fails()) return nullptr;
  if (bytes == 0) bytes = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocatedOrThrow(std::size_t bytes, std::size_t alignment = 1) {
  if (void* memory = allocated(bytes, alignment)) return memory;
  throw std::bad_alloc();
}

using Main = int (*)(int, char**, char**);
Main g_main = nullptr;

int armedMain(int argc, char** argv, char** environment) {
  const char* name = std::strrchr(argv[0], '/');
  if (std::strcmp(name == nullptr ? argv[0] : name + 1, "quantoscope-cli") == 0) {
    if (const long at = numberIn("FAIL_MEMORY_AT")) g_first = g_last = at;
    if (const long from = numberIn("FAIL_MEMORY_FROM")) {
      g_first = from;
      g_last = __LONG_MAX__;
    }
    g_noThreads = numberIn("FAIL_THREADS") != 0;
    g_armed = g_first > 0;
  }
  const int status = g_main(argc, argv, environment);
  g_armed = false;
  return status;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocatedOrThrow(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocatedOrThrow(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocatedOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocatedOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocated(bytes, 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocated(bytes, 1);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*work)(void*),
                   void* argument) noexcept {
  if (g_noThreads) return EAGAIN;
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, work, argument);
}

int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*atEnd)(), void* stack) {
  using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  g_main = main;
  const auto start = reinterpret_cast<Start>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(armedMain, argc, argv, init, fini, atEnd, stack);
}
}
