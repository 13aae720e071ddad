// What a file is, told from its first bytes.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace quantoscope {

/// The kinds of files that people open when they look for weights.
enum class FileKind {
  Hdf5,
  Keras,    ///< .keras: a zip archive
  PyTorch,  ///< a zip archive or a pickle written by torch.save
  NumPy,    ///< .npy, or .npz: a zip archive
  Zip,      ///< any other zip archive
  Safetensors,
  Gguf,
  Onnx,
  TfLite,
  LfsPointer,  ///< the few lines that stand for a large file in a Git checkout
  Json,        ///< the index of a model in several files, say
  Unknown,
};

/// Looks into a file. HDF5 is found behind a user block too (at 512, 1024, 2048, ... bytes). What
/// is not there, is no regular file, is empty or may not be read is an UnreadableFile error.
Result<FileKind> fileKindOf(const std::string& path);

/// What can be opened, for people: "HDF5 (.h5, .hdf5)".
std::vector<std::string> openableFormats();

/// The error for a kind that cannot be opened: what it is, what can be opened, and how to get
/// there.
Error unsupportedKindError(const std::string& path, FileKind kind);

}  // namespace quantoscope
