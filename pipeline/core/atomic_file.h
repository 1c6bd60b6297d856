#pragma once
// Outputs are atomic: written to a temporary file in the same folder, flushed to disk, then renamed. Until commit() the old file is
// unchanged; the destructor removes a temporary file that was not committed.

#include <string>

namespace millesime {

class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // creates the folder; UserError if that is not possible
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // The temporary file: same folder, same extension (GDAL chooses drivers by it), hidden, unique to this process.
  const std::string& temporary() const { return temporary_; }
  const std::string& path() const { return path_; }
  void commit();  // fsync, rename, fsync of the folder; UserError with the system's reason (disk full, no permission...)

 private:
  std::string path_, temporary_;
  bool committed_ = false;
};

void write_text(const std::string& path, const std::string& text);  // atomic
std::string read_text(const std::string& path);                     // UserError if unreadable

// Removes temporary files of AtomicFile that a killed process left in `folder`. Call it only while holding the output lock.
void remove_abandoned(const std::string& folder);
// The same for one output, while others are written in the same folder. Call it only if nobody else writes `path`.
void remove_abandoned_of(const std::string& path);

}  // namespace millesime
