// Any bytes as a configuration, behind its length in two bytes, and a safetensors file with tensors
// that are quantized already: everything is decoded that can be.
#include <algorithm>
#include <cstdlib>

#include "core/io/formats/safetensors.h"
#include "core/io/quantized/config_beside.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_container.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/use_container.h"

using namespace quantoscope;

namespace {

constexpr std::size_t kMostCodes = std::size_t{1} << 16;

/// Rows at both ends.
void useTensor(const Container& container, const PackedTensor& tensor) {
  const PackedInfo& info = tensor.info();
  const auto parameters = tensor.parameters(container, {});
  if (!parameters || !checkParameters(*parameters, info)) return;
  const std::size_t rows = std::min(info.rows, std::max<std::size_t>(1, kMostCodes / info.cols));
  for (const std::size_t first : {std::size_t{0}, info.rows - rows}) {
    const auto codes = tensor.codes(container, first, rows, {});
    if (!codes) continue;
    if (codes->size() != rows * info.cols) std::abort();
    std::vector<float> values(codes->size());
    decodeRows(*parameters, info.cols, first, rows, *codes, values.data());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text = fuzz::textOf(data, size);
  const std::size_t length = std::min<std::size_t>(size - 2, data[0] | data[1] << 8);
  const std::string config(text.substr(2, length));
  const auto opened = openSafetensors(fuzz::bytesOf(text.substr(2 + length)), "file");
  if (!opened) return 0;
  const SharedContainer stored = withConfig(*opened, {config, {}});
  const auto decoded = withQuantizedParts(stored);
  if (!decoded) std::abort();
  fuzz::useContainer(**decoded, true);
  const auto tensors = packedTensorsOf(*stored);
  if (!tensors) std::abort();
  for (const SharedPackedTensor& tensor : *tensors) useTensor(*stored, *tensor);
  return 0;
}
