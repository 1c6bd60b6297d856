#pragma once
// Outputs are atomic: written beside their final name, flushed to disk, then renamed. Whatever happens before commit() leaves the old
// file as it was; the destructor removes what was not committed.

#include <string>

namespace millesime {

class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // makes the folder; UserError when that is not possible
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Where to write: same folder, same extension (drivers choose by it), hidden, unique to this process.
  const std::string& temporary() const { return temporary_; }
  const std::string& path() const { return path_; }
  void commit();  // fsync, rename, fsync of the folder; UserError with the system's reason (disk full, no permission...)

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

void write_text(const std::string& path, const std::string& text);  // atomic
std::string read_text(const std::string& path);                     // UserError when unreadable

// Removes what a killed process left in `folder` (the temporary files of AtomicFile). Call it only while holding the output lock.
void remove_abandoned(const std::string& folder);
// The same for one output, while others write beside it. Call it only where nobody else writes `path`.
void remove_abandoned_of(const std::string& path);

}  // namespace millesime
