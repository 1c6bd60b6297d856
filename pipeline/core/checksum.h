#pragma once
// Identifies the content of a file in a manifest.

#include <cstdint>
#include <memory>
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

// The same of bytes that come one after the other.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  void add(std::string_view bytes);
  std::string finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string xxh3_of_file(const std::string& path);  // UserError when unreadable
Fingerprint fingerprint(const std::string& path);   // reads the whole file, unless its writer has (read_back_of)
// The same, but uses `known` if size and time of change are the same (so a national run does not reread its inputs).
Fingerprint fingerprint(const std::string& path, const Fingerprint& known);

// What the writer of a file found when it read it back. fingerprint() takes it instead of reading the file once more. It belongs to the
// file, not to its name: it stays when the file is renamed or linked, and is forgotten with its first change. Of this process only. A file
// that was written a moment ago is not kept: its time would not tell a change that follows.
struct ReadBackSums {
  std::string xxh3, sha256;  // "": not computed
};
void remember_read_back(const std::string& path, const ReadBackSums& found);
ReadBackSums read_back_of(const std::string& path);  // empty where nothing is known

}  // namespace millesime
