// Any bytes as a .npy file. Format: NumPy
#include "core/io/formats/numpy.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto container = openNpy(fuzz::bytesOf(fuzz::textOf(data, size)), "file.npy");
  if (container) fuzz::useContainer(**container);
  return 0;
}
