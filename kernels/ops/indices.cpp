#include <algorithm>

#include "kernels/base/cpu_clones.h"
#include "kernels/ops/indices.impl.h"

#include "kernels/ops/index_expression.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

using OfIntegers = IndicesBlock<kCpuLanes, std::int16_t>;
using OfFloats = IndicesBlock<kCpuLanes, float>;
MILLESIME_CPU_CLONES(OfIntegers);
MILLESIME_CPU_CLONES(OfFloats);

void indices(const Stream& stream, const IndicesArgs& args) {
  on_backend(stream, [&](const auto& backend) { indices_on(backend, args); });
}

namespace {

struct Term {
  const char* band;
  float numerator, denominator;
};

// gain * sum(numerator * band) / (sum(denominator * band) + offset); the offset in reflectance x 10000.
struct Declaration {
  const char* name;
  const char* formula;
  const char* source;
  std::vector<Term> terms;
  float offset = 0, gain = 1;
};

// Every index that the program knows. A new one is a line here.
const std::vector<Declaration>& declarations() {
  static const std::vector<Declaration> table = {
      {"NDVI", "(B8 - B4) / (B8 + B4)", "Rouse et al. 1974", {{"B8", 1, 1}, {"B4", -1, 1}}},
      {"NDWI", "(B11 - B8) / (B11 + B8)", "iota2; the opposite of Gao 1996", {{"B11", 1, 1}, {"B8", -1, 1}}},
      {"Brightness", "sqrt(sum of squares of all bands)", "iota2; Inglada et al. 2017", {}},
      {"EVI",
       "2.5 (B8 - B4) / (B8 + 6 B4 - 7.5 B2 + 1)",
       "Huete et al. 2002",
       {{"B8", 1, 1}, {"B4", -1, 6}, {"B2", 0, -7.5f}},
       10000,
       2.5f},
      {"SAVI", "1.5 (B8 - B4) / (B8 + B4 + 0.5)", "Huete 1988", {{"B8", 1, 1}, {"B4", -1, 1}}, 5000, 1.5f},
      {"GNDVI", "(B8 - B3) / (B8 + B3)", "Gitelson et al. 1996", {{"B8", 1, 1}, {"B3", -1, 1}}},
      {"NDRE", "(B8 - B5) / (B8 + B5)", "Gitelson and Merzlyak 1994", {{"B8", 1, 1}, {"B5", -1, 1}}},
      {"NDMI", "(B8 - B11) / (B8 + B11)", "Gao 1996", {{"B8", 1, 1}, {"B11", -1, 1}}},
      {"NDBI", "(B11 - B8) / (B11 + B8)", "Zha et al. 2003", {{"B11", 1, 1}, {"B8", -1, 1}}},
      {"MNDWI", "(B3 - B11) / (B3 + B11)", "Xu 2006", {{"B3", 1, 1}, {"B11", -1, 1}}},
      {"NBR", "(B8 - B12) / (B8 + B12)", "Key and Benson 2006", {{"B8", 1, 1}, {"B12", -1, 1}}},
      {"NDSI", "(B3 - B11) / (B3 + B11)", "Hall et al. 1995; snow", {{"B3", 1, 1}, {"B11", -1, 1}}},
      {"NDWI_McFeeters", "(B3 - B8) / (B3 + B8)", "McFeeters 1996; open water", {{"B3", 1, 1}, {"B8", -1, 1}}},
      {"NDTI", "(B11 - B12) / (B11 + B12)", "van Deventer et al. 1997; tillage", {{"B11", 1, 1}, {"B12", -1, 1}}},
      {"OSAVI", "1.16 (B8 - B4) / (B8 + B4 + 0.16)", "Rondeaux et al. 1996", {{"B8", 1, 1}, {"B4", -1, 1}}, 1600, 1.16f},
      {"EVI2", "2.5 (B8 - B4) / (B8 + 2.4 B4 + 1)", "Jiang et al. 2008", {{"B8", 1, 1}, {"B4", -1, 2.4f}}, 10000, 2.5f},
      {"PSRI", "(B4 - B2) / B6", "Merzlyak et al. 1999; senescence", {{"B4", 1, 0}, {"B2", -1, 0}, {"B6", 0, 1}}},
      {"BSI",
       "(B11 + B4 - B8 - B2) / (B11 + B4 + B8 + B2)",
       "Rikimaru et al. 2002",
       {{"B11", 1, 1}, {"B4", 1, 1}, {"B8", -1, 1}, {"B2", -1, 1}}},
  };
  return table;
}

// A formula of reflectance x 10000 becomes one of the numbers that are stored: in steps of its first band.
void bring_to_steps(IndexFormula& formula, const std::vector<float>& steps) {
  if (steps.empty() || formula.n_bands == 0) return;
  const auto step_of = [&](int i) { return steps[static_cast<std::size_t>(formula.band[i])]; };
  const float first = step_of(0);
  for (int i = 1; i < formula.n_bands; ++i) {
    const float factor = step_of(i) / first;
    formula.numerator[i] *= factor, formula.denominator[i] *= factor;
  }
  const bool of_bands = std::ranges::any_of(formula.denominator, [](float factor) { return factor != 0; });
  constexpr float kReflectance = 1e-4F;
  formula.numerator_offset *= kReflectance / first;
  if (of_bands) formula.denominator_offset *= kReflectance / first;
}

}  // namespace

