// What is being written is called, until it is complete.
#pragma once

#include <string>
#include <string_view>

namespace quantoscope {

/// ".quantoscope-0123456789abcdef.part": hidden, and another one each time.
std::string newTemporaryName();

/// Whether a name is one of those.
bool isTemporaryName(std::string_view name);

}  // namespace quantoscope
