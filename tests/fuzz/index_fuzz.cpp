// Any bytes as an index of several files, of which one exists. Format: index of several files
#include "core/io/formats/safetensors.h"
#include "core/io/formats/sharded_container.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

namespace {

/// One array of four bytes.
std::string shard() {
  return test::safetensorsBytes(R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]}})",
                                "1234");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto openPart = [](const std::string& path, const OpenOptions&) -> Result<SharedContainer> {
    if (path != "folder/a") return Error{ErrorCode::UnreadableFile, path + ": no such file"};
    return openSafetensors(bytesInMemory(shard()), path);
  };
  const auto container =
      openSharded(fuzz::bytesOf(fuzz::textOf(data, size)), "folder/index.json", openPart);
  if (container && *container) fuzz::useContainer(**container);
  return 0;
}
