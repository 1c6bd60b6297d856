#include "pipeline/stages/transitions.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

std::size_t size(int n) { return static_cast<std::size_t>(n); }

double probability_of(const std::string& cell, const std::string& where) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc{} || end != cell.data() + cell.size() || !(value >= 0 && value <= 1))
    throw UserError(join_text(where, ": expected a probability, 0 to 1, got \"", cell, "\""));
  return value;
}

}  // namespace

Transitions transitions_by_rule(const Nomenclature& nomenclature, double stay, const std::vector<int>& rotating) {
  const int n = nomenclature.size();
  Transitions made{n, {}, std::vector<float>(size(n), 1.0f / static_cast<float>(n)), {}};
  for (const int code : rotating)
    if (std::ranges::find(nomenclature.groups, code, &LandClass::code) == nomenclature.groups.end())
      throw UserError(join_text("rotating: the nomenclature ", nomenclature.name, " has no group ", code));
  const auto rotates = [&](int i) { return std::ranges::find(rotating, nomenclature.at(i).parent) != rotating.end(); };
  for (int i = 0; i < n; ++i) {
    int unit = i;  // of the first class of a rotating group
    for (int j = 0; j < i && rotates(i) && unit == i; ++j)
      if (nomenclature.at(j).parent == nomenclature.at(i).parent) unit = j;
    made.unit.push_back(static_cast<std::uint8_t>(unit));
  }
  for (int i = 0; i < n; ++i) {
    const auto same = std::ranges::count(made.unit, made.unit[size(i)]);
    for (int j = 0; j < n; ++j) {
      const double kept = same == n ? 1 : stay;
      made.matrix.push_back(static_cast<float>(made.unit[size(i)] == made.unit[size(j)] ? kept / static_cast<double>(same)
                                                                                        : (1 - kept) / static_cast<double>(n - same)));
    }
  }
  return made;
}

void read_transitions(const std::string& file, const Nomenclature& nomenclature, Transitions& transitions) {
  CsvReader rows(file);
  const std::size_t n = size(nomenclature.size());
  const auto class_at = [&](const std::string& text, const std::string& where) {
    const auto index = nomenclature.index_of(text);
    if (!index) throw UserError(join_text(where, ": \"", text, "\" is no class of ", nomenclature.name));
    return size(*index);
  };
  std::vector<std::size_t> column;
  for (std::size_t c = 1; c < rows.columns().size(); ++c) column.push_back(class_at(rows.columns()[c], file + ":1"));
  std::vector<int> seen_column(n), seen_row(n);
  for (const std::size_t c : column) ++seen_column[c];
  std::vector<float> matrix(n * n);
  while (rows.next()) {
    const std::string where = join_text(file, ":", rows.line());
    const std::size_t row = class_at(std::string(rows.cells()[0]), where);
    ++seen_row[row];
    double sum = 0;
    for (std::size_t c = 0; c < column.size(); ++c) {
      const double value = probability_of(std::string(trim(rows.cells()[c + 1])), rows.where(c + 1));
      matrix[row * n + column[c]] = static_cast<float>(value);
      sum += value;
    }
    if (std::abs(sum - 1) > 0.001)
      throw UserError(join_text(where, ": the probabilities of what follows ", nomenclature.at(static_cast<int>(row)).name, " sum to ",
                                fixed(sum, 4), "; expected 1"));
    for (std::size_t c = 0; c < n; ++c) matrix[row * n + c] = static_cast<float>(matrix[row * n + c] / sum);
  }
  for (std::size_t i = 0; i < n; ++i)
    if (seen_row[i] != 1 || seen_column[i] != 1)
      throw UserError(join_text(file, ": expected one row and one column of each class; class ", nomenclature.at(static_cast<int>(i)).code,
                                " has ", seen_row[i], " rows and ", seen_column[i], " columns"));
  transitions.matrix = std::move(matrix);
}

