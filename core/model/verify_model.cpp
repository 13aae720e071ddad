#include "core/model/verify_model.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/checked.h"
#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/engine/detail.h"
#include "core/io/quantized/quantized_container.h"
#include "core/model/measure_tensor.h"
#include "core/tensor/health.h"

namespace quantoscope {

namespace {

const std::string& nameInModel(const TensorInfo& info) {
  return info.sourceName.empty() ? info.name : info.sourceName;
}

/// The name with what files of one model write differently taken away.
std::string plainName(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  constexpr std::string_view kOutput = ":0", kPrefix = "model.";
  if (name.ends_with(kOutput)) name.resize(name.size() - kOutput.size());
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  return name;
}

std::string_view groupOfName(std::string_view name) {
  const std::size_t end = name.find_last_of("/.");
  return end == std::string_view::npos ? std::string_view() : name.substr(0, end);
}

/// Tensors by name. Refers to them.
class NamedTensors {
 public:
  explicit NamedTensors(const std::vector<TensorInfo>& tensors) : tensors_(tensors) {
    for (const TensorInfo& info : tensors) {
      exact_.emplace(nameInModel(info), &info);
      const auto [at, isNew] = plain_.emplace(plainName(nameInModel(info)), &info);
      if (!isNew) at->second = nullptr;  // two would do: none is it
    }
  }

  const TensorInfo* find(const std::string& name) const {
    if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
    const auto found = plain_.find(plainName(name));
    return found == plain_.end() ? nullptr : found->second;
  }

  /// The only one of this shape and type in the group of a name that `free` lets pass.
  template <typename Free>
  const TensorInfo* findLike(const TensorInfo& like, const Free& free) const {
    const std::string group = plainName(std::string(groupOfName(nameInModel(like))));
    const TensorInfo* only = nullptr;
    for (const TensorInfo& info : tensors_) {
      if (info.shape != like.shape || info.dtype != like.dtype || !free(info)) continue;
      if (plainName(std::string(groupOfName(nameInModel(info)))) != group) continue;
      if (only != nullptr) return nullptr;
      only = &info;
    }
    return only;
  }

