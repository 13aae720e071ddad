// safetensors files.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"

namespace quantoscope {

/// Parses a safetensors file; `name` begins every message.
///
/// One error for the whole file where its header contradicts itself, since no offset can then be
/// trusted: no JSON, keys twice, more than 100,000,000 bytes of header, sizes that do not match
/// shapes, bytes that belong to several arrays or to none. A file that is merely cut off lists its
/// arrays; those whose bytes are missing have that as their obstacle. So have those of a dtype that
/// is not read here (F4, F6_E2M3, C64, ...).
///
/// Read are F64, F32, F16, BF16, F8_E4M3, F8_E5M2, F8_E8M0, I8 to I64, U8 to U64 and BOOL. The
/// arrays are listed in the order of their bytes. `control` is told of progress in steps, without a
/// total. All calls are thread-safe where reading from `bytes` is.
Result<SharedContainer> openSafetensors(const SharedByteSource& bytes, const std::string& name,
                                        const TaskControl& control = {});

extern const ContainerFormat kSafetensorsFormat;

}  // namespace quantoscope
