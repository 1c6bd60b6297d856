#pragma once
// Files without permission, in tests that may run as root, who may read and write everything.

#include <unistd.h>

#include <exception>
#include <filesystem>
#include <stdexcept>

namespace millesime::testing {

// While it exists, this process has no more rights than others have; folders above `path` can be entered.
class AsNobody {
 public:
  explicit AsNobody(const std::filesystem::path& path) : was_root_(::geteuid() == 0) {
    namespace fs = std::filesystem;
    fs::permissions(path, fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
    constexpr uid_t kNobody = 65534;
    if (was_root_ && ::seteuid(kNobody) != 0) throw std::runtime_error("seteuid failed");
  }
  ~AsNobody() {
    if (was_root_ && ::seteuid(0) != 0) std::terminate();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool was_root_;
};

}  // namespace millesime::testing
