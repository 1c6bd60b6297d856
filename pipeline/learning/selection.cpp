#include "pipeline/learning/selection.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "pipeline/core/chance.h"
#include "pipeline/core/class_numbers.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

// Distributes `total` in proportion to the available samples: integer parts first, then the largest remainders (Hamilton's method).
std::map<int, std::int64_t> share_out(std::int64_t total, const std::map<int, std::int64_t>& found) {
  std::int64_t sum = 0, given = 0;
  for (const auto& [label, n] : found) sum += n;
  total = std::min(total, sum);
  std::map<int, std::int64_t> wanted;
  std::vector<std::tuple<double, int>> remainders;
  for (const auto& [label, n] : found) {
    const double share = static_cast<double>(total) * static_cast<double>(n) / static_cast<double>(sum);
    given += wanted[label] = static_cast<std::int64_t>(share);
    remainders.emplace_back(static_cast<double>(wanted[label]) - share, label);  // the largest remainder first, then by code
  }
  std::ranges::sort(remainders);
  for (std::size_t i = 0; given < total; ++i, ++given) ++wanted[std::get<1>(remainders[i])];
  return wanted;
}

template <class T>
void append_bytes(std::string& bytes, const T* values, std::size_t n) {
  bytes.append(reinterpret_cast<const char*>(values), n * sizeof(T));
}

enum class Identity { place, place_and_values };  // what a sample is known by

// Identity of a sample, independent of its file and row. By its place alone no series is read, which are in files larger than memory.
std::uint64_t hash_of(const Samples& samples, std::size_t row, Identity identity, std::string& bytes) {
  bytes = samples.tile;
  append_bytes(bytes, &samples.label[row], 1);
  append_bytes(bytes, &samples.x[row], 1);
  append_bytes(bytes, &samples.y[row], 1);
  if (identity == Identity::place) return hash_text(bytes);
  for (const SampleSeries& series : samples.series) {
    const std::size_t dates = series.dates.size(), width = dates * series.bands.size();
    append_bytes(bytes, series.values.data() + row * width, width);
    append_bytes(bytes, series.valid.data() + row * dates, dates);
  }
  append_bytes(bytes, samples.statics.data() + row * samples.static_names.size(), samples.static_names.size());
  return hash_text(bytes);
}

std::vector<Candidate> candidates_of(const std::vector<SampleSelection>& selections, std::int64_t seed, Identity identity) {
  const std::uint64_t salt = mix(static_cast<std::uint64_t>(seed));
  std::vector<Candidate> candidates;
  std::string bytes;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) {
      const auto i = static_cast<std::size_t>(row);
      candidates.push_back(
          {selection.samples->label[i], selection.samples->group_of(row), mix(salt ^ hash_of(*selection.samples, i, identity, bytes))});
    }
  return candidates;
}

// `kept`: positions among the rows of all selections, in increasing order.
std::vector<SampleSelection> kept_of(const std::vector<SampleSelection>& selections, const std::vector<std::size_t>& kept) {
  std::vector<SampleSelection> chosen;
  auto next = kept.begin();
  std::size_t position = 0;
  for (const auto& selection : selections) {
    SampleSelection part = selection;
    part.rows.clear();
    for (const auto row : selection.rows) {
      if (next != kept.end() && *next == position) part.rows.push_back(row), ++next;
      ++position;
    }
    if (!part.rows.empty()) chosen.push_back(std::move(part));
  }
  return chosen;
}

}  // namespace

void SelectionRule::declare(Options& options) {
  options
      .add("select", &strategy,
           "number of training samples of each class: all, select_number of each (constant), select_percent of each, select_number in all "
           "in "
           "proportion to the classes (total), or as many as the rarest class has (smallest)")
      .choices({"all", "constant", "percent", "total", "smallest"});
  options.add("select_number", &number, "select constant: samples a class; select total: samples of all classes together")
      .range(0, std::numeric_limits<int>::max());
  options.add("select_percent", &percent, "select percent: share of each class").unit("%").range(0, 100);
  options.add("select_by_class", &by_class, "samples of single classes, overrides select, e.g. 34=500; 0 leaves a class out");
}

