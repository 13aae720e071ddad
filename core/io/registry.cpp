#include "core/io/registry.h"

#include "core/io/container/byte_source.h"
#include "core/io/container/file_kind.h"
#include "core/io/container/word_container.h"
#include "core/io/container_source.h"
#include "core/io/formats/numpy.h"
#include "core/io/formats/safetensors.h"
#include "core/io/formats/sharded_container.h"
#include "core/io/hdf5/hdf5_container.h"

namespace quantoscope {

namespace {

Result<SharedContainer> openSafetensorsFile(const std::string& path, const TaskControl& control) {
  const auto bytes = openFileBytes(path);
  if (!bytes) return bytes.error();
  return openSafetensors(*bytes, path, control);
}

/// One array, or an archive of them.
Result<SharedContainer> openNumpyFile(const std::string& path) {
  const auto bytes = openFileBytes(path);
  if (!bytes) return bytes.error();
  const auto head = readText(**bytes, 0, 2);
  if (!head) return about(path, head.error());
  return *head == "PK" ? openNpz(*bytes, path) : openNpy(*bytes, path);
}

/// A file that is no index: what an index names must not lead to another one.
Result<SharedContainer> openSingle(const std::string& path, const OpenOptions& options) {
  const Result<FileKind> kind = fileKindOf(path);
  if (!kind) return kind.error();
  if (*kind == FileKind::Hdf5) return openHdf5Container(path, options);
  if (*kind == FileKind::Safetensors) return openSafetensorsFile(path, options.control);
  if (*kind == FileKind::Keras) return openKerasArchive(path, options);
  if (*kind == FileKind::NumPy) return openNumpyFile(path);
  return unsupportedKindError(path, *kind);
}

Result<SharedContainer> openAsItIs(const std::string& path, const OpenOptions& options) {
  const Result<FileKind> kind = fileKindOf(path);
  if (!kind) return kind.error();
  if (*kind != FileKind::Json) return openSingle(path, options);
  const auto index = isShardIndex(path);
  if (!index) return index.error();
  if (!*index) return unsupportedKindError(path, *kind);
  const auto openShard = [&options](const std::string& shard) {
    return openSingle(shard, options);
  };
  return openSharded(path, openShard, options.control);
}

}  // namespace

Result<SharedContainer> openContainer(const std::string& path, const OpenOptions& options) {
  auto container = openAsItIs(path, options);
  if (!container || !options.wordsAreBFloat16) return container;
  return wordsAsBFloat16(*std::move(container));
}

Result<SharedSource> openTensorSourceInProcess(const std::string& path,
                                               const OpenOptions& options) {
  auto container = openContainer(path, options);
  if (!container) return container.error();
  return makeContainerSource(path, *std::move(container));
}

}  // namespace quantoscope
