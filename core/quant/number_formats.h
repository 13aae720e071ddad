// The number formats: one row each, which everything else reads.
//
// To add a format of known arithmetic: an enumerator here; its levels, its row and its case in
// number_formats.cpp. Names, help, error texts, JSON, completion, storage cost, the window's list
// and its tips follow from the row.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/kernels/codec.h"
#include "core/quant/codebooks.h"

namespace quantoscope {

/// Number formats by name; each has a row in numberFormats(). No order is meant.
enum class Dtype {
  Int,
  Nf4,
  Fp4,
  Fp4E2m1Bnb,
  Fp4E2m1,
  Fp4E2m1Ocp,
  Mxfp4,
  Mxfp8,
  Nvfp4,
  Fp8E4m3fn,
  Fp8E5m2,
  Iq4Nl,
  Codebook,  ///< QuantSpec::codebook
};

/// Who knows a format by its name.
enum class FormatOrigin {
  /// The published functions (neural_compressor.torch.algorithms.weight_only.utility 3.9). Scales
  /// can be quantized to these.
  WeightOnly,
  NeuralCompressor,  ///< neural-compressor, but not those functions
  Elsewhere,
};

/// Where the levels of a format come from.
enum class FormatLevels {
  Steps,  ///< integers: bits, scheme and ranges are choices
  Table,  ///< NumberFormat::table
  User,   ///< QuantSpec::codebook; such a format needs more than its name
};

/// What a number format is.
struct NumberFormat {
  Dtype dtype = Dtype::Int;
  FormatLevels levels = FormatLevels::Table;
  const char* name = "";                 ///< on the command line and in files
  const char* tip = "";                  ///< what it is, one line
  const char* caution = "";              ///< what the name may be taken for in error; "" for most
  const Codebook& (*table)() = nullptr;  ///< FormatLevels::Table only
  int bits = 0;                          ///< of a code; 0: a choice
  int groupSize = 0;                     ///< 0: a choice
  ScaleFormat scaleFormat = ScaleFormat::Float32;  ///< which numbers its scales can be
  int scaleBits = 16;                              ///< that a stored scale takes
  int tensorBits = 0;                              ///< stored once a tensor
  FormatOrigin origin = FormatOrigin::Elsewhere;

  bool isPublished() const { return origin == FormatOrigin::WeightOnly; }
  /// Whether the name alone says what it is.
  bool isNamed() const { return levels != FormatLevels::User; }
  /// Whether double quantization can take its scales: they may become any float32 number then.
  bool takesDoubleQuant() const { return scaleFormat == ScaleFormat::Float32; }
};

/// All rows, in the order that users see.
std::span<const NumberFormat> numberFormats();
const NumberFormat& formatOf(Dtype dtype);

/// The names of the formats that `wanted` picks, in that order: "int, nf4, fp4".
std::string formatNames(const std::function<bool(const NumberFormat&)>& wanted);

const char* nameOf(Dtype dtype);
Result<Dtype> parseDtype(std::string_view text);
/// Every number format but Dtype::Codebook, which needs more than a name.
const std::vector<Dtype>& allDtypes();
/// Whether the published functions know the format.
bool isPublished(Dtype dtype);
/// The bits of a code where the format prescribes them; `codebook` matters to Dtype::Codebook only.
std::optional<int> prescribedBits(Dtype dtype, const NamedCodebook& codebook = {});
/// The group size where the format prescribes it.
std::optional<long long> prescribedGroupSize(Dtype dtype);
/// The levels of a format of FormatLevels::Table.
const Codebook& codebookOf(Dtype dtype);

}  // namespace quantoscope
