#include "core/exporting/formats/neural_compressor_weights.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "core/exporting/bit_packing.h"
#include "core/exporting/group_arrays.h"
#include "core/exporting/module_schemes.h"

namespace quantoscope {

namespace {

constexpr const char* kModules = "neural-compressor, weight_only/modules";
constexpr const char* kSaveLoad = "neural-compressor, weight_only/save_load";
constexpr std::array<Dtype, 4> kFloats = {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1Bnb,
                                          Dtype::Fp4E2m1};

bool isInteger(const QuantSpec& spec) {
  return spec.dtype == Dtype::Int;
}

bool takesDtype(Dtype dtype) {
  return dtype == Dtype::Int || std::find(kFloats.begin(), kFloats.end(), dtype) != kFloats.end();
}

/// Its zeros of 1 bit cannot say 2^0 + 1, which symmetric codes of one bit would need; it wraps
/// differences of 8 bits to int8.
bool takesScheme(const QuantSpec& spec) {
  if (!isInteger(spec)) return true;
  if (spec.bits == 1) return spec.scheme == Scheme::Asym;
  return spec.bits < 8 || spec.scheme == Scheme::Sym;
}

/// Whether all that a loader must know of a tensor is what the configuration tells of all.
bool agrees(const PlannedTensor& tensor, const QuantSpec& common) {
  const QuantSpec scheme = schemeOf(tensor);
  const GroupLayout told = layoutOf(common, tensor.layout.rows, tensor.layout.cols);
  return scheme.dtype == common.dtype && scheme.bits == common.bits &&
         scheme.scheme == common.scheme && told == tensor.layout;
}

// Arrays

std::vector<PlannedArray> planOf(const TensorInfo& info, const QuantSpec& spec) {
  const GroupLayout layout = layoutOf(spec, info.rows, info.cols);
  const std::string module = moduleOf(info.name);
  const std::uint64_t groups = layout.groupsPerRow();
  const auto words = [&](std::size_t count) -> std::uint64_t {
    return wordsOf(WordOrder::Whole, spec.bits, count);
  };
  if (!isInteger(spec)) {
    return {{module + ".qweight", "I32", {layout.rows, words(layout.cols)}},
            {module + ".scales", "F32", {layout.rows, groups}}};
  }
  return {{module + ".qweight", "I32", {words(layout.cols), layout.rows}},
          {module + ".qzeros", "I32", {groups, words(layout.rows)}},
          {module + ".scales", "F16", {groups, layout.rows}}};
}

std::uint32_t* wordsIn(std::vector<std::byte>& bytes) {
  return reinterpret_cast<std::uint32_t*>(bytes.data());
}

PackedArrays packedRaw(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                       const Executor& executor) {
  std::vector<std::byte> qweight(plan[0].bytes());
  packRows(WordOrder::Whole, tensor, wordsIn(qweight), executor);
  PackedArrays arrays;
  arrays.push_back(std::move(qweight));
  arrays.push_back(floatScales(tensor.quantized.parameters));
  return arrays;
}

PackedArrays packedOptimum(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                           const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  std::vector<std::byte> qweight(plan[0].bytes());
  packRowsTransposed(WordOrder::Whole, tensor, wordsIn(qweight), executor);
  std::vector<std::byte> qzeros(plan[1].bytes());
  const std::vector<std::uint8_t> zeros = zeroCodesTransposed(tensor, 1, executor);
  for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
    packWords(WordOrder::Whole, tensor.quantized.spec.bits,
              {zeros.data() + g * layout.rows, layout.rows},
              wordsIn(qzeros) + g * plan[1].shape[1]);
  }
  PackedArrays arrays;
  arrays.push_back(std::move(qweight));
  arrays.push_back(std::move(qzeros));
  arrays.push_back(halfScalesTransposed(parameters, executor));
  return arrays;
}

PackedArrays packed(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                    const Executor& executor) {
  return isInteger(tensor.quantized.spec) ? packedOptimum(tensor, plan, executor)
                                          : packedRaw(tensor, plan, executor);
}

// Configuration

/// How many inputs a reader without the model makes of the words of a row: what the configuration
/// tells, else whole groups, else, of all that fill so many words, the number that is divided by
/// the largest power of two.
std::size_t inferredInputs(const PlannedTensor& tensor, const QuantSpec& common, std::size_t told) {
  const std::size_t inWord = 32 / static_cast<std::size_t>(tensor.spec.bits);
  const std::size_t most = wordsOf(WordOrder::Whole, tensor.spec.bits, tensor.layout.cols) * inWord;
  const std::size_t least = most - inWord + 1;
  const auto fits = [&](std::size_t inputs) { return inputs >= least && inputs <= most; };
  if (fits(told)) return told;
  const std::size_t size = common.groupSize < 0 ? 0 : static_cast<std::size_t>(common.groupSize);
  if (const std::size_t whole = tensor.layout.groupsPerRow() * size; fits(whole)) return whole;
  std::size_t roundest = most;
  for (std::size_t inputs = least; inputs < most; ++inputs) {
    if (std::countr_zero(inputs) > std::countr_zero(roundest)) roundest = inputs;
  }
  return roundest;
}

/// The inputs that the configuration must tell, since words and groups do not; 0 where they do.
std::size_t inputsToTell(const std::vector<PlannedTensor>& linears, const QuantSpec& common) {
  for (const PlannedTensor& tensor : linears) {
    if (inferredInputs(tensor, common, 0) != tensor.layout.cols) return tensor.layout.cols;
  }
  return 0;
}

Json configOf(const ModelHeader& header) {
  const QuantSpec common = commonScheme(header);
  std::vector<std::string> left = headModules(header);
  for (std::string& module : floatModules(header)) left.push_back(std::move(module));
  Json config = Json::object({{"quant_method", "rtn"},
                              {"dtype", nameOf(common.dtype)},
                              {"bits", common.bits},
                              {"group_size", static_cast<std::int64_t>(common.groupSize)},
                              {"sym", !isInteger(common) || common.scheme == Scheme::Sym},
                              {"desc_act", false},
                              {"modules_to_not_convert", Json::arrayOf(left)}});
  if (const std::size_t inputs = inputsToTell(plannedLinears(header), common); inputs != 0) {
    config.set("in_features", static_cast<std::int64_t>(inputs));
  }
  return config;
}

// The check

class WeightsCheck {
 public:
  explicit WeightsCheck(const ModelHeader& header)
      : book_(header),
        common_(commonScheme(header)),
        toldInputs_(inputsToTell(plannedLinears(header), common_)) {}

