#pragma once
// The form of a request for a device: "auto", "cpu", "cuda" (the first one) or "cuda:N". Whether there is such a device, choose_device()
// knows.

#include <charconv>
#include <optional>
#include <string>

namespace millesime {

// The number of the CUDA device that is asked for; nothing where none is, or where the number is none.
inline std::optional<int> requested_cuda_device(const std::string& request) {
  if (request == "cuda") return 0;
  if (!request.starts_with("cuda:")) return std::nullopt;
  int index = -1;
  const char *const begin = request.data() + 5, *const end = request.data() + request.size();
  const auto [last, error] = std::from_chars(begin, end, index);
  return error == std::errc{} && last == end && index >= 0 ? std::optional(index) : std::nullopt;
}

inline bool is_device_request(const std::string& request) {
  return request == "auto" || request == "cpu" || requested_cuda_device(request);
}

}  // namespace millesime
