// From the arrays of a container file to the tensors of a model: names, order, axes, reasons.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/stored_file.h"
#include "core/parallel/task_control.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// A recognised model.
struct ModelLayout {
  std::string format;  ///< for people: see recognizeLayout()
  std::vector<TensorInfo> tensors;
  std::vector<std::string>
      notes;  ///< for people: what could not be read of the model's description
};

/// Recognises who wrote an HDF5 file and describes every array of it as a tensor. Pure: no file is
/// touched.
///
/// | format                     | recognised by                                             |
/// |----------------------------|-----------------------------------------------------------|
/// | Quantoscope native HDF5    | root attribute format = "quantoscope"                     |
/// | Keras 1 HDF5               | a group with layer_names; no keras_version, or 1.x        |
/// | Keras 2 HDF5               | the same; keras_version 2.x                               |
/// | Keras 3 HDF5 (legacy)      | the same; keras_version 3 or later                        |
/// | Keras 3 weights HDF5       | arrays named .../vars/N                                   |
/// | safetensors                | what the container says                                   |
/// | PyTorch HDF5               | arrays whose last component is a name PyTorch uses        |
/// | HDF5                       | anything else                                             |
///
/// Order: Keras files as layer_names and weight_names say, then what they do not mention; else
/// natural order of the names. A stack of experts, of rank 3 and called so or beside a router of as
/// many, becomes one tensor an expert, `name[3]`. How axes are read is told by AxisReader.
///
/// Quantizable are readable float arrays of two axes or more that are weights (reasonNoWeight) and
/// no optimizer state; everything else carries a reason.
///
/// Takes time and memory in proportion to the file: of stacks, no more matrices are listed one by
/// one than its bytes allow (stacks beyond that are listed whole, with the reason), names longer
/// than any framework writes are not taken apart, and a configuration of more than some millions of
/// values is not read, which a note tells.
ModelLayout recognizeLayout(const StoredFile& file);
/// The same; the error is Cancelled.
Result<ModelLayout> recognizeLayout(const StoredFile& file, const CancelToken& cancel);

/// The path of the array that a tensor is, or is one matrix of: its name without "[3]".
std::string storedPath(const TensorInfo& info);

}  // namespace quantoscope
