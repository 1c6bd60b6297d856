#pragma once
// Files of one folder that change together: readers see the old set or the new one, never a mixture.
//
//   <folder>/.products-<id>/map.tif       the files, and folders of files; of sets before, nothing stays
//   <folder>/.products -> .products-<id>  replaced in one step: that is when all of them change
//   <folder>/map.tif -> .products/map.tif
//
// The last set stays whole until then. Where a file system has no symbolic links, the files of a set are renamed one after the other.

#include <string>

namespace millesime {

enum class SetForm { linked, plain_files };

class FileSet {
 public:
  // Makes a folder to write the files of the new set in. `linked`: removes what a killed process left of another one, so nobody else may
  // write sets in `folder`.
  FileSet(std::string folder, SetForm form);
  ~FileSet();  // removes what was not committed
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  const std::string& staging() const { return staging_; }
  // Puts the set in place. `id`: file-name characters that tell what is in it. Returns "" or what to say: that it was not done in one step.
  // UserError if a folder of the set would take the place of one that holds something else.
  std::string commit(const std::string& id);

 private:
  void adopt_plain_files() const;
  void link_names() const;
  void remove_others(const std::string& current) const;
  std::string rename_files();

  std::string folder_, staging_;
  SetForm form_;
  bool committed_ = false;
};

}  // namespace millesime
