#pragma once
// What reads bytes from outside, each reader behind one function of bytes. libFuzzer drives them (fuzz_main.cpp, scripts/fuzz), and so does
// a seeded mutation in every run of the tests (bad_bytes_test.cpp).

#include <functional>
#include <string>
#include <vector>

namespace millesime::testing {

struct FuzzHarness {
  std::string name;                              // "safetensors"
  std::function<void(const std::string&)> read;  // returns or throws UserError, whatever the bytes are; anything else is a fault
  std::vector<std::string> seeds;                // well-formed examples, from the project's own writers where it has them
  std::vector<std::string> words;                // that make mutations meaningful
};

// Files are written to `folder`, one at a time.
std::vector<FuzzHarness> core_harnesses(const std::string& folder);   // safetensors, tables, JSON, nomenclatures, index expressions
std::vector<FuzzHarness> image_harnesses(const std::string& folder);  // census, names of products, zip listings

std::vector<FuzzHarness> all_harnesses(const std::string& folder);

// The input of `read`: a file with these bytes, written without a flush to disk.
std::string input_file(const std::string& folder, const std::string& name, const std::string& bytes);
std::string bytes_of(const std::string& file);

}  // namespace millesime::testing
