#pragma once
// Identifies the content of a file in a manifest.

#include <cstdint>
#include <string>
#include <string_view>

namespace millesime {

struct Fingerprint {
  std::string path;  // as written in the manifest
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;  // time of last change, ns since the epoch
  std::string xxh3;              // 128-bit XXH3 of the content, 32 hexadecimal digits
  bool operator==(const Fingerprint&) const = default;
};

std::string xxh3(std::string_view bytes);
std::string xxh3_of_file(const std::string& path);  // UserError when unreadable
Fingerprint fingerprint(const std::string& path);   // reads the whole file
// The same, but uses `known` if size and time of change are the same (so a national run does not reread its inputs).
Fingerprint fingerprint(const std::string& path, const Fingerprint& known);

}  // namespace millesime
