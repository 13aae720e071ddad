// Folders that hold a model.
#pragma once

#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// The file to open for `path`: the path itself unless it is a folder. In a folder it is the index
/// of the model's files (`model.safetensors.index.json`, `NAME.weights.json`) or, without one, the
/// only file with a suffix of containerFormats(); hidden files and folders below do not count.
///
/// UnreadableFile names the folder: where several files could be meant, all of them; where none
/// could, what can be opened and what is there.
Result<std::string> modelFileOf(const std::string& path);

}  // namespace quantoscope
