#include "ui/session/queued_loader.h"

#include <utility>

namespace quantoscope::ui {

namespace {

/// Of what is not thread-safe by itself, nothing is asked but on the queue's thread.
class QueuedSource : public TensorSource {
 public:
  QueuedSource(SharedSource source, std::shared_ptr<IoQueue> queue,
               std::function<void(std::uint64_t)> passed)
      : source_(std::move(source)), queue_(std::move(queue)), passed_(std::move(passed)) {}

  const std::string& path() const override { return source_->path(); }
  std::vector<std::string> files() const override { return source_->files(); }
  Status intact() const override { return source_->intact(); }
  Result<SourceDigest> digest(const CancelToken& cancel) const override {
    return source_->digest(cancel);
  }
  Integrity integrity() const override { return source_->integrity(); }
  std::uint64_t bytesToVerify() const override { return source_->bytesToVerify(); }
  Status verify(const TaskControl& control) const override { return source_->verify(control); }
  const std::string& format() const override { return source_->format(); }
  std::vector<std::string> notes() const override { return source_->notes(); }
  std::shared_ptr<const StoredFile> contents() const override { return source_->contents(); }
  const std::vector<TensorInfo>& tensors() const override { return source_->tensors(); }

  Result<WeightTensor> load(const TensorInfo& info, Orientation orientation,
                            const TaskControl& control) const override {
    return queue_->load(source_, info, control, orientation);
  }
  Status readStored(const TensorInfo& info,
                    const std::function<Status(const std::byte*, std::size_t)>& take,
                    const TaskControl& control) const override {
    const auto counted = [this, &take](const std::byte* bytes, std::size_t count) {
      const Status taken = take(bytes, count);
      if (taken && passed_) passed_(count);
      return taken;
    };
    return queue_->ask(info.name, control.cancel,
                       [&] { return source_->readStored(info, counted, control); });
  }
  Result<Matrix> loadMatrix(const std::string& path) const override {
    return queue_->ask(path, {}, [&] { return source_->loadMatrix(path); });
  }

 private:
  SharedSource source_;
  std::shared_ptr<IoQueue> queue_;
  std::function<void(std::uint64_t)> passed_;
};

}  // namespace

TensorLoader queuedLoader(SharedSource source, std::map<std::string, Orientation> orientations,
                          std::shared_ptr<IoQueue> queue) {
  return [source = std::move(source), orientations = std::move(orientations),
          queue = std::move(queue)](const TensorInfo& info,
                                    const TaskControl& control) -> Result<SharedTensor> {
    const auto chosen = orientations.find(info.name);
    auto tensor = queue->load(source, info, control,
                              chosen == orientations.end() ? Orientation::Auto : chosen->second);
    if (!tensor) return tensor.error();
    return std::make_shared<const WeightTensor>(std::move(*tensor));
  };
}

SharedSource queuedSource(SharedSource source, std::shared_ptr<IoQueue> queue,
                          std::function<void(std::uint64_t)> passed) {
  return std::make_shared<QueuedSource>(std::move(source), std::move(queue), std::move(passed));
}

}  // namespace quantoscope::ui
