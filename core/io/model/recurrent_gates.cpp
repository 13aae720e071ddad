#include "core/io/model/recurrent_gates.h"

#include <algorithm>
#include <cctype>

namespace quantoscope {

namespace {

const std::vector<std::string> kLstm = {"input", "forget", "cell", "output"};
const std::vector<std::string> kKerasGru = {"update", "reset", "candidate"};
const std::vector<std::string> kPyTorchGru = {"reset", "update", "candidate"};

/// Where the last component begins, whatever separates it.
std::size_t lastComponent(const std::string& path) {
  return path.find_last_of("./+") + 1;  // npos + 1 is 0
}

bool mentions(const std::string& path, std::string_view word) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::search(path.begin(), path.end(), word.begin(), word.end(), same) != path.end();
}

/// How often the units go into the output channels; 0 where not a whole number of times.
std::uint64_t gateCount(std::uint64_t outputs, std::uint64_t units) {
  return units == 0 || outputs % units != 0 ? 0 : outputs / units;
}

}  // namespace

RecurrentGates::RecurrentGates(const StoredFile& file) {
  for (const StoredArray& array : file.arrays) shapes_.emplace(array.path, &array.shape);
}

const std::vector<std::uint64_t>* RecurrentGates::shapeOf(const std::string& path) const {
  const auto found = shapes_.find(path);
  return found == shapes_.end() ? nullptr : found->second;
}

std::vector<std::string> RecurrentGates::of(const std::string& path) const {
  const std::size_t at = lastComponent(path);
  const std::string holder = path.substr(0, at);
  const std::string name = path.substr(at);
  for (const char* prefix : {"weight_ih", "weight_hh"}) {
    if (name.starts_with(prefix)) return ofPyTorch(path, holder + "weight_hh" + name.substr(9));
  }
  const std::size_t colon = std::min(name.find(':'), name.size());  // "kernel:0"
  const std::string bare = name.substr(0, colon);
  if (bare == "kernel" || bare == "recurrent_kernel") {
    return ofKeras(path, holder + "recurrent_kernel" + name.substr(colon));
  }
  const bool inCell = holder.ends_with("cell/vars/");
  if (inCell && (name == "0" || name == "1")) return ofKeras(path, holder + "1");
  return {};
}

std::vector<std::string> RecurrentGates::ofKeras(const std::string& path,
                                                 const std::string& recurrent) const {
  const auto* own = shapeOf(path);
  const auto* hidden = shapeOf(recurrent);
  if (!own || !hidden || own->size() < 2 || own->size() != hidden->size()) return {};
  if (own->back() != hidden->back()) return {};
  const std::uint64_t gates = gateCount(own->back(), (*hidden)[hidden->size() - 2]);
  if (gates == kLstm.size()) return kLstm;
  return gates == kKerasGru.size() ? kKerasGru : std::vector<std::string>{};
}

std::vector<std::string> RecurrentGates::ofPyTorch(const std::string& path,
                                                   const std::string& recurrent) const {
  const auto* own = shapeOf(path);
  const auto* hidden = shapeOf(recurrent);
  if (!own || !hidden || own->size() != 2 || hidden->size() != 2) return {};
  if (own->front() != hidden->front() || own->front() == 0) return {};
  const bool projected = mentions(path, "lstm") && own->front() % kLstm.size() == 0;
  const std::uint64_t gates = gateCount(own->front(), hidden->back());
  if (gates == kLstm.size() || projected) return kLstm;
  return gates == kPyTorchGru.size() ? kPyTorchGru : std::vector<std::string>{};
}

}  // namespace quantoscope
