// Memory for many elements at once.
#pragma once

#include <cstddef>
#include <memory>

namespace quantoscope {

/// `bytes` zero bytes on page borders, in huge pages where the system has them: filling fresh
/// memory page by page would take longer than reading most files. Throws std::bad_alloc where there
/// is not so much memory.
std::shared_ptr<std::byte> makeLargeBuffer(std::size_t bytes);

}  // namespace quantoscope