const std::vector<IndexInfo>& known_indices() {
  static const std::vector<IndexInfo> known = [] {
    std::vector<IndexInfo> list;
    for (const Declaration& index : declarations()) {
      IndexInfo info{index.name, index.formula, index.source, {}};
      for (const Term& term : index.terms) info.bands.emplace_back(term.band);
      list.push_back(std::move(info));
    }
    return list;
  }();
  return known;
}

IndexPlan plan_indices(const std::vector<std::string>& names, const std::vector<std::string>& bands, const std::vector<float>& steps) {
  MILLESIME_CHECK(steps.empty() || steps.size() == bands.size(), steps.size(), " steps of ", bands.size(), " bands");
  if (names.size() > kMaxIndices)
    throw UserError(join_text("indices: ", names.size(), " are requested, at most ", kMaxIndices, " can be computed"));
  IndexPlan plan;
  for (const std::string& name : names) {
    if (is_index_expression(name)) {
      plan.formulas[plan.n] = parse_index(name, bands);
      bring_to_steps(plan.formulas[plan.n++], steps);
      continue;
    }
    const Declaration* found = nullptr;
    std::vector<std::string> known;
    for (const Declaration& index : declarations()) {
      known.emplace_back(index.name);
      if (lower(index.name) == lower(name)) found = &index;
    }
    if (!found) {
      const std::string nearest = nearest_name(name, known);
      throw UserError(join_text("index \"", name, "\" is not known", nearest.empty() ? "" : "; did you mean " + nearest + "?",
                                "; known are ", join_list(known, ", "),
                                "; another is declared as NAME = EXPRESSION, e.g. GCVI = B8 / B3 - 1"));
    }
    IndexFormula& formula = plan.formulas[plan.n++];
    formula.gain = found->gain;
    formula.denominator_offset = found->offset;
    formula.brightness = found->terms.empty();
    if (formula.brightness) formula.integer_scale = 1;
    for (const Term& term : found->terms) {
      std::size_t band = 0;
      while (band < bands.size() && bands[band] != term.band) ++band;
      if (band == bands.size())
        throw UserError(join_text("index ", found->name, " = ", found->formula, " needs band ", term.band, ", the series has ",
                                  join_list(bands, ", "), "; add the band, or leave the index out"));
      formula.band[formula.n_bands] = static_cast<std::int8_t>(band);
      formula.numerator[formula.n_bands] = term.numerator;
      formula.denominator[formula.n_bands++] = term.denominator;
    }
    bring_to_steps(formula, steps);
  }
  return plan;
}

}  // namespace millesime
