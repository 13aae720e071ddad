#include "core/engine/question.h"

#include <functional>

namespace quantoscope {

namespace {

void mix(std::size_t& hash, std::size_t value) {
  hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
}

}  // namespace

/// Over what an edit usually changes; operator== distinguishes the rest.
std::size_t QuestionHash::operator()(const Question& question) const noexcept {
  const QuantSpec& spec = question.spec;
  std::size_t hash = std::hash<std::string>{}(question.tensor);
  mix(hash, static_cast<std::size_t>(question.file));
  for (const int axis : question.axes.order) mix(hash, static_cast<std::size_t>(axis));
  mix(hash, static_cast<std::size_t>(spec.dtype));
  mix(hash, static_cast<std::size_t>(spec.bits));
  mix(hash, static_cast<std::size_t>(spec.groupSize));
  mix(hash, static_cast<std::size_t>(spec.scheme));
  mix(hash, static_cast<std::size_t>(spec.clip.kind));
  mix(hash, std::hash<double>{}(spec.clip.ratio));
  mix(hash, std::hash<double>{}(spec.grid.to));
  mix(hash, spec.doubleQuant.has_value() ? 1 : 0);
  mix(hash, static_cast<std::size_t>(spec.compute));
  return hash;
}

}  // namespace quantoscope
