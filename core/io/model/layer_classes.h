// The classes of a model's layers, where the file tells them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/io/model/array_index.h"
#include "core/io/model/keras_config.h"
#include "core/io/model/keras_paths.h"

namespace quantoscope {

/// Reads the configuration of a file once, and finds the class of any array's layer.
class LayerClasses {
 public:
  /// `numbered`: a Keras 3 file, whose groups are named by class.
  LayerClasses(const StoredFile& file, bool numbered);

  /// The class of the layer that has the array; className is empty where the file does not tell.
  KerasClass of(const ArrayName& name) const;

  /// The name that Keras 3 gave the layer, "dense_7", in the attribute of its group or in the
  /// configuration; empty where neither tells.
  std::string nameOf(std::string_view layer) const;

  const std::map<std::string, KerasPlace>& places() const { return places_; }

  /// Why the configuration could not be read; empty where it could, or where there is none.
  const std::string& problem() const { return problem_; }

 private:
  const StoredFile& file_;
  KerasConfig config_;
  std::map<std::string, KerasPlace> places_;
  std::string problem_;
};

/// Whether a group holds layers by the names of their classes.
bool isLayerContainer(std::string_view component);

}  // namespace quantoscope
