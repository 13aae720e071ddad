// How Keras 3 has quantized layers: which choice of ours becomes which of its modes, and where each
// variable goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/exporting/export_format.h"
#include "core/exporting/hdf5_skeleton.h"

namespace quantoscope {

/// What a layer's dtype policy says, gptq/4/32 or so. The rule which one it becomes:
///
/// - Dense and EinsumDense: gptq, which carries our codes, scales and zero points as they are; 1
/// bit
///   is stored in 2, and 5 to 7 bits in 8. But int8 in Keras' own convention (symmetric, amax /
///   127, whole rows) becomes int8 for a Dense layer of float32 in an archive, which is the form
///   that everything knows; a weights file does not tell int8 from other modes, so there it is
///   gptq/8/-1.
/// - Embedding and ReversibleEmbedding, which have no gptq: int4 with groups up to 4 bits, a whole
///   row being one group; int8 for 5 to 8 symmetric bits and whole rows, of float32 in an archive.
enum class KerasMode { Gptq, Int4, Int8 };

/// How the matrix of a kernel lies in the one that Keras flattens the kernel to, [inputs, outputs]:
/// a kernel of three axes is cut behind its first axis, or behind its second where the first is not
/// the longest. What is left of the cut may hold outputs, too (of a kernel [heads, in, size]): each
/// of these has groups of its own then, which g_idx tells apart.
struct KerasFlattening {
  std::vector<std::size_t> rowOfColumn;  ///< of ours, by their column
  std::vector<std::size_t> rowOfLead;    ///< to be added for outputs that are left of the cut
  std::vector<std::size_t> leadOfRow;    ///< index into rowOfLead by their row
  std::vector<std::size_t> columnOfRow;  ///< of ours, by their row

  std::size_t columns() const { return rowOfColumn.size(); }
  std::size_t rows() const { return columnOfRow.size(); }
};

/// Nothing where inputs would lie right of the cut, or the kernel has not two or three axes.
std::optional<KerasFlattening> kerasFlattening(const TensorInfo& info);

/// One quantized weight.
struct KerasWeight {
  KerasMode mode = KerasMode::Gptq;
  int bits = 4;            ///< of a stored code
  long long block = -1;    ///< as the policy tells it
  std::string layer;       ///< the path of its group: "layers/dense_1"
  bool isReverse = false;  ///< the second of a ReversibleEmbedding
  bool isTable = false;    ///< of an Embedding
  // Indices into KerasPlan::arrays.
  std::size_t codes = 0;
  std::size_t scale = 0;
  std::optional<std::size_t> zero;
  std::optional<std::size_t> groupIndex;
};

/// All of an export.
struct KerasPlan {
  bool isArchive = false;
  std::vector<SkeletonArray> arrays;
  std::map<std::string, std::string> groupNames;  ///< attributes `name`
  std::vector<KerasWeight> weights;               ///< of ModelHeader::tensors
  std::map<std::string, std::size_t> passed;      ///< arrays by their path in the source
  std::string config;                             ///< config.json of an archive, rewritten
};

/// The rules, and what they found about a header.
Findings checkKeras(const ModelHeader& header);

/// The plan for a header that has passed them; DoesNotFit names what has not.
Result<KerasPlan> planKeras(const ModelHeader& header);

/// ExportFormat::storeScales: float16 and bfloat16 models have scales of their own type; of what
/// may become int8, which divides, the reciprocal is stored.
void storeKerasScales(const TensorInfo& info, const QuantSpec& spec, GroupParameters& parameters);

}  // namespace quantoscope
