#include "core/base/sha256.h"

#include <array>
#include <cerrno>
#include <memory>
#include <openssl/evp.h>
#include <unistd.h>
#include <vector>

#include "core/base/input_file.h"

namespace quantoscope {

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(),
                                                                 &EVP_MD_CTX_free};
  bool good = digest && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(const void* data, std::size_t size) {
  context_->good = context_->good && EVP_DigestUpdate(context_->digest.get(), data, size) == 1;
}

std::string Sha256::text() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  if (!context_->good || EVP_DigestFinal_ex(context_->digest.get(), digest.data(), &length) != 1) {
    return "";
  }
  std::string hex;
  for (unsigned i = 0; i < length; ++i) {
    static constexpr char kHex[] = "0123456789abcdef";
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

std::string sha256OfBytes(const void* data, std::size_t size) {
  Sha256 digest;
  digest.add(data, size);
  return digest.text();
}

std::string linesOf(const std::vector<FileDigest>& files) {
  std::string lines;
  for (const FileDigest& digest : files) {
    lines += (digest.sha256.empty() ? "missing" : digest.sha256) + "  " + digest.file + "\n";
  }
  return lines;
}

Result<std::string> sha256OfFile(const std::string& path, const std::function<bool()>& cancelled,
                                 const FileIdentity* expected) {
  const auto file = openRegularFile(path);
  if (!file) return file.error();
  const auto before = identityOf(file->get(), path);
  if (!before) return before.error();
  if (expected && *before != *expected) return changedWhileInUse(path);

  Sha256 digest;
  std::vector<char> block(1 << 20);
  for (;;) {
    if (cancelled && cancelled()) return Error{ErrorCode::Cancelled, path + ": cancelled"};
    const ssize_t count = read(file->get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorCode::UnreadableFile, path + ": reading failed"};
    if (count == 0) break;
    digest.add(block.data(), static_cast<std::size_t>(count));
  }
  const auto after = identityOf(file->get(), path);
  if (!after || *after != *before) return changedWhileInUse(path);
  std::string text = digest.text();
  if (text.empty()) return Error{ErrorCode::UnreadableFile, path + ": reading failed"};
  return text;
}

}  // namespace quantoscope
