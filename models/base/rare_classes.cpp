#include "models/base/rare_classes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "pipeline/core/chance.h"
#include "pipeline/core/class_numbers.h"
#include "pipeline/core/error.h"
#include "pipeline/core/memory_amount.h"

namespace millesime {
namespace {

// Neighbours are searched among at most this number of samples of a class, drawn at random: the time stays bounded for a class of a million
// samples.
constexpr std::size_t kCandidates = 2048;

using SampleRow = std::size_t;

template <class T>
void append_row(std::string& bytes, const std::vector<T>& values, SampleRow row, std::size_t width) {
  bytes.append(reinterpret_cast<const char*>(values.data() + row * width), width * sizeof(T));
}

std::size_t dates_of(const InputSeries& series) { return static_cast<std::size_t>(series.dates); }
std::size_t width_of(const InputSeries& series) { return dates_of(series) * static_cast<std::size_t>(series.features); }

std::uint64_t hash_of(const ModelInput& input, SampleRow row) {
  std::string bytes;
  for (const auto& series : input.series) {
    append_row(bytes, series.values, row, width_of(series));
    append_row(bytes, series.valid, row, dates_of(series));
    append_row(bytes, series.days, row, dates_of(series));
  }
  append_row(bytes, input.statics, row, static_cast<std::size_t>(input.n_statics));
  return hash_text(bytes);
}

std::string calendar_of(const ModelInput& input, SampleRow row) {
  std::string bytes;
  for (const auto& series : input.series) append_row(bytes, series.days, row, dates_of(series));
  return bytes;
}

// Mean squared difference over the values that are valid in both; empty if there are none.
std::optional<double> distance(const ModelInput& input, SampleRow a, SampleRow b) {
  double sum = 0;
  std::int64_t n = 0;
  for (const auto& series : input.series) {
    const auto features = static_cast<std::size_t>(series.features), dates = dates_of(series);
    for (std::size_t d = 0; d < dates; ++d) {
      if (!series.valid[a * dates + d] || !series.valid[b * dates + d]) continue;
      const float* of_a = series.values.data() + (a * dates + d) * features;
      const float* of_b = series.values.data() + (b * dates + d) * features;
      for (std::size_t f = 0; f < features; ++f) sum += static_cast<double>((of_a[f] - of_b[f]) * (of_a[f] - of_b[f]));
      n += series.features;
    }
  }
  if (n == 0) return std::nullopt;
  const auto statics = static_cast<std::size_t>(input.n_statics);
  for (std::size_t s = 0; s < statics; ++s)
    sum += std::pow(static_cast<double>(input.statics[a * statics + s] - input.statics[b * statics + s]), 2);
  return sum / static_cast<double>(n + input.n_statics);
}

// Samples of one class with the same dates, in a random order that does not depend on their position in the table.
using Kin = std::vector<SampleRow>;

std::vector<SampleRow> nearest(const ModelInput& input, SampleRow sample, const Kin& kin, int k) {
  std::vector<std::pair<double, SampleRow>> near;
  for (std::size_t i = 0; i < std::min(kin.size(), kCandidates); ++i)
    if (kin[i] != sample)
      if (const auto d = distance(input, sample, kin[i])) near.emplace_back(*d, i);
  const auto n = std::min(near.size(), static_cast<std::size_t>(k));
  std::ranges::partial_sort(near, near.begin() + static_cast<std::ptrdiff_t>(n));
  std::vector<SampleRow> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back(kin[near[i].second]);
  return rows;
}

// Deviations of a class at each date and feature (and of each static), over its valid samples; 0 for a single one.
struct Deviations {
  std::vector<std::vector<float>> series;  // [source][date * feature]
  std::vector<float> statics;
};

class Moments {
 public:
  explicit Moments(std::size_t width) : n_(width), sum_(width), squares_(width) {}
  void add(std::size_t at, double value) { n_[at] += 1, sum_[at] += value, squares_[at] += value * value; }
  std::vector<float> deviations() const {
    std::vector<float> out(n_.size(), 0);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (n_[i] > 1) out[i] = static_cast<float>(std::sqrt(std::max(0.0, squares_[i] / n_[i] - sum_[i] / n_[i] * (sum_[i] / n_[i]))));
    return out;
  }

