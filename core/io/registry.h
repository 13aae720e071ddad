// The formats of weight files, and opening a file of any of them in this process.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"
#include "core/io/container/open_options.h"

namespace quantoscope {

/// Every format that is recognized, those that can be opened and those that are refused. Whatever
/// else knows formats (errors, the open dialog, folders, help) reads these rows, or is tested
/// against them (desktop entry, MIME types, fuzz targets).
std::span<const ContainerFormat* const> containerFormats();

/// The format that the first bytes of a file tell, whether it can be opened or not; null for none.
/// The error says why the file cannot be read.
Result<const ContainerFormat*> formatOf(const std::string& path);

/// What can be opened, for people: "HDF5 (.h5, .hdf5)", "Keras archive (.keras)", ...
std::vector<std::string> openableFormats();
/// The same as one list: "HDF5 (.h5, .hdf5), Keras archive (.keras), ... and ...".
std::string openableFormatsText();

/// Opens a file by what its first bytes say it is. Parses it in this process, which a malformed
/// file may end: the reader process does so for everybody else. The error names the file and what
/// can be opened.
Result<SharedContainer> openContainer(const std::string& path, const OpenOptions& options = {});

}  // namespace quantoscope
