#pragma once
// Progress: reports the progress of long work: a bar on a terminal, plain lines in a log (pipeline/engine/progress.h).

#include <cstdint>
#include <string>

namespace millesime {

// Where the computation of a loop over windows spent its time: the longest wait is what bounds the loop.
struct LoopEffort {
  double reading_s = 0, computing_s = 0, writing_s = 0;  // waiting for a window to be read, computing, waiting for the writer
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void start(const std::string& what, std::int64_t total, const std::string& unit) = 0;
  virtual void advance(std::int64_t done) = 0;     // adds to the work done
  virtual void note(const std::string& text) = 0;  // e.g. "epoch 12: loss 0.41, F-score 0.83"
  virtual void finish() = 0;
  virtual void extend(std::int64_t) {}      // adds to the total of start()
  virtual void spent(const LoopEffort&) {}  // adds to the time that a loop over windows has spent
};

}  // namespace millesime
