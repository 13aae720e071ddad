#include "core/io/container/word_container.h"

#include <string_view>
#include <utility>

namespace quantoscope {

namespace {

bool isWord(std::string_view dtype) {
  return dtype == "uint16" || dtype == "opaque16";
}

class WordContainer : public Container {
 public:
  explicit WordContainer(SharedContainer container)
      : container_(std::move(container)), contents_(container_->contents()) {
    for (StoredArray& array : contents_.arrays) {
      if (isWord(array.dtype)) array.dtype = nameOf(StoredType::BFloat16);
    }
  }

  const StoredFile& contents() const override { return contents_; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    auto element = container_->elementOf(path);
    if (element && isWord(element->name)) {
      return StoredElement{nameOf(StoredType::BFloat16), 2, false, StoredType::BFloat16};
    }
    return element;
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    return container_->extentOf(path);
  }
  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    return container_->read(path, box, bytes, control);
  }
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    return container_->readAsFloat(path, box, values);
  }
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    return container_->chunkOf(path);
  }

 private:
  SharedContainer container_;
  StoredFile contents_;
};

}  // namespace

SharedContainer wordsAsBFloat16(SharedContainer container) {
  return std::make_shared<WordContainer>(std::move(container));
}

}  // namespace quantoscope
