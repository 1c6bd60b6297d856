#pragma once
// A real Slurm of two nodes on this machine, during a test: munged, slurmctld and two slurmd of the distribution's packages.

#include <sys/types.h>

#include <string>
#include <vector>

namespace millesime::testing {

class SlurmCluster {
 public:
  // The reason why it cannot run here, e.g. "slurmctld is not installed"; "" if it can.
  static std::string missing();

  // Starts it with its files in `folder`; throws std::runtime_error with the logs if it does not answer. Sets SLURM_CONF for this
  // process and its children.
  explicit SlurmCluster(const std::string& folder);
  ~SlurmCluster();  // ends what it started
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  // The node dies with everything that runs on it.
  void kill_node(int node);  // 0, 1
  void start_node(int node);
  std::string queue() const;                // what squeue shows, "" when nothing waits or runs
  bool wait_until_idle(int seconds) const;  // false: something still waits or runs

 private:
  pid_t start(const std::vector<std::string>& words);
  void end_all();
  std::string folder_;
  std::vector<pid_t> nodes_, others_;
};

}  // namespace millesime::testing
