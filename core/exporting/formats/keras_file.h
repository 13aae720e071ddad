// Keras 3's own files, with layers quantized as Keras quantizes them.
#pragma once

#include "core/exporting/export_format.h"

namespace quantoscope {

/// The row of the table. A `.weights.h5` becomes a `.weights.h5`, a `.keras` a `.keras` with the
/// dtype policies of the quantized layers in config.json, text that is otherwise unchanged, and
/// with all other members as they are. Variables of quantized layers are those of Keras 3.16 in its
/// order (gptq: the bias first); all others, those of the optimizer too, keep path, shape and type.
/// Which mode a choice becomes: KerasMode. float8, which Keras trains with, is no export.
///
/// Sources: keras-team/keras@3422977a (3.16.0), src/layers/core/{dense, einsum_dense, embedding,
/// reversible_embedding}.py, src/saving/saving_lib.py, src/dtype_policies/dtype_policy.py; and
/// files that it wrote (tests/golden/keras_golden.h5).
///
/// The HDF5 file is laid out before anything is quantized (core/exporting/hdf5_skeleton.h), in
/// little-endian arrays in one piece, so its size is known and elements are written where they
/// belong. The source is read by its TensorSource alone; members of an archive are copied as bytes.
ExportFormat kerasFormat();

}  // namespace quantoscope
