// Any bytes as the dictionary of a .npy file, which so need not get through the frame around it.
#include "core/io/formats/numpy.h"
#include "tests/core/io/archive_fixture.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int version = 1 + data[0] % 3;
  const std::string header(fuzz::textOf(data + 1, size - 1));
  const std::string file = test::npy(header, std::string(64, '\5'), version);
  const auto container = openNpy(bytesInMemory(file), "file.npy");
  if (container) fuzz::useContainer(**container);
  return 0;
}
