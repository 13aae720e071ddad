#include "core/exporting/module_schemes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/exporting/state_dict.h"

namespace quantoscope {

QuantSpec schemeOf(const PlannedTensor& tensor) {
  QuantSpec scheme;
  scheme.dtype = tensor.spec.dtype;
  scheme.bits = tensor.spec.bits;
  const bool wholeRow = tensor.spec.groupSize < 0 ||
                        static_cast<std::size_t>(tensor.spec.groupSize) > tensor.layout.cols;
  scheme.groupSize = wholeRow ? -1 : tensor.spec.groupSize;
  if (!tensor.spec.isFloat()) scheme.scheme = tensor.spec.scheme;
  return scheme;
}

std::vector<PlannedTensor> plannedLinears(const ModelHeader& header) {
  std::vector<PlannedTensor> linears;
  for (PlannedTensor& tensor : plannedTensors(header)) {
    if (roleOf(tensor.info) == TensorRole::Linear) {
      linears.push_back({tensor.info, std::move(tensor.spec), tensor.layout});
    }
  }
  return linears;
}

QuantSpec commonScheme(const ModelHeader& header) {
  std::vector<std::pair<QuantSpec, std::size_t>> counts;
  for (const PlannedTensor& tensor : plannedLinears(header)) {
    const QuantSpec scheme = schemeOf(tensor);
    const auto there = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& known) { return known.first == scheme; });
    if (there == counts.end()) {
      counts.emplace_back(scheme, 1);
    } else {
      ++there->second;
    }
  }
  if (counts.empty()) return header.plan.defaultSpec;
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::vector<std::string> floatModules(const ModelHeader& header) {
  std::vector<std::string> modules;
  for (const TensorInfo& info : header.passed) {
    if (!info.quantizable || roleOf(info) != TensorRole::Linear) continue;
    if (std::string module = moduleOf(info.name); !module.empty()) modules.push_back(module);
  }
  return modules;
}

std::vector<std::string> headModules(const ModelHeader& header) {
  std::vector<std::string> modules = {"lm_head"};  // tied ones have no tensor
  for (const TensorInfo& info : header.passed) {
    if (roleOf(info) != TensorRole::Head) continue;
    if (std::string module = moduleOf(info.name); module != modules.front()) {
      modules.push_back(std::move(module));
    }
  }
  return modules;
}

std::string escapedPattern(const std::string& text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string anchoredPattern(const std::string& module) {
  return "^" + escapedPattern(module) + "$";
}

void SharedNote::add(const std::string& tensor) {
  if (count_++ == 0) first_ = tensor;
}

void SharedNote::tell(RuleBook& book) const {
  if (count_ == 0) return;
  const std::string more = count_ == 1 ? ""
                                       : " (and " + std::to_string(count_ - 1) +
                                             (count_ == 2 ? " more tensor)" : " more tensors)");
  book.note(first_, text_ + more, rule_);
}

}  // namespace quantoscope
