#pragma once
// Progress for people: a bar that redraws itself on a terminal, plain lines in a log.

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "pipeline/stages/stage.h"

namespace millesime {

class TextProgress : public Progress {
 public:
  explicit TextProgress(std::FILE* stream);  // a bar when the stream is a terminal
  void start(const std::string& what, std::int64_t total, const std::string& unit) override;
  void advance(std::int64_t done) override;
  void note(const std::string& text) override;
  void finish() override;

  // "3.2 M px/s, 2 min left": what is shown beside the share done.
  static std::string rate_text(double done, double total, double seconds, const std::string& unit);

 private:
  using Clock = std::chrono::steady_clock;
  void show(bool last);
  std::mutex mutex_;  // stages advance from several threads
  std::FILE* stream_;
  bool terminal_;
  std::string what_, unit_;
  std::int64_t total_ = 0, done_ = 0;
  Clock::time_point started_, shown_;
};

// For --quiet, --json and tests.
class SilentProgress : public Progress {
 public:
  void start(const std::string&, std::int64_t, const std::string&) override {}
  void advance(std::int64_t) override {}
  void note(const std::string&) override {}
  void finish() override {}
};

}  // namespace millesime
