#include "tests/fuzz/harness.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace millesime::testing {

std::vector<FuzzHarness> all_harnesses(const std::string& folder) {
  std::vector<FuzzHarness> all = core_harnesses(folder);
  for (FuzzHarness& harness : image_harnesses(folder)) all.push_back(std::move(harness));
  return all;
}

std::string input_file(const std::string& folder, const std::string& name, const std::string& bytes) {
  const std::string path = folder + "/" + name;
  std::filesystem::remove(path);  // file systems flush a file that is overwritten
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) throw std::runtime_error(path + ": cannot be written");
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (std::fclose(file) != 0 || !written) throw std::runtime_error(path + ": cannot be written");
  return path;
}

std::string bytes_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace millesime::testing
