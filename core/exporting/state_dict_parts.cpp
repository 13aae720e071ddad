#include "core/exporting/state_dict_parts.h"

#include <algorithm>
#include <cstdint>

#include "core/base/half.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

namespace {

constexpr const char* kExperts = ".experts.";

/// Whether a loader makes a linear layer of it: a matrix of floats that is called a weight.
bool isLinearWeight(const TensorInfo& info) {
  const TensorRole role = roleOf(info);
  return info.shape.size() == 2 && (role == TensorRole::Linear || role == TensorRole::Head) &&
         info.dtype.find("float") != std::string::npos &&
         moduleOf(info.name) != stateDictName(info.name);
}

/// What must be alike: the mixture, and where wanted the name of the layer in its expert.
std::string expertsOf(const std::string& module, ExpertsAlike alike) {
  const std::size_t at = module.find(kExperts);
  if (at == std::string::npos) return "";
  const std::string mixture = module.substr(0, at);
  if (alike == ExpertsAlike::All) return mixture;
  const std::size_t dot = module.find('.', at + std::strlen(kExperts));
  return dot == std::string::npos ? mixture : mixture + module.substr(dot);
}

template <typename Convert>
std::vector<std::byte> halves(std::span<const float> values, Convert convert) {
  std::vector<std::uint16_t> stored(values.size());
  std::transform(values.begin(), values.end(), stored.begin(), convert);
  return bytesOf(stored);
}

}  // namespace

StoredType storedScaleType(const TensorInfo& info) {
  if (info.dtype == nameOf(StoredType::Float16)) return StoredType::Float16;
  if (info.dtype == nameOf(StoredType::BFloat16)) return StoredType::BFloat16;
  return StoredType::Float32;
}

float roundedToStored(StoredType type, float value) {
  switch (type) {
    case StoredType::Float16:
      return floatFromHalf(halfFromFloat(value));
    case StoredType::BFloat16:
      return floatFromBfloat16(bfloat16FromFloat(value));
    case StoredType::Float32:
    case StoredType::Float64:
      return value;
  }
  return value;
}

void roundScales(StoredType type, GroupParameters& parameters) {
  if (type != StoredType::Float16 && type != StoredType::BFloat16) return;
  std::vector<float> stored = parameters.decoding();
  for (float& scale : stored) scale = roundedToStored(type, scale);
  parameters.decodeScale = std::move(stored);
}

std::vector<std::byte> storedBytes(StoredType type, std::span<const float> values) {
  switch (type) {
    case StoredType::Float16:
      return halves(values, halfFromFloat);
    case StoredType::BFloat16:
      return halves(values, bfloat16FromFloat);
    case StoredType::Float32:
    case StoredType::Float64:
      break;
  }
  return bytesOf(std::vector<float>(values.begin(), values.end()));
}

std::vector<std::string> unquantizedLinears(const ModelHeader& header) {
  std::vector<std::string> modules;
  for (const TensorInfo& info : header.passed) {
    if (isLinearWeight(info)) modules.push_back(moduleOf(info.name));
  }
  const auto isQuantized = [&](const TensorInfo& info) { return moduleOf(info.name) == "lm_head"; };
  if (std::find(modules.begin(), modules.end(), "lm_head") == modules.end() &&
      std::none_of(header.tensors.begin(), header.tensors.end(), isQuantized)) {
    modules.emplace_back("lm_head");
  }
  return modules;
}

void SharedNotes::add(const std::string& subject, const std::string& text,
                      const std::string& rule) {
  const auto same = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.text == text && entry.rule == rule;
  });
  if (same == entries_.end()) {
    entries_.push_back({subject, text, rule});
  } else {
    ++same->others;
  }
}

void SharedNotes::into(RuleBook& book) const {
  for (const Entry& entry : entries_) {
    const std::string more =
        entry.others == 0 ? "" : " (and " + std::to_string(entry.others) + " more)";
    book.note(entry.subject, entry.text + more, entry.rule);
  }
}

bool isExpert(const TensorInfo& info) {
  return moduleOf(info.name).find(kExperts) != std::string::npos;
}

void agreeAmongExperts(RuleBook& book, ExpertsAlike alike,
                       const std::function<std::string(const PlannedTensor&)>& signature,
                       const std::string& rule) {
  struct First {
    std::string name;
    std::string signature;
    QuantSpec spec;
  };
  std::map<std::string, First> mixtures;
  for (const PlannedTensor& tensor : plannedTensors(book.header())) {
    const std::string key = expertsOf(moduleOf(tensor.info.name), alike);
    if (key.empty()) continue;
    const std::string own = signature(tensor);
    const auto [first, isNew] =
        mixtures.try_emplace(key, First{tensor.info.name, own, tensor.spec});
    if (isNew || first->second.signature == own) continue;
    book.refuse(tensor.info.name,
                "loaders put the experts together, and " + first->second.name + " has " +
                    first->second.signature + "; allowed is the same for all",
                rule, {Remedy::use(first->second.spec), Remedy::keepFloat()});
  }
}

void noteTransposed(const ModelHeader& header, SharedNotes& notes) {
  for (const TensorInfo& info : header.tensors) {
    if (!info.transposed || roleOf(info) != TensorRole::Linear) continue;
    notes.add(info.name,
              "stored [in, out] and written [out, in]: a loader takes it for a Linear layer, not "
              "for a Conv1D as GPT-2 has it",
              "transformers, Conv1D");
  }
}

void refuseParts(RuleBook& book) {
  for (const TensorInfo& info : book.header().tensors) {
    if (!info.axes.slice) continue;
    book.refuse(info.name, "a part of a stack has no name of its own in a state dict", "");
  }
}

}  // namespace quantoscope
