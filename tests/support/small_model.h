// A language model in a folder, small enough to be exported in every way.
#pragma once

#include <string>

namespace quantoscope::test {

/// Writes model.safetensors, config.json and tokenizer.json into `folder`, which is made: an
/// embedding, two blocks of attention and feed-forward layers with biases and norms, and a head, of
/// type "F32", "F16" or "BF16". Widths are multiples of 128, rows of 64.
void writeSmallModel(const std::string& folder, const std::string& type = "BF16");

}  // namespace quantoscope::test
