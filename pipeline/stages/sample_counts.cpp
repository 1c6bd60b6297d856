// What became of the polygons of a tile.

#include "pipeline/stages/sample_counts.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "pipeline/core/counted.h"
#include "pipeline/core/first_of.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/stages/sample.h"

namespace millesime {
namespace {

constexpr std::size_t kListedLines = 20;  // of repaired and dropped geometries in the manifest

struct ClassUse {
  std::int64_t pixels = 0;
  std::set<std::int64_t> polygons;
  std::vector<std::set<std::int64_t>> learn_polygons, test_polygons;  // of each seed
  std::vector<std::int64_t> learn_pixels, test_pixels;
  std::set<std::int64_t> final_polygons;  // held out from every seed
  std::int64_t final_pixels = 0;
};

template <class Sets>
std::vector<std::size_t> sizes(const Sets& sets) {
  std::vector<std::size_t> result;
  for (const auto& set : sets) result.push_back(set.size());
  return result;
}

// "5 of 2, 6 of 3"
std::string ids_of(const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs) {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> texts;
  for (const auto& [id, other] : pairs)
    if (texts.size() < kNamed) texts.push_back(join_text(id, " of ", other));
  return join_list(texts, ", ") + (pairs.size() > kNamed ? "..." : "");
}

}  // namespace

MissingStatics missing_of(const Samples& samples) {
  MissingStatics missing(samples.static_names);
  missing.add(samples.statics);
  return missing;
}

nlohmann::json counts_of(const Samples& samples, const TileReference& reference, const Dropped& dropped) {
  const auto n_seeds = static_cast<std::size_t>(samples.n_seeds);
  std::map<int, ClassUse> classes;
  std::map<std::pair<std::int32_t, int>, std::set<std::int64_t>> of_stratum;  // polygons of a region and class
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    const auto s = static_cast<std::size_t>(i);
    ClassUse& use = classes[samples.label[s]];
    use.learn_polygons.resize(n_seeds), use.test_polygons.resize(n_seeds), use.learn_pixels.resize(n_seeds),
        use.test_pixels.resize(n_seeds);
    ++use.pixels;
    use.polygons.insert(samples.polygon[s]);
    for (std::size_t seed = 0; seed < n_seeds; ++seed) {
      const Split split = samples.split_of(i, static_cast<int>(seed));
      if (split == Split::learn) use.learn_polygons[seed].insert(samples.polygon[s]), ++use.learn_pixels[seed];
      if (split == Split::test) use.test_polygons[seed].insert(samples.polygon[s]), ++use.test_pixels[seed];
    }
    if (samples.split_of(i, 0) == Split::final_map) use.final_polygons.insert(samples.polygon[s]), ++use.final_pixels;
    of_stratum[{samples.region[s], samples.label[s]}].insert(samples.polygon[s]);
  }
  nlohmann::json by_class = nlohmann::json::object();
  for (const auto& [code, use] : classes)
    by_class[std::to_string(code)] = {{"polygons", use.polygons.size()},
                                      {"pixels", use.pixels},
                                      {"learn_polygons", sizes(use.learn_polygons)},
                                      {"test_polygons", sizes(use.test_polygons)},
                                      {"learn_pixels", use.learn_pixels},
                                      {"test_pixels", use.test_pixels},
                                      {"final_polygons", use.final_polygons.size()},
                                      {"final_pixels", use.final_pixels}};
  nlohmann::json lone_polygons = nlohmann::json::array();  // they learn and judge nothing
  for (const auto& [place, polygons] : of_stratum)
    if (polygons.size() == 1)
      lone_polygons.push_back({{"region", samples.region_names[static_cast<std::size_t>(place.first)]},
                               {"class", place.second},
                               {"polygon", *polygons.begin()}});
  nlohmann::json counts{{"samples", samples.size()},
                        {"polygons", reference.polygons.size()},
                        {"classes", by_class},
                        {"lone_polygons", lone_polygons},
                        {"dates", samples.series.front().dates.size()},
                        {"polygons_of_other_tiles", reference.of_other_tiles},
                        {"polygons_outside_tiles", reference.outside_tiles},
                        {"polygons_without_class", reference.without_class},
                        {"polygons_outside_regions", reference.outside_regions},
                        {"polygons_without_pixel", dropped.polygons_without_pixel},
                        {"pixels_of_two_classes", dropped.pixels_of_two_classes},
                        {"pixels_without_observation", dropped.pixels_without_observation},
                        {"pixels_not_selected", dropped.pixels_not_selected},
                        {"geometries_repaired", reference.repaired.size()},
                        {"geometries_dropped", reference.dropped.size()}};
  if (!reference.copies.empty())
    counts["polygons_copied"] = reference.copies.size(), counts["copied"] = first_of(reference.copies, kListedLines);
  if (!reference.contradictions.empty()) {
    counts["polygons_contradicted"] = std::ranges::count_if(reference.polygons, &ReferencePolygon::is_contradicted);
    counts["contradicted"] = first_of(reference.contradictions, kListedLines);
  }
  for (const RegionOverlap& overlap : reference.overlaps)
    counts["regions_overlap"].push_back({{"regions", {overlap.first, overlap.second}}, {"pixels", overlap.pixels}});
  if (!reference.repaired.empty()) counts["repaired"] = first_of(reference.repaired, kListedLines);
  if (!reference.dropped.empty()) counts["dropped"] = first_of(reference.dropped, kListedLines);
  if (!reference.note.empty()) counts["note"] = reference.note;
  if (const auto shares = missing_of(samples).shares(); !shares.empty()) counts["inputs_without_value"] = shares;
  return counts;
}

