#include "pipeline/core/checksum.h"

#include <sys/stat.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

std::string hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw UserError(join_text(path, ": cannot be read: ", std::strerror(errno)));
  return status;
}

Fingerprint identity(const std::string& path) {
  const struct stat status = status_of(path);
  return {path, static_cast<std::uint64_t>(status.st_size), std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          ""};
}

}  // namespace

std::string xxh3(std::string_view bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string xxh3_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(join_text(path, ": cannot be opened for reading"));
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::vector<char> buffer(1 << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0)
    XXH3_128bits_update(state.get(), buffer.data(), static_cast<std::size_t>(file.gcount()));
  if (file.bad()) throw UserError(join_text(path, ": read error"));
  return hex(XXH3_128bits_digest(state.get()));
}

Fingerprint fingerprint(const std::string& path) {
  Fingerprint result = identity(path);
  result.xxh3 = xxh3_of_file(path);
  return result;
}

Fingerprint fingerprint(const std::string& path, const Fingerprint& known) {
  Fingerprint result = identity(path);
  result.xxh3 =
      result.bytes == known.bytes && result.modified_ns == known.modified_ns && !known.xxh3.empty() ? known.xxh3 : xxh3_of_file(path);
  return result;
}

}  // namespace millesime
