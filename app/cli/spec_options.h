// The options of the command line that make a QuantSpec.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/tensor_info.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace quantoscope::cli {

/// Adds the options to a verb, then turns what was given into a valid spec.
class SpecOptions {
 public:
  void addTo(CLI::App& verb);
  /// Adds --importance to a verb that uses it.
  void addImportanceTo(CLI::App& verb);

  /// Whether any option of the spec was given; orientation is not part of it.
  bool given() const;
  bool schemeGiven() const;
  bool clipGiven() const;

  /// InvalidArgument where options do not go together.
  Result<QuantSpec> spec() const;
  Result<Orientation> orientation() const;
  const std::string& importance() const { return importance_; }  ///< FILE::PATH, or empty
  const std::string& codebookFile() const { return codebook_; }  ///< or empty

 private:
  bool has(const CLI::Option* option) const;
  Status checkCodebook(const QuantSpec& spec) const;
  Result<NamedCodebook> codebook() const;
  Result<std::optional<DoubleQuant>> doubleQuant() const;

  std::string dtype_ = "int";
  std::string bits_ = "4";
  std::string groupSize_ = "32";
  std::string scheme_ = "asym";
  std::string clip_ = "none";
  std::string ratios_ = "1:0.805:40";
  std::string dqDtype_ = "int";
  std::string dqBits_ = "8";
  std::string dqScheme_ = "asym";
  std::string dqGroupSize_ = "256";
  std::string compute_ = "float32";
  std::string orientation_ = "auto";
  std::string codebook_;
  std::string importance_;
  bool fullRange_ = false;
  bool halfRange_ = false;
  bool doubleQuant_ = false;

  CLI::Option* dtypeOption_ = nullptr;
  CLI::Option* bitsOption_ = nullptr;
  CLI::Option* groupSizeOption_ = nullptr;
  CLI::Option* schemeOption_ = nullptr;
  CLI::Option* fullRangeOption_ = nullptr;
  CLI::Option* halfRangeOption_ = nullptr;
  CLI::Option* codebookOption_ = nullptr;
  CLI::Option* clipOption_ = nullptr;
  CLI::Option* ratiosOption_ = nullptr;
  CLI::Option* doubleQuantOption_ = nullptr;
  CLI::Option* dqDtypeOption_ = nullptr;
  CLI::Option* dqBitsOption_ = nullptr;
  CLI::Option* dqSchemeOption_ = nullptr;
  CLI::Option* dqGroupSizeOption_ = nullptr;
  CLI::Option* computeOption_ = nullptr;
};

}  // namespace quantoscope::cli
