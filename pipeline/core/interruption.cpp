#include "pipeline/core/interruption.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace millesime {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler writes it

void say(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nobody listens
}

void on_request(int) {
  if (requested.exchange(true)) ::_exit(kExitInterrupted);
  say("\nmillesime: asked to end; finishing what cannot be left (again: at once)\n");
  ::alarm(kGraceSeconds);
}

void on_end_of_grace(int) {
  say("millesime: ended in the middle of its work, which starts again with the same command\n");
  ::_exit(kExitInterrupted);
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

void listen_for_interruption() {
  struct sigaction now {};
  for (const int number : {SIGTERM, SIGINT})  // one that is ignored (nohup, a shell's background) stays ignored
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler != SIG_IGN) handle(number, on_request);
  handle(SIGALRM, on_end_of_grace);
}

bool interruption_requested() noexcept { return requested.load(std::memory_order_relaxed); }
void request_interruption() noexcept { requested = true; }
void forget_interruption() noexcept { requested = false; }

}  // namespace millesime
