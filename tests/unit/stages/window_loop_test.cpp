#include "pipeline/stages/window_loop.h"

#include <atomic>
#include <stdexcept>

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
  for (const int where : {0, 1, 2}) {
    const auto fail = [where](int here, const Window& w) {
      if (here == where && w.row == 20) throw std::runtime_error("part " + std::to_string(here));
      return 0;
    };
    try {
      window_loop<int, int>(
          strips(1000), 2, 2, [&] { return Read([&](const Window& w) { return fail(0, w); }); },
          [&](const Window& w, int&&) { return fail(1, w); }, [&](const Window& w, int&&) { fail(2, w); });
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), "part " + std::to_string(where));
    }
  }
}

TEST(WindowLoop, NoWindowsIsNoWork) {
  window_loop<int, int>(
      {}, 2, 2, [] { return Read([](const Window&) { return 0; }); }, [](const Window&, int&&) { return 0; },
      [](const Window&, int&&) { FAIL(); });
}

}  // namespace
}  // namespace millesime
