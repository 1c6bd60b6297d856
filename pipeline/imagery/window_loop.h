#pragma once
// The overlapped loop over the windows of a tile: readers run ahead, the computation is in order, a writer follows in order.
// At most `ahead` windows are read but not yet computed, and as many computed but not yet written: memory is bounded by 2 x ahead + 2
// windows, independent of the tile's size. The first error stops everything and is rethrown. For a GPU, windows that are read can be
// uploaded by a separate thread, one window ahead of the computation.

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/progress.h"

namespace millesime {

namespace detail {

// Results by window number, returned in order.
template <class Item>
class OrderedQueue {
 public:
  explicit OrderedQueue(std::size_t ahead) : ahead_(ahead) {}

  // Waits until `number` is near enough to the next one. False if the loop was stopped.
  bool wait_for_room(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || number < next_ + ahead_; });
    return !stopped_;
  }
  void put(std::size_t number, Item item) {
    const std::lock_guard lock(mutex_);
    items_.emplace(number, std::move(item));
    changed_.notify_all();
  }
  std::optional<Item> take() {  // empty if the loop was stopped
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || items_.contains(next_); });
    if (stopped_) return std::nullopt;
    auto node = items_.extract(next_);
    ++next_;
    changed_.notify_all();
    return std::move(node.mapped());
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::size_t ahead_, next_ = 0;
  std::map<std::size_t, Item> items_;
  bool stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace detail

// Read: made once per reader thread by make_reader(), then called as In(const Window&).
// compute: Out(const Window&, In&&), on the calling thread. write: void(const Window&, Out&&), on one thread, in order.
// progress, if given, gets after every window where the time was spent.
// upload, if given: void(In&), on one thread, in order; begins with a window when compute has got the one before it.
template <class In, class Out>
void window_loop(const std::vector<Window>& windows, int readers, int ahead,
                 const std::function<std::function<In(const Window&)>()>& make_reader,
                 const std::function<Out(const Window&, In&&)>& compute, const std::function<void(const Window&, Out&&)>& write,
                 Progress* progress = nullptr, const std::function<void(In&)>& upload = nullptr) {
  const auto room = static_cast<std::size_t>(ahead < 1 ? 1 : ahead);
  detail::OrderedQueue<In> read_queue(room), upload_queue(1);
  detail::OrderedQueue<In>& ready = upload ? upload_queue : read_queue;
  detail::OrderedQueue<Out> write_queue(room);
  std::mutex mutex;
  std::exception_ptr failure;
  std::size_t next = 0;

  const auto guarded = [&](const auto& work) {
    try {
      work();
    } catch (...) {
      {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
      read_queue.stop();
      upload_queue.stop();
      write_queue.stop();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < (readers < 1 ? 1 : readers); ++i)
      threads.emplace_back([&] {
        guarded([&] {
          const auto read = make_reader();
          while (true) {
            std::size_t number;
            {
              const std::lock_guard lock(mutex);
              number = next++;
            }
            if (number >= windows.size() || !read_queue.wait_for_room(number)) return;
            read_queue.put(number, read(windows[number]));
          }
        });
      });
    if (upload)
      threads.emplace_back([&] {
        guarded([&] {
          for (std::size_t number = 0; number < windows.size() && upload_queue.wait_for_room(number); ++number) {
            auto in = read_queue.take();
            if (!in) return;
            upload(*in);
            upload_queue.put(number, std::move(*in));
          }
        });
      });
    threads.emplace_back([&] {
      guarded([&] {
        for (const Window& window : windows) {
          auto out = write_queue.take();
          if (!out) return;
          write(window, std::move(*out));
        }
      });
    });
    guarded([&] {
      using Clock = std::chrono::steady_clock;
      const auto seconds = [](Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); };
      for (std::size_t number = 0; number < windows.size(); ++number) {
        const auto begin = Clock::now();
        auto in = ready.take();
        if (!in) return;
        const auto have_read = Clock::now();
        Out out = compute(windows[number], std::move(*in));
        in.reset();  // its memory is reused for the next window that is read
        const auto computed = Clock::now();
        if (!write_queue.wait_for_room(number)) return;
        write_queue.put(number, std::move(out));
        if (progress) progress->spent({seconds(begin, have_read), seconds(have_read, computed), seconds(computed, Clock::now())});
      }
    });
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace millesime
