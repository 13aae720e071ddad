// The order in which a model's arrays are listed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/io/container/stored_file.h"
#include "core/io/model/keras_paths.h"

namespace quantoscope {

/// The arrays of a file in the order of the model, where the file tells it: by layer_names and
/// weight_names (Keras 1 and 2), by the configuration's layers (`places`, Keras 3), or by
/// StoredFile::order. What these do not mention follows, in natural order of the names.
std::vector<const StoredArray*> inModelOrder(const StoredFile& file,
                                             const std::map<std::string, KerasPlace>& places);

}  // namespace quantoscope