std::string transitions_csv(const Transitions& transitions, const Nomenclature& nomenclature) {
  std::string text = "from";
  for (const LandClass& c : nomenclature.classes) text += join_text(",", c.code);
  for (int i = 0; i < transitions.n; ++i) {
    text += join_text("\n", nomenclature.at(i).code);
    for (int j = 0; j < transitions.n; ++j) text += "," + fixed(transitions.at(i, j), 6);
  }
  return text + "\n";
}

std::vector<float> transitions_between(const std::vector<int>& years, const Transitions& transitions) {
  const std::size_t k = size(transitions.n);
  const std::vector<double> one_year(transitions.matrix.begin(), transitions.matrix.end());
  const auto product = [k](const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> made(k * k);
    for (std::size_t i = 0; i < k; ++i)
      for (std::size_t via = 0; via < k; ++via)
        for (std::size_t j = 0; j < k; ++j) made[i * k + j] += a[i * k + via] * b[via * k + j];
    return made;
  };
  std::vector<float> steps;
  for (std::size_t t = 1; t < years.size(); ++t) {
    const int apart = years[t] - years[t - 1];
    std::vector<double> power = one_year, square = one_year;
    for (int left = apart - 1; left > 0; left /= 2) {
      if (left % 2 == 1) power = product(power, square);
      if (left > 1) square = product(square, square);
    }
    for (const double probability : power) steps.push_back(static_cast<float>(probability));
  }
  return steps;
}

void learn_transitions(const std::vector<float>& evidence, const std::vector<int>& years, double prior, Transitions& transitions) {
  const std::size_t k = size(transitions.n), all_years = size(years.back() - years.front() + 1),
                    pixels = evidence.size() / (years.size() * k);
  std::vector<double> counts(k * k), first(k, prior / static_cast<double>(k)), forward(all_years * k), backward(k), next(k);
  for (std::size_t i = 0; i < k * k; ++i) counts[i] = prior * transitions.matrix[i];
  std::vector<float> seen(all_years * k, 1.0f);
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t y = 0; y < years.size(); ++y)
      std::copy_n(evidence.data() + (p * years.size() + y) * k, k, seen.data() + size(years[y] - years.front()) * k);
    std::vector<double> sums(all_years);
    for (std::size_t t = 0; t < all_years; ++t) {
      for (std::size_t j = 0; j < k; ++j) {
        double value = t == 0 ? transitions.initial[j] : 0;
        for (std::size_t i = 0; t > 0 && i < k; ++i) value += forward[(t - 1) * k + i] * transitions.matrix[i * k + j];
        sums[t] += forward[t * k + j] = value * seen[t * k + j];
      }
      for (std::size_t j = 0; j < k; ++j) forward[t * k + j] /= sums[t];
    }
    std::ranges::fill(backward, 1.0);
    for (std::size_t t = all_years - 1; t > 0; --t) {
      for (std::size_t j = 0; j < k; ++j) next[j] = seen[t * k + j] * backward[j] / sums[t];
      for (std::size_t i = 0; i < k; ++i) {
        backward[i] = 0;
        for (std::size_t j = 0; j < k; ++j) {
          const double step = transitions.matrix[i * k + j] * next[j];
          backward[i] += step;
          counts[i * k + j] += forward[(t - 1) * k + i] * step;
        }
      }
    }
    for (std::size_t j = 0; j < k; ++j) first[j] += forward[j] * backward[j];
  }
  double all = 0;
  for (const double each : first) all += each;
  for (std::size_t i = 0; i < k; ++i) {
    double row = 0;
    for (std::size_t j = 0; j < k; ++j) row += counts[i * k + j];
    for (std::size_t j = 0; j < k; ++j) transitions.matrix[i * k + j] = static_cast<float>(counts[i * k + j] / row);
    transitions.initial[i] = static_cast<float>(first[i] / all);
  }
}

}  // namespace millesime
