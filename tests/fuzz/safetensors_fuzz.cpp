// Any bytes as a safetensors file. Format: safetensors
#include "core/io/formats/safetensors.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto container = openSafetensors(fuzz::bytesOf(fuzz::textOf(data, size)), "file");
  if (container) fuzz::useContainer(**container);
  return 0;
}
