// Any bytes as a zip archive, and as one of NumPy's. Format: Keras archive
#include <algorithm>
#include <cstdlib>

#include "core/io/container/zip_archive.h"
#include "core/io/formats/numpy.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto archive = fuzz::bytesOf(fuzz::textOf(data, size));
  const auto members = readZipDirectory(*archive);
  if (!members) return 0;
  for (const ZipMember& member : *members) {
    // A part of the archive must really be one, whatever its directory says.
    if (member.offset > size || member.storedBytes > size - member.offset) std::abort();
    const auto bytes = openZipMember(archive, member);
    if (!bytes) continue;
    if ((*bytes)->size() != member.bytes) std::abort();
    if (!readText(**bytes, 0, static_cast<std::size_t>(member.bytes))) std::abort();
  }
  const auto arrays = openNpz(archive, "file.npz");
  if (arrays) fuzz::useContainer(**arrays, true);
  return 0;
}
