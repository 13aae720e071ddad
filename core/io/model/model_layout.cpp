#include "core/io/model/model_layout.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/io/model/array_index.h"
#include "core/io/model/axis_evidence.h"
#include "core/io/model/layer_classes.h"
#include "core/io/model/model_order.h"
#include "core/io/model/non_weights.h"
#include "core/io/model/recurrent_gates.h"

namespace quantoscope {

namespace {

/// More experts than any model has; a larger claim is listed as one array.
constexpr std::uint64_t kMostExperts = 4096;

/// How many tensors stacks of experts may become, in all: these at least, which any small model
/// has, one more for so many bytes of weights, and never more than that.
constexpr std::uint64_t kExpertsAlways = 16384;
constexpr std::uint64_t kBytesOfExpert = 1024;
constexpr std::uint64_t kExpertsEver = std::uint64_t{1} << 20;

enum class Writer { Native, KerasLayers, KerasVars, PyTorch, Unknown };

/// Archives of Windows separate by backslashes.
std::string_view parentOf(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view lastOf(std::string_view path) {
  return path.substr(path.find_last_of("/\\") + 1);  // npos + 1 is 0
}

std::string joined(std::string_view parent, std::string_view child) {
  return parent.empty() ? std::string(child) : std::string(parent) + "/" + std::string(child);
}

/// A path's components; flat state dicts separate them by dots, some writers by '+'.
std::vector<std::string> components(std::string_view path) {
  std::string text(path);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '.' || c == '+'; }, '/');
  return split(text, '/');
}

/// The same without taking all of it apart.
std::string_view firstComponent(std::string_view path) {
  return path.substr(0, path.find_first_of("/.+"));
}
std::string_view innermostComponent(std::string_view path) {
  return path.substr(path.find_last_of("/.+") + 1);  // npos + 1 is 0
}

bool isOptimizerState(std::string_view path) {
  const std::string_view first = firstComponent(path);
  return first == "optimizer" || first.starts_with("optimizer_");
}

/// "float8_e4m3fn x row scales" is what becomes of float8 and its scales.
bool isFloat(std::string_view dtype) {
  dtype = dtype.substr(0, dtype.find(kTimesScales));
  return dtype == "float32" || dtype == "float64" || dtype == "float16" || dtype == "bfloat16" ||
         dtype == "float8_e4m3fn" || dtype == "float8_e5m2";
}

/// What some writers store bfloat16 as.
bool isWord(std::string_view dtype) {
  return dtype == "opaque16" || dtype == "uint16";
}

/// "weight", and the recurrent "weight_ih_l0", "weight_hh_l0_reverse", ...
bool isPyTorchName(std::string_view last) {
  return last == "weight" || last.starts_with("weight_ih") || last.starts_with("weight_hh");
}

/// Keras 3 numbers the variables of a layer: `.../vars/0`.
bool isNumberedVariable(std::string_view path) {
  return isDigits(lastOf(path)) && lastOf(parentOf(path)) == "vars";
}

/// The bytes of all elements; nothing where the number does not fit, or would not if an element
/// took as much as the largest that is read.
std::optional<std::uint64_t> byteCount(const StoredArray& array) {
  constexpr std::uint64_t kLargestRead = 8;
  const auto most = checkedVolume(array.shape, std::max(array.elementBytes, kLargestRead));
  if (!most || *most > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return checkedVolume(array.shape, array.elementBytes);
}

/// Turns the arrays of one file into tensors.
class Recognizer {
 public:
  explicit Recognizer(const StoredFile& file)
      : file_(file),
        writer_(writer()),
        kerasVersion_(versionOf(file)),
        index_(file),
        classes_(file, writer_ == Writer::KerasVars),
        axes_(index_, classes_, family(), !kerasVersion_.empty()),
        gates_(file),
        budget_(expertBudget()) {}

  Result<ModelLayout> layout(const CancelToken& cancel) {
    ModelLayout result{format(), {}, {}};
    if (!file_.quantization.empty() && writer_ != Writer::Native) {
      result.format += ", " + file_.quantization;
    }
    if (!classes_.problem().empty()) {
      result.notes.push_back(
          "its configuration cannot be read, so names and shapes tell the axes: " +
          classes_.problem());
    }
    if (!file_.quantizationProblem.empty()) {
      result.notes.push_back(
          "what it says of quantization cannot be read, so shapes and contents tell the codes: " +
          file_.quantizationProblem);
    }
    mayExpand_ = budget_;
    std::size_t looked = 0;
    for (const StoredArray* array : inModelOrder(file_, classes_.places())) {
      if (looked++ % 1024 == 0 && cancel.cancelled()) {
        return Error{ErrorCode::Cancelled, "cancelled"};
      }
      append(*array, result.tensors);
    }
    return result;
  }

 private:
  static std::string versionOf(const StoredFile& file) {
    for (const auto& [path, group] : file.groups) {
      if (!group.kerasVersion.empty()) return group.kerasVersion;
    }
    return {};
  }

  AxisFamily family() const {
    if (isKeras()) return AxisFamily::Keras;
    return writer_ == Writer::PyTorch ? AxisFamily::PyTorch : AxisFamily::Unknown;
  }

  Writer writer() const {
    if (file_.format == "quantoscope") return Writer::Native;
    if (file_.format == "safetensors") return Writer::PyTorch;
    for (const auto& [path, group] : file_.groups) {
      if (group.layerNames) return Writer::KerasLayers;
    }
    bool pyTorch = false;
    for (const StoredArray& array : file_.arrays) {
      if (isOptimizerState(array.path)) continue;
      if (isNumberedVariable(array.path)) return Writer::KerasVars;
      if (isPyTorchName(innermostComponent(array.path))) pyTorch = true;
    }
    return pyTorch ? Writer::PyTorch : Writer::Unknown;
  }

  std::string format() const {
    switch (writer_) {
      case Writer::Native:
        return "Quantoscope native HDF5";
      case Writer::KerasVars:
        return file_.format == "keras" ? "Keras 3 archive" : "Keras 3 weights HDF5";
      case Writer::PyTorch:
        return file_.format == "safetensors" ? "safetensors" : "PyTorch HDF5";
      case Writer::Unknown:
        return file_.format.empty() || file_.format == "keras" ? "HDF5" : file_.format;
      case Writer::KerasLayers:
        break;
    }
    const auto major =
        parseInteger(std::string_view(kerasVersion_)
                         .substr(0, std::min(kerasVersion_.find('.'), kerasVersion_.size())));
    if (!major || *major <= 1) return "Keras 1 HDF5";
    return *major == 2 ? "Keras 2 HDF5" : "Keras 3 HDF5 (legacy)";
  }

  std::uint64_t expertBudget() const {
    std::uint64_t bytes = 0;
    for (const StoredArray& array : file_.arrays) {
      bytes = checkedSum(bytes, byteCount(array).value_or(0)).value_or(bytes);
    }
    return std::min(kExpertsEver, kExpertsAlways + bytes / kBytesOfExpert);
  }

  void append(const StoredArray& array, std::vector<TensorInfo>& tensors) {
    TensorInfo info;
    info.name = array.path;
    info.shape.assign(array.shape.begin(), array.shape.end());
    info.dtype = array.dtype;
    info.filters = array.filters;
    info.chunk.assign(array.chunk.begin(), array.chunk.end());
    info.quantizedAs = array.quantizedAs;
    const auto bytes = byteCount(array);
    if (!isUsualName(array.path)) {
      info.bytes = bytes.value_or(0);
      info.reason = array.obstacle;
      if (info.reason.empty())
        info.reason = "its name has " + std::to_string(array.path.size()) + " bytes; at most " +
                      std::to_string(kLongestName) + " in " + std::to_string(kMostNameParts) +
                      " parts are looked at";
      if (bytes) setAxes(info, AxisMap::rows(array.shape.size()));
      tensors.push_back(std::move(info));
      return;
    }
    info.layer = layerOf(array.path);
    info.reason = reasonAgainst(array, bytes.has_value());
    info.quantizable = info.reason.empty();
    info.refused = array.refused && info.reason == array.obstacle;
    info.incomplete = array.incomplete && info.reason == array.obstacle;
    AxisReading reading = readingOf(array);
    const bool stack = reading.stack && array.shape[0] <= kMostExperts;
    if (bytes) {
      info.bytes = *bytes;
      setAxes(info, std::move(reading.axes));
      if (info.quantizable) {
        info.gates = gates_.of(array.path);
        info.evidence = reading.evidence;
        info.because = std::move(reading.because);
      }
    }
    if (writer_ == Writer::Native && array.quantizedAs.empty() && !isPassed(array)) {
      info.sourceName = sourceNameOf(array.path);
    }
    info.perhapsBFloat16 = isWord(array.dtype) && array.shape.size() >= 2 &&
                           array.obstacle.empty() && !isOptimizerState(array.path);
    if (!info.quantizable || !stack) {
      tensors.push_back(std::move(info));
    } else if (array.shape[0] <= mayExpand_) {
      mayExpand_ -= array.shape[0];
      appendExperts(info, tensors);
    } else {
      info.quantizable = false;
      info.gates.clear();
      info.reason =
          "one of too many stacks for a file of so few bytes: " + std::to_string(budget_) +
          " of their matrices are listed, not these " + std::to_string(array.shape[0]);
      tensors.push_back(std::move(info));
    }
  }

  std::string reasonAgainst(const StoredArray& array, bool countable) const {
    if (isOptimizerState(array.path)) return "optimizer state, not a weight";
    if (!countable) return "its shape claims more elements than can exist";
    if (!array.obstacle.empty()) return array.obstacle;
    if (!array.alias.empty()) return array.alias;
    if (!array.quantized.empty()) return array.quantized;
    if (!isFloat(array.dtype)) return dtypeReason(array.dtype);
    const bool passed = isPassed(array);
    if (writer_ == Writer::Native && !passed && array.quantizedAs.empty() &&
        lastOf(array.path) != "dequantized") {
      return "part of a quantized tensor; only dequantized arrays are weights";
    }
    if (array.shape.empty()) return "a scalar: only matrices and larger are quantized";
    if (array.shape.size() == 1) return "a vector: only matrices and larger are quantized";
    if (byteCount(array) == 0) return "empty: one of its sides is 0";
    if (writer_ == Writer::Native && !passed) return {};
    return reasonNoWeight(array, index_, classes_, isKeras());
  }

  static std::string dtypeReason(const std::string& dtype) {
    if (isWord(dtype)) return dtype + ": perhaps bfloat16, but the file does not say so";
    if (dtype.starts_with("float")) {
      return dtype + ": only float8, float16, bfloat16, float32 and float64 are quantized";
    }
    return dtype + ": only floating-point weights are quantized";
  }

  bool isKeras() const { return writer_ == Writer::KerasLayers || writer_ == Writer::KerasVars; }

  AxisReading readingOf(const StoredArray& array) const {
    const std::size_t rank = array.shape.size();
    if (rank < 2) return {AxisMap::rows(rank), AxisEvidence::None, {}, false};
    if (!array.quantizedAs.empty()) {
      const auto group = file_.groups.find(array.path);
      const auto told =
          rank > 2 && group != file_.groups.end() ? axesTold(group->second, rank) : std::nullopt;
      if (told) {
        return {*told, AxisEvidence::File, "as it was read when it was quantized", false};
      }
      return {array.inputsFirst ? AxisMap::columns(rank) : AxisMap::rows(rank), AxisEvidence::File,
              "as its codes are laid out", false};
    }
    const bool told = writer_ == Writer::Native && !isPassed(array);
    return told ? nativeReading(array) : axes_.of(array);
  }

  /// An array of a native file that is no part of a quantized tensor, under its own name.
  bool isPassed(const StoredArray& array) const {
    if (writer_ != Writer::Native || !array.quantizedAs.empty()) return false;
    const auto group = file_.groups.find(array.path);
    return group != file_.groups.end() && group->second.sourceName == array.path;
  }

  /// A native file keeps the source's axis order below the source's name, and how it was read.
  AxisReading nativeReading(const StoredArray& array) const {
    const std::size_t rank = array.shape.size();
    const std::string_view tensor = parentOf(array.path);
    const auto group = file_.groups.find(std::string(tensor));
    const bool told = group != file_.groups.end();
    if (told) {
      if (const auto axes = axesTold(group->second, rank)) {
        return {*axes, AxisEvidence::File, "as it was read when it was quantized", false};
      }
      if (group->second.orientation == "rows") {
        return {AxisMap::rows(rank), AxisEvidence::File, "attribute orientation", false};
      }
    }
    const bool turned = told && !group->second.orientation.empty();
    const bool kernel = isKernelName(nameOfArray(tensor).variable);
    return {turned || kernel ? AxisMap::columns(rank) : AxisMap::rows(rank),
            turned ? AxisEvidence::File : AxisEvidence::Name,
            turned ? "attribute orientation" : "name of the source", false};
  }

  std::string sourceNameOf(std::string_view path) const {
    if (lastOf(path) != "dequantized") return {};
    const auto group = file_.groups.find(std::string(parentOf(path)));
    return group == file_.groups.end() ? std::string{} : group->second.sourceName;
  }

  std::string layerOf(std::string_view path) const {
    switch (writer_) {
      case Writer::KerasLayers:
        return kerasLayerOf(path);
      case Writer::KerasVars:
        if (isNumberedVariable(path)) return layerOfVars(parentOf(path));
        break;
      case Writer::PyTorch: {
        std::vector<std::string> parts = components(path);
        parts.pop_back();
        return join(parts, ".");
      }
      case Writer::Native:
        return std::string(parentOf(path));
      case Writer::Unknown:
        break;
    }
    return std::string(parentOf(path));
  }

  /// The name in layer_names that the path goes through; it may have slashes, a leading one too.
  std::string kerasLayerOf(std::string_view path) const {
    for (std::string_view root = parentOf(path);; root = parentOf(root)) {
      const auto group = file_.groups.find(std::string(root));
      if (group != file_.groups.end() && group->second.layerNames) {
        return layerBelow(path.substr(root.empty() ? 0 : root.size() + 1), root);
      }
      if (root.empty()) break;
    }
    return std::string(parentOf(path));
  }

  /// The longest name of a layer that `path`, below the group `root`, begins with.
  std::string layerBelow(std::string_view path, std::string_view root) const {
    for (std::string_view layer = parentOf(path); !layer.empty(); layer = parentOf(layer)) {
      const auto group = file_.groups.find(joined(root, layer));
      if (group != file_.groups.end() && group->second.weightNames) return std::string(layer);
    }
    return std::string(path.substr(0, path.find('/')));
  }

  /// The name of the layer itself rather than of a part of it: every LSTM has an "lstm_cell".
  std::string layerOfVars(std::string_view vars) const {
    std::string innermostName;
    const std::string_view holder = parentOf(vars);
    for (std::string_view part = holder; !part.empty(); part = parentOf(part)) {
      const std::string name = classes_.nameOf(part);
      if (isLayerContainer(lastOf(parentOf(part)))) {
        return name.empty() ? std::string(lastOf(part)) : name;
      }
      if (innermostName.empty()) innermostName = name;
    }
    return innermostName.empty() ? std::string(holder) : innermostName;
  }

  static void appendExperts(const TensorInfo& stack, std::vector<TensorInfo>& tensors) {
    AxisMap axes;
    const int inputs = stack.axes.order.back();
    axes.order = {3 - inputs, inputs};  // the other of the axes 1 and 2
    for (std::size_t expert = 0; expert < stack.shape[0]; ++expert) {
      TensorInfo info = stack;
      info.name += '[' + std::to_string(expert) + "]";
      info.bytes = stack.bytes / stack.shape[0];
      axes.slice = expert;
      setAxes(info, axes);
      tensors.push_back(std::move(info));
    }
  }

  const StoredFile& file_;
  Writer writer_;
  std::uint64_t mayExpand_ = 0;
  std::string kerasVersion_;
  ArrayIndex index_;
  LayerClasses classes_;
  AxisReader axes_;
  RecurrentGates gates_;
  std::uint64_t budget_;  ///< see expertBudget()
};

}  // namespace

Result<ModelLayout> recognizeLayout(const StoredFile& file, const CancelToken& cancel) {
  return Recognizer(file).layout(cancel);
}

ModelLayout recognizeLayout(const StoredFile& file) {
  return *recognizeLayout(file, CancelToken());
}

std::string storedPath(const TensorInfo& info) {
  return info.axes.slice ? info.name.substr(0, info.name.rfind('[')) : info.name;
}

}  // namespace quantoscope
