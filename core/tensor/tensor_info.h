// What is known about a tensor without its data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace quantoscope {

/// How the weights are stored, in the file and in memory.
enum class StoredType { Float32, Float64, Float16, BFloat16 };

/// "float32", "float64", "float16" or "bfloat16".
const char* nameOf(StoredType type);

/// Which matrix a user asks for; see AxisMap and, for names, kOrientations.
enum class Orientation {
  Auto,        ///< what the file's layout says
  Rows,        ///< axis 0 holds the output channels, axis 1 the input channels
  Columns,     ///< the last axis holds the output channels, the last but one the input channels
  Second,      ///< axis 1 holds the output channels, axis 0 the input channels
  LastButOne,  ///< the last but one holds the output channels, the last the input channels
};

/// An orientation as the command line, JSON and sessions name it, in the order of offering.
struct NamedOrientation {
  Orientation orientation;
  const char* name;
  const char* meaning;  ///< for help and the window
};
inline constexpr NamedOrientation kOrientations[] = {
    {Orientation::Auto, "auto", "as the file's layout says"},
    {Orientation::Rows, "rows", "axis 0 holds the outputs"},
    {Orientation::Second, "second", "axis 1 holds the outputs"},
    {Orientation::LastButOne, "last-but-one", "the last axis but one holds the outputs"},
    {Orientation::Columns, "columns", "the last axis holds the outputs"},
};

/// The name in kOrientations.
const char* nameOf(Orientation orientation);

/// InvalidArgument lists the names that are allowed.
Result<Orientation> parseOrientation(std::string_view name);

/// How a stored array is read as a matrix: its axes in a new order, the first `rowAxes` of them
/// spanning the rows (output channels), the rest the columns (input channels, slowest first).
/// A Keras Conv2D kernel [kh, kw, in, out] has order {3, 2, 0, 1} and rowAxes 1.
struct AxisMap {
  std::vector<int> order;
  int rowAxes = 1;
  /// The index taken along stored axis 0 where a stack (of experts, say) holds one matrix each;
  /// that axis is then absent from `order`.
  std::optional<std::size_t> slice;

  bool operator==(const AxisMap&) const = default;

  /// Axis 0 = rows, the others flattened as stored.
  static AxisMap rows(std::size_t rank);
  /// Last axis = rows; the columns are the last but one, then the others as stored.
  static AxisMap columns(std::size_t rank);
};

/// What decided how an array is read as a matrix; names as in list --json.
enum class AxisEvidence {
  None,    ///< ""
  File,    ///< "file": the file says it of this array
  Pair,    ///< "pair": shapes of kernels beside each other
  Class,   ///< "class": the class of its layer
  Bias,    ///< "bias": the length of the bias beside it, or beside its like
  Name,    ///< "name": its name, or its layer's
  Format,  ///< "format": what files of this kind do by default
  User,    ///< "user": an orientation that was asked for
};

const char* nameOf(AxisEvidence evidence);

/// A description of one array in a file. Immutable once listed.
struct TensorInfo {
  std::string name;                  ///< the path or key it is asked for by
  std::vector<std::size_t> shape;    ///< as stored
  std::string dtype;                 ///< as stored: "float32", ..., or what else it is: "int64"
  std::uint64_t bytes = 0;           ///< of the elements, uncompressed
  std::vector<std::string> filters;  ///< that they went through when written: "shuffle", "gzip"
  std::vector<std::size_t> chunk;  ///< the sides of a stored chunk; empty where it is in one piece
  std::string layer;               ///< the layer it belongs to, for people; may be empty
  AxisMap axes;                    ///< how Orientation::Auto reads it
  AxisEvidence evidence = AxisEvidence::None;  ///< what decided `axes`
  std::string because;                         ///< the same as a sentence for people
  bool transposed = false;                     ///< whether `axes` is anything but AxisMap::rows
  std::size_t rows = 0;                        ///< output channels under `axes`
  std::size_t cols = 0;                        ///< input channels under `axes`
  bool quantizable = false;
  std::string reason;  ///< why not, when it is not; else empty
  /// Whether it could be had if the user allowed this file what is refused by default.
  bool refused = false;
  /// Whether the model has it and the file has it not, not whole, or not so that it can be read:
  /// `reason` says which.
  bool incomplete = false;
  /// Whether it would be a weight if its 16-bit words were taken for bfloat16; only the user knows.
  bool perhapsBFloat16 = false;
  /// Recurrent layers: what equal parts of the rows belong to, in their order: "input", "forget",
  /// "cell", "output", or "update", "reset", "candidate". Empty for all else.
  std::vector<std::string> gates;
  std::string sourceName;  ///< of native files: the name of the tensor it was made of; else empty
  /// What it was decoded from where the file has it as codes: "GPTQ, 4 bits, groups of 128".
  std::string quantizedAs;

  std::size_t elements() const;
};

/// The gate that a row belongs to; "" where there are none.
std::string gateOfRow(const TensorInfo& info, std::size_t row);

/// `info` with the axes that the user asked for: rows, cols, axes and transposed follow
/// `orientation`. Auto returns it unchanged. Rows that are other ones by then have no gates.
TensorInfo oriented(TensorInfo info, Orientation orientation);

/// Rows and columns of `shape` under `axes` (one matrix of a stack, where there is one).
void setAxes(TensorInfo& info, AxisMap axes);

}  // namespace quantoscope