std::vector<std::string> notes_of_reference(const TileReference& reference, const Config& config, const Grid& grid) {
  std::vector<std::string> notes;
  if (!reference.note.empty()) notes.push_back(reference.note);
  constexpr std::size_t kNamedFeatures = 3;
  if (!reference.dropped.empty())
    notes.push_back(join_text(
        config.reference.path, ": ", counted(reference.dropped.size(), "feature"), " without a polygon that can be used, left out: ",
        join_list(first_of(reference.dropped, kNamedFeatures), "; "), reference.dropped.size() > kNamedFeatures ? "..." : ""));
  if (!reference.copies.empty())
    notes.push_back(join_text(config.reference.path, ": ", counted(reference.copies.size(), "polygon"),
                              " with the corners and the class of another (feature ", ids_of(reference.copies), "); one of each is kept"));
  if (!reference.contradictions.empty())
    notes.push_back(join_text(config.reference.path, ": polygons with the same corners and different classes (feature ",
                              ids_of(reference.contradictions), "); their pixels count for none: correct or remove one of each"));
  constexpr double kSquareMetres = 1e4;  // of a hectare
  for (const RegionOverlap& overlap : reference.overlaps) {
    const std::optional<double> metres = metres_per_unit(grid.crs);
    const double pixel = grid.pixel_width * grid.pixel_height * metres.value_or(1) * metres.value_or(1) / kSquareMetres;
    notes.push_back(join_text(config.regions.path, ": the regions \"", overlap.first, "\" and \"", overlap.second, "\" overlap in ",
                              counted(static_cast<std::size_t>(overlap.pixels), "pixel"),
                              metres ? join_text(" (", fixed(static_cast<double>(overlap.pixels) * pixel, 1), " ha)") : "",
                              ": there the models of both count alike, and polygons learn for \"", overlap.first,
                              "\", the first by name; cut one of them if that is not meant"));
  }
  return notes;
}

std::string text_of_sample_counts(const nlohmann::json& counts) {
  std::string text =
      counted(counts.at("samples").get<std::size_t>(), "sample") + " of " + counted(counts.at("polygons").get<std::size_t>(), "polygon");
  std::string left_out;
  for (const auto& [key, what, why] : {std::tuple("polygons_without_class", "polygon", "without a class"),
                                       {"polygons_outside_regions", "polygon", "outside the regions"},
                                       {"geometries_dropped", "feature", "without a polygon that can be used"},
                                       {"polygons_without_pixel", "polygon", "without a pixel"},
                                       {"pixels_of_two_classes", "pixel", "of two classes"},
                                       {"pixels_without_observation", "pixel", "without a valid observation"},
                                       {"pixels_not_selected", "pixel", "that were not drawn"}})
    if (const auto n = counts.at(key).get<std::size_t>(); n > 0)
      left_out += join_text(left_out.empty() ? "; left out: " : ", ", counted(n, what), " ", why);
  for (const auto& [key, why] : {std::pair("polygons_copied", "drawn before"), {"polygons_contradicted", "drawn in two classes"}})
    if (counts.contains(key))
      left_out += join_text(left_out.empty() ? "; left out: " : ", ", counted(counts.at(key).get<std::size_t>(), "polygon"), " ", why);
  return text + left_out;
}

}  // namespace millesime
