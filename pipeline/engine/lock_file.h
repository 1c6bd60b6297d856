#pragma once
// Locks without flock: a file that exists while its maker holds it. Making it is atomic on every file system (O_EXCL).

#include <string>
#include <vector>

namespace millesime {

std::string who_am_i();  // "process 12 on node3 since 2021-05-01 10:00:00 UTC"

// Makes `file` with who_am_i() in it. False where another process holds it, which `holder` then names. The file of a process of this
// host that is no more is taken over, and `abandoned` names it. UserError where the folder cannot be written in.
bool make_lock_file(const std::string& file, std::string& holder, std::string& abandoned);
void remove_lock_file(const std::string& file);

// Files in `folder` that begin with `prefix` and whose process may live; those of processes of this host that died are removed.
std::vector<std::string> live_lock_files(const std::string& folder, const std::string& prefix);

}  // namespace millesime
