// Opening a file of any kind, in this process.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/container/open_options.h"
#include "core/io/tensor_source.h"

namespace quantoscope {

/// Opens a file by what its first bytes say it is. Parses it in this process, which a malformed
/// file may end: the reader process does so for everybody else. The error names the file and what
/// can be opened.
Result<SharedContainer> openContainer(const std::string& path, const OpenOptions& options = {});

/// The tensors of such a container: for tests, and for files that are trusted.
Result<SharedSource> openTensorSourceInProcess(const std::string& path,
                                               const OpenOptions& options = {});

}  // namespace quantoscope
