#pragma once
// Inside pipeline/io only: a hidden folder next to a result, for files of which it is made.

#include <string>

namespace millesime {

class WorkFolder {
 public:
  explicit WorkFolder(const std::string& path);  // of the result; UserError if a folder cannot be made there
  ~WorkFolder();                                 // removes it with its content
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

}  // namespace millesime
