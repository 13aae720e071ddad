// Any bytes as a JSON document: what is read is written and read again as the same.
#include <cstdlib>

#include "core/base/json.h"
#include "tests/fuzz/bytes.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parseJson(fuzz::textOf(data, size), "it");
  if (!json) return 0;
  for (const int indent : {-1, 2}) {
    const auto again = parseJson(json->text(indent), "again");
    if (!again || !(*again == *json)) std::abort();
  }
  return 0;
}
