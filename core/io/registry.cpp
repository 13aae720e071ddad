#include "core/io/registry.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/io/container/word_container.h"
#include "core/io/formats/numpy.h"
#include "core/io/formats/refused_formats.h"
#include "core/io/formats/safetensors.h"
#include "core/io/formats/sharded_container.h"
#include "core/io/hdf5/hdf5_container.h"
#include "core/io/quantized/config_beside.h"
#include "core/io/quantized/quantized_container.h"

namespace quantoscope {

namespace {

/// Of two that are equally likely the first counts: PyTorch's archives may contain the names by
/// which other archives are recognized.
constexpr std::array<const ContainerFormat*, 12> kFormats = {
    &kHdf5Format,        &kPyTorchFormat, &kPickleFormat, &kKerasFormat,
    &kSafetensorsFormat, &kNumpyFormat,   &kIndexFormat,  &kGgufFormat,
    &kOnnxFormat,        &kTfLiteFormat,  &kZipFormat,    &kLfsPointerFormat,
};

std::string withSuffixes(const ContainerFormat& format) {
  if (format.suffixes.empty()) return format.name;
  const std::vector<std::string> suffixes(format.suffixes.begin(), format.suffixes.end());
  return std::string(format.name) + " (" + join(suffixes, ", ") + ")";
}

/// The error for what cannot be opened: what it is, what can be opened, and how to convert it.
Error refusal(const std::string& path, const ContainerFormat* format) {
  const char* what = format ? format->description : "not a known weight file";
  const std::string remedy = format && *format->remedy ? std::string("; ") + format->remedy : "";
  return {ErrorCode::UnreadableFile,
          path + ": " + what + "; allowed are " + openableFormatsText() + remedy};
}

Result<SharedContainer> openAsItIs(const std::string& path, const OpenOptions& options,
                                   const PartOpener& openPart) {
  const auto format = formatOf(path);
  if (!format) return format.error();
  if (!*format || !(*format)->open) return refusal(path, *format);
  auto container = (*format)->open(path, options, openPart);
  if (container && !*container) return refusal(path, *format);
  return container;
}

/// Options whose progress leaves in `looked` how far it got.
OpenOptions counting(OpenOptions options, const std::shared_ptr<std::uint64_t>& looked) {
  if (!options.control.progress) return options;
  options.control.progress = [tell = options.control.progress, looked](std::uint64_t done,
                                                                       std::uint64_t total) {
    *looked = std::max(*looked, done);
    tell(done, total);
  };
  return options;
}

/// Progress of what follows after so much.
TaskControl goingOn(TaskControl control, std::uint64_t before) {
  if (!control.progress) return control;
  control.progress = [tell = control.progress, before](std::uint64_t done, std::uint64_t) {
    tell(before + done, 0);
  };
  return control;
}

}  // namespace

std::span<const ContainerFormat* const> containerFormats() {
  return kFormats;
}

Result<const ContainerFormat*> formatOf(const std::string& path) {
  const auto head = readFileHead(path);
  if (!head) return head.error();
  const ContainerFormat* weak = nullptr;
  for (const ContainerFormat* format : kFormats) {
    const Likeness likeness = format->sniff(*head);
    if (likeness == Likeness::Strong) return format;
    if (likeness == Likeness::Weak && !weak) weak = format;
  }
  return weak;
}

std::vector<std::string> openableFormats() {
  std::vector<std::string> formats;
  for (const ContainerFormat* format : kFormats) {
    if (format->open) formats.push_back(withSuffixes(*format));
  }
  return formats;
}

std::string openableFormatsText() {
  std::vector<std::string> formats = openableFormats();
  const std::string last = formats.back();
  formats.pop_back();
  return join(formats, ", ") + " and " + last;
}

Result<SharedContainer> openContainer(const std::string& path, const OpenOptions& options) {
  // A part cannot name parts: an index must not lead to another index.
  const PartOpener openPart = [](const std::string& part, const OpenOptions& asked) {
    return openAsItIs(part, asked, {});
  };
  const auto looked = std::make_shared<std::uint64_t>(0);
  auto container = openAsItIs(path, counting(options, looked), openPart);
  if (!container) return container;
  if (options.wordsAreBFloat16) container = wordsAsBFloat16(*std::move(container));
  container = withConfigBeside(*std::move(container), path);
  if (options.asStored) return container;
  return withQuantizedParts(*std::move(container), goingOn(options.control, *looked));
}

}  // namespace quantoscope
