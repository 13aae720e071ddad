// Quantoscope's own HDF5 file of quantized tensors.
#pragma once

#include "core/exporting/export_format.h"

namespace quantoscope {

/// The row of the table: any spec, any tensor. app/cli/README.md describes the file, version 1.
ExportFormat nativeFormat();

}  // namespace quantoscope