void SelectionRule::check(const std::string& section) const {
  if ((strategy == "constant" || strategy == "total") && number < 1)
    throw UserError(join_text(section, ".select = \"", strategy, "\" needs ", section, ".select_number, how many"));
  if (number > 0 && strategy != "constant" && strategy != "total")
    throw UserError(join_text(section, ".select_number = ", number, " is not used with ", section, ".select = \"", strategy,
                              "\"; set it to \"constant\" or \"total\""));
  numbers_by_class(by_class, section + ".select_by_class");
}

std::string SelectionRule::to_text() const {
  std::string text = strategy;
  if (strategy == "constant" || strategy == "total") text += join_text(" ", number);
  if (strategy == "percent") text += join_text(" ", percent);
  if (!by_class.empty()) text += ", " + join_list(by_class, ", ");
  return text;
}

std::map<int, std::int64_t> numbers_wanted(const SelectionRule& rule, const std::map<int, std::int64_t>& found) {
  const auto given = numbers_by_class(rule.by_class, "select_by_class");
  std::map<int, std::int64_t> ruled, wanted;  // ruled: the classes that the strategy applies to
  for (const auto& [label, n] : found)
    if (const auto own = given.find(label); own != given.end())
      wanted[label] = std::min(own->second, n);
    else if (n > 0)
      ruled[label] = n;
  if (ruled.empty()) return wanted;
  const auto shares = rule.strategy == "total" ? share_out(rule.number, ruled) : std::map<int, std::int64_t>{};
  const std::int64_t smallest = std::ranges::min_element(ruled, {}, [](const auto& entry) { return entry.second; })->second;
  for (const auto& [label, n] : ruled) {
    std::int64_t number = n;
    if (rule.strategy == "constant") number = rule.number;
    if (rule.strategy == "percent") number = round_half_even(static_cast<double>(n) * rule.percent / 100);
    if (rule.strategy == "total") number = shares.at(label);
    if (rule.strategy == "smallest") number = smallest;
    wanted[label] = std::clamp<std::int64_t>(number, 1, n);
  }
  return wanted;
}

std::vector<std::size_t> select(const SelectionRule& rule, const std::vector<Candidate>& candidates) {
  std::map<int, std::map<std::int64_t, std::vector<std::size_t>>> polygons;  // of each class
  std::map<int, std::int64_t> found;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    polygons[candidates[i].label][candidates[i].polygon].push_back(i);
    ++found[candidates[i].label];
  }
  std::vector<std::size_t> kept;
  for (const auto& [label, number] : numbers_wanted(rule, found)) {
    using Turn = std::tuple<std::size_t, std::uint64_t, std::int64_t, std::size_t>;  // round, draw, polygon, candidate
    std::vector<Turn> turns;
    for (auto& [polygon, members] : polygons[label]) {
      std::ranges::stable_sort(members, {}, [&](std::size_t i) { return candidates[i].draw; });
      for (std::size_t round = 0; round < members.size(); ++round)
        turns.emplace_back(round, candidates[members[round]].draw, polygon, members[round]);
    }
    std::ranges::sort(turns);
    for (std::int64_t k = 0; k < number; ++k) kept.push_back(std::get<3>(turns[static_cast<std::size_t>(k)]));
  }
  std::ranges::sort(kept);
  return kept;
}

std::vector<SampleSelection> select(const SelectionRule& rule, const std::vector<SampleSelection>& selections, std::int64_t seed) {
  if (rule.takes_all()) return selections;
  return kept_of(selections, select(rule, candidates_of(selections, seed, Identity::place_and_values)));
}

std::vector<SampleSelection> select_of_polygons(int number, const std::vector<SampleSelection>& selections, std::int64_t seed) {
  std::map<std::pair<std::int64_t, int>, int> polygons;
  std::vector<Candidate> candidates = candidates_of(selections, seed, Identity::place);
  for (Candidate& of : candidates) of.label = polygons.try_emplace({of.polygon, of.label}, static_cast<int>(polygons.size())).first->second;
  SelectionRule rule;
  rule.strategy = "constant", rule.number = number;
  return kept_of(selections, select(rule, candidates));
}

std::map<int, std::int64_t> count_labels(const std::vector<SampleSelection>& selections) {
  std::map<int, std::int64_t> counts;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) ++counts[selection.samples->label[static_cast<std::size_t>(row)]];
  return counts;
}

}  // namespace millesime
