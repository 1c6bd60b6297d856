#pragma once
// Inside pipeline/io only: folders and files of products, on this machine or on object storage (GDAL's /vsis3, /vsigs, /vsiaz, /vsicurl).
// Credentials come from the environment, as GDAL reads them (AWS_ACCESS_KEY_ID...); they are in no path.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace millesime {

// "s3://bucket/l2a" as GDAL names it, "/vsis3/bucket/l2a"; any other path as it is. UserError for an address with a password or a
// signature, which would be written into manifests.
std::string storage_path(const std::string& root);
// An address of a blob of Azure, https://ACCOUNT.blob.core.windows.net/CONTAINER/..., by the credentials of the environment
// (/vsiaz/CONTAINER/...), where it has those of the account; its signature is left out. Nothing for any other address.
std::optional<std::string> blob_path(const std::string& address);
bool is_remote(const std::string& path);

// A list of products instead of a folder: a STAC ItemCollection (items.json), or a table of its items (sensors/item_table.h).
bool is_item_list(const std::string& root);
// The folder that paths of products are relative to: the root, or the folder of the list.
std::string folder_of_products(const std::string& root);

struct FileState {
  std::int64_t bytes = 0, modified_ns = 0;  // since the epoch
  bool is_file = false;
};
std::optional<FileState> state_of(const std::string& path);  // nothing: it does not exist

bool is_folder(const std::string& path);
std::vector<std::string> sorted_names(const std::string& folder);  // UserError where it cannot be listed

// An entry of a folder. Listing tells what it is: on this machine only links, and entries of file systems that do not tell, are looked at.
class FolderEntry {
 public:
  explicit FolderEntry(std::string path, std::optional<std::filesystem::directory_entry> listed = {});

  const std::string& path() const { return path_; }
  std::string name() const { return path_.substr(path_.rfind('/') + 1); }
  bool is_folder() const;
  bool is_broken_link() const;  // to what is not there
  std::string special() const;  // special_file.h

 private:
  std::string path_;
  std::optional<std::filesystem::directory_entry> listed_;  // none: on object storage
};
std::vector<FolderEntry> sorted_entries(const std::string& folder);  // by name; UserError where it cannot be listed
// Every file below a folder, relative to it, sorted. UserError where it cannot be listed. `special`: names that are no files
// (special_file.h).
std::vector<std::string> files_below(const std::string& folder, std::vector<std::string>* special = nullptr);
std::string text_of_file(const std::string& path);  // UserError

void forget_failures(const std::string& path, int time);  // waits, longer each time

// Calls `attempt`, which returns whether it succeeded, again a few times where the path is remote: a request may fail that another does
// not.
template <class Attempt>
bool persist(const std::string& path, const Attempt& attempt) {
  constexpr int kTimes = 4;
  for (int time = 0; time < (is_remote(path) ? kTimes : 1); ++time) {
    if (time > 0) forget_failures(path, time);
    if (attempt()) return true;
  }
  return false;
}
}  // namespace millesime
