#pragma once
// Whole numbers of JSON documents that come from outside. nlohmann's get<int>() casts whatever number there is, so 1e30 or 2.5 would
// become some integer (undefined behaviour where it does not fit).

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace millesime {

// nlohmann::json::exception, with the number, unless it is a whole number within Integer.
template <class Integer, class Json>  // nlohmann::json or ordered_json
Integer whole_number(const Json& number) {
  const bool fits = number.is_number_unsigned()  ? std::in_range<Integer>(number.template get<std::uint64_t>())
                    : number.is_number_integer() ? std::in_range<Integer>(number.template get<std::int64_t>())
                                                 : false;
  if (!fits)
    throw Json::type_error::create(302,
                                   "expected a whole number from " + std::to_string(std::numeric_limits<Integer>::min()) + " to " +
                                       std::to_string(std::numeric_limits<Integer>::max()) + ", got " + number.dump(),
                                   &number);
  return number.template get<Integer>();
}

}  // namespace millesime
