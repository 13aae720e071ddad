#include "core/exporting/json_places.h"

#include "core/base/json.h"

namespace quantoscope {

namespace {

class Scanner {
 public:
  Scanner(std::string_view text, const std::set<std::string>& wanted)
      : text_(text), wanted_(wanted) {}

  std::map<std::string, JsonPlace> scan() {
    std::string pointer;
    value(pointer, 0);
    return std::move(found_);
  }

 private:
  bool atEnd() const { return at_ >= text_.size(); }

  void skipSpace() {
    while (!atEnd() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
  }

  /// Behind a string, whose characters are returned as they stand in the text.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while (!atEnd() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    const std::size_t end = std::min(at_, text_.size());
    ++at_;
    return text_.substr(begin, end - begin);
  }

  void value(std::string& pointer, std::size_t depth) {
    skipSpace();
    const std::size_t begin = at_;
    if (atEnd() || depth > kMostJsonDepth) {
      at_ = text_.size();
      return;
    }
    const char first = text_[at_];
    if (first == '{' || first == '[') {
      members(pointer, first == '{', depth);
    } else if (first == '"') {
      string();
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_ + 1), text_.size());
    }
    if (wanted_.contains(pointer)) found_[pointer] = {begin, std::min(at_, text_.size())};
  }

  void members(std::string& pointer, bool isObject, std::size_t depth) {
    const std::size_t length = pointer.size();
    std::size_t index = 0;
    ++at_;
    for (skipSpace(); !atEnd() && text_[at_] != '}' && text_[at_] != ']'; skipSpace()) {
      pointer += '/';
      if (isObject) {
        addKey(pointer, string());
        skipSpace();
        ++at_;  // the colon
      } else {
        pointer += std::to_string(index++);
      }
      value(pointer, depth + 1);
      pointer.resize(length);
      skipSpace();
      if (!atEnd() && text_[at_] == ',') ++at_;
    }
    ++at_;
  }

  /// Keys with escapes are none of those that are looked for.
  static void addKey(std::string& pointer, std::string_view key) {
    for (const char c : key) {
      if (c == '~') {
        pointer += "~0";
      } else if (c == '/') {
        pointer += "~1";
      } else {
        pointer += c;
      }
    }
  }

  std::string_view text_;
  const std::set<std::string>& wanted_;
  std::size_t at_ = 0;
  std::map<std::string, JsonPlace> found_;
};

}  // namespace

std::map<std::string, JsonPlace> jsonPlaces(std::string_view text,
                                            const std::set<std::string>& pointers) {
  return Scanner(text, pointers).scan();
}

}  // namespace quantoscope
