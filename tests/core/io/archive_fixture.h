// zip archives and .npy files byte by byte, as their specifications have them.
#pragma once

#include <cstdint>
#include <libdeflate.h>
#include <string>

namespace quantoscope::test {

/// A number in so many bytes, the lowest first.
inline std::string little(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i) & 0xff);
  return text;
}

/// A bare deflate stream.
inline std::string deflated(const std::string& text) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::string out(libdeflate_deflate_compress_bound(compressor, text.size()), '\0');
  out.resize(
      libdeflate_deflate_compress(compressor, text.data(), text.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

/// Writes archives by the rules of APPNOTE, without the code that is tested.
class ZipWriter {
 public:
  bool zip64 = false;  ///< sizes and offsets stand in ZIP64 fields

  void add(const std::string& name, const std::string& content, bool compress = false) {
    const std::string stored = compress ? deflated(content) : content;
    const std::uint64_t offset = bytes_.size();
    const std::string common = little(0, 2) + little(compress ? 8 : 0, 2) + little(0, 4) +
                               little(libdeflate_crc32(0, content.data(), content.size()), 4);
    const std::string extra = zip64 ? little(1, 2) + little(24, 2) + little(content.size(), 8) +
                                          little(stored.size(), 8) + little(offset, 8)
                                    : std::string();
    const auto size = [&](std::uint64_t n) { return little(zip64 ? 0xffffffff : n, 4); };
    bytes_ += "PK\x03\x04" + little(45, 2) + common + little(stored.size(), 4) +
              little(content.size(), 4) + little(name.size(), 2) + little(3, 2) + name + "pad" +
              stored;
    directory_ += "PK\x01\x02" + little(45, 2) + little(45, 2) + common + size(stored.size()) +
                  size(content.size()) + little(name.size(), 2) + little(extra.size(), 2) +
                  little(0, 2) + little(0, 8) + size(offset) + name + extra;
    ++entries_;
  }

  std::string finish(const std::string& comment = {}) const {
    std::string all = bytes_ + directory_;
    if (zip64) {
      const std::uint64_t end = all.size();
      all += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
             little(entries_, 8) + little(entries_, 8) + little(directory_.size(), 8) +
             little(bytes_.size(), 8);
      all += "PK\x06\x07" + little(0, 4) + little(end, 8) + little(1, 4);
    }
    const auto number = [&](std::uint64_t n, int size) {
      return little(zip64 ? ~std::uint64_t{0} : n, size);
    };
    return all + "PK\x05\x06" + little(0, 4) + number(entries_, 2) + number(entries_, 2) +
           number(directory_.size(), 4) + number(bytes_.size(), 4) + little(comment.size(), 2) +
           comment;
  }

 private:
  std::string bytes_;
  std::string directory_;
  std::uint64_t entries_ = 0;
};

/// A .npy file with this header, padded as NumPy does.
inline std::string npy(const std::string& header, const std::string& data, int major = 1) {
  std::string padded = header;
  const std::size_t lengthBytes = major == 1 ? 2 : 4;
  while ((8 + lengthBytes + padded.size() + 1) % 64 != 0) padded += ' ';
  padded += '\n';
  return "\x93NUMPY" + little(static_cast<std::uint64_t>(major), 1) + little(0, 1) +
         little(padded.size(), static_cast<int>(lengthBytes)) + padded + data;
}

}  // namespace quantoscope::test
