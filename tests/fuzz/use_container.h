// What every target does with a container that opened.
#pragma once

#include "core/io/container.h"

namespace quantoscope::fuzz {

/// Asks for all that the program asks for: every array's element, place and chunk, its first
/// elements (of at most a mebibyte), and the model that the arrays make. Aborts where an answer
/// contradicts another one.
void useContainer(const Container& container);

/// The model that the arrays make, and its tensors in every orientation.
void useContents(const StoredFile& contents);

}  // namespace quantoscope::fuzz
