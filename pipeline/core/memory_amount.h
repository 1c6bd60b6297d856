#pragma once
// Amounts of memory in messages.

#include <cstdint>

namespace millesime {

// Memory that something needs, in whole MiB: an amount that is enough.
constexpr std::int64_t mib_needed(std::int64_t bytes) { return (bytes + (std::int64_t{1} << 20) - 1) >> 20; }

}  // namespace millesime
