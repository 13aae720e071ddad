// What configurations of language models say of modules: the scheme that most have, those that
// differ, those that stay in float.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/exporting/rules.h"

namespace quantoscope {

/// What a loader must know to decode a tensor: number format, bits, scheme, and groups, where -1
/// stands for one a row. All else is as in QuantSpec{}.
QuantSpec schemeOf(const PlannedTensor& tensor);

/// The planned tensors that are matrices of linear layers.
std::vector<PlannedTensor> plannedLinears(const ModelHeader& header);

/// The scheme that most linear layers of the header have, the first of equals; that of the plan's
/// default where there are none.
QuantSpec commonScheme(const ModelHeader& header);

/// The modules of the linear layers that stay in float, in the header's order.
std::vector<std::string> floatModules(const ModelHeader& header);

/// Modules of output heads that loaders know by name, for lists of what is not to be converted.
std::vector<std::string> headModules(const ModelHeader& header);

/// `text` as a regular expression that matches it alone, not anchored.
std::string escapedPattern(const std::string& text);

/// A module as a regular expression from ^ to $.
std::string anchoredPattern(const std::string& module);

/// A note that many tensors share: it is told once, of the first.
class SharedNote {
 public:
  SharedNote(std::string text, std::string rule) : text_(std::move(text)), rule_(std::move(rule)) {}

  void add(const std::string& tensor);
  /// Adds it to the book, if a tensor was added: "TEXT (and N more tensors)".
  void tell(RuleBook& book) const;

 private:
  std::string text_;
  std::string rule_;
  std::string first_;
  std::size_t count_ = 0;
};

}  // namespace quantoscope
