// That an export says what was meant: what was quantized, against what its file decodes to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/content_hash.h"
#include "core/exporting/export_format.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/parallel/executor.h"

namespace quantoscope {

/// A quantized tensor as three digests, whatever it is packed in: equal for a tensor on its way
/// into a file and for what the file decodes to, if and only if every code stands for the same
/// level, and every scale, offset and zero point is the same number.
struct Fingerprint {
  std::size_t rows = 0;
  std::size_t cols = 0;
  ContentDigest units{};   ///< of code - zero point, or of levels, as float32
  ContentDigest scales{};  ///< of scales and offsets, by the runs of columns that share them
  ContentDigest zeros{};   ///< of zero points, alike; not for tensors without

  bool hasZeros = false;

  /// What differs: "codes", "scales", "zero points", "shape"; "" where nothing does. Zero points
  /// are compared where both have them.
  std::string differenceFrom(const Fingerprint& other) const;
};

/// Of what goes into a file; the scales are those that will decode the codes.
Fingerprint fingerprintOf(const ExportTensor& tensor, const Executor& executor);

/// Of a tensor of a file, opened as it is stored. Errors: UnreadableFile, Cancelled.
Result<Fingerprint> fingerprintOf(const PackedTensor& tensor, const Container& container,
                                  const TaskControl& control);

/// What a finished file is to hold.
struct ExportClaim {
  std::string tensor;  ///< as the user knows it
  Fingerprint fingerprint;
};

/// Opens a finished file in a reader process, as if a stranger had sent it, and compares: each
/// array with its digest, and each tensor, decoded by code that shares nothing with the writer,
/// with its claim; claims are in the order of FinishedFile::tensors. OutputFailed, about `path`,
/// names the first that differs and in what.
Status proveExport(const FinishedFile& file, const std::vector<ExportClaim>& claims,
                   const std::string& path, const CancelToken& cancel = {});

}  // namespace quantoscope
