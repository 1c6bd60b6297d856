#pragma once
// Position of an acquisition in time, for attention. Includes torch.

#include <torch/types.h>

namespace millesime {

// sin and cos of the day at `width` frequencies, with periods from 1 to 1000 days (Garnot & Landrieu 2020, equation 1, T = 1000).
// days [N,T] -> [N,T,width]
torch::Tensor encode_days(const torch::Tensor& days, int width);

}  // namespace millesime
