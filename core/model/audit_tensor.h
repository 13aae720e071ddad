// One quantized tensor judged: its recipe, and alarms for what exports are known to get wrong.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/model/audit_pass.h"
#include "core/model/audit_recipe.h"

namespace quantoscope {

/// A fault that makes a file useless or suspicious.
struct Alarm {
  std::string id;        ///< a word: "zero_points_shifted"; see kAlarms
  std::string tensor;    ///< its name
  std::string sentence;  ///< for people; does not repeat the name
  std::vector<std::pair<std::string, double>> evidence;  ///< keys in snake_case
};

struct AlarmRow {
  const char* id;
  const char* meaning;  ///< for the reference page
};

/// Every alarm there is.
inline constexpr AlarmRow kAlarms[] = {
    {"missing_tensor", "the original has it, the export has not"},
    {"tensor_differs", "not quantized, and not equal to the original"},
    {"shape_differs", "rows or columns are not those of the original"},
    {"original_not_finite", "the original has NaN or Inf: nothing to compare with"},
    {"not_finite", "scales, zero points or values are NaN or Inf"},
    {"scale_vanished", "scales are 0 where weights, or codes, are not"},
    {"scale_subnormal", "scales are below the normal numbers of their type"},
    {"constant_codes", "one code throughout, such as 0x88888888 in every word"},
    {"whole_rows_zero", "one scale a row (group -1) and everything decodes to 0"},
    {"constant_rows", "rows of one code each, where the original varies"},
    {"saturated_groups", "groups most of which lies at or beyond the ends of their codes"},
    {"zero_points_shifted", "zero points off by a whole number: GPTQ v1 read as v2 or the like"},
    {"three_bit_zeros",
     "3-bit zero points wrong at some places of each 32, as an old writer left "
     "them"},
    {"code_order", "codes in another order: nibbles swapped, AWQ's order or not"},
    {"heads_permuted", "rows of q or k rearranged within heads"},
    {"rows_moved", "rows that hold other rows of the original"},
    {"rows_differ", "rows with far more error than the others"},
    {"scales_misplaced", "scales that do not suit their codes, such as another tensor's"},
    {"scales_truncated", "scales cut off rather than rounded to their type"},
    {"unrelated_weights", "weights that have nothing in common with the original's"},
    {"codes_misfit", "far more error than rounding explains, for no reason that was found"},
};

/// What was found about one tensor.
struct TensorFindings {
  Recipe recipe;
  std::vector<Alarm> alarms;
  std::vector<std::string> remarks;  ///< what is worth knowing and no fault
};

/// Looks at one tensor, with its original or without. Reads the codes once, and small parts again
/// where something is wrong. Memory: a few million codes, and the parameters, at a time. Errors:
/// those of reading; UnreadableFile where parameters do not fit the shape; DoesNotFit where memory
/// runs out; Cancelled. Thread-safe for different containers.
Result<TensorFindings> examineTensor(const AuditSubject& subject, const Executor& executor,
                                     const TaskControl& control = {});

/// The alarms alone, as a proof of an export needs them.
Result<std::vector<Alarm>> alarmsOf(const AuditSubject& subject, const Executor& executor,
                                    const TaskControl& control = {});

}  // namespace quantoscope
