#include "core/io/container/lazy_member.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <zlib.h>

namespace quantoscope {

namespace {

/// What is decompressed for its own sake, without the rest of the member.
constexpr std::uint64_t kFrontBytes = 64 * 1024;

/// zlib's stream over a bare deflate stream, freed with its owner.
class Inflater {
 public:
  Inflater() { good_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() {
    if (good_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool good() const { return good_; }
  void writeTo(std::vector<std::byte>& to) {
    stream_.next_out = reinterpret_cast<Bytef*>(to.data());
    stream_.avail_out = static_cast<uInt>(to.size());
  }
  /// False for a damaged stream, or one that ends.
  bool take(std::string& from) {
    stream_.next_in = reinterpret_cast<Bytef*>(from.data());
    stream_.avail_in = static_cast<uInt>(from.size());
    return inflate(&stream_, Z_SYNC_FLUSH) == Z_OK;
  }
  std::size_t missing() const { return stream_.avail_out; }

 private:
  z_stream stream_ = {};
  bool good_ = false;
};

class LazyMember : public ByteSource {
 public:
  LazyMember(SharedByteSource archive, ZipMember member, std::shared_ptr<InflatedRoom> room)
      : archive_(std::move(archive)), member_(std::move(member)), room_(std::move(room)) {}

  std::uint64_t size() const override { return member_.bytes; }

  Status read(std::uint64_t offset, void* to, std::size_t count) const override {
    if (offset > member_.bytes || count > member_.bytes - offset) return tooShort();
    if (count == 0) return ok();
    if (holdsThis()) return copy(room_->bytes, offset, to, count);
    if (room_->headersOnly && offset + count <= kFrontBytes) {
      const auto front = frontOf(static_cast<std::size_t>(offset + count));
      if (!front) return front.error();
      return copy(*front, offset, to, count);
    }
    if (Status status = inflateAll(); !status) return status;
    return copy(room_->bytes, offset, to, count);
  }

 private:
  bool holdsThis() const { return room_->used && room_->offset == member_.offset; }

  static Status copy(const std::vector<std::byte>& from, std::uint64_t offset, void* to,
                     std::size_t count) {
    std::memcpy(to, from.data() + offset, count);
    return ok();
  }

  Error tooShort() const {
    return {ErrorCode::UnreadableFile, member_.name + " in the zip archive is cut off"};
  }

  Result<std::vector<std::byte>> frontOf(std::size_t count) const {
    constexpr std::uint64_t kPiece = 4096;
    Inflater inflater;
    if (!inflater.good()) return Error{ErrorCode::UnreadableFile, "zlib cannot be used"};
    std::vector<std::byte> front(count);
    inflater.writeTo(front);
    for (std::uint64_t done = 0; inflater.missing() > 0 && done < member_.storedBytes;) {
      const std::uint64_t piece = std::min(kPiece, member_.storedBytes - done);
      auto text = readText(*archive_, member_.offset + done, static_cast<std::size_t>(piece));
      if (!text) return text.error();
      if (!inflater.take(*text)) break;
      done += piece;
    }
    if (inflater.missing() > 0) return tooShort();
    return front;
  }

  Status inflateAll() const {
    room_->used = false;
    room_->bytes = {};  // given back before the next takes its own
    auto bytes = inflateZipMember(*archive_, member_);
    if (!bytes) return bytes.error();
    room_->bytes = *std::move(bytes);
    room_->offset = member_.offset;
    room_->used = true;
    return ok();
  }

  SharedByteSource archive_;
  ZipMember member_;
  std::shared_ptr<InflatedRoom> room_;
};

}  // namespace

Result<SharedByteSource> openZipMemberLazily(const SharedByteSource& archive,
                                             const ZipMember& member,
                                             std::shared_ptr<InflatedRoom> room) {
  if (!member.deflated) return openZipMember(archive, member);
  if (Status status = checkZipMember(member); !status) return status.error();
  return SharedByteSource(std::make_shared<LazyMember>(archive, member, std::move(room)));
}

}  // namespace quantoscope
