// JSON as a small value type; the parser and writer behind it are a library's.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace quantoscope {

/// One JSON value. Objects keep the order in which keys were added. Integers and reals are told
/// apart: `json 4` is an integer, `4.0` a real. A real that is not finite is written as the string
/// "inf", "-inf" or "nan", since JSON has no such numbers.
class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;  ///< null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<std::int64_t>(value)) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  Json(const Json& other);
  Json(Json&&) noexcept = default;
  Json& operator=(const Json& other) { return *this = Json(other); }
  Json& operator=(Json&&) noexcept = default;
  ~Json() = default;

  /// An array of numbers.
  template <typename T>
  static Json arrayOf(const std::vector<T>& values) {
    Array array;
    array.reserve(values.size());
    for (const T& value : values) array.emplace_back(value);
    return array;
  }
  static Json object(std::initializer_list<Member> members = {}) { return Object(members); }

  bool isNull() const { return value_.index() == 0; }
  bool isString() const { return std::holds_alternative<std::string>(value_); }
  bool isNumber() const;
  bool isArray() const { return std::holds_alternative<Array>(value_); }
  bool isObject() const { return std::holds_alternative<Object>(value_); }

  /// The content if it is of that kind, else nullptr. An integer also answers asNumber().
  const bool* asBool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* asInteger() const { return std::get_if<std::int64_t>(&value_); }
  const std::string* asString() const { return std::get_if<std::string>(&value_); }
  const Array* asArray() const { return std::get_if<Array>(&value_); }
  const Object* asObject() const { return std::get_if<Object>(&value_); }
  double asNumber(double otherwise) const;
  /// A number, or one that is not finite from the string that stands for it; nothing otherwise.
  std::optional<double> asReal() const;

  /// The member of an object by name; nullptr if absent or not an object.
  const Json* find(std::string_view key) const;

  /// Adds or replaces a member; a null value becomes an object first.
  void set(std::string key, Json value);

  /// The text, with `indent` spaces a level, or on one line for indent < 0. Numbers have the
  /// shortest text that reads back as the same value; bytes that are no UTF-8 are as printable()
  /// writes them.
  std::string text(int indent = 2) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// The most values that a text may hold, and the most levels of nesting.
inline constexpr std::uint64_t kMostJsonValues = 20'000'000;
inline constexpr std::size_t kMostJsonDepth = 200;

/// Reads one JSON value. `name` (a file, say) begins the message of an error. NaN, Infinity and
/// -Infinity are reals, as Python writes them. Nesting deeper than kMostJsonDepth, more than
/// `mostValues` values and duplicate keys are errors. `onKeys`, if there is one, is told now and
/// then how many keys have been read.
Result<Json> parseJson(std::string_view text, const std::string& name,
                       const std::function<void(std::uint64_t keys)>& onKeys = {},
                       std::uint64_t mostValues = kMostJsonValues);

}  // namespace quantoscope
