#pragma once
// What this process may use of the machine: container and scheduler limits included.

#include <cstdint>
#include <string>

namespace millesime {

int usable_threads();                // CPU affinity and cgroup quota
std::int64_t usable_memory_bytes();  // what is free now, within the cgroup's limit; a tenth is left to others

// What the control groups of a process leave it, from its own up to the root (a Slurm job's limit sits above its step's). `proc_cgroup`:
// /proc/self/cgroup; `root`: /sys/fs/cgroup; both versions of cgroups.
std::int64_t cgroup_memory_left(const std::string& proc_cgroup, const std::string& root);

// "8GiB", "512 MiB", "2G", "1000000"; UserError otherwise.
std::int64_t parse_memory(const std::string& text, const std::string& origin);
std::string memory_text(std::int64_t bytes);  // "3.5 GiB"

}  // namespace millesime
