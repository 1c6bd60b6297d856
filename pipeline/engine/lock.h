#pragma once
// Locks of an output folder: held by one run alone, or shared by the tasks of a cluster, each with the lock of its unit. They are file
// locks (flock): the lock of a process that died is free again. Between the nodes of a cluster they need a shared file system that
// supports them (NFSv4, Lustre with -o flock, GPFS, CephFS). Without flock (Lustre without that option, some FUSE) a lock is a file that
// only one process can create: one of a dead process of this host is taken over, one of another host has to be removed by hand
// (lock_file.h).

#include <functional>
#include <memory>
#include <string>

namespace millesime {

enum class Sharing { alone, with_other_tasks };

class OutputLock {
 public:
  // UserError with process, host and start time of the holder, if the lock cannot be shared.
  // The lock of a process that died is taken over; `taken_over()` then names it.
  explicit OutputLock(const std::string& folder, Sharing sharing = Sharing::alone);
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  const std::string& taken_over() const { return taken_over_; }
  const std::string& note() const { return note_; }  // "" or what the log should say about the file system

 private:
  void lock_by_file(const std::string& folder);

  std::string file_, taken_over_, note_;
  bool alone_;
  int descriptor_ = -1;
  std::string held_;  // file of this process, where there is no flock
};

// One process at a time holds it; the others wait. If a cluster starts a task again while the first one still runs (a node that was
// considered lost), the second waits here for the first.
class WaitingLock {
 public:
  // `waiting(holder)` is called once, before waiting. Creates the folder of `file`.
  WaitingLock(const std::string& file, const std::function<void(const std::string& holder)>& waiting);
  ~WaitingLock();
  WaitingLock(const WaitingLock&) = delete;
  WaitingLock& operator=(const WaitingLock&) = delete;

 private:
  int descriptor_ = -1;
  std::string held_;
};

// Who holds the WaitingLock of `file`, "process 12 on node3 since ..."; "" for nobody.
std::string holder_of(const std::string& file);

}  // namespace millesime
