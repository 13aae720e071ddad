// Any bytes as a JSON document: what is read is written, read again and written as the same. Values
// are not compared, since reals that are not finite are written as texts.
#include <cstdlib>

#include "core/base/json.h"
#include "tests/fuzz/bytes.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parseJson(fuzz::textOf(data, size), "it");
  if (!json) return 0;
  for (const int indent : {-1, 2}) {
    const std::string text = json->text(indent);
    const auto again = parseJson(text, "again");
    if (!again || again->text(indent) != text) std::abort();
  }
  return 0;
}