 private:
  std::vector<double> n_, sum_, squares_;
};

Deviations deviations_of(const ModelInput& input, const Kin& kin) {
  Deviations out;
  for (const auto& series : input.series) {
    Moments moments(width_of(series));
    const auto features = static_cast<std::size_t>(series.features), dates = dates_of(series);
    for (const SampleRow row : kin)
      for (std::size_t d = 0; d < dates; ++d)
        for (std::size_t f = 0; series.valid[row * dates + d] && f < features; ++f)
          moments.add(d * features + f, static_cast<double>(series.values[(row * dates + d) * features + f]));
    out.series.push_back(moments.deviations());
  }
  const auto statics = static_cast<std::size_t>(input.n_statics);
  Moments moments(statics);
  for (const SampleRow row : kin)
    for (std::size_t s = 0; s < statics; ++s) moments.add(s, static_cast<double>(input.statics[row * statics + s]));
  out.statics = moments.deviations();
  return out;
}

void add_copy(ModelInput& out, const ModelInput& from, SampleRow row) {
  const auto copy = [row](auto& to, const auto& values, std::size_t width) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width));
  };
  for (std::size_t s = 0; s < from.series.size(); ++s) {
    copy(out.series[s].values, from.series[s].values, width_of(from.series[s]));
    copy(out.series[s].valid, from.series[s].valid, dates_of(from.series[s]));
    copy(out.series[s].days, from.series[s].days, dates_of(from.series[s]));
  }
  copy(out.statics, from.statics, static_cast<std::size_t>(from.n_statics));
  out.target.push_back(from.target[row]);
  out.group.push_back(from.group[row]);
}

// Adds noise to the last sample.
void shake(ModelInput& out, const Deviations& deviations, double factor, std::mt19937_64& random) {
  for (std::size_t s = 0; s < out.series.size(); ++s) {
    auto& series = out.series[s];
    const auto features = static_cast<std::size_t>(series.features), dates = dates_of(series), width = width_of(series);
    float* values = series.values.data() + series.values.size() - width;
    const std::uint8_t* valid = series.valid.data() + series.valid.size() - dates;
    for (std::size_t i = 0; i < width; ++i) {
      const double noise = normal(random) * factor;  // drawn for every value, so that a mask does not shift the following random numbers
      if (valid[i / features]) values[i] += static_cast<float>(noise) * deviations.series[s][i];
    }
  }
  const auto statics = static_cast<std::size_t>(out.n_statics);
  float* values = out.statics.data() + out.statics.size() - statics;
  for (std::size_t s = 0; s < statics; ++s) values[s] += static_cast<float>(normal(random) * factor) * deviations.statics[s];
}

// Moves the last sample, a copy of one parent, towards the other parent, row `other` of `from`.
void interpolate(ModelInput& out, const ModelInput& from, SampleRow other, double gap) {
  const auto between = [gap](float a, float b) { return static_cast<float>(a + gap * (static_cast<double>(b) - a)); };
  for (std::size_t s = 0; s < out.series.size(); ++s) {
    auto& series = out.series[s];
    const auto features = static_cast<std::size_t>(series.features), dates = dates_of(series);
    float* values = series.values.data() + series.values.size() - width_of(series);
    std::uint8_t* valid = series.valid.data() + series.valid.size() - dates;
    for (std::size_t d = 0; d < dates; ++d) {
      if (!from.series[s].valid[other * dates + d]) continue;  // the value of the first parent, valid or not
      const float* theirs = from.series[s].values.data() + (other * dates + d) * features;
      for (std::size_t f = 0; f < features; ++f) {
        float& value = values[d * features + f];
        value = valid[d] ? between(value, theirs[f]) : theirs[f];
      }
      valid[d] = 1;
    }
  }
  const auto statics = static_cast<std::size_t>(out.n_statics);
  float* values = out.statics.data() + out.statics.size() - statics;
  for (std::size_t s = 0; s < statics; ++s) values[s] = between(values[s], from.statics[other * statics + s]);
}

// Number of samples to add to each class that has some, those that need none left out.
std::map<int, std::int64_t> additions(const std::vector<int>& targets, const ModelSpec& spec, const Recipe& recipe) {
  const auto given = numbers_by_class(recipe.oversample_by_class, "train.oversample_by_class");
  std::map<int, std::int64_t> missing;
  for (const int target : targets)
    if (target >= 0) ++missing[target];
  std::int64_t aim = recipe.oversample_to;
  for (const auto& [target, n] : missing)
    if (recipe.oversample_to <= 0) aim = std::max(aim, n);
  for (auto& [target, n] : missing) {
    const auto own = given.find(spec.classes[static_cast<std::size_t>(target)]);
    n = (own == given.end() ? aim : own->second) - n;
  }
  std::erase_if(missing, [](const auto& entry) { return entry.second <= 0; });
  return missing;
}

