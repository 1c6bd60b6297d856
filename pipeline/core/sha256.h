#pragma once
// SHA-256 by OpenSSL's libcrypto, which users check downloads with (sha256sum). Manifests use the quicker XXH3 (core/checksum.h).

#include <memory>
#include <string>
#include <string_view>

namespace millesime {

std::string sha256(std::string_view bytes);  // 64 hexadecimal digits
// Of bytes that come one after the other.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::string_view bytes);
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_of_file(const std::string& path);  // in constant memory; UserError when unreadable

}  // namespace millesime
