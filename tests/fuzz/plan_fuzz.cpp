// Any bytes as a plan, and as a codebook: what is taken is written and read again as the same.
#include <cstdlib>

#include "core/exporting/plan_file.h"
#include "core/quant/codebooks.h"
#include "tests/fuzz/bytes.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parseJson(fuzz::textOf(data, size), "plan.json");
  if (!json) return 0;
  if (const auto plan = planFromJson(*json, "plan.json")) {
    const auto again = planFromJson(planToJson(*plan), "again");
    if (!again || planToJson(*again).text() != planToJson(*plan).text()) std::abort();
  }
  if (const auto codebook = codebookFromJson(*json, "levels.json")) {
    if (!codebookFromJson(toJson(*codebook), "again")) std::abort();
  }
  return 0;
}
