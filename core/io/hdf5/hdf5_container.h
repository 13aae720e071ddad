// HDF5 files as containers, parsed in this process.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"
#include "core/io/container/open_options.h"

namespace quantoscope {

/// Opens an HDF5 file, read-only and without a lock, and lists its arrays. Malformed files can end
/// the process: openTensorSource() keeps them in one that may die. Thread-safe; different
/// containers may be used from different threads.
Result<SharedContainer> openHdf5Container(const std::string& path, const OpenOptions& options = {});

/// Opens the weights inside a .keras archive in place; deflated ones are decompressed into memory
/// first. The archive's config.json tells the layers' names.
Result<SharedContainer> openKerasArchive(const std::string& path, const OpenOptions& options = {});

extern const ContainerFormat kHdf5Format;
extern const ContainerFormat kKerasFormat;

}  // namespace quantoscope
