#include "core/quant/number_formats.h"

#include <algorithm>

#include "core/base/text.h"

namespace quantoscope {

namespace {

/// NormalFloat4: quantiles of the normal distribution. Sources: Dettmers et al. 2023, "QLoRA",
/// arXiv:2305.14314, appendix E; bitsandbytes, functional.py; codes: neural-compressor, utility.py.
const Codebook& nf4() {
  static const Codebook book = makeCodebook(
      {-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0},
      {7, 1, 2, 3, 4, 5, 6, 0, -8, -7, -6, -5, -4, -3, -2, -1});
  return book;
}

/// "fp4" and "fp4_e2m1_bnb": bitsandbytes' 4-bit float, scaled to -12..12. Sources: bitsandbytes,
/// csrc/kernels.cu; neural-compressor, utility.py.
const Codebook& fp4() {
  static const Codebook book =
      makeCodebook({-12, -8, -6, -4, -3, -2, -0.0625, 0, 0.0625, 2, 3, 4, 6, 8, 12},
                   {-5, -6, -3, -4, -1, -2, -7, 0, 1, 6, 7, 4, 5, 2, 3});
  return book;
}

/// "fp4_e2m1" as neural-compressor has it: bitsandbytes' values scaled to -1..1. This is not the
/// OCP e2m1 format. Source: neural-compressor, utility.py.
const Codebook& fp4E2m1() {
  static const Codebook book =
      makeCodebook({-1, -2.0 / 3, -1.0 / 2, -1.0 / 3, -1.0 / 4, -1.0 / 6, -1.0 / 96, 0, 1.0 / 96,
                    1.0 / 6, 1.0 / 4, 1.0 / 3, 1.0 / 2, 2.0 / 3, 1},
                   {-1, -2, -3, -4, -5, -6, -7, 0, 1, 2, 3, 4, 5, 6, 7});
  return book;
}

/// OCP e2m1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, patterns 0..7 and 9..15 (sign bit 8).
/// Source: OCP Microscaling Formats (MX) Specification 1.0, section 5.3.3.
const Codebook& e2m1() {
  static const Codebook book = smallFloatCodebook({2, 1, 0b111});
  return book;
}

/// fp8 e4m3 without infinity (OCP 8-bit Floating Point Specification (OFP8) 1.0; "e4m3fn" of
/// ml_dtypes and torch): bias 7, largest 448, pattern S.1111.111 is NaN and never used; 253 levels.
const Codebook& fp8E4m3fn() {
  static const Codebook book = smallFloatCodebook({4, 3, 0b1111'110});
  return book;
}

/// fp8 e5m2 (the same specification): bias 15, largest finite 57344, exponent 11111 holds infinity
/// and NaN and is never used; 247 levels.
const Codebook& fp8E5m2() {
  static const Codebook book = smallFloatCodebook({5, 2, 0b11110'11});
  return book;
}

/// IQ4_NL of llama.cpp: 16 levels, denser about 0 and none of them 0; codes are their indices. In
/// the middle of two levels the upper one is taken, as there. Its own encoder searches scales;
/// ours takes the scale that it starts from. Source: ggml, ggml-common.h (kvalues_iq4nl),
/// ggml-quants.c (best_index_int8, quantize_row_iq4_nl_impl, dequantize_row_iq4_nl).
const Codebook& iq4Nl() {
  static const Codebook book =
      makeCodebook({-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113},
                   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Ties::Up);
  return book;
}

/// The first five are those of the published functions. Rules for scales and their sources are in
/// core/kernels/scale_formats.h.
constexpr NumberFormat kFormats[] = {
    {
        .dtype = Dtype::Int,
        .levels = FormatLevels::Steps,
        .name = "int",
        .tip = "Integers with equal steps",
        .origin = FormatOrigin::WeightOnly,
    },
    {
        .dtype = Dtype::Nf4,
        .name = "nf4",
        .tip = "NormalFloat: 16 levels at the quantiles of a normal distribution (QLoRA)",
        .table = nf4,
        .bits = 4,
        .origin = FormatOrigin::WeightOnly,
    },
    {
        .dtype = Dtype::Fp4,
        .name = "fp4",
        .tip = "4-bit float as in bitsandbytes",
        .table = fp4,
        .bits = 4,
        .origin = FormatOrigin::WeightOnly,
    },
    {
        .dtype = Dtype::Fp4E2m1Bnb,
        .name = "fp4_e2m1_bnb",
        .tip = "The same levels as fp4, under another name",
        .table = fp4,
        .bits = 4,
        .origin = FormatOrigin::WeightOnly,
    },
    {
        .dtype = Dtype::Fp4E2m1,
        .name = "fp4_e2m1",
        .tip = "4-bit float as in neural-compressor; not the OCP format",
        .caution = "neural-compressor's table, not the OCP format",
        .table = fp4E2m1,
        .bits = 4,
        .origin = FormatOrigin::WeightOnly,
    },
    {
        .dtype = Dtype::Fp4E2m1Ocp,
        .name = "fp4_e2m1_ocp",
        .tip = "OCP 4-bit float e2m1: 0, 0.5, 1, 1.5, 2, 3, 4, 6",
        .table = e2m1,
        .bits = 4,
    },
    {
        .dtype = Dtype::Mxfp4,
        .name = "mxfp4",
        .tip = "OCP MXFP4: blocks of 32 with a power of two as scale",
        .table = e2m1,
        .bits = 4,
        .groupSize = 32,
        .scaleFormat = ScaleFormat::E8m0,
        .scaleBits = 8,
    },
    {
        .dtype = Dtype::Nvfp4,
        .name = "nvfp4",
        .tip = "NVFP4: blocks of 16 with an fp8 scale, and one scale per tensor",
        .table = e2m1,
        .bits = 4,
        .groupSize = 16,
        .scaleFormat = ScaleFormat::E4m3,
        .scaleBits = 8,
        .tensorBits = 32,
    },
    {
        .dtype = Dtype::Fp8E4m3fn,
        .name = "fp8_e4m3fn",
        .tip = "8-bit float e4m3, up to 448",
        .table = fp8E4m3fn,
        .bits = 8,
        .scaleBits = 32,
        .origin = FormatOrigin::NeuralCompressor,
    },
    {
        .dtype = Dtype::Fp8E5m2,
        .name = "fp8_e5m2",
        .tip = "8-bit float e5m2, up to 57344",
        .table = fp8E5m2,
        .bits = 8,
        .scaleBits = 32,
        .origin = FormatOrigin::NeuralCompressor,
    },
    {
        .dtype = Dtype::Iq4Nl,
        .name = "iq4_nl",
        .tip = "IQ4_NL of llama.cpp: 16 uneven levels, blocks of 32 with a signed float16 scale",
        .table = iq4Nl,
        .bits = 4,
        .groupSize = 32,
        .scaleFormat = ScaleFormat::SignedHalf,
    },
    {
        .dtype = Dtype::Mxfp8,
        .name = "mxfp8",
        .tip = "OCP MXFP8: fp8 e4m3 in blocks of 32 with a power of two as scale",
        .table = fp8E4m3fn,
        .bits = 8,
        .groupSize = 32,
        .scaleFormat = ScaleFormat::E8m0,
        .scaleBits = 8,
    },
    {
        .dtype = Dtype::Codebook,
        .levels = FormatLevels::User,
        .name = "codebook",
        .tip = "Your own levels",
    },
};

/// Whether a value is an enumerator. A new one must be listed here: -Wswitch says so.
constexpr bool isEnumerator(Dtype dtype) {
  switch (dtype) {
    case Dtype::Int:
    case Dtype::Nf4:
    case Dtype::Fp4:
    case Dtype::Fp4E2m1Bnb:
    case Dtype::Fp4E2m1:
    case Dtype::Fp4E2m1Ocp:
    case Dtype::Mxfp4:
    case Dtype::Mxfp8:
    case Dtype::Nvfp4:
    case Dtype::Fp8E4m3fn:
    case Dtype::Fp8E5m2:
    case Dtype::Iq4Nl:
    case Dtype::Codebook:
      return true;
  }
  return false;
}

/// Whether each enumerator has one row. Values are walked through, not rows: a row that is missing
/// is not among them.
constexpr bool everyDtypeHasOneRow() {
  constexpr int kValues = 256;
  for (int value = 0; value < kValues; ++value) {
    const auto dtype = static_cast<Dtype>(value);
    const auto rows =
        std::count_if(std::begin(kFormats), std::end(kFormats),
                      [dtype](const NumberFormat& format) { return format.dtype == dtype; });
    if (rows != (isEnumerator(dtype) ? 1 : 0)) return false;
  }
  return true;
}
static_assert(everyDtypeHasOneRow());

}  // namespace

std::span<const NumberFormat> numberFormats() {
  return kFormats;
}

const NumberFormat& formatOf(Dtype dtype) {
  return *std::find_if(std::begin(kFormats), std::end(kFormats),
                       [dtype](const NumberFormat& format) { return format.dtype == dtype; });
}

std::string formatNames(const std::function<bool(const NumberFormat&)>& wanted) {
  std::vector<std::string> names;
  for (const NumberFormat& format : kFormats) {
    if (wanted(format)) names.emplace_back(format.name);
  }
  return join(names, ", ");
}

const char* nameOf(Dtype dtype) {
  return formatOf(dtype).name;
}

Result<Dtype> parseDtype(std::string_view text) {
  for (const NumberFormat& format : kFormats) {
    if (text == format.name) return format.dtype;
  }
  return Error{ErrorCode::InvalidArgument,
               "dtype " + std::string(text) + ": allowed are " +
                   formatNames([](const NumberFormat&) { return true; })};
}

const std::vector<Dtype>& allDtypes() {
  static const std::vector<Dtype> dtypes = [] {
    std::vector<Dtype> all;
    for (const NumberFormat& format : kFormats) {
      if (format.isNamed()) all.push_back(format.dtype);
    }
    return all;
  }();
  return dtypes;
}

bool isPublished(Dtype dtype) {
  return formatOf(dtype).isPublished();
}

std::optional<int> prescribedBits(Dtype dtype, const NamedCodebook& codebook) {
  const NumberFormat& format = formatOf(dtype);
  const int bits = format.isNamed() ? format.bits : codebook.bits();
  return bits == 0 ? std::nullopt : std::optional(bits);
}

std::optional<long long> prescribedGroupSize(Dtype dtype) {
  const long long size = formatOf(dtype).groupSize;
  return size == 0 ? std::nullopt : std::optional(size);
}

const Codebook& codebookOf(Dtype dtype) {
  return formatOf(dtype).table();
}

}  // namespace quantoscope
