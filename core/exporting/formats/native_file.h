// Quantoscope's own HDF5 file of quantized tensors.
#pragma once

#include "core/exporting/export_format.h"

namespace quantoscope {

/// The row of the table: any spec, any tensor. app/cli/README.md describes the file, version 2. Its
/// size is that of a source of one file, and of one that the header knows the files of.
ExportFormat nativeFormat();

}  // namespace quantoscope
