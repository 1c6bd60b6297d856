#include "pipeline/core/file_set.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCurrent = ".products";
constexpr const char* kSet = ".products-";
constexpr const char* kBefore = "before";  // id of a set made of plain files that an older version wrote

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

bool has_no_links(int reason) {
  return reason == EPERM || reason == ENOSYS || reason == ENOTSUP || reason == EOPNOTSUPP || reason == EINVAL;
}

// Of all files at any depth, relative to `folder`.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_directory()) files.push_back(entry.path().lexically_relative(folder));
  std::ranges::sort(files);
  return files;
}

bool is_own_folder(const fs::path& path) { return fs::is_directory(fs::symlink_status(path)); }

// A symbolic link at `link`, in place of whatever file or folder is there, in one step. False where the file system has none.
bool put_link(const std::string& target, const std::string& link) {
  const AtomicFile name(link);  // never committed: its temporary name is what is needed
  if (::symlink(target.c_str(), name.temporary().c_str()) != 0) {
    if (has_no_links(errno)) return false;
    throw UserError(join_text(link, ": cannot make this link: ", std::strerror(errno)));
  }
  if (is_own_folder(link))
    replace_folder(name.temporary(), link);
  else if (::rename(name.temporary().c_str(), link.c_str()) != 0)
    throw UserError(join_text(link, ": cannot put this link in place: ", std::strerror(errno)));
  return true;
}

bool same_files(const fs::path& a, const fs::path& b) {
  const auto files = files_below(a);
  if (files != files_below(b)) return false;
  return std::ranges::all_of(files, [&](const fs::path& name) {
    return fs::file_size(a / name) == fs::file_size(b / name) && xxh3_of_file(a / name) == xxh3_of_file(b / name);
  });
}

}  // namespace

FileSet::FileSet(std::string folder, SetForm form) : folder_(std::move(folder)), form_(form) {
  if (form_ == SetForm::linked) remove_abandoned_of(folder_ + "/" + kCurrent);
  staging_ = AtomicFile(folder_ + "/" + kCurrent).temporary();
  std::error_code error;
  fs::create_directory(staging_, error);
  if (error) throw UserError(join_text(staging_, ": cannot make this folder: ", error.message()));
}

FileSet::~FileSet() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
}

std::string FileSet::commit(const std::string& id) {
  for (const auto& name : names_in(staging_))
    if (fs::is_directory(staging_ + "/" + name)) can_flush_folder(staging_ + "/" + name);
  can_flush_folder(staging_);
  const std::string current = folder_ + "/" + kCurrent;
  if (form_ == SetForm::plain_files) return rename_files(), "";
  if (is_own_folder(current)) fs::remove_all(current);  // of a copy that followed links: its files are plain
  adopt_plain_files();

  std::string set = kSet + id;
  if (fs::exists(folder_ + "/" + set) && fs::is_symlink(current) && fs::read_symlink(current) == set && same_files(staging_, current)) {
    link_names();  // a kill came between the step and what follows it
    remove_others(set);
    return "";
  }
  for (int n = 2; fs::exists(folder_ + "/" + set); ++n) set = join_text(kSet, id, "-", n);
  // The names that are new lead nowhere until the step is done.
  link_names();
  const std::string made = folder_ + "/" + set;
  if (::rename(staging_.c_str(), made.c_str()) != 0)
    throw UserError(join_text(made, ": cannot put the finished products in place: ", std::strerror(errno)));
  staging_ = made;
  can_flush_folder(folder_);
  if (!put_link(set, current)) {
    rename_files();
    remove_others("");
    return folder_ + ": this file system has no symbolic links, so the products were put in place one after the other";
  }
  committed_ = true;
  can_flush_folder(folder_);
  remove_others(set);
  return "";
}

// Products of a version that wrote plain files become a set, without a moment in which one of them is not there.
void FileSet::adopt_plain_files() const {
  const std::vector<std::string> names = names_in(staging_);
  std::vector<fs::path> files;
  for (const auto& name : names) {
    const fs::path path = fs::path(folder_) / name;
    if (fs::is_regular_file(fs::symlink_status(path))) files.emplace_back(name);
    if (!is_own_folder(path)) continue;
    for (const fs::path& file : files_below(path)) {
      // The folder becomes a link: what this program does not make would be lost.
      if (!fs::exists(staging_ / (name / file)))
        throw UserError(join_text(path.string(), ": expected a folder of products, got also ", file.string(),
                                  ", which is none of the new ones; move it elsewhere. The products of before are kept."));
      files.push_back(name / file);
    }
  }
  if (files.empty() || fs::is_symlink(folder_ + "/" + kCurrent)) return;
  const fs::path before = folder_ + "/" + kSet + kBefore;
  for (const fs::path& file : files) {
    std::error_code error;
    fs::create_directories((before / file).parent_path());
    fs::remove(before / file);
    fs::create_hard_link(folder_ / file, before / file, error);
    if (error) fs::copy_file(folder_ / file, before / file);
  }
  put_link(std::string(kSet) + kBefore, folder_ + "/" + kCurrent);
}

void FileSet::link_names() const {
  for (const auto& name : names_in(staging_)) {
    const std::string link = folder_ + "/" + name, target = std::string(kCurrent) + "/" + name;
    if (fs::is_symlink(link) && fs::read_symlink(link) == target) continue;
    if (!put_link(target, link)) return;
  }
}

void FileSet::remove_others(const std::string& current) const {
  std::error_code ignored;
  for (const auto& name : names_in(folder_)) {
    const fs::path path = fs::path(folder_) / name;
    if (fs::is_symlink(path)) {
      const fs::path target = fs::read_symlink(path, ignored);
      if (target.parent_path() == kCurrent && !fs::exists(path)) fs::remove(path, ignored);
    } else if (name.starts_with(kSet) && name != current && fs::is_directory(path)) {
      fs::remove_all(path, ignored);
    }
  }
}

std::string FileSet::rename_files() {
  for (const fs::path& name : files_below(staging_)) {
    const fs::path to = folder_ / name;
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (error) throw UserError(join_text(to.parent_path().string(), ": cannot make this folder: ", error.message()));
    if (::rename((staging_ / name).c_str(), to.c_str()) != 0)
      throw UserError(join_text(to.string(), ": cannot put the finished file in place: ", std::strerror(errno)));
  }
  can_flush_folder(folder_);
  return "";
}

}  // namespace millesime
