#include "core/exporting/formats/awq.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/exporting/bit_packing.h"
#include "core/exporting/group_arrays.h"
#include "core/exporting/module_schemes.h"
#include "core/exporting/vllm_kernels.h"

namespace quantoscope {

namespace {

constexpr int kBits = 4;
constexpr std::size_t kPerWord = 8;
constexpr std::array<int, kPerWord> kOrder = {0, 2, 4, 6, 1, 3, 5, 7};

constexpr const char* kVllm = "vLLM, auto_awq";
constexpr const char* kAutoAwq = "AutoAWQ, gemm; vLLM, auto_awq";

bool carries(const QuantSpec& spec, const GroupLayout& layout) {
  return spec.dtype == Dtype::Int && spec.bits == kBits && !spec.doubleQuant &&
         layout.rows % kPerWord == 0 && layout.tail() == 0;
}

/// The group size that the configuration tells: one for all modules.
long long commonGroupSize(const ModelHeader& header) {
  return commonScheme(header).groupSize;
}

/// Whether groups of that size are those of `layout`: a row of one group also has the size of a
/// row.
bool hasGroups(const GroupLayout& layout, long long size) {
  const std::size_t resolved = size < 0 ? layout.cols : static_cast<std::size_t>(size);
  return layout.groupSize == resolved;
}

// Arrays

std::vector<PlannedArray> planOf(const TensorInfo& info, const QuantSpec& spec) {
  const GroupLayout layout = layoutOf(spec, info.rows, info.cols);
  const std::string module = moduleOf(info.name);
  const std::uint64_t groups = layout.groupsPerRow();
  const std::uint64_t words = layout.rows / kPerWord;
  return {{module + ".qweight", "I32", {layout.cols, words}},
          {module + ".qzeros", "I32", {groups, words}},
          {module + ".scales", "F16", {groups, layout.rows}}};
}

/// The zeros of one group, eight a word in the order of the codes.
void packZeros(const std::uint8_t* zeros, std::size_t words, std::uint32_t* to) {
  for (std::size_t w = 0; w < words; ++w, zeros += kPerWord) {
    std::array<std::uint8_t, kPerWord> ordered;
    for (std::size_t i = 0; i < kPerWord; ++i) {
      ordered[i] = zeros[static_cast<std::size_t>(kOrder[i])];
    }
    packWords(WordOrder::Whole, kBits, ordered, to + w);
  }
}

PackedArrays packed(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                    const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  std::vector<std::byte> qweight(plan[0].bytes());
  packNibblesAcrossRows(kOrder, tensor, reinterpret_cast<std::uint32_t*>(qweight.data()), executor);
  std::vector<std::byte> qzeros(plan[1].bytes());
  const std::vector<std::uint8_t> zeros = zeroCodesTransposed(tensor, 0, executor);
  const std::size_t words = layout.rows / kPerWord;
  for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
    packZeros(zeros.data() + g * layout.rows, words,
              reinterpret_cast<std::uint32_t*>(qzeros.data()) + g * words);
  }
  PackedArrays arrays;
  arrays.push_back(std::move(qweight));
  arrays.push_back(std::move(qzeros));
  arrays.push_back(halfScalesTransposed(parameters, executor));
  return arrays;
}

// Configuration

/// Loaders leave out each module whose name contains one of these: full names, heads, and the
/// wholes that vLLM asks for by their own names.
std::vector<std::string> modulesToLeave(const ModelHeader& header) {
  std::vector<std::string> modules = headModules(header);
  std::set<std::string> wholes;
  for (const std::string& module : floatModules(header)) {
    modules.push_back(module);
    const std::string whole = fusedModuleOf(module);
    if (!whole.empty() && wholes.insert(whole).second) modules.push_back(whole);
  }
  return modules;
}

Json configOf(const ModelHeader& header) {
  return Json::object({{"quant_method", "awq"},
                       {"zero_point", true},
                       {"group_size", static_cast<std::int64_t>(commonGroupSize(header))},
                       {"bits", kBits},
                       {"version", "gemm"},
                       {"modules_to_not_convert", Json::arrayOf(modulesToLeave(header))}});
}

// The check

class AwqCheck {
 public:
  explicit AwqCheck(const ModelHeader& header)
      : book_(header), groupSize_(commonGroupSize(header)), left_(modulesToLeave(header)) {}

  Findings findings() {
    keepUsualInFloat(book_, kVllm);
    refuseSharedNames(book_);
    for (const PlannedTensor& tensor : plannedLinears(book_.header())) {
      refuseWhatIsNotCarried(tensor);
      if (carries(tensor.spec, tensor.layout) && hasGroups(tensor.layout, groupSize_)) {
        noteKernels(tensor);
      }
    }
    agreeWithinFused(
        book_, [](const PlannedTensor&) { return std::string("int4"); }, "vLLM, quant_utils");
    marlin_.tell(book_);
    machete_.tell(book_);
    noteBfloat16(book_, "vLLM, auto_awq; transformers, quantizer_awq");
    return book_.take();
  }

