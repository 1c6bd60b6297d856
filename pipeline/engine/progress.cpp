#include "pipeline/engine/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kLogEvery{10};

std::string with_prefix(double value) {
  const char* prefix = "";
  for (const char* next : {" k", " M", " G"}) {
    if (value < 1000) break;
    value /= 1000, prefix = next;
  }
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f%s" : "%.0f%s", value, prefix);
  return text;
}

std::string duration_text(double seconds) {
  if (seconds < 90) return join_text(static_cast<int>(std::ceil(seconds)), " s");
  if (seconds < 5400) return join_text(static_cast<int>(std::lround(seconds / 60)), " min");
  char text[32];
  std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

}  // namespace

std::string TextProgress::rate_text(double done, double total, double seconds, const std::string& unit) {
  if (seconds <= 0 || done <= 0) return "";
  const double rate = done / seconds;
  std::string text = with_prefix(rate) + (rate >= 1000 ? "" : " ") + unit + "/s";
  if (done < total) text += ", " + duration_text((total - done) / rate) + " left";
  return text;
}

TextProgress::TextProgress(std::FILE* stream) : stream_(stream), terminal_(::isatty(::fileno(stream)) == 1) {}

void TextProgress::start(const std::string& what, std::int64_t total, const std::string& unit) {
  const std::lock_guard lock(mutex_);
  what_ = what, total_ = total, unit_ = unit, done_ = 0;
  started_ = shown_ = Clock::now();
  if (terminal_) show(false);
}

void TextProgress::advance(std::int64_t done) {
  const std::lock_guard lock(mutex_);
  done_ += done;
  if (Clock::now() - shown_ >= (terminal_ ? std::chrono::milliseconds(kRedraw) : std::chrono::milliseconds(kLogEvery))) show(false);
}

void TextProgress::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stream_, "%s  %s\n", terminal_ ? "\r\033[K" : "", text.c_str());
  if (terminal_ && !what_.empty()) show(false);
}

void TextProgress::finish() {
  const std::lock_guard lock(mutex_);
  if (!what_.empty()) show(true);
  what_.clear();
}

void TextProgress::show(bool last) {
  shown_ = Clock::now();
  const double seconds = std::chrono::duration<double>(shown_ - started_).count();
  const double share = total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 1;
  const std::string rate = rate_text(static_cast<double>(done_), static_cast<double>(total_), seconds, unit_);
  const int percent = static_cast<int>(share * 100);
  if (terminal_) {
    constexpr int kWidth = 24;
    const int full = static_cast<int>(share * kWidth);
    const std::string bar = std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kWidth - full), '.');
    std::fprintf(stream_, "\r\033[K  %s [%s] %d %%  %s%s", what_.c_str(), bar.c_str(), percent, rate.c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stream_, "  %s: %d %%%s%s\n", what_.c_str(), percent, rate.empty() ? "" : ", ", rate.c_str());
  }
  std::fflush(stream_);
}

}  // namespace millesime
