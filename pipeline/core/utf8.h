#pragma once
// Bytes of any kind in JSON.

#include <string>
#include <string_view>

namespace millesime {

// Names on disk are bytes, JSON is UTF-8. Bytes that are not UTF-8 become characters of a private use area, U+EF80 for 0x80 to U+EFFF for
// 0xFF (as MirBSD's OPTU-8 has them), and genuine characters of that area are written byte by byte, so that the way back is exact.
std::string utf8_of_bytes(std::string_view bytes);
std::string bytes_of_utf8(std::string_view text);

}  // namespace millesime
