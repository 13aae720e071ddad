// What every target does with a container that opened.
#pragma once

#include "core/io/container/container.h"

namespace quantoscope::fuzz {

/// Asks for all that the program asks for: every array's element, place and chunk, its first
/// elements (of at most a mebibyte), and the model that the arrays make. Aborts where an answer
/// contradicts another one. `damageShowsLate`: reading may fail where listing did not, since a
/// checksum is over what is only decompressed when it is read.
void useContainer(const Container& container, bool damageShowsLate = false);

/// The model that the arrays make, and its tensors in every orientation.
void useContents(const StoredFile& contents);

}  // namespace quantoscope::fuzz