  Findings findings() {
    keepUsualInFloat(book_, kSaveLoad);
    refuseSharedNames(book_);
    for (const PlannedTensor& tensor : plannedLinears(book_.header())) {
      refuseWhatIsNotCarried(tensor);
      if (tensor.spec.doubleQuant) doubleQuant_.add(tensor.info.name);
    }
    doubleQuant_.tell(book_);
    return book_.take();
  }

 private:
  void refuse(const PlannedTensor& tensor, const std::string& text, const std::string& rule) {
    const auto allowed = [&](const QuantSpec& spec) {
      const PlannedTensor changed{tensor.info, spec,
                                  layoutOf(spec, tensor.layout.rows, tensor.layout.cols)};
      const bool alike = !takesCommon() || agrees(changed, common_);
      return takesDtype(spec.dtype) && takesScheme(spec) && alike;
    };
    std::vector<Remedy> remedies = remediesFor(tensor.spec, tensor.layout.cols, allowed);
    QuantSpec common = tensor.spec.withDtype(common_.dtype);
    common.bits = common_.bits;
    common.groupSize = common_.groupSize;
    if (isInteger(common_)) common.scheme = common_.scheme;
    if (common.scheme == Scheme::Asym) common.fullRange = common.halfRange = false;
    if (remedies.size() == 1 && common != tensor.spec && common.validate() && allowed(common)) {
      remedies.insert(remedies.begin(), Remedy::use(common));
    }
    book_.refuse(tensor.info.name, text, rule, std::move(remedies));
  }

  /// Whether what most tensors have can be carried: then the others are to be like them.
  bool takesCommon() const { return takesDtype(common_.dtype) && takesScheme(common_); }

  void refuseWhatIsNotCarried(const PlannedTensor& tensor) {
    const QuantSpec& spec = tensor.spec;
    if (!takesDtype(spec.dtype)) {
      return refuse(tensor,
                    std::string(nameOf(spec.dtype)) +
                        " is none of its formats; allowed are int, nf4, fp4 and fp4_e2m1",
                    kModules);
    }
    if (!takesScheme(spec)) {
      return refuse(tensor,
                    spec.bits == 1 ? "int1 sym: its zero points of one bit are too short; allowed "
                                     "is asym"
                                   : "int8 asym: differences of codes and zero points are cut to "
                                     "int8; allowed is sym",
                    kModules);
    }
    if (!agrees(tensor, common_) && takesCommon()) {
      refuse(tensor,
             "most tensors have " + describe(common_) + ", this one " + describe(schemeOf(tensor)) +
                 "; allowed is one for all",
             kSaveLoad);
      return;
    }
    const std::size_t inferred = inferredInputs(tensor, common_, toldInputs_);
    if (inferred == tensor.layout.cols) return;
    book_.refuse(tensor.info.name,
                 std::to_string(tensor.layout.cols) + " inputs: words of " +
                     std::to_string(32 / spec.bits) + " codes do not tell them from " +
                     std::to_string(inferred) +
                     ", and in_features tells one number for all tensors; allowed is " +
                     std::to_string(toldInputs_),
                 "");
  }

  RuleBook book_;
  QuantSpec common_;
  std::size_t toldInputs_;  ///< "in_features" of the configuration, or 0
  SharedNote doubleQuant_{
      "double quantization: scales are written as it left them, one by one, so "
      "that it saves nothing here",
      kModules};
};

Result<std::unique_ptr<TensorSink>> createWeights(const OutputPath& path, const ModelHeader& header,
                                                  const Executor& executor) {
  return createStateDict(neuralCompressorLayout(), path, header, executor);
}

void storeScales(const TensorInfo&, const QuantSpec& spec, GroupParameters& parameters) {
  if (isInteger(spec)) roundScalesToHalf(parameters);
}

}  // namespace

const StateDictFormat& neuralCompressorLayout() {
  static const StateDictFormat format = {planOf, packed, configOf, nullptr, "quantize_config.json"};
  return format;
}

ExportFormat neuralCompressorWeightsFormat() {
  ExportFormat format{};
  format.id = "inc-optimum";
  format.title = "neural-compressor weights";
  format.suffix = "";
  format.tip =
      "int1 to int8, nf4, fp4 and fp4_e2m1, for neural-compressor's load(format=\"huggingface\")";
  format.content = ExportContent::Tensors;
  format.check = [](const ModelHeader& header) { return WeightsCheck(header).findings(); };
  format.create = createWeights;
  format.wholeModel = true;
  format.sizeOf = [](const ModelHeader& header) {
    return stateDictSize(neuralCompressorLayout(), header);
  };
  format.storeScales = storeScales;
  return format;
}

}  // namespace quantoscope
