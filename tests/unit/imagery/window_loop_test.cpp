#include "pipeline/imagery/window_loop.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace millesime {
namespace {

std::vector<Window> strips(int n) { return split({0, 0, 10, n}, 10, 1, 1); }

using Read = std::function<int(const Window&)>;

TEST(WindowLoop, EveryWindowOnceAndInOrderForAnyNumberOfReaders) {
  for (const int readers : {1, 2, 5}) {
    std::vector<int> written;
    window_loop<int, int>(
        strips(100), readers, 3, [] { return Read([](const Window& w) { return w.row; }); },
        [](const Window&, int&& row) { return row * 2; },
        [&](const Window& w, int&& value) {
          EXPECT_EQ(value, w.row * 2);
          written.push_back(value);
        });
    ASSERT_EQ(written.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(written[static_cast<std::size_t>(i)], 2 * i);
  }
}

TEST(WindowLoop, ReadersDoNotRunFurtherAheadThanAllowed) {
  std::atomic<int> read{0}, computed{0}, most{0};
  window_loop<int, int>(
      strips(50), 4, 3,
      [&] {
        return Read([&](const Window&) {
          const int ahead = ++read - computed;
          int seen = most;
          while (ahead > seen && !most.compare_exchange_weak(seen, ahead)) {
          }
          return 0;
        });
      },
      [&](const Window&, int&&) {
        ++computed;
        return 0;
      },
      [](const Window&, int&&) {});
  EXPECT_LE(most, 3 + 1);  // the one being computed counts as read
}

TEST(WindowLoop, AnErrorInAnyPartStopsAllOfThemAndIsRethrown) {
  for (const int where : {0, 1, 2, 3}) {
    const auto fail = [where](int here, const Window& w) {
      if (here == where && w.row == 20) throw std::runtime_error("part " + std::to_string(here));
      return 0;
    };
    try {
      window_loop<int, int>(
          strips(1000), 2, 2, [&] { return Read([&](const Window& w) { return fail(0, w) + w.row; }); },
          [&](const Window& w, int&&) { return fail(1, w); }, [&](const Window& w, int&&) { fail(2, w); }, nullptr,
          [&](const int& row) {
            fail(3, {0, row, 10, 1});
          });
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "part " + std::to_string(where));
    }
  }
}

TEST(WindowLoop, UploadsInOrderOneWindowAheadOfTheComputation) {
  constexpr int kWindows = 60;
  std::atomic<int> computed{0}, sent{0};
  std::vector<int> uploaded, results;
  window_loop<int, int>(
      strips(kWindows), 3, 2, [] { return Read([](const Window& w) { return w.row; }); },
      [&](const Window&, int&& row) {
        EXPECT_GT(sent, row) << "computed before it was uploaded";
        ++computed;
        return row;
      },
      [&](const Window&, int&& row) { results.push_back(row); }, nullptr,
      [&](const int& row) {
        EXPECT_LE(row, computed + 1) << "the window before was not taken";
        uploaded.push_back(row);
        ++sent;
      });
  ASSERT_EQ(uploaded.size(), std::size_t{kWindows});
  EXPECT_EQ(results, uploaded);
  EXPECT_TRUE(std::ranges::is_sorted(uploaded));
}

TEST(WindowLoop, NoWindowsIsNoWork) {
  window_loop<int, int>(
      {}, 2, 2, [] { return Read([](const Window&) { return 0; }); }, [](const Window&, int&&) { return 0; },
      [](const Window&, int&&) { FAIL(); });
}

// Adds up where the loop says that its time went.
class Effort : public Progress {
 public:
  void start(const std::string&, std::int64_t, const std::string&) override {}
  void advance(std::int64_t) override {}
  void note(const std::string&) override {}
  void finish() override {}
  void spent(const LoopEffort& effort) override {
    sum.reading_s += effort.reading_s, sum.computing_s += effort.computing_s, sum.writing_s += effort.writing_s;
  }
  LoopEffort sum;
};

LoopEffort effort_of(int read_ms, int compute_ms, int write_ms) {
  const auto rest = [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
  Effort effort;
  window_loop<int, int>(
      strips(20), 1, 2,
      [&] {
        return Read([&](const Window&) {
          rest(read_ms);
          return 0;
        });
      },
      [&](const Window&, int&&) {
        rest(compute_ms);
        return 0;
      },
      [&](const Window&, int&&) { rest(write_ms); }, &effort);
  return effort.sum;
}

TEST(WindowLoop, SaysWhatBoundsIt) {
  const LoopEffort slow_reader = effort_of(10, 1, 1), slow_model = effort_of(1, 10, 1), slow_writer = effort_of(1, 1, 10);
  EXPECT_GT(slow_reader.reading_s, std::max(slow_reader.computing_s, slow_reader.writing_s));
  EXPECT_GT(slow_model.computing_s, std::max(slow_model.reading_s, slow_model.writing_s));
  EXPECT_GT(slow_writer.writing_s, std::max(slow_writer.reading_s, slow_writer.computing_s));
}

}  // namespace
}  // namespace millesime
