#pragma once
// Who writes an output folder: one run alone, or the tasks of a cluster beside each other, each on a unit of its own. Locks are the
// kernel's (flock): that of a process that died is free again. Between the nodes of a cluster they need a shared file system that
// carries them (NFSv4, Lustre with -o flock, GPFS, CephFS).

#include <functional>
#include <string>

namespace millesime {

enum class Sharing { alone, with_other_tasks };

class OutputLock {
 public:
  // UserError that says which process on which host has held `folder` since when, where the other holder and this one cannot share
  // it. The lock of a process that died is taken over; `taken_over()` then names it.
  explicit OutputLock(const std::string& folder, Sharing sharing = Sharing::alone);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  const std::string& taken_over() const { return taken_over_; }

 private:
  std::string file_, taken_over_;
  bool alone_;
  int descriptor_ = -1;
};

// One process at a time past this point; the others wait. A task of a cluster that was started twice, because its node was given up
// while it still worked, waits here for its twin.
class WaitingLock {
 public:
  // `waiting(holder)` is called once, before waiting. Makes the folder of `file`.
  WaitingLock(const std::string& file, const std::function<void(const std::string& holder)>& waiting);
  ~WaitingLock();
  WaitingLock(const WaitingLock&) = delete;
  WaitingLock& operator=(const WaitingLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace millesime
