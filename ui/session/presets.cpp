#include "ui/session/presets.h"

namespace quantoscope::ui {

namespace {

QuantSpec integer(int bits, long long groupSize, Scheme scheme) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  return spec;
}

QuantSpec codebook(Dtype dtype, long long groupSize) {
  QuantSpec spec;
  spec.dtype = dtype;
  spec.groupSize = groupSize;
  return spec;
}

QuantSpec fullRange(QuantSpec spec) {
  spec.fullRange = true;
  return spec;
}

QuantSpec searched(QuantSpec spec, ClipPolicy::Kind kind) {
  spec.clip = {kind, 1.0};
  return spec;
}

QuantSpec doubly(QuantSpec spec) {
  spec.doubleQuant = DoubleQuant{};
  return spec;
}

}  // namespace

const std::vector<Preset>& presets() {
  using Kind = ClipPolicy::Kind;
  static const std::vector<Preset> kPresets = {
      {QStringLiteral("W8 per row sym"), integer(8, -1, Scheme::Sym)},
      {QStringLiteral("W8 g128 asym"), integer(8, 128, Scheme::Asym)},
      {QStringLiteral("W4 g32 asym"), integer(4, 32, Scheme::Asym)},
      {QStringLiteral("W4 g32 sym full range"), fullRange(integer(4, 32, Scheme::Sym))},
      {QStringLiteral("W4 g128 asym"), integer(4, 128, Scheme::Asym)},
      {QStringLiteral("W4 g128 asym + clip search"),
       searched(integer(4, 128, Scheme::Asym), Kind::SearchTensor)},
      {QStringLiteral("NF4 g64"), codebook(Dtype::Nf4, 64)},
      {QStringLiteral("NF4 g64 + double quantization"), doubly(codebook(Dtype::Nf4, 64))},
      {QStringLiteral("FP4 g64"), codebook(Dtype::Fp4, 64)},
      {QStringLiteral("W3 g64 asym + clip search"),
       searched(integer(3, 64, Scheme::Asym), Kind::SearchTensor)},
      {QStringLiteral("W2 g32 asym"), integer(2, 32, Scheme::Asym)},
      {QStringLiteral("W2 g32 asym + clip search per group"),
       searched(integer(2, 32, Scheme::Asym), Kind::SearchGroups)},
  };
  return kPresets;
}

}  // namespace quantoscope::ui
