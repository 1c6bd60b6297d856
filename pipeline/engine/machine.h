#pragma once
// Threads and memory that this process may use, with the limits of containers and schedulers.

#include <cstdint>
#include <string>

namespace millesime {

int usable_threads();                // CPU affinity and cgroup quota
std::int64_t usable_memory_bytes();  // free memory, within the cgroup's limit, minus a tenth for others

// Free memory within the control groups of a process, from its own up to the root (the limit of a Slurm job is above that of its step).
// `proc_cgroup`: /proc/self/cgroup; `root`: /sys/fs/cgroup; both versions of cgroups.
std::int64_t cgroup_memory_left(const std::string& proc_cgroup, const std::string& root);

// "8GiB", "512 MiB", "2G", "1000000"; UserError otherwise.
std::int64_t parse_memory(const std::string& text, const std::string& origin);

}  // namespace millesime
