#include "core/io/container_open.h"

#include "core/io/container_source.h"
#include "core/io/file_kind.h"
#include "core/io/hdf5_container.h"

namespace quantoscope {

Result<SharedContainer> openContainer(const std::string& path, const OpenOptions& options) {
  const Result<FileKind> kind = fileKindOf(path);
  if (!kind) return kind.error();
  if (*kind == FileKind::Hdf5) return openHdf5Container(path, options);
  return unsupportedKindError(path, *kind);
}

Result<SharedSource> openTensorSourceInProcess(const std::string& path,
                                               const OpenOptions& options) {
  auto container = openContainer(path, options);
  if (!container) return container.error();
  return makeContainerSource(path, *std::move(container));
}

}  // namespace quantoscope
