#include "pipeline/io/internal/storage.h"
#include "pipeline/io/sensors/item_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

struct Store {
  const char* address;
  const char* system;
};
constexpr std::array kStores = {Store{"s3://", "/vsis3/"}, Store{"gs://", "/vsigs/"}, Store{"az://", "/vsiaz/"},
                                Store{"https://", "/vsicurl/https://"}, Store{"http://", "/vsicurl/http://"}};
constexpr std::array kSystems = {"/vsis3/", "/vsigs/", "/vsiaz/", "/vsicurl/"};
constexpr std::string_view kBlobHost = ".blob.core.windows.net";

bool is_azure(const std::string& address, const std::string& host) { return address == "az://" || host.ends_with(kBlobHost); }

struct Blob {
  std::string account, place;  // CONTAINER/...
};

std::optional<Blob> blob_of(const std::string& address) {
  constexpr std::string_view kSecure = "https://";
  if (!address.starts_with(kSecure)) return std::nullopt;
  const auto slash = address.find('/', kSecure.size());
  const std::string host = lower(address.substr(kSecure.size(), slash - kSecure.size()));
  if (slash == std::string::npos || !host.ends_with(kBlobHost)) return std::nullopt;
  const std::string place = address.substr(slash + 1);
  return Blob{host.substr(0, host.size() - kBlobHost.size()), place.substr(0, place.find('?'))};
}

// That the environment has credentials of.
std::string azure_account() {
  const std::string account = CPLGetConfigOption("AZURE_STORAGE_ACCOUNT", "");
  if (!account.empty()) return account;
  for (const std::string& part : split_text(CPLGetConfigOption("AZURE_STORAGE_CONNECTION_STRING", ""), ';'))
    if (part.starts_with("AccountName=")) return part.substr(part.find('=') + 1);
  return "";
}

std::string azure_advice(const std::string& address) {
  const std::optional<Blob> blob = blob_of(address);
  if (!blob)
    return "write az://CONTAINER/... and give credentials by the environment (AZURE_STORAGE_ACCOUNT, and AZURE_STORAGE_SAS_TOKEN or "
           "AZURE_STORAGE_ACCESS_KEY)";
  const std::string container = blob->place.substr(0, blob->place.find('/'));
  return join_text("set AZURE_STORAGE_ACCOUNT=", blob->account, " and AZURE_STORAGE_SAS_TOKEN, what follows the ? (of the Planetary ",
                   "Computer, the token of https://planetarycomputer.microsoft.com/api/sas/v1/token/", blob->account, "/", container,
                   "), in the environment: then lists are read as they are; as a root write az://", container, "/...");
}

constexpr int kDeepest = 12;  // folders below the root

std::vector<std::string> listed(char** names) {
  const CPLStringList list(names, TRUE);
  std::vector<std::string> result;
  for (int i = 0; i < list.Count(); ++i)
    if (const std::string name = list[i]; name != "." && name != "..") result.push_back(name);
  std::ranges::sort(result);
  return result;
}

}  // namespace

std::string storage_path(const std::string& root) {
  for (const Store& store : kStores) {
    if (!root.starts_with(store.address)) continue;
    const std::string rest = root.substr(std::string_view(store.address).size()), host = rest.substr(0, rest.find('/'));
    if (host.find('@') != std::string::npos || rest.find('?') != std::string::npos)
      throw UserError(join_text(store.address, host.substr(host.find('@') + 1),
                                "/...: expected an address without password and signature, which manifests would keep; ",
                                is_azure(store.address, host)
                                    ? azure_advice(root)
                                    : "give credentials by the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                                      "GDAL_HTTP_HEADER_FILE)"));
    return store.system + rest;
  }
  return root;
}

std::optional<std::string> blob_path(const std::string& address) {
  const std::optional<Blob> blob = blob_of(address);
  if (!blob || blob->account != azure_account()) return std::nullopt;
  char* unescaped = CPLUnescapeString(blob->place.c_str(), nullptr, CPLES_URL);
  std::string path = std::string("/vsiaz/") + unescaped;
  CPLFree(unescaped);
  return path;
}

bool is_remote(const std::string& path) {
  return std::ranges::any_of(kSystems, [&](const char* system) { return path.find(system) != std::string::npos; });
}

bool is_item_list(const std::string& root) {
  const std::string name = lower(root);
  return name.ends_with(".json") || name.ends_with(".geojson") || is_item_table(root);
}

std::string folder_of_products(const std::string& root) {
  const std::string path = storage_path(root);
  if (!is_item_list(path)) return path;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

void forget_failures(const std::string& path, int time) {
  constexpr int kMilliseconds = 200;
  std::this_thread::sleep_for(std::chrono::milliseconds(kMilliseconds * time));
  VSICurlPartialClearCache(path.substr(path.find("/vsi")).c_str());
}

std::optional<FileState> state_of(const std::string& path) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  if (!is_remote(path)) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileState{status.st_size, std::int64_t{status.st_mtim.tv_sec} * kNanoseconds + status.st_mtim.tv_nsec, S_ISREG(status.st_mode)};
  }
  const GdalMessages quiet;
  VSIStatBufL status{};
  if (!persist(path, [&] { return VSIStatL(path.c_str(), &status) == 0; })) return std::nullopt;
  return FileState{static_cast<std::int64_t>(status.st_size), std::int64_t{status.st_mtime} * kNanoseconds, !VSI_ISDIR(status.st_mode)};
}

