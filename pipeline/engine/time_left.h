#pragma once
// How long the units of a stage will take that are left, from those that have ended.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>

namespace millesime {

class TimeLeft {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void begins(std::size_t unit, Time now) { running_[unit] = now; }
  void ends(std::size_t unit, Time now) {
    seconds_ += since(running_.at(unit), now), ++ended_;
    running_.erase(unit);
  }

  std::size_t ended() const { return ended_; }
  // Every one of `units` takes as long as those before did, those at work less what they have worked already; `jobs` at a time.
  double seconds(std::size_t units, int jobs, Time now) const {
    if (ended_ == 0) return 0;
    const double of_each = seconds_ / static_cast<double>(ended_);
    double left = of_each * static_cast<double>(units - ended_);
    for (const auto& [unit, began] : running_) left -= std::min(of_each, since(began, now));
    return left / jobs;
  }

 private:
  static double since(Time then, Time now) { return std::chrono::duration<double>(now - then).count(); }

  std::map<std::size_t, Time> running_;  // when it began
  std::size_t ended_ = 0;
  double seconds_ = 0;  // of those that have ended
};

}  // namespace millesime
