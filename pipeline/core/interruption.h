#pragma once
// The request to end (SIGTERM of a scheduler, Ctrl-C). Work looks at it between two steps and throws; nothing is left half, and what a
// production has finished is kept.

#include <exception>

namespace millesime {

// Thrown up to main(), which exits with 128 + SIGTERM. It is no failure of what was at work.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "ended on request"; }
};

inline constexpr int kExitInterrupted = 143;
inline constexpr unsigned kGraceSeconds = 15;  // then the process ends wherever it is: outputs are atomic

// From now on SIGTERM and SIGINT ask this process to end; a second one ends it at once.
void listen_for_interruption();

bool interruption_requested() noexcept;
void request_interruption() noexcept;  // as a signal does; tests
void forget_interruption() noexcept;   // tests
inline void end_if_requested() {
  if (interruption_requested()) throw Interrupted();
}

}  // namespace millesime
