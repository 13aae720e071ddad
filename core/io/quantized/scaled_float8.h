// float8 with scales: how the scales lie over the codes, and what both decode to.
//
// A value is code * scale: both as float32, which hold them exactly, and one multiplication rounded
// to the nearest float32, ties to even. So it is for every name of the scales: a `weight_scale_inv`
// multiplies, too (DeepSeek's models).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/array_box.h"
#include "core/io/container/container.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Scales over an array of codes: along each axis, `block` codes in a row share one.
struct ScaleGrid {
  std::vector<std::uint64_t> block;   ///< an axis without scales of its own: its whole side
  std::vector<std::uint64_t> counts;  ///< how many scales there are along each axis

  /// "a scale", "row scales", "column scales", "128x128 block scales".
  std::string text() const;
  bool operator==(const ScaleGrid&) const = default;
};

/// How often blocks of a size divide an axis of the file evenly: what decides where the last block
/// of an axis is shorter.
using BlockSizes = std::map<std::uint64_t, std::size_t>;

/// Adds the sizes of the blocks that scales of `scales` divide `codes` into evenly.
void countBlockSizes(const std::vector<std::uint64_t>& codes,
                     const std::vector<std::uint64_t>& scales, BlockSizes& sizes);

/// The grid that an array of scales of this shape makes over codes of that one: one scale in all;
/// one for each index of the first axis (or else of the last), where it has a single axis; else as
/// many axes as the codes have, each of 1, of all, or of as many blocks as cover its side: evenly,
/// or with a shorter last one where the size is one of `usual` or 128. Nothing where it does not
/// fit, or where more than one size would.
std::optional<ScaleGrid> gridOf(const std::vector<std::uint64_t>& codes,
                                const std::vector<std::uint64_t>& scales, const BlockSizes& usual);

/// The scales of the float8 array of `siblings`: null where it is none or has none.
const StoredArray* scalesOfFloat8(const Siblings& siblings);

/// The scales as float32. Unsigned bytes are exponents: 2^(e - 127), and 255 is NaN (E8M0). Errors
/// are the container's.
Result<std::vector<float>> readScales(const Container& container, const StoredArray& scales,
                                      const TaskControl& control);

/// Turns the float16 elements of a box of codes, which stand in the last half of the bytes behind
/// `values`, into their values.
void applyScales(const ScaleGrid& grid, const std::vector<float>& scales, const Box& box,
                 float* values);

}  // namespace quantoscope
