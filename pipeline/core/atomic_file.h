#pragma once
// Outputs are atomic: written to a temporary file in the same folder, flushed to disk, then renamed. Until commit() the old file is
// unchanged; the destructor removes a temporary file that was not committed. File modes follow the umask, so a group can share a folder.
//
// Some network file systems cannot flush a folder (fsync: EINVAL) or exchange two folders (renameat2: EINVAL, ENOSYS). That is no error:
// new names then reach the disk later, and a folder is replaced in two steps (replace_folder).

#include <filesystem>
#include <string>
#include <vector>

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

// The folder of the outputs of a command. Those that it has to make for it are removed again while they are empty: bad input that is found
// late leaves nothing behind. It outlives the files that are written there.
class OutputFolder {
 public:
  explicit OutputFolder(const std::string& path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

 private:
  std::vector<std::filesystem::path> made_;  // the deepest first
};

// Flushes a folder. False if the file system cannot (see above); UserError if it failed.
bool can_flush_folder(const std::string& folder);

// Replaces the folder `to` by the finished folder `from`: in one step if the file system can exchange them. Otherwise the old one is
// renamed first; after a kill between the two steps, restore_folder() renames it back.
void replace_folder(const std::string& from, const std::string& to);
void restore_folder(const std::string& to);

void write_text(const std::string& path, const std::string& text);  // atomic
std::string read_text(const std::string& path);                     // UserError if unreadable

// Removes temporary files of AtomicFile that a killed process left in `folder`, and restores folders. Call it only while holding the
// output lock. In this folder alone, others may write without the lock: what belongs to a living process of this machine stays.
enum class Depth { all, this_folder };
void remove_abandoned(const std::string& folder, Depth depth = Depth::all);
// The same for one output, while others are written in the same folder. Call it only if nobody else writes `path`.
void remove_abandoned_of(const std::string& path);

}  // namespace millesime