 private:
  const std::vector<TensorInfo>& tensors_;
  std::unordered_map<std::string, const TensorInfo*> exact_;
  std::unordered_map<std::string, const TensorInfo*> plain_;
};

std::string sidesText(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

std::string shapeOf(const TensorInfo& info) {
  std::vector<std::string> sides;
  for (const std::size_t side : info.shape) sides.push_back(std::to_string(side));
  return "[" + join(sides, ", ") + "]";
}

constexpr int kBitsOfByte = 8;

/// The orientation in which a tensor has these rows and columns.
std::optional<Orientation> orientationFor(const TensorInfo& info, const PackedInfo& packed) {
  for (const Orientation o : {Orientation::Auto, Orientation::Rows, Orientation::Columns}) {
    const TensorInfo seen = oriented(info, o);
    if (seen.rows == packed.rows && seen.cols == packed.cols) return o;
  }
  return std::nullopt;
}

class ModelAudit {
 public:
  ModelAudit(const AuditInput& input, const AuditOptions& options, const Executor& executor,
             const ModelControl& control)
      : in_(input),
        options_(options),
        executor_(executor),
        control_(control),
        decoded_(input.decoded.tensors()) {
    if (in_.original != nullptr) original_.emplace(in_.original->tensors());
    for (const StoredArray& array : in_.stored.contents().arrays) {
      sizes_[array.path] = checkedVolume(array.shape, array.elementBytes).value_or(0);
    }
  }

  Result<Audit> run() {
    for (std::size_t i = 0; i < in_.packed.size(); ++i) {
      if (auto status = quantized(*in_.packed[i], i); !status) return status.error();
    }
    if (auto status = others(); !status) return status.error();
    std::stable_sort(audit_.tensors.begin(), audit_.tensors.end(), worse);
    return std::move(audit_);
  }

 private:
  static bool worse(const TensorAudit& a, const TensorAudit& b) {
    if (a.metrics.has_value() != b.metrics.has_value()) return !a.metrics;
    if (a.metrics && a.metrics->sqnrDb != b.metrics->sqnrDb) {
      return a.metrics->sqnrDb < b.metrics->sqnrDb;
    }
    return a.alarms.size() > b.alarms.size();
  }

  TaskControl controlFor(const TensorInfo& info, std::size_t index) const {
    TaskControl handed{control_.cancel, {}};
    if (control_.progressOf) handed.progress = control_.progressOf(info, index, in_.packed.size());
    return handed;
  }

  Status quantized(const PackedTensor& packed, std::size_t index) {
    TensorAudit line;
    line.info = packed.info();
    line.name = line.info.path;
    weigh(line);
    const TensorInfo* decoded = decoded_.find(line.name);
    if (decoded != nullptr) taken_.insert(decoded->name);
    TensorInfo shown;
    shown.name = line.name;
    const TaskControl handed = controlFor(decoded != nullptr ? *decoded : shown, index);
    auto original = originalOf(line, handed);
    if (!original) return original.error();
    const AuditSubject subject{packed, in_.stored, original->get()};
    auto found = examineTensor(subject, executor_, handed);
    if (!found) return found.error();
    line.recipe = found->recipe;
    line.remarks = std::move(found->remarks);
    line.alarms.insert(line.alarms.end(), found->alarms.begin(), found->alarms.end());
    if (*original != nullptr) {
      if (auto status = compare(line, *original, decoded, handed); !status) return status;
      if (auto status = measureBest(line, packed, **original, handed); !status) return status;
      if (auto status = (*original)->intact(); !status) return status;
    }
    audit_.tensors.push_back(std::move(line));
    return ok();
  }

  void weigh(TensorAudit& line) {
    for (const std::string& part : line.info.parts) {
      parts_.insert(part);
      const auto size = sizes_.find(part);
      if (size != sizes_.end()) line.bytes += size->second;
    }
    const double weights =
        static_cast<double>(line.info.rows) * static_cast<double>(line.info.cols);
    if (weights > 0) line.bitsPerWeight = static_cast<double>(line.bytes) * kBitsOfByte / weights;
  }

  static void raise(std::vector<Alarm>& alarms, const char* id, const std::string& tensor,
                    std::string sentence) {
    alarms.push_back({id, tensor, std::move(sentence), {}});
  }

  /// The weights that a quantized tensor was made of; null where there is nothing to compare with,
  /// which an alarm or a list says.
  Result<SharedTensor> originalOf(TensorAudit& line, const TaskControl& control) {
    if (!original_) return SharedTensor();
    const TensorInfo* info = originalInfo(line);
    if (info == nullptr) {
      audit_.extra.push_back(line.name);
      return SharedTensor();
    }
    matched_.insert(info->name);
    return loadOriginal(line, *info, control);
  }

  Result<SharedTensor> loadOriginal(TensorAudit& line, const TensorInfo& info,
                                    const TaskControl& control) {
    line.originalName = info.name;
    const auto orientation = orientationFor(info, line.info);
    if (!orientation || !info.quantizable) {
      raise(line.alarms, "shape_differs", line.name,
            "decodes to " + sidesText(line.info.rows, line.info.cols) + ", the original is " +
                shapeOf(info) + (info.quantizable ? "" : " and no weight: " + info.reason));
      return SharedTensor();
    }
    auto loaded = in_.original->load(info, *orientation, {control.cancel, {}});
    if (!loaded) return loaded.error();
    auto tensor = std::make_shared<const WeightTensor>(std::move(*loaded));
    const auto health = surveyFinite(*tensor, executor_, {control.cancel, {}});
    if (health) return tensor;
    if (health.error().code != ErrorCode::NotFinite) return health.error();
    raise(line.alarms, "original_not_finite", line.name,
          "the original is " + health.error().message);
    return SharedTensor();
  }

  /// By name; where another array has the name, the only one beside it with these sides.
  const TensorInfo* originalInfo(const TensorAudit& line) const {
    const TensorInfo* named = original_->find(line.name);
    if (named != nullptr && orientationFor(*named, line.info)) return named;
    const std::string group = plainName(std::string(groupOfName(line.name)));
    const TensorInfo* only = nullptr;
    for (const TensorInfo& info : in_.original->tensors()) {
      if (plainName(std::string(groupOfName(nameInModel(info)))) != group) continue;
      if (!info.quantizable || !orientationFor(info, line.info)) continue;
      if (only != nullptr) return named;
      only = &info;
    }
    return only != nullptr && (named != nullptr || groupOfName(line.name).ends_with("vars"))
               ? only
               : named;
  }

  Status compare(TensorAudit& line, const SharedTensor& original, const TensorInfo* decoded,
                 const TaskControl& control) {
    if (decoded == nullptr || !decoded->quantizable) {
      line.remarks.push_back("is not offered as a weight by this file: no error can be told");
      return ok();
    }
    const auto orientation = orientationFor(*decoded, line.info);
    if (!orientation) {
      line.remarks.push_back("is offered as " + shapeOf(*decoded) + ": no error can be told");
      return ok();
    }
    auto loaded = in_.decoded.load(*decoded, *orientation, {control.cancel, {}});
    if (!loaded) return loaded.error();
    ComparisonRequest request;
    request.original = original;
    request.other = std::make_shared<const WeightTensor>(std::move(*loaded));
    request.sizes = smallReport();
    const auto comparison = compareTensors(request, executor_, {control.cancel, {}});
    if (comparison) {
      line.metrics = (*comparison)->report.metrics;
      return ok();
    }
    // Alarms tell of values that are not finite.
    if (comparison.error().code != ErrorCode::NotFinite) return comparison.error();
    const bool told = std::any_of(line.alarms.begin(), line.alarms.end(),
                                  [](const Alarm& alarm) { return alarm.id == "not_finite"; });
    if (!told) raise(line.alarms, "not_finite", line.name, comparison.error().message);
    return ok();
  }

  static ReportSizes smallReport() {
    ReportSizes sizes;
    sizes.profilePoints = sizes.mapRows = sizes.mapCols = sizes.bins = 16;
    sizes.worstGroups = sizes.outlierChannels = 1;
    sizes.percents.resize(1);
    return sizes;
  }

  Status measureBest(TensorAudit& line, const PackedTensor& packed, const WeightTensor& original,
                     const TaskControl& control) {
    if (!line.metrics) return ok();
    if (original.elements() > options_.bestUpTo) {
      line.noBest = "has more than " + std::to_string(options_.bestUpTo) + " weights";
      return ok();
    }
    auto stored = packed.parameters(in_.stored, {control.cancel, {}});
    if (!stored) return stored.error();
    const auto parameters = AuditedParameters::of(line.info, std::move(*stored));
    if (!parameters) return parameters.error();
    auto spec = specLike(*parameters, line.info, line.recipe);
    if (!spec) {
      line.noBest = "no number format of this program is the same";
      return ok();
    }
    spec->clip.kind = ClipPolicy::Kind::Optimal;
    const auto measured = measureTensor(original, *spec, executor_, control);
    if (!measured && measured.error().code == ErrorCode::Cancelled) return measured.error();
    if (!measured) {
      line.noBest = measured.error().message;
      return ok();
    }
    line.best =
        BestPossible{*spec, measured->metrics, measured->metrics.sqnrDb - line.metrics->sqnrDb};
    return ok();
  }

  /// A native file has more beside its codes than what they are decoded with.
  bool isPlain(const TensorInfo& info) const {
    return !taken_.contains(info.name) && !parts_.contains(info.name) && !isPartOfQuantized(info);
  }

  /// Codes that are listed as what they decode to, and what belongs to codes.
  static bool isPartOfQuantized(const TensorInfo& info) {
    return info.reason.find(kDecodedAs) != std::string::npos ||
           info.reason.find(", which is quantized") != std::string::npos;
  }

  /// All that is not quantized.
  Status others() {
    if (!original_) return ok();
    for (const TensorInfo& info : in_.original->tensors()) {
      if (matched_.contains(info.name) || isPartOfQuantized(info)) continue;
      if (auto status = other(info); !status) return status;
    }
    for (const TensorInfo& info : in_.decoded.tensors()) {
      if (isPlain(info) && !claimed_.contains(info.name)) audit_.extra.push_back(info.name);
    }
    return ok();
  }

  const TensorInfo* counterpartOf(const TensorInfo& info) const {
    const auto isFree = [&](const TensorInfo& candidate) {
      return isPlain(candidate) && !claimed_.contains(candidate.name);
    };
    const TensorInfo* named = decoded_.find(nameInModel(info));
    if (named != nullptr && !isFree(*named)) named = nullptr;
    if (named != nullptr && named->shape == info.shape) return named;
    const TensorInfo* like = decoded_.findLike(info, isFree);
    return like != nullptr && (named != nullptr || groupOfName(like->name).ends_with("vars"))
               ? like
               : named;
  }

  Status other(const TensorInfo& info) {
    if (control_.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (info.incomplete) {
      audit_.notes.push_back(info.name + ": the original has it not whole: " + info.reason);
      return ok();
    }
    const TensorInfo* found = counterpartOf(info);
    if (found == nullptr || found->incomplete) {
      audit_.missing.push_back(info.name);
      raise(audit_.alarms, "missing_tensor", info.name, whyMissing(info, found));
      return ok();
    }
    claimed_.insert(found->name);
    if (isScaled(*found) && !isScaled(info)) return scaled(info, *found);
    if (found->shape != info.shape || found->dtype != info.dtype) {
      differs(info, "is " + found->dtype + " " + shapeOf(*found) + ", the original is " +
                        info.dtype + " " + shapeOf(info));
      return ok();
    }
    const auto here = digestOf(*in_.original, info);
    if (!here) return unread(info, here.error());
    const auto there = digestOf(in_.decoded, *found);
    if (!there) return unread(*found, there.error());
    if (*here == *there) {
      audit_.equal.push_back(info.name);
    } else {
      differs(info, "is not quantized and not equal to the original");
    }
    return ok();
  }

  /// Float8 with scales, which is read as their product and has no codes.
  static bool isScaled(const TensorInfo& info) {
    return info.quantizable && info.dtype.find(kTimesScales) != std::string::npos;
  }

  Status scaled(const TensorInfo& info, const TensorInfo& found) {
    TensorAudit line;
    line.name = found.name;
    line.info.path = found.name;
    line.info.format = found.dtype;
    line.info.rows = found.rows;
    line.info.cols = found.cols;
    line.info.bits = kBitsOfByte;
    line.bytes = found.elements();
    line.bitsPerWeight = kBitsOfByte;
    line.remarks.push_back(
        "is read as float8 times its scales: no recipe, and the scales are not "
        "counted");
    const TaskControl handed = controlFor(found, in_.packed.size());
    const auto original = loadOriginal(line, info, handed);
    if (!original) return original.error();
    if (*original != nullptr) {
      if (auto status = compare(line, *original, &found, handed); !status) return status;
      constexpr double kLeastCosine = 0.5;  // as for tensors of codes
      if (line.metrics && line.metrics->cosine < kLeastCosine) {
        raise(line.alarms, "unrelated_weights", line.name,
              "has nothing in common with the original");
      }
    }
    audit_.tensors.push_back(std::move(line));
    return ok();
  }

  std::string whyMissing(const TensorInfo& info, const TensorInfo* found) const {
    if (found != nullptr) return "is not whole in the export: " + found->reason;
    for (const TensorInfo& array : in_.decoded.tensors()) {
      if (!array.reason.starts_with(kAlreadyQuantized)) continue;
      if (plainName(std::string(groupOfName(array.name))) ==
          plainName(std::string(groupOfName(nameInModel(info))))) {
        return "cannot be decoded from " + array.name + ": " + array.reason;
      }
    }
    return "is missing from the export";
  }

  void differs(const TensorInfo& info, std::string sentence) {
    audit_.different.push_back(info.name);
    raise(audit_.alarms, "tensor_differs", info.name, std::move(sentence));
  }

  Status unread(const TensorInfo& info, const Error& error) {
    if (error.code == ErrorCode::Cancelled) return error;
    audit_.notes.push_back(info.name + ": was not compared: " + error.message);
    return ok();
  }

  Result<std::string> digestOf(const TensorSource& source, const TensorInfo& info) const {
    Sha256 digest;
    const auto take = [&](const std::byte* bytes, std::size_t count) -> Status {
      digest.add(bytes, count);
      return ok();
    };
    if (auto status = source.readStored(info, take, {control_.cancel, {}}); !status) {
      return status.error();
    }
    return digest.text();
  }

  const AuditInput& in_;
  const AuditOptions& options_;
  const Executor& executor_;
  const ModelControl& control_;
  NamedTensors decoded_;
  std::optional<NamedTensors> original_;
  std::unordered_map<std::string, std::uint64_t> sizes_;  ///< bytes of arrays, by path
  std::unordered_set<std::string> parts_;    ///< of the export: arrays of quantized tensors
  std::unordered_set<std::string> taken_;    ///< of the export: what those decode to
  std::unordered_set<std::string> claimed_;  ///< of the export: compared with an original
  std::unordered_set<std::string> matched_;  ///< of the original: quantized in the export
  Audit audit_;
};

}  // namespace

std::size_t Audit::alarmCount() const {
  std::size_t count = alarms.size();
  for (const TensorAudit& tensor : tensors) count += tensor.alarms.size();
  return count;
}

Result<Audit> auditModel(const AuditInput& input, const AuditOptions& options,
                         const Executor& executor, const ModelControl& control) {
  return ModelAudit(input, options, executor, control).run();
}

}  // namespace quantoscope
