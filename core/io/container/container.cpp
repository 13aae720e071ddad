#include "core/io/container/container.h"

namespace quantoscope {

Result<SharedBytes> Container::readShared(const std::string& path, const Box& box,
                                          const TaskControl& control) const {
  const auto element = elementOf(path);
  if (!element) return element.error();
  const std::shared_ptr<std::byte[]> bytes =
      std::make_shared_for_overwrite<std::byte[]>(box.elements() * element->bytes);
  if (Status status = read(path, box, bytes.get(), control); !status) return status.error();
  return SharedBytes(bytes, bytes.get());
}

}  // namespace quantoscope
