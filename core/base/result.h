// A value or an error; C++20 has no std::expected.
#pragma once

#include <cassert>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/base/error.h"

namespace quantoscope {

/// Holds either a T or an Error. Test it as a bool, then use `*result`, `result->` or `error()`.
/// Reading the alternative that is absent is a programming error (asserted).
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  bool hasValue() const { return content_.index() == 0; }

  T& operator*() & { return checked(); }
  const T& operator*() const& { return checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &checked(); }

  const Error& error() const {
    assert(content_.index() == 1);
    return *std::get_if<1>(&content_);
  }

 private:
  T& checked() {
    assert(content_.index() == 0);
    return *std::get_if<0>(&content_);
  }
  const T& checked() const {
    assert(content_.index() == 0);
    return *std::get_if<0>(&content_);
  }

  std::variant<T, Error> content_;
};

/// The result of an action without a value: `return ok();` or `return Error{...};`.
using Status = Result<std::monostate>;

inline Status ok() {
  return Status(std::monostate{});
}

}  // namespace quantoscope