// Adds `n` samples made from those of one class.
void grow(ModelInput& out, const ModelInput& learn, const std::vector<SampleRow>& members, std::int64_t n, const Recipe& recipe,
          std::mt19937_64& random) {
  std::map<std::string, Kin> kin;
  for (const SampleRow row : members) kin[calendar_of(learn, row)].push_back(row);
  std::map<std::string, Deviations> deviations;
  std::map<SampleRow, std::vector<SampleRow>> neighbours;
  for (std::int64_t i = 0; i < n; ++i) {
    const SampleRow parent = members[static_cast<std::size_t>(i) % members.size()];
    const std::string calendar = calendar_of(learn, parent);
    add_copy(out, learn, parent);
    if (recipe.oversample == "jitter") {
      const auto [at, fresh] = deviations.try_emplace(calendar);
      if (fresh) at->second = deviations_of(learn, kin.at(calendar));
      shake(out, at->second, recipe.oversample_jitter, random);
    } else if (recipe.oversample == "smote") {
      const auto [at, fresh] = neighbours.try_emplace(parent);
      if (fresh) at->second = nearest(learn, parent, kin.at(calendar), recipe.oversample_neighbours);
      if (!at->second.empty()) {
        const SampleRow other = at->second[below(random, at->second.size())];
        interpolate(out, learn, other, uniform(random));
      }
    }
  }
}

}  // namespace

ModelInput with_rare_classes(const ModelInput& learn, const ModelSpec& spec, const Recipe& recipe) {
  ModelInput out = learn;
  if (recipe.oversample == "none") return out;
  std::map<int, std::vector<SampleRow>> classes;
  for (SampleRow row = 0; row < learn.target.size(); ++row)
    if (learn.target[row] >= 0) classes[learn.target[row]].push_back(row);
  const std::uint64_t salt = mix(static_cast<std::uint64_t>(recipe.random_seed));
  for (const auto& [target, missing] : additions(learn.target, spec, recipe)) {
    std::vector<SampleRow>& members = classes.at(target);
    const int code = spec.classes[static_cast<std::size_t>(target)];
    std::map<SampleRow, std::uint64_t> place;
    for (const SampleRow row : members) place[row] = mix(salt ^ hash_of(learn, row));
    std::ranges::stable_sort(members, {}, [&](SampleRow row) { return place.at(row); });
    std::mt19937_64 random(salt ^ mix(static_cast<std::uint64_t>(code)));
    grow(out, learn, members, missing, recipe, random);
  }
  return out;
}

InputTable with_rare_classes(const InputTable& learn, const ModelSpec& spec, const Recipe& recipe, std::int64_t memory_bytes) {
  if (recipe.oversample == "none") return learn;
  std::int64_t added = 0;
  for (const auto& [target, missing] : additions(learn.target, spec, recipe)) added += missing;
  // The samples, their copy with those that are added, and the tensors of the training.
  const std::int64_t needed = (3 * learn.size() + 2 * added) * learn.bytes_per_sample();
  if (needed > memory_bytes)
    throw UserError(join_text("train.oversample = \"", recipe.oversample, "\" needs all samples in memory: ", learn.size(),
                              " samples, and ", added, " that are added, need ", mib_needed(needed), " MiB, ", memory_bytes >> 20,
                              " MiB are left for them; use ", mib_needed(needed - memory_bytes),
                              "MiB more --memory, fewer samples (train.select), or weights of classes instead "
                              "(train.oversample = \"none\", train.class_balance)"));
  return InputTable(with_rare_classes(learn.all(), spec, recipe));
}

std::int64_t samples_learned(const ModelSpec& spec) {
  std::int64_t n = 0;
  for (const ClassCount& entry : spec.provenance.classes) n += entry.learned;
  return n > 0 ? n : spec.provenance.n_samples;
}

void count_learned(ModelSpec& spec, const InputTable& learn) {
  for (ClassCount& entry : spec.provenance.classes) {
    const auto target = std::ranges::find(spec.classes, entry.code) - spec.classes.begin();
    entry.learned = std::ranges::count(learn.target, static_cast<int>(target));
  }
}

}  // namespace millesime
