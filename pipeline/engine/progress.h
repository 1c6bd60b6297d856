#pragma once
// Progress: a bar that redraws itself on a terminal, plain lines in a log, JSON lines for schedulers.

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "pipeline/stages/stage.h"

namespace millesime {

// How far the work at hand is.
struct ProgressReport {
  std::string what, unit;
  std::int64_t done = 0, total = 0;
  double seconds = 0;           // since it started
  std::int64_t read_bytes = 0;  // that this process read from files since then
  LoopEffort effort;

  double per_second() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
  double seconds_left() const;   // 0 when nothing is known yet
  std::string bound_by() const;  // "reading", "computing", "writing", or "" where no loop over windows runs
};

// Counts; what derives from it shows. Stages tell it from several threads.
class ProgressMeter : public Progress {
 public:
  void start(const std::string& what, std::int64_t total, const std::string& unit) override;
  void extend(std::int64_t more) override;
  void advance(std::int64_t done) override;
  void spent(const LoopEffort& effort) override;
  void note(const std::string& text) override;
  void finish() override;

 protected:
  explicit ProgressMeter(std::chrono::milliseconds every) : every_(every) {}
  virtual void show(const ProgressReport& report, bool last) = 0;
  virtual void show_note(const std::string& text) = 0;

 private:
  using Clock = std::chrono::steady_clock;
  void measure_and_show(bool last);
  std::mutex mutex_;
  std::chrono::milliseconds every_;
  ProgressReport report_;
  Clock::time_point started_, shown_;
  std::int64_t read_before_ = 0;
};

class TextProgress : public ProgressMeter {
 public:
  explicit TextProgress(std::FILE* stream);  // a bar when the stream is a terminal

  // The full text after the percentage: ", 120 kpx/s, 34 MB/s read, reading bounds it, 2 min left"
  static std::string detail_text(const ProgressReport& report);

 private:
  void show(const ProgressReport& report, bool last) override;
  void show_note(const std::string& text) override;
  std::FILE* stream_;
  bool terminal_;
};

// One JSON document a line: {"event": "progress", ...} every few seconds, {"event": "note", ...}.
class JsonProgress : public ProgressMeter {
 public:
  explicit JsonProgress(std::FILE* stream);
  static nlohmann::json to_json(const ProgressReport& report);

 private:
  void show(const ProgressReport& report, bool last) override;
  void show_note(const std::string& text) override;
  std::FILE* stream_;
};

// The progress of units that run side by side, as one: totals add up.
class JointProgress {
 public:
  JointProgress(std::string what, Progress& shown) : what_(std::move(what)), shown_(shown) {}
  ~JointProgress();  // finishes what is shown
  JointProgress(const JointProgress&) = delete;
  JointProgress& operator=(const JointProgress&) = delete;
  std::unique_ptr<Progress> part();  // of one unit; must not outlive this

 private:
  class Part;
  std::mutex mutex_;
  std::string what_, unit_;
  Progress& shown_;
  bool started_ = false;
};

std::string duration_text(double seconds);  // "35 s", "12 min", "3.4 h"

}  // namespace millesime
