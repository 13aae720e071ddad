// Scales and zero points of groups as the arrays of state dicts, for the writers of this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// Scales rounded once to float16, half to even: for ExportFormat::storeScales.
void roundScalesToHalf(GroupParameters& parameters);

/// The scales that multiply codes, as float16, transposed: [groups, rows]. Exact after
/// roundScalesToHalf().
std::vector<std::byte> halfScalesTransposed(const GroupParameters& parameters,
                                            const Executor& executor);

/// The same as float32, as they lie: [rows, groups].
std::vector<std::byte> floatScales(const GroupParameters& parameters);

/// Zero points of codes that count from 0, each less `less` and cut to `bits` bits, transposed:
/// [groups, rows]. Those of symmetric formats are 2^(bits-1).
std::vector<std::uint8_t> zeroCodesTransposed(const ExportTensor& tensor, int less,
                                              const Executor& executor);

}  // namespace quantoscope
