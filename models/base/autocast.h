#pragma once
// Mixed precision. Includes torch.

#include <ATen/autocast_mode.h>

namespace millesime {

// During its lifetime, LibTorch computes products and convolutions of this thread on this kind of device in bfloat16, and casts where
// necessary.
class Autocast {
 public:
  Autocast(bool wanted, at::DeviceType device) : device_(device), before_(at::autocast::is_autocast_enabled(device)) {
    at::autocast::increment_nesting();
    at::autocast::set_autocast_enabled(device, wanted);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();  // of weights in 16 bits
    at::autocast::set_autocast_enabled(device_, before_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool before_;
};

}  // namespace millesime
