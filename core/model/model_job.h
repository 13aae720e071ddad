// Which tensors of a model are worked on, and how each is read and quantized.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/tensor_source.h"
#include "core/metrics/channels.h"
#include "core/quant/tuning_plan.h"

namespace quantoscope {

using SharedTensor = std::shared_ptr<const WeightTensor>;
using SharedImportance = std::shared_ptr<const Importance>;

/// Reads one tensor of the model, oriented as its reader wants it. Errors name file and tensor.
/// Called by one thread at a time.
using TensorLoader = std::function<Result<SharedTensor>(const TensorInfo&, const TaskControl&)>;

/// The importance of a tensor's input channels, or null where all count the same.
using ImportanceLoader = std::function<Result<SharedImportance>(const WeightTensor&)>;

/// Whether a model may lack arrays.
enum class Gaps { Refused, Allowed };

/// What of a model is exported.
enum class Extent {
  Tensors,     ///< the tensors of the job alone
  WholeModel,  ///< and all else that the source holds, as it is, where the format takes it
};

/// Work on a model: a value that owns what it needs.
struct ModelJob {
  std::string file;  ///< the source, as it is named in what is written
  /// What the tensors come from, where that is to be whole and unchanged; null: nobody asks.
  SharedSource source = nullptr;
  std::optional<SourceDigest> digest = {};  ///< of the source, where it is known already
  Gaps gaps = Gaps::Refused;                ///< whether the source may lack arrays
  Extent extent = Extent::Tensors;          ///< exports only
  std::vector<TensorInfo> tensors;          ///< those to work on, quantizable, in their order
  TuningPlan plan;                          ///< the spec of each: TuningPlan::specFor
  TensorLoader load;
  ImportanceLoader importance = {};  ///< absent: all channels count the same

  /// All tensors of `source`, read by it in one orientation, under one spec.
  static ModelJob of(const SharedSource& source, const QuantSpec& spec,
                     Orientation orientation = Orientation::Auto);
};

/// How many tensors of a source are quantized already and cannot be decoded, so that work on its
/// weights leaves them out.
std::size_t countQuantized(const TensorSource& source);

/// The quantizable tensors of a source; or those with these names, in the order of the names.
/// Errors: NotFound; InvalidArgument for a name twice; DoesNotFit where nothing can be quantized.
Result<std::vector<TensorInfo>> chooseTensors(const TensorSource& source,
                                              const std::vector<std::string>& names = {});

/// To be called before anything is written or compared that comes from a source: compares its
/// checksums (TensorSource::verify) and, unless gaps are allowed, asks for every array of the model
/// (completenessOf). UnreadableFile names the file and what is damaged or missing; Cancelled.
Status proveWhole(const TensorSource& source, Gaps gaps, const TaskControl& control);

/// How work on a model is watched and stopped from outside.
struct ModelControl {
  CancelToken cancel;
  /// Called before work on each tensor begins; what it returns is told of the progress there, and
  /// may be empty. Absent: nobody watches.
  std::function<ProgressSink(const TensorInfo& tensor, std::size_t index, std::size_t count)>
      progressOf = {};
};

/// What is handed down for the tensor at `index`.
TaskControl controlOf(const ModelControl& control, const ModelJob& job, std::size_t index);

}  // namespace quantoscope
