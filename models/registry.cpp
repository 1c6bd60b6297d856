#include "models/registry.h"

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

const std::vector<Architecture>& architectures() {
  static const std::vector<Architecture> list = {
      {"ltae",
       "attention over the acquisitions as they are; the choice of auto for series with gaps",
       InputKind::raw,
       {{"spectral", 32},
        {"spectral_further", 8},
        {"d_model", 256},
        {"n_head", 16},
        {"d_k", 8},
        {"mlp", 128},
        {"hidden", 64},
        {"dropout", 0.2},
        {"norm", "none"}},
       {"Garnot & Landrieu 2020, arXiv:2007.00586", "Garnot & Landrieu 2021, arXiv:2107.07933"}},
      {"temporal_cnn",
       "convolutions over a regular series, for dense series",
       InputKind::regular,
       {{"filters", 64}, {"kernel", 5}, {"dense", 256}, {"dropout", 0.5}},
       {"Pelletier, Webb & Petitjean 2019, doi:10.3390/rs11050523"}},
      {"inception_time",
       "parallel convolutions of several lengths over a regular series",
       InputKind::regular,
       {{"depth", 6}, {"filters", 32}, {"kernel", 40}},
       {"Ismail Fawaz et al. 2020, arXiv:1909.04939"}},
      {"transformer",
       "an encoder over the acquisitions as they are",
       InputKind::raw,
       {{"d_model", 64}, {"n_head", 4}, {"layers", 3}, {"feed_forward", 128}, {"dropout", 0.1}},
       {"Russwurm & Koerner 2020, arXiv:1910.10536", "Vaswani et al. 2017, arXiv:1706.03762"}},
      {"mlp",
       "dense layers over all dates of a regular series",
       InputKind::regular,
       {{"layers", 3}, {"width", 256}, {"dropout", 0.3}},
       {"Ioffe & Szegedy 2015, arXiv:1502.03167"}},
      {"random_forest",
       "the baseline to compare with",
       InputKind::regular,
       {{"features", "series"}},
       {"Breiman 2001, doi:10.1023/A:1010933404324", "Dempster, Schmidt & Webb 2024, doi:10.1007/s10618-024-01036-9"},
       false},
  };
  return list;
}

const Architecture& architecture(const std::string& name) {
  std::vector<std::string> known;
  for (const auto& candidate : architectures()) {
    if (candidate.name == name) return candidate;
    known.push_back(candidate.name);
  }
  const std::string near = nearest_name(name, known);
  throw UserError(join_text("unknown model \"", name, "\": expected one of ", join_list(known, ", "),
                            near.empty() ? "" : "; did you mean \"", near, near.empty() ? "" : "\"?"));
}

nlohmann::json architecture_parameters(const std::string& name, const std::vector<std::string>& assignments) {
  nlohmann::json parameters = architecture(name).parameters;
  for (const auto& assignment : assignments) {
    const auto sign = assignment.find('=');
    const std::string key(trim(assignment.substr(0, sign))), text(sign == std::string::npos ? "" : trim(assignment.substr(sign + 1)));
    if (!parameters.contains(key)) {
      std::vector<std::string> known;
      for (const auto& [k, value] : parameters.items()) known.push_back(k);
      throw UserError(join_text("model ", name, " has no parameter \"", key, "\": ", known.empty() ? "it has none" : "expected one of ",
                                join_list(known, ", ")));
    }
    auto& value = parameters[key];
    const auto given = nlohmann::json::parse(value.is_string() ? nlohmann::json(text).dump() : text, nullptr, false);
    const bool fits = value.is_string() ? given.is_string() : value.is_number_integer() ? given.is_number_integer() : given.is_number();
    if (given.is_discarded() || !fits)
      throw UserError(join_text("model ", name, ": parameter ", key, ": expected a value such as ", value.dump(), ", got \"", text, "\""));
    value = value.is_number_float() ? nlohmann::json(given.get<double>()) : given;
  }
  return parameters;
}

}  // namespace millesime
