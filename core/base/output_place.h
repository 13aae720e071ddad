// Whether an output would replace an input.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace quantoscope {

/// The first of `inputs` that stands at the place where `output` would be written: the same file by
/// any path, symbolic link or hard link; or, where a folder is there, anything in it. An input that
/// does not exist, a missing part of a model say, has a place all the same: the name in its folder,
/// once links are followed. Thread-safe; what cannot be looked at is another place.
std::optional<std::string> inputAt(const std::string& output, std::span<const std::string> inputs);

}  // namespace quantoscope
