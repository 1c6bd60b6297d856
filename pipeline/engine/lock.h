#pragma once
// One run at a time writes an output folder.

#include <string>

namespace millesime {

class OutputLock {
 public:
  // UserError that says which process on which host has held `folder` since when. The lock of a process that died is free
  // again; `taken_over()` then names it.
  explicit OutputLock(const std::string& folder);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  const std::string& taken_over() const { return taken_over_; }

 private:
  std::string file_, taken_over_;
  int descriptor_ = -1;
};

}  // namespace millesime
