// Every reader of bytes from outside either reads them or refuses them with a UserError: thousands of seeded mutations of well-formed
// examples. scripts/fuzz searches further with the same harnesses.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/fuzz/harness.h"
#include "tests/property/random_cases.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"

namespace millesime::testing {
namespace {

constexpr int kRuns = kSanitized ? 200 : 10000;  // of each harness: not optimised and sanitized, one takes 20 times as long
constexpr std::size_t kLongest = 1 << 14;

std::string mutated(std::string bytes, const FuzzHarness& harness, RandomCase& random) {
  const auto place = [&](std::size_t end) { return static_cast<std::size_t>(random.integer(0, static_cast<int>(end))); };
  const int changes = 1 << random.integer(0, 4);
  for (int i = 0; i < changes; ++i) {
    const std::size_t at = place(bytes.size());
    switch (random.integer(0, 6)) {
      case 0: bytes.insert(at, 1, static_cast<char>(random.integer(0, 255))); break;
      case 1: bytes.insert(at, harness.words[place(harness.words.size() - 1)]); break;
      case 2: bytes.erase(at, place(8)); break;
      case 3: bytes.erase(at, place(bytes.size())); break;                            // often to the end
      case 4: bytes.insert(at, bytes.substr(place(bytes.size()), place(32))); break;  // a piece twice
      case 5: {
        const std::string& word = harness.words[place(harness.words.size() - 1)];
        bytes.replace(at, std::min(word.size(), bytes.size() - at), word);
        break;
      }
      default:
        if (at < bytes.size()) bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << random.integer(0, 7)));
    }
  }
  return bytes.substr(0, kLongest);
}

std::string readable(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr const char* kDigits = "0123456789abcdef";
    if (std::isprint(byte) && c != '\\')
      text += c;
    else
      text += std::string("\\x") + kDigits[byte / 16] + kDigits[byte % 16];
  }
  return text;
}

// "" for what is read or refused as it should be.
std::string fault(const FuzzHarness& harness, const std::string& bytes) {
  try {
    harness.read(bytes);
  } catch (const UserError& error) {
    return std::string(error.what()).empty() ? "a UserError without a message" : "";
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "something that is no std::exception";
  }
  return "";
}

TEST(BadBytes, EveryReaderReadsOrRefuses) {
  const char* wanted = std::getenv("MILLESIME_FUZZ_HARNESS");  // one of them alone, to look into a failure
  for (const FuzzHarness& harness : all_harnesses(temp_dir())) {
    if (wanted && harness.name != wanted) continue;
    SCOPED_TRACE(harness.name);
    for (const std::string& seed : harness.seeds) EXPECT_EQ(fault(harness, seed), "") << readable(seed);
    RandomCase random(20210601);
    for (int run = 0; run < kRuns; ++run) {
      const std::string& seed = harness.seeds[static_cast<std::size_t>(random.integer(0, static_cast<int>(harness.seeds.size()) - 1))];
      const std::string bytes = mutated(seed, harness, random);
      ASSERT_EQ(fault(harness, bytes), "") << "run " << run << ": " << readable(bytes);
    }
  }
}

TEST(BadBytes, WellFormedExamplesAreRead) {
  for (const FuzzHarness& harness : all_harnesses(temp_dir())) {
    if (harness.name == "product_names" || harness.name == "zip_listing") continue;  // no image of the year: no census
    for (const std::string& seed : harness.seeds) EXPECT_NO_THROW(harness.read(seed)) << harness.name;
  }
}

}  // namespace
}  // namespace millesime::testing
