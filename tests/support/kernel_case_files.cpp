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
  document["op"] = op;
  document["name"] = name;
  for (std::size_t i = 0; i < launches_.size(); ++i) {
    const Launch& launch = launches_[i];
    // The type as it is found in the kernel's mangled name: without namespace millesime, which is abbreviated there.
    const std::string prefix = "N9millesime", file = "functor" + std::to_string(i) + ".bin";
    MILLESIME_CHECK(launch.type.starts_with(prefix), "functor ", launch.type);
    document["launches"].push_back({{"kernel", launch.type.substr(prefix.size(), launch.type.size() - prefix.size() - 1)},
                                    {"functor", file},
                                    {"items", launch.items},
                                    {"threads", launch.threads},
                                    {"scratch_bytes", launch.scratch_bytes},
                                    {"warp_shared_bytes", launch.warp_shared_bytes},
                                    {"shared_bytes", launch.shared_bytes}});
    write_file(file, launch.functor.data(), launch.functor.size());
  }
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
