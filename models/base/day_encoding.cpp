#include "models/base/day_encoding.h"

#include <torch/utils.h>

namespace millesime {

torch::Tensor encode_days(const torch::Tensor& days, int width) {
  constexpr double kPeriod = 1000;  // days
  const auto i = torch::arange(width, days.options());
  const auto period = torch::pow(kPeriod, 2 * torch::floor(i / 2) / width);
  const auto angle = days.unsqueeze(-1) / period;
  return torch::where(torch::remainder(i, 2) == 0, torch::sin(angle), torch::cos(angle));
}

}  // namespace millesime
