#pragma once
// Planning: what the making of a plan found out, so that every file is looked at once, and read again only when it has changed. It is kept
// beside the manifests (Layout::plan) and handed to the tasks of a cluster, which start without looking at the country.

#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/core/checksum.h"

namespace millesime {

struct Config;

class Planning {
 public:
  // What an earlier plan kept in `file`; of another version, or damaged (its checksum), it is made anew. "": nothing is kept.
  explicit Planning(std::string file = "");

  // A plan is made from begin() to end(): in between files are taken as they were when they were looked at first.
  void begin();
  bool is_being_made() const { return open_; }
  void end();  // keeps what is new, where that is possible

  std::optional<Fingerprint> look(const std::string& path);  // size and time of change, without checksum; empty: there is none
  // The checksum of its content, which is `known`'s where size and time of change are the same; "" if there is no such file.
  std::string content(const std::string& path, const Fingerprint& known);
  // What read() finds in a file: the kept value where the file is the same.
  nlohmann::json found_in(const std::string& what, const std::string& path, const std::function<nlohmann::json()>& read);
  // The same value for a whole plan.
  std::any once(const std::string& what, const std::function<std::any()>& make);

 private:
  struct Found {
    std::uint64_t bytes = 0;
    std::int64_t modified_ns = 0;
    nlohmann::json value;
  };
  std::string file_;
  bool open_ = false, changed_ = false;
  std::map<std::string, Found> found_;  // by what and path
  std::map<std::string, std::optional<Fingerprint>> looked_at_;
  std::map<std::string, std::string> contents_;
  std::map<std::string, std::any> once_;
  std::mutex mutex_;
};

// With the configuration's Planning, or without one.
nlohmann::json found_in(const Config& config, const std::string& what, const std::string& path,
                        const std::function<nlohmann::json()>& read);
std::any once_in_a_plan(const Config& config, const std::string& what, const std::function<std::any()>& make);
template <class Make>
auto once(const Config& config, const std::string& what, const Make& make) {
  return std::any_cast<decltype(make())>(once_in_a_plan(config, what, [&] { return std::any(make()); }));
}

// While it exists, a plan is made of this configuration.
class PlanBeingMade {
 public:
  explicit PlanBeingMade(Config& config);
  ~PlanBeingMade();
  PlanBeingMade(const PlanBeingMade&) = delete;
  PlanBeingMade& operator=(const PlanBeingMade&) = delete;

 private:
  std::shared_ptr<Planning> planning_;  // null: inside of another one
};

}  // namespace millesime