bool is_folder(const std::string& path) {
  if (is_remote(path)) {
    const auto state = state_of(path);
    return state && !state->is_file;
  }
  std::error_code error;
  return fs::is_directory(path, error);
}

FolderEntry::FolderEntry(std::string path, std::optional<fs::directory_entry> listed)
    : path_(std::move(path)), listed_(std::move(listed)) {}

bool FolderEntry::is_folder() const {
  std::error_code error;
  return listed_ ? listed_->is_directory(error) : millesime::is_folder(path_);
}

bool FolderEntry::is_broken_link() const {
  std::error_code error;
  return listed_ && listed_->is_symlink(error) && !listed_->exists(error);
}

std::string FolderEntry::special() const {
  std::error_code error;
  return !listed_ || listed_->is_regular_file(error) || listed_->is_directory(error) ? "" : special_file(path_);
}

std::vector<FolderEntry> sorted_entries(const std::string& folder) {
  std::vector<FolderEntry> entries;
  if (is_remote(folder)) {
    const GdalMessages messages;
    std::vector<std::string> names;
    if (!persist(folder, [&] {
          char** list = VSIReadDir(folder.c_str());
          names = listed(list);
          return list != nullptr;
        }))
      throw UserError(join_text(folder, ": cannot be listed. ", messages.text()));
    for (const std::string& name : names) entries.emplace_back(folder + "/" + name);
    return entries;
  }
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    entries.emplace_back(folder + "/" + entry->path().filename().string(), *entry);
  if (error) throw UserError(join_text(folder, ": cannot be listed: ", error.message()));
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

std::vector<std::string> sorted_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const FolderEntry& entry : sorted_entries(folder)) names.push_back(entry.name());
  return names;
}

std::vector<std::string> files_below(const std::string& folder, std::vector<std::string>* special) {
  const std::string root = folder.empty() ? "." : folder;
  if (is_remote(root)) {
    const GdalMessages messages;
    std::vector<std::string> files;
    if (!persist(root, [&] {
          char** list = VSIReadDirRecursive(root.c_str());
          files = listed(list);
          return list != nullptr;
        }))
      throw UserError(join_text(root, ": cannot be listed. ", messages.text()));
    std::erase_if(files,
                  [](const std::string& name) { return name.ends_with('/') || is_left_by_desktop(fs::path(name).filename().string()); });
    return files;
  }
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, fs::directory_options::follow_directory_symlink, error), end;
  if (error) throw UserError(join_text(root, ": cannot be listed: ", error.message()));
  for (; !error && entry != end; entry.increment(error)) {
    if (entry.depth() >= kDeepest) entry.disable_recursion_pending();
    if (is_left_by_desktop(entry->path().filename().string()))
      entry.disable_recursion_pending();
    else if (std::error_code ignored; entry->is_regular_file(ignored))
      files.push_back(entry->path().lexically_relative(root).string());
    else if (special && !entry->is_directory(ignored))
      special->push_back(entry->path().lexically_relative(root).string());
  }
  if (special) {
    std::erase_if(*special, [&](const std::string& name) { return special_file(root + "/" + name).empty(); });
    std::ranges::sort(*special);
  }
  std::ranges::sort(files);
  return files;
}

std::string text_of_file(const std::string& path) {
  if (!is_remote(path)) return read_text(path);
  const GdalMessages messages;
  GByte* bytes = nullptr;
  vsi_l_offset size = 0;
  if (!persist(path, [&] { return VSIIngestFile(nullptr, path.c_str(), &bytes, &size, -1) != 0; }))
    throw UserError(join_text(path, ": cannot be read. ", messages.text()));
  const std::unique_ptr<GByte, decltype(&VSIFree)> owner(bytes, &VSIFree);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

}  // namespace millesime
