#include "pipeline/stages/map_years.h"

#include <cctype>
#include <filesystem>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

// A year of four digits in a name.
int year_in(const std::string& command, const std::string& file) {
  const std::string name = std::filesystem::path(file).stem().string();
  for (std::size_t i = name.size(); i-- > 0;) {
    std::size_t digits = 0;
    while (i + digits < name.size() && std::isdigit(static_cast<unsigned char>(name[i + digits]))) ++digits;
    const bool begins = i == 0 || !std::isdigit(static_cast<unsigned char>(name[i - 1]));
    if (digits == 4 && begins)
      if (const int year = std::stoi(name.substr(i, 4)); year >= 1980 && year <= 2100) return year;
  }
  throw UserError(
      join_text(command, " --years: ", file, " has no year in its name; give the year of each map, e.g. --years 2018,2019,2020"));
}

}  // namespace

std::vector<int> years_of_maps(const std::string& command, const std::vector<std::string>& maps, const std::vector<std::string>& years) {
  if (!years.empty() && years.size() != maps.size())
    throw UserError(join_text(command, " --years: expected ", maps.size(), ", one a map, got ", years.size()));
  std::vector<int> numbers;
  for (const std::string& text : years.empty() ? maps : years) numbers.push_back(year_in(command, text));
  for (std::size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] <= numbers[i - 1])
      throw UserError(
          join_text(command, ": expected maps in the order of their years, each year once, got ", numbers[i - 1], " before ", numbers[i]));
  return numbers;
}

}  // namespace millesime
