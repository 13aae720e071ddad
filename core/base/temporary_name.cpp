#include "core/base/temporary_name.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <sys/random.h>
#include <unistd.h>

namespace quantoscope {

namespace {

// Short, so that it fits wherever a final name of 255 bytes does.
constexpr std::string_view kPrefix = ".quantoscope-";
constexpr std::string_view kSuffix = ".part";
constexpr std::size_t kDigits = 16;

}  // namespace

std::string newTemporaryName() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof(number), 0) != sizeof(number)) {
    static std::uint64_t next = 0;  // names only have to differ: they are created exclusively
    number = (static_cast<std::uint64_t>(::getpid()) << 32) + next++;
  }
  std::array<char, kDigits + 1> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return std::string(kPrefix) + digits.data() + std::string(kSuffix);
}

bool isTemporaryName(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kSuffix.size()) return false;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  return name.starts_with(kPrefix) && name.ends_with(kSuffix) &&
         digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace quantoscope
