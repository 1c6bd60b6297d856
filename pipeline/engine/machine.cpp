#include "pipeline/engine/machine.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::int64_t first_number(const fs::path& file) {
  std::ifstream stream(file);
  std::int64_t value = -1;
  return stream >> value ? value : -1;
}

std::int64_t memory_available() {
  std::ifstream stream("/proc/meminfo");
  std::string name, unit;
  std::int64_t kib = 0;
  while (stream >> name >> kib >> unit)
    if (name == "MemAvailable:") return kib * 1024;
  return std::int64_t{2} << 30;
}

// The folders of a controller for this process, from its own group up to the root: the limits of all of them apply.
std::vector<fs::path> groups_of_process(const fs::path& proc_cgroup, const fs::path& root, const std::string& controller) {
  std::vector<fs::path> groups;
  std::ifstream stream(proc_cgroup);
  for (std::string line; std::getline(stream, line);) {  // "0::/slurm/job_7" (v2) or "5:memory:/slurm/job_7"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = split_text(line.substr(first + 1, second - first - 1), ',');
    const bool unified = line.starts_with("0::");
    if (!unified && std::ranges::find(controllers, controller) == controllers.end()) continue;
    const fs::path top = unified ? root : root / controller;
    fs::path path = fs::path(line.substr(second + 1)).relative_path();
    for (;; path = path.parent_path()) {
      groups.push_back(top / path);
      if (path.empty()) break;
    }
  }
  if (groups.empty()) groups = {root, root / controller};
  return groups;
}

}  // namespace

std::int64_t cgroup_memory_left(const std::string& proc_cgroup, const std::string& root) {
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  for (const auto& group : groups_of_process(proc_cgroup, root, "memory"))
    for (const auto& [limit_file, usage_file] :
         {std::pair("memory.max", "memory.current"), std::pair("memory.limit_in_bytes", "memory.usage_in_bytes")})
      if (const auto limit = first_number(group / limit_file); limit > 0)
        left = std::min(left, std::max<std::int64_t>(0, limit - std::max<std::int64_t>(0, first_number(group / usage_file))));
  return left;
}

int usable_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int threads = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
  for (const auto& group : groups_of_process("/proc/self/cgroup", "/sys/fs/cgroup", "cpu")) {
    std::ifstream stream(group / "cpu.max");
    std::string quota;
    double period = 0;
    if (stream >> quota >> period && quota != "max" && period > 0)
      threads = std::min(threads, std::max(1, static_cast<int>(std::lround(std::stod(quota) / period))));
  }
  return std::max(1, threads);
}

std::int64_t usable_memory_bytes() {
  return std::min(memory_available(), cgroup_memory_left("/proc/self/cgroup", "/sys/fs/cgroup")) / 10 * 9;
}

std::int64_t parse_memory(const std::string& text, const std::string& origin) {
  const std::string word(trim(text));
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const std::string unit = lower(trim(std::string_view(end, static_cast<std::size_t>(word.data() + word.size() - end))));
  double factor = 0;
  if (unit.empty() || unit == "b") factor = 1;
  if (unit == "k" || unit == "kb" || unit == "kib") factor = 1 << 10;
  if (unit == "m" || unit == "mb" || unit == "mib") factor = 1 << 20;
  if (unit == "g" || unit == "gb" || unit == "gib") factor = 1 << 30;
  if (unit == "t" || unit == "tb" || unit == "tib") factor = 1099511627776.0;
  constexpr double kLeast = 64 << 20, kMost = 1e15;
  if (error != std::errc{} || factor == 0 || !(value * factor >= kLeast && value * factor <= kMost))
    throw UserError(join_text(origin, ": expected an amount of memory of at least 64MiB such as 8GiB, got \"", text, "\""));
  return static_cast<std::int64_t>(value * factor);
}

}  // namespace millesime
