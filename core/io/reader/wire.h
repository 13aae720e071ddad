// Values as bytes, and back from bytes that nobody vouches for.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace quantoscope {

/// Appends values to a message; both sides run on one machine, so numbers keep its byte order.
class WireWriter {
 public:
  template <typename T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void text(std::string_view value) {
    number(static_cast<std::uint64_t>(value.size()));
    bytes_.append(value);
  }
  template <typename T>
  void numbers(const std::vector<T>& values) {
    number(static_cast<std::uint64_t>(values.size()));
    for (const T value : values) number(static_cast<std::uint64_t>(value));
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Takes values out of a message. Whatever does not fit makes it fail for good: then every value is
/// 0 or empty, and atEnd() is false. Never reads outside the message, never allocates more than a
/// small multiple of it.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    T value{};
    if (!take(sizeof(value))) return value;
    std::memcpy(&value, taken_.data(), sizeof(value));
    return value;
  }
  /// Only 0 and 1 are flags.
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) fail();
    return value == 1;
  }
  std::string text(std::size_t longest) {
    const auto size = number<std::uint64_t>();
    if (size > longest || !take(size)) {
      fail();
      return {};
    }
    return std::string(taken_);
  }
  /// How many parts follow, each of at least `bytesEach` bytes.
  std::size_t count(std::size_t most, std::size_t bytesEach) {
    const auto parts = number<std::uint64_t>();
    if (parts > most || parts > rest_.size() / bytesEach) {
      fail();
      return 0;
    }
    return parts;
  }
  template <typename T>
  std::vector<T> numbers(std::size_t most) {
    std::vector<T> values(count(most, sizeof(std::uint64_t)));
    for (T& value : values) value = static_cast<T>(number<std::uint64_t>());
    return values;
  }

  void fail() {
    failed_ = true;
    rest_ = {};
  }
  bool failed() const { return failed_; }
  /// Whether all was taken and all of it fitted.
  bool atEnd() const { return !failed_ && rest_.empty(); }

 private:
  bool take(std::uint64_t bytes) {
    if (failed_ || bytes > rest_.size()) {
      fail();
      return false;
    }
    taken_ = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return true;
  }

  std::string_view rest_;
  std::string_view taken_;
  bool failed_ = false;
};

}  // namespace quantoscope
