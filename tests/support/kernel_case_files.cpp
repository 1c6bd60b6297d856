#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "pipeline/core/error.h"
#include "tests/support/kernel_cases.h"

namespace millesime::testing {

void KernelCase::write(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const auto write_file = [&](const std::string& file, const void* bytes, std::size_t size) {
    std::ofstream out(folder + "/" + file, std::ios::binary);
    out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    if (!out) throw std::runtime_error("cannot write " + folder + "/" + file);
  };
  reset();
  on_cpu();
  nlohmann::json document;
  // The type as it is found in the kernel's mangled name: without namespace millesime, which is abbreviated there.
  const std::string prefix = "N9millesime";
  MILLESIME_CHECK(type_.starts_with(prefix), "functor ", type_);
  document["op"] = op;
  document["name"] = name;
  document["kernel"] = type_.substr(prefix.size(), type_.size() - prefix.size() - 1);
  document["items"] = items_;
  document["scratch_bytes"] = scratch_bytes_;
  document["warp_shared_bytes"] = warp_shared_bytes_;
  document["shared_bytes"] = shared_bytes_;
  write_file("functor.bin", functor_.data(), functor_.size());
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Array& array = arrays_[i];
    const std::string before = "array" + std::to_string(i) + ".bin", after = "expected" + std::to_string(i) + ".bin";
    write_file(before, array.initial.data(), array.initial.size());
    if (array.written) write_file(after, array.memory.get(), array.initial.size());
    document["arrays"].push_back(
        {{"address", reinterpret_cast<std::uintptr_t>(array.memory.get())}, {"before", before}, {"after", array.written ? after : ""}});
  }
  const std::string text = document.dump(1);
  write_file("case.json", text.data(), text.size());
}

}  // namespace millesime::testing
