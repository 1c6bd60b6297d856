#pragma once
// Numbers of things in messages.

#include <concepts>
#include <string>
#include <string_view>

namespace millesime {

// "1 tile", "2 tiles"; `several` if the plural is not formed by an s ("patches").
template <std::integral Integer>
std::string counted(Integer n, std::string_view one, std::string_view several = "") {
  std::string text = std::to_string(n) + " ";
  if (n == 1) return text.append(one);
  return several.empty() ? text.append(one).append("s") : text.append(several);
}

}  // namespace millesime
