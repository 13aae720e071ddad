// Exports that are a state dict: safetensors files in a folder, with a configuration beside them.
//
// A format of this kind says which arrays hold a tensor, how they are packed, and what the
// configuration is; all else is the same for all of them and is done here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// One array as it will be in the file.
struct PlannedArray {
  std::string name;                  ///< in full: "model.layers.0.mlp.up_proj.qweight"
  std::string type;                  ///< as safetensors has it: "I32", "F16", ...
  std::vector<std::uint64_t> shape;  ///< empty for a scalar

  std::uint64_t bytes() const;
  bool operator==(const PlannedArray&) const = default;
};

/// The elements of planned arrays, little-endian, in the order of the plan.
using PackedArrays = std::vector<std::vector<std::byte>>;

/// What tells one such format from another. Pure functions.
struct StateDictFormat {
  /// The arrays that a tensor takes; they follow from shape and spec alone.
  std::vector<PlannedArray> (*plan)(const TensorInfo& info, const QuantSpec& spec);
  /// Their elements, each exactly as long as planned. `tensor.quantized.parameters.decoding()` are
  /// the scales as ExportFormat::storeScales() left them; `.offset` are there under
  /// ExportFormat::offsetType().
  PackedArrays (*pack)(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                       const Executor& executor);
  /// Becomes "quantization_config" of config.json.
  Json (*config)(const ModelHeader& header);
  /// Another key of config.json with the same value; null for none.
  const char* configAlias = nullptr;
  /// Where the configuration is repeated as a file of its own; null for none.
  const char* configFile = nullptr;
  const char* metadataFormat = "pt";  ///< "format" of each file's __metadata__
};

/// The sink of such a format: `path` becomes a folder with model.safetensors, or shards of at most
/// 5 GB and their index; config.json, the source's with the quantization merged in; companions,
/// copied; configFile. Tensors are called by their module, passed arrays as stateDictName() says.
Result<std::unique_ptr<TensorSink>> createStateDict(const StateDictFormat& format,
                                                    const OutputPath& path,
                                                    const ModelHeader& header,
                                                    const Executor& executor);

/// The bytes of all files of that folder.
Result<std::uint64_t> stateDictSize(const StateDictFormat& format, const ModelHeader& header);

/// How a state dict calls an array of the source: dots for slashes.
std::string stateDictName(const std::string& name);

/// The module that owns a weight: its stateDictName() without a last ".weight" (or ".kernel").
std::string moduleOf(const std::string& name);

/// "F16" for "float16", ...; "" for a type that safetensors has no word for.
std::string safetensorsType(const std::string& dtype);

}  // namespace quantoscope
