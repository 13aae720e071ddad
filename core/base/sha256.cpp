#include "core/base/sha256.h"

#include <array>
#include <fstream>
#include <memory>
#include <openssl/evp.h>
#include <vector>

namespace quantoscope {

namespace {

/// A running SHA-256.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }

  void add(const void* data, std::size_t size) {
    good_ = good_ && EVP_DigestUpdate(context_.get(), data, size) == 1;
  }

  /// Hexadecimal digits; empty if the library failed.
  std::string text() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned length = 0;
    if (!good_ || EVP_DigestFinal_ex(context_.get(), digest.data(), &length) != 1) return "";
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
      static constexpr char kHex[] = "0123456789abcdef";
      hex += kHex[digest[i] >> 4];
      hex += kHex[digest[i] & 15];
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  bool good_ = false;
};

}  // namespace

std::string sha256OfBytes(const void* data, std::size_t size) {
  Digest digest;
  digest.add(data, size);
  return digest.text();
}

Result<std::string> sha256OfFile(const std::string& path, const std::function<bool()>& cancelled) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::UnreadableFile, path + ": cannot be opened for reading"};

  Digest digest;
  std::vector<char> block(1 << 20);
  while (file) {
    if (cancelled && cancelled()) return Error{ErrorCode::Cancelled, path + ": cancelled"};
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    digest.add(block.data(), static_cast<std::size_t>(file.gcount()));
  }
  std::string text = digest.text();
  if (file.bad() || text.empty()) {
    return Error{ErrorCode::UnreadableFile, path + ": reading failed"};
  }
  return text;
}

}  // namespace quantoscope
