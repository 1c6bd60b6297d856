#pragma once
// Independent pieces of work on several threads.

#include <cstdint>
#include <functional>

namespace millesime {

// Calls work(i) for every i < n, on up to `threads` threads (0: all processors), the next free thread takes the next i. An exception ends
// the calls that have not begun; the first one is thrown again when all threads have stopped.
void side_by_side(std::int64_t n, int threads, const std::function<void(std::int64_t)>& work);

}  // namespace millesime
