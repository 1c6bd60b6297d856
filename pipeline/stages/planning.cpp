#include "pipeline/stages/planning.h"

#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/core/version.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/layout.h"

namespace millesime {
namespace {

constexpr int kFormat = 2;

std::string version_of_plans() { return join_text("millesime ", version(), ", plan ", kFormat); }
std::string checksum_of(const nlohmann::json& found) { return xxh3(json_text(found)); }

}  // namespace

Planning::Planning(std::string file) : file_(std::move(file)) {
  if (file_.empty() || !std::filesystem::exists(file_)) return;
  try {
    const auto document = nlohmann::json::parse(read_text(file_));
    if (document.at("version") != version_of_plans()) return;
    if (document.at("checksum") != checksum_of(document.at("found"))) return;  // values are used as they are
    for (const auto& [key, entry] : document.at("found").items())
      found_[bytes_of_utf8(key)] = {entry.at("bytes").get<std::uint64_t>(), entry.at("modified_ns").get<std::int64_t>(), entry.at("value")};
  } catch (const std::exception&) {  // what it holds is found again in the files
    found_.clear();
  }
}

void Planning::begin() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  looked_at_.clear(), contents_.clear(), once_.clear();
}

void Planning::end() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  looked_at_.clear(), contents_.clear(), once_.clear();
  if (!changed_ || file_.empty() || !std::filesystem::exists(std::filesystem::path(file_).parent_path())) return;
  nlohmann::json document{{"version", version_of_plans()}, {"found", nlohmann::json::object()}};
  for (const auto& [key, found] : found_)
    document["found"][utf8_of_bytes(key)] = {{"bytes", found.bytes}, {"modified_ns", found.modified_ns}, {"value", found.value}};
  document["checksum"] = checksum_of(document["found"]);
  try {
    write_text(file_, json_text(document) + "\n");
    changed_ = false;
  } catch (const UserError&) {  // a folder that cannot be written can be looked at
  }
}

std::optional<Fingerprint> Planning::look(const std::string& path) {
  const auto now = [&]() -> std::optional<Fingerprint> {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return Fingerprint{path, static_cast<std::uint64_t>(status.st_size),
                       std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec, ""};
  };
  const std::lock_guard lock(mutex_);
  if (!open_) return now();
  const auto known = looked_at_.find(path);
  return known != looked_at_.end() ? known->second : looked_at_.emplace(path, now()).first->second;
}

std::string Planning::content(const std::string& path, const Fingerprint& known) {
  const auto seen = look(path);
  if (!seen) return "";
  if (seen->bytes == known.bytes && seen->modified_ns == known.modified_ns && !known.xxh3.empty()) return known.xxh3;
  const std::lock_guard lock(mutex_);
  if (!open_) return xxh3_of_file(path);
  const auto read = contents_.find(path);
  return read != contents_.end() ? read->second : contents_.emplace(path, xxh3_of_file(path)).first->second;
}

nlohmann::json Planning::found_in(const std::string& what, const std::string& path, const std::function<nlohmann::json()>& read) {
  const auto seen = look(path);
  // Relative to the plan, which moves with the production.
  const auto place = std::filesystem::absolute(path).lexically_normal(),
             folder = std::filesystem::absolute(file_).lexically_normal().parent_path();
  const std::string key = join_text(what, " ", file_.empty() ? path : place.lexically_proximate(folder).string());
  {
    const std::lock_guard lock(mutex_);
    const auto known = found_.find(key);
    if (seen && known != found_.end() && known->second.bytes == seen->bytes && known->second.modified_ns == seen->modified_ns)
      return known->second.value;
  }
  nlohmann::json value = read();
  const std::lock_guard lock(mutex_);
  if (seen && open_) found_[key] = {seen->bytes, seen->modified_ns, value}, changed_ = true;
  return value;
}

std::any Planning::once(const std::string& what, const std::function<std::any()>& make) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = once_.find(what); open_ && known != once_.end()) return known->second;
  }
  std::any value = make();
  const std::lock_guard lock(mutex_);
  if (open_) once_[what] = value;
  return value;
}

nlohmann::json found_in(const Config& config, const std::string& what, const std::string& path,
                        const std::function<nlohmann::json()>& read) {
  return config.planning ? config.planning->found_in(what, path, read) : read();
}

std::any once_in_a_plan(const Config& config, const std::string& what, const std::function<std::any()>& make) {
  return config.planning ? config.planning->once(what, make) : make();
}

PlanBeingMade::PlanBeingMade(Config& config) {
  if (config.planning && config.planning->is_being_made()) return;
  if (!config.planning) config.planning = std::make_shared<Planning>(Layout(config).plan());
  planning_ = config.planning;
  planning_->begin();
}

PlanBeingMade::~PlanBeingMade() {
  if (planning_) planning_->end();
}

}  // namespace millesime
