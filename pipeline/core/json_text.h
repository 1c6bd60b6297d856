#pragma once
// JSON as text. Every document that leaves the program goes through here: names from disk and attributes of vectors may hold any bytes, and
// what is not UTF-8 becomes U+FFFD instead of an exception. Paths that are read back are written with utf8_of_bytes() (utf8.h).

#include <string>

#include <nlohmann/json.hpp>

namespace millesime {

template <class Json>  // nlohmann::json or ordered_json
std::string json_text(const Json& document, int indent = -1) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace millesime
