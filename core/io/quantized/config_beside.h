// What the configuration beside a model's file says of how it was quantized.
#pragma once

#include <string>

#include "core/io/container/container.h"

namespace quantoscope {

/// StoredFile::quantizationConfig and quantizationProblem.
struct QuantizationConfig {
  std::string text;
  std::string problem;
};

/// The container with these.
SharedContainer withConfig(SharedContainer container, QuantizationConfig config);

/// The container with StoredFile::quantizationConfig, where one of its arrays looks like codes that
/// can be decoded; else itself. The configuration is "quantization_config" or (MLX) "quantization"
/// of config.json in the folder of `path`, or else the whole of quantize_config.json or
/// quant_config.json or quantization_config.json there: the first of these that is an object. That
/// a file is absent is no matter; one that cannot be read, has more than 4 MB or is no JSON becomes
/// StoredFile::quantizationProblem, and the next is taken.
///
/// Reads the files by openFileBytes(), once.
SharedContainer withConfigBeside(SharedContainer container, const std::string& path);

}  // namespace quantoscope