 private:
  void refuse(const PlannedTensor& tensor, const std::string& text,
              const std::string& rule = kAutoAwq) {
    const auto allowed = [&](const QuantSpec& spec) {
      const GroupLayout layout = layoutOf(spec, tensor.layout.rows, tensor.layout.cols);
      return carries(spec, layout) && hasGroups(layout, groupSize_);
    };
    std::vector<Remedy> remedies = remediesFor(tensor.spec, tensor.layout.cols, allowed);
    if (remedies.size() == 1) offerCommonGroups(tensor, allowed, remedies);
    book_.refuse(tensor.info.name, text, rule, std::move(remedies));
  }

  /// The size that all others have may be none of the usual ones.
  void offerCommonGroups(const PlannedTensor& tensor,
                         const std::function<bool(const QuantSpec&)>& allowed,
                         std::vector<Remedy>& remedies) const {
    QuantSpec spec = tensor.spec;
    spec.groupSize = groupSize_;
    if (allowed(spec)) remedies.insert(remedies.begin(), Remedy::use(spec));
  }

  void refuseWhatIsNotCarried(const PlannedTensor& tensor) {
    const QuantSpec& spec = tensor.spec;
    const GroupLayout& layout = tensor.layout;
    if (spec.dtype != Dtype::Int) {
      refuse(tensor, std::string(nameOf(spec.dtype)) + " is no integer format; allowed is int4");
    } else if (spec.bits != kBits) {
      refuse(tensor, "int" + std::to_string(spec.bits) + "; allowed is int4");
    }
    if (spec.doubleQuant) {
      refuse(tensor,
             "double quantization: there is no place for quantized scales; allowed are "
             "plain ones");
    }
    if (layout.rows % kPerWord != 0) {
      refuse(tensor, std::to_string(layout.rows) + " outputs; allowed are multiples of 8");
    }
    if (layout.tail() != 0) {
      refuse(tensor, "groups of " + std::to_string(layout.groupSize) + " do not divide " +
                         std::to_string(layout.cols) + " inputs; allowed are groups that do");
    } else if (!hasGroups(layout, groupSize_)) {
      refuse(tensor, "most tensors have " +
                         (groupSize_ < 0 ? std::string("one group a row")
                                         : "groups of " + std::to_string(groupSize_)) +
                         ", this one groups of " + std::to_string(layout.groupSize) +
                         "; allowed is one size for all");
    }
    refuseWhatWouldBeLeft(tensor);
  }

  void refuseWhatWouldBeLeft(const PlannedTensor& tensor) {
    const std::string module = moduleOf(tensor.info.name);
    for (const std::string& left : left_) {
      if (module.find(left) == std::string::npos) continue;
      return book_.refuse(
          tensor.info.name,
          "its name contains that of " + left + ", which stays in float: loaders take it for that",
          kVllm);
    }
  }

  void noteKernels(const PlannedTensor& tensor) {
    const KernelLayer layer = KernelLayer::of(tensor);
    if (!marlinTakesGroups(layer) || !marlinTakesShape(layer)) {
      marlin_.add(tensor.info.name);
    } else if (!macheteTakes(layer)) {
      machete_.add(tensor.info.name);
    }
  }

  RuleBook book_;
  long long groupSize_;
  std::vector<std::string> left_;
  SharedNote marlin_{
      "vLLM's Marlin kernel takes groups of 32, 64, 128 or whole rows, multiples of "
      "64 outputs and 128 inputs alone: AWQ's own, slower one takes its place",
      "vLLM, marlin_utils"};
  SharedNote machete_{
      "Machete, vLLM's kernel for Hopper GPUs, takes groups of 64, 128 or whole "
      "rows, multiples of 64 inputs and 128 outputs alone: Marlin takes its place",
      "vLLM, machete_utils"};
};

Result<std::unique_ptr<TensorSink>> createAwq(const OutputPath& path, const ModelHeader& header,
                                              const Executor& executor) {
  return createStateDict(awqLayout(), path, header, executor);
}

}  // namespace

const StateDictFormat& awqLayout() {
  static const StateDictFormat format = {planOf, packed, configOf, nullptr, "quantize_config.json"};
  return format;
}

ExportFormat awqFormat() {
  ExportFormat format{};
  format.id = "awq";
  format.title = "AWQ";
  format.suffix = "";
  format.tip = "int4 with zero points (the GEMM version), for vLLM, transformers and AutoAWQ";
  format.content = ExportContent::Tensors;
  format.check = [](const ModelHeader& header) { return AwqCheck(header).findings(); };
  format.create = createAwq;
  format.wholeModel = true;
  format.sizeOf = [](const ModelHeader& header) { return stateDictSize(awqLayout(), header); };
  format.storeScales = [](const TensorInfo&, const QuantSpec&, GroupParameters& parameters) {
    roundScalesToHalf(parameters);
  };
  return format;
}

}  // namespace quantoscope
