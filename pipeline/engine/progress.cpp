#include "pipeline/engine/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/json_text.h"

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

// Of a terminal; 0: it does not say.
std::size_t columns_of(std::FILE* stream) {
  winsize size{};
  return ::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// The beginning that a line of the terminal holds: what is in the next one would not be redrawn.
std::string within(const std::string& line, std::size_t columns) {
  if (columns == 0 || line.size() < columns) return line;
  std::size_t end = columns - 1;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;  // no half character of UTF-8
  return line.substr(0, end);
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 90) return join_text(static_cast<int>(std::ceil(seconds)), " s");
  if (seconds < 5400) return join_text(static_cast<int>(std::lround(seconds / 60)), " min");
  char text[32];
  std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

namespace {

// Through system calls, from files and pipes: what the disks and the network had to give, pages of the cache included.
std::int64_t bytes_read_by_process() {
  std::ifstream stream("/proc/self/io");
  std::string name;
  std::int64_t bytes = 0;
  while (stream >> name >> bytes)
    if (name == "rchar:") return bytes;
  return 0;
}

}  // namespace

double ProgressReport::seconds_left() const {
  return done > 0 && total > done ? static_cast<double>(total - done) / static_cast<double>(done) * seconds : 0;
}

std::string ProgressReport::bound_by() const {
  const auto [reading, computing, writing] = effort;
  const double most = std::max({reading, computing, writing});
  if (most <= 0) return "";
  return most == computing ? "computing" : most == reading ? "reading" : "writing";
}

std::string TextProgress::detail_text(const ProgressReport& report) {
  if (report.seconds <= 0 || report.done <= 0) return "";
  const double rate = report.per_second();
  std::string text = ", " + with_prefix(rate) + (rate >= 1000 ? "" : " ") + report.unit + "/s";
  if (!report.bound_by().empty()) {
    const double read = static_cast<double>(report.read_bytes) / report.seconds / 1e6;
    text += join_text(", ", static_cast<std::int64_t>(std::lround(read)), " MB/s read, ", report.bound_by(), " bounds it");
  }
  if (report.seconds_left() > 0) text += ", " + duration_text(report.seconds_left()) + " left";
  return text;
}

void ProgressMeter::start(const std::string& what, std::int64_t total, const std::string& unit) {
  const std::lock_guard lock(mutex_);
  report_ = {.what = what, .unit = unit, .done = 0, .total = total, .seconds = 0, .read_bytes = 0, .effort = {}};
  started_ = shown_ = Clock::now();
  read_before_ = bytes_read_by_process();
}

void ProgressMeter::extend(std::int64_t more) {
  const std::lock_guard lock(mutex_);
  report_.total += more;
}

void ProgressMeter::advance(std::int64_t done) {
  end_if_requested();  // every loop passes here, after each window
  const std::lock_guard lock(mutex_);
  report_.done += done;
  if (Clock::now() - shown_ >= every_) measure_and_show(false);
}

void ProgressMeter::spent(const LoopEffort& effort) {
  const std::lock_guard lock(mutex_);
  report_.effort.reading_s += effort.reading_s;
  report_.effort.computing_s += effort.computing_s;
  report_.effort.writing_s += effort.writing_s;
}

void ProgressMeter::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  show_note(text);
}

void ProgressMeter::finish() {
  const std::lock_guard lock(mutex_);
  if (!report_.what.empty()) measure_and_show(true);
  report_.what.clear();
}

void ProgressMeter::measure_and_show(bool last) {
  shown_ = Clock::now();
  report_.seconds = std::chrono::duration<double>(shown_ - started_).count();
  report_.read_bytes = bytes_read_by_process() - read_before_;
  show(report_, last);
}

TextProgress::TextProgress(std::FILE* stream)
    : ProgressMeter(::isatty(::fileno(stream)) == 1 ? kRedraw : std::chrono::milliseconds(kLogEvery)),
      stream_(stream),
      terminal_(::isatty(::fileno(stream)) == 1) {}

void TextProgress::show_note(const std::string& text) {
  std::fprintf(stream_, "%s  %s\n", terminal_ ? "\r\033[K" : "", text.c_str());
  std::fflush(stream_);
}

void TextProgress::show(const ProgressReport& report, bool last) {
  const double share = report.total > 0 ? std::min(1.0, static_cast<double>(report.done) / static_cast<double>(report.total)) : 1;
  const std::string detail = detail_text(report);
  const int percent = static_cast<int>(share * 100);
  if (terminal_) {
    constexpr int kWidth = 24;
    const int full = static_cast<int>(share * kWidth);
    const std::string bar = std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kWidth - full), '.');
    const std::string line = join_text("  ", report.what, " [", bar, "] ", percent, " %", detail);
    std::fprintf(stream_, "\r\033[K%s%s", last ? line.c_str() : within(line, columns_of(stream_)).c_str(), last ? "\n" : "");
  } else {
    std::fprintf(stream_, "  %s: %d %%%s\n", report.what.c_str(), percent, detail.c_str());
  }
  std::fflush(stream_);
}

JsonProgress::JsonProgress(std::FILE* stream) : ProgressMeter(kLogEvery), stream_(stream) {}

nlohmann::json JsonProgress::to_json(const ProgressReport& report) {
  nlohmann::json event{{"event", "progress"},
                       {"what", report.what},
                       {"done", report.done},
                       {"total", report.total},
                       {"unit", report.unit},
                       {"seconds", report.seconds},
                       {"per_second", report.per_second()},
                       {"seconds_left", report.seconds_left()},
                       {"read_bytes", report.read_bytes}};
  if (!report.bound_by().empty()) event["bound_by"] = report.bound_by();
  return event;
}

void JsonProgress::show(const ProgressReport& report, bool) {
  std::fprintf(stream_, "%s\n", json_text(to_json(report)).c_str());
  std::fflush(stream_);
}

void JsonProgress::show_note(const std::string& text) {
  std::fprintf(stream_, "%s\n", json_text(nlohmann::json{{"event", "note"}, {"text", text}}).c_str());
  std::fflush(stream_);
}

class JointProgress::Part : public Progress {
 public:
  explicit Part(JointProgress& joint) : joint_(joint) {}
  void start(const std::string&, std::int64_t total, const std::string& unit) override {
    const std::lock_guard lock(joint_.mutex_);
    counts_ = !joint_.started_ || joint_.unit_ == unit;  // pixels and tiles do not add up
    if (!joint_.started_) {
      joint_.shown_.start(joint_.what_, total, unit);
      joint_.unit_ = unit, joint_.started_ = true;
    } else if (counts_) {
      joint_.shown_.extend(total);
    }
  }
  void extend(std::int64_t more) override {
    if (counts_) joint_.shown_.extend(more);
  }
  void advance(std::int64_t done) override {
    if (counts_) joint_.shown_.advance(done);
  }
  void spent(const LoopEffort& effort) override { joint_.shown_.spent(effort); }
  void note(const std::string& text) override { joint_.shown_.note(text); }
  void finish() override {}

 private:
  JointProgress& joint_;
  bool counts_ = false;
};

JointProgress::~JointProgress() {
  if (started_) shown_.finish();
}

std::unique_ptr<Progress> JointProgress::part() { return std::make_unique<Part>(*this); }

}  // namespace millesime
