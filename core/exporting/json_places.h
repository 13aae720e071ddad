// Where values stand in a JSON text, so that some can be replaced and all else stays to the byte.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace quantoscope {

/// A value in a text.
struct JsonPlace {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< behind its last character
};

/// The places of the values that `pointers` name (RFC 6901: "/config/layers/0", the whole is ""),
/// without those that there are not. `text` must be one that parseJson() takes; of any other the
/// answer is of no use, but no harm is done.
std::map<std::string, JsonPlace> jsonPlaces(std::string_view text,
                                            const std::set<std::string>& pointers);

}  // namespace quantoscope
