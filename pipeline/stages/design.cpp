#include "pipeline/stages/design.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <unordered_map>

#include "pipeline/core/chance.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/qml.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

constexpr double kZ = 1.96;  // of a 95 % interval

struct Drawn {
  int stratum = 0, produced = 0;
  Point at;
  std::int64_t cluster = 0;  // number of the draw, from 1; 0 without clusters
};

// Ranks of the drawn pixels among the `n` of a stratum, in ascending order: a simple random sample without replacement (Floyd's algorithm,
// Bentley & Floyd 1987).
std::vector<std::int64_t> draw(std::int64_t n, std::int64_t count, std::mt19937_64& random) {
  std::set<std::int64_t> chosen;
  for (std::int64_t j = n - count; j < n; ++j) {
    const auto rank = static_cast<std::int64_t>(below(random, static_cast<std::uint64_t>(j) + 1));
    chosen.insert(chosen.contains(rank) ? j : rank);
  }
  return {chosen.begin(), chosen.end()};
}

class Designer {
 public:
  Designer(const DesignCommand& command, const Context& context)
      : command_(command), context_(context), map_(open_map(command.map, MapKind::classes, context)) {
    if (command.strata.empty()) return;
    strata_map_.emplace(open_map(command.strata, MapKind::classes, context));
    require_same(map_.grid(), strata_map_->grid(), command.strata + " and " + command.map);
  }

  const Grid& grid() const { return map_.grid(); }

  // Pixels and hectares of every stratum. A pixel with a class and without a stratum is of stratum 0: a sample is one of the whole map.
  std::vector<Stratum> count() {
    const std::optional<PixelAreas> areas = pixel_areas(map_.grid());
    std::map<int, std::pair<std::int64_t, std::int64_t>> amounts;  // pixels, cm2
    std::vector<std::int64_t> cm2(static_cast<std::size_t>(map_.grid().cols),
                                  static_cast<std::int64_t>(std::llround(map_.grid().pixel_width * map_.grid().pixel_height * 1e4)));
    each_row("count the strata", [&](int row, const std::uint16_t* strata, const std::uint16_t* classes) {
      if (areas) areas->row_cm2(0, row, map_.grid().cols, cm2);
      for (std::size_t col = 0; col < cm2.size(); ++col) {
        if (classes[col] == 0) continue;
        auto& [pixels, area] = amounts[strata[col]];
        ++pixels, area += cm2[col];
      }
    });
    std::vector<Stratum> strata;
    for (const auto& [code, amount] : amounts)
      strata.push_back({code, amount.first, hectares_of_cm2(amount.second), command_.expected / 100, 0});
    if (strata.empty()) throw UserError(join_text(command_.map, ": no pixel has a class"));
    if (strata_map_ && strata.front().code == 0)
      context_.progress->note(join_text(command_.strata, ": 0 or no data on ", counted(strata.front().pixels, "pixel"), " of ",
                                        command_.map, "; they are stratum 0"));
    return strata;
  }

  // The drawn points, in the order of the map's rows.
  std::vector<Drawn> draw_points(const std::vector<Stratum>& strata) {
    struct Queue {
      std::vector<std::int64_t> ranks;  // of the drawn pixels
      std::size_t next = 0;
      std::int64_t seen = 0;
    };
    std::unordered_map<int, std::pair<int, Queue>> queues;  // by code: position of the stratum
    for (std::size_t h = 0; h < strata.size(); ++h) {
      // A generator a stratum: points of a stratum stay where they are when others get more.
      std::mt19937_64 random(
          mix(static_cast<std::uint64_t>(command_.seed) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(strata[h].code)));
      queues[strata[h].code] = {static_cast<int>(h), {draw(strata[h].pixels, strata[h].points, random)}};
    }
    std::vector<Drawn> drawn;
    each_row("draw the points", [&](int row, const std::uint16_t* codes, const std::uint16_t* classes) {
      for (int col = 0; col < map_.grid().cols; ++col) {
        if (classes[col] == 0) continue;
        auto& [position, queue] = queues.at(codes[col]);
        const bool taken = queue.next < queue.ranks.size() && queue.ranks[queue.next] == queue.seen++;
        if (!taken) continue;
        ++queue.next;
        drawn.push_back({position, classes[col], map_.grid().centre(col, row)});
      }
    });
    return drawn;
  }

  // Pixels with a class in each square of `side` pixels.
  std::vector<std::int64_t> count_squares() {
    std::vector<std::int64_t> pixels(static_cast<std::size_t>(square(grid().cols - 1, grid().rows - 1)) + 1);
    each_row("count the clusters", [&](int row, const std::uint16_t* codes, const std::uint16_t*) {
      for (int col = 0; col < grid().cols; ++col) pixels[static_cast<std::size_t>(square(col, row))] += codes[col] != 0;
    });
    return pixels;
  }

  // `clusters` draws of squares, and of each draw command.cluster_points pixels, or all of a square that has fewer. In the order of the
  // map's rows.
  std::vector<Drawn> draw_clusters(std::int64_t clusters) {
    const std::vector<std::int64_t> pixels = count_squares();
    std::vector<std::int64_t> until(pixels.size());  // pixels of the squares up to this one
    std::partial_sum(pixels.begin(), pixels.end(), until.begin());
    struct Taken {
      std::int64_t rank = 0, cluster = 0;
      bool operator<(const Taken& other) const { return std::pair(rank, cluster) < std::pair(other.rank, other.cluster); }
    };
    struct Queue {
      std::vector<Taken> taken;
      std::size_t next = 0;
      std::int64_t seen = 0;
    };
    std::unordered_map<std::int64_t, Queue> queues;  // by square
    std::mt19937_64 random(mix(static_cast<std::uint64_t>(command_.seed) * 0x9e3779b97f4a7c15));
    for (std::int64_t cluster = 1; cluster <= clusters; ++cluster) {
      // The square of a pixel that is drawn from all.
      const auto pixel = static_cast<std::int64_t>(below(random, static_cast<std::uint64_t>(until.back())));
      const auto at = std::ranges::upper_bound(until, pixel) - until.begin();
      const std::int64_t own = pixels[static_cast<std::size_t>(at)];
      for (const std::int64_t rank : draw(own, std::min<std::int64_t>(own, command_.cluster_points), random))
        queues[at].taken.push_back({rank, cluster});
    }
    for (auto& [at, queue] : queues) std::ranges::sort(queue.taken, std::less{});
    std::vector<Drawn> drawn;
    each_row("draw the points", [&](int row, const std::uint16_t* codes, const std::uint16_t* classes) {
      for (int col = 0; col < grid().cols; ++col) {
        if (codes[col] == 0) continue;
        const auto found = queues.find(square(col, row));
        if (found == queues.end()) continue;
        Queue& queue = found->second;
        for (; queue.next < queue.taken.size() && queue.taken[queue.next].rank == queue.seen; ++queue.next)
          drawn.push_back({0, classes[col], grid().centre(col, row), queue.taken[queue.next].cluster});
        ++queue.seen;
      }
    });
    return drawn;
  }

 private:
  std::int64_t squares_across() const { return (grid().cols + command_.cluster_side - 1) / command_.cluster_side; }
  std::int64_t square(int col, int row) const {
    return std::int64_t{row / command_.cluster_side} * squares_across() + col / command_.cluster_side;
  }

  // Calls each(row, strata, classes); a class is 0 where there is none.
  template <class Each>
  void each_row(const char* what, const Each& each) {
    const Grid& grid = map_.grid();
    context_.progress->start(what, grid.rows, "rows");
    std::vector<std::uint16_t> classes, strata;
    for (const Window& strip : split(grid.whole(), grid.cols, kMapBlock, 1)) {
      classes.resize(static_cast<std::size_t>(strip.pixels()));
      map_.read(strip, classes.data());
      if (strata_map_) {
        strata.resize(classes.size());
        strata_map_->read(strip, strata.data());
      }
      for (int row = 0; row < strip.height; ++row) {
        const std::size_t first = static_cast<std::size_t>(row) * static_cast<std::size_t>(grid.cols);
        each(strip.row + row, (strata_map_ ? strata : classes).data() + first, classes.data() + first);
      }
      context_.progress->advance(strip.height);
    }
    context_.progress->finish();
  }

  const DesignCommand& command_;
  const Context& context_;
  MapInput map_;
  std::optional<MapInput> strata_map_;
};

// "11=95": the expected user's accuracy of a stratum, in percent.
void set_expected(std::vector<Stratum>& strata, const std::vector<std::string>& assignments) {
  for (const std::string& assignment : assignments) {
    int code = 0, percent = -1;
    const auto sign = assignment.find('=');
    const char* end = assignment.data() + assignment.size();
    const bool good = sign != std::string::npos &&
                      std::from_chars(assignment.data(), assignment.data() + sign, code).ptr == assignment.data() + sign &&
                      std::from_chars(assignment.data() + sign + 1, end, percent).ptr == end && percent >= 0 && percent <= 100;
    const auto stratum = std::ranges::find(strata, code, &Stratum::code);
    if (!good || stratum == strata.end())
      throw UserError(join_text("expected_of: expected CODE=PERCENT with the code of a stratum, e.g. ", strata.front().code, "=90, got \"",
                                assignment, "\""));
    stratum->users = percent / 100.0;
  }
}

Allocation allocation_of(const std::string& name) {
  if (name == "olofsson") return Allocation::olofsson;
  if (name == "proportional") return Allocation::proportional;
  if (name == "equal") return Allocation::equal;
  MILLESIME_CHECK(name == "neyman", "unknown allocation ", name);
  return Allocation::neyman;
}

// Draws of clusters, by the wanted number of points or precision. UserError where strata are asked for, too: there are none in clusters.
std::int64_t clusters_of(const DesignCommand& command) {
  if (!command.strata.empty() || !command.expected_of.empty())
    throw UserError(join_text(command.strata.empty() ? "expected_of" : "strata",
                              ": a sample in clusters (cluster_points) has no strata; leave one of the two out"));
  if (command.points > 0) return std::max<std::int64_t>(2, (command.points + command.cluster_points - 1) / command.cluster_points);
  return clusters_for(command.expected / 100, command.half_width / 100 / kZ, command.cluster_points, command.cluster_correlation);
}

std::int64_t points_of(const std::vector<Stratum>& strata) {
  std::int64_t sum = 0;
  for (const Stratum& stratum : strata) sum += stratum.points;
  return sum;
}

std::string name_of(const Nomenclature& nomenclature, int code) {
  const auto index = nomenclature.index_of_code(code);
  return index ? nomenclature.at(*index).name : join_text("class ", code);
}

std::string name_of_stratum(const DesignCommand& command, const Nomenclature& nomenclature, int code) {
  if (command.cluster_points > 0) return "whole map";
  if (command.strata.empty()) return name_of(nomenclature, code);
  return code == 0 ? "elsewhere" : join_text("stratum ", code);
}

// The classes that interpreters choose from: those that are named, or those of the map; nothing where neither says them.
std::optional<Nomenclature> classes_to_label(const DesignCommand& command) {
  if (!command.nomenclature.empty()) return Nomenclature::load(command.nomenclature);
  return RasterReader(command.map).legend();
}

// QGIS opens a layer of a GeoPackage with the style that this table has for it.
PointLayer style_table(const Nomenclature& classes) {
  const PointForm form{{kDesignLabels.begin(), kDesignLabels.end()}, "comment", "id"};
  PointLayer table{"layer_styles",
                   {"f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName", "styleQML", "styleSLD",
                    "useAsDefault", "description", "owner", "ui", "update_time"},
                   {},
                   {}};
  table.rows.push_back({std::string(), std::string(), std::string(kDesignPoints), std::string("geom"), std::string("interpretation"),
                        form_style(classes, form), std::string(), std::int64_t{1}, std::string("form of the points"), std::string(),
                        std::string(), std::string("2000-01-01T00:00:00Z")});
  return table;
}

}  // namespace

Options DesignCommand::declare() {
  Options o;
  o.add("map", &map, "map of class codes to be validated").path().required();
  o.add("strata", &strata,
        "raster of whole numbers on the map's grid whose values are the strata, e.g. of change; 0 and no data are stratum 0; default: the "
        "classes of the map")
      .path();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the legend of the map")
      .names("nomenclature");
  o.add("half_width", &half_width, "half of the 95 % interval that the overall accuracy is to have").unit("%").range(0.05, 50);
  o.add("expected", &expected, "user's accuracy that is expected of the strata, to find the number of points").unit("%").range(0, 100);
  o.add("expected_of", &expected_of, "user's accuracy that is expected of single strata, e.g. 11=95");
  o.add("points", &points, "number of points; 0: as many as half_width needs").range(0, 1e7);
  o.add("allocation", &allocation,
        "points of the strata: olofsson: at least `least` in each, the others in proportion to the areas; proportional; equal; neyman: the "
        "smallest error of the overall accuracy")
      .choices({"olofsson", "proportional", "equal", "neyman"});
  o.add("least", &least, "allocation olofsson: points of a stratum at least").range(2, 1e6);
  o.add("cluster_points", &cluster_points,
        "draws the points in clusters of this number, which are quicker to interpret, and tell less: squares of the map with probability "
        "proportional to their mapped pixels, and points at random in each; 0: no clusters")
      .range(0, 10000);
  o.add("cluster_side", &cluster_side, "side of the squares that are clusters").unit("px").range(2, 10000);
  o.add("cluster_correlation", &cluster_correlation,
        "how alike the points of a cluster are expected to be, to find the number of clusters: 0 not at all, 1 all right or all wrong")
      .range(0, 1);
  o.add("seed", &seed, "seed of the draw").range(0, 1e15);
  o.add("output", &output, "GeoPackage to write: points to interpret, and hidden layers with the design").path().required();
  return o;
}

std::vector<Stratum> count_strata(const std::string& map, const std::string& strata, const Context& context) {
  DesignCommand command;
  command.map = map, command.strata = strata;
  return Designer(command, context).count();
}

namespace {

// Labels are days of work.
void require_no_labels(const std::string& file) {
  if (!std::filesystem::exists(file) || !has_layer(file, kDesignPoints)) return;
  std::int64_t labelled = 0;
  for (const PointRow& row : read_points(file, kDesignPoints, {}, ""))
    labelled += std::ranges::any_of(kDesignLabels, [&](const char* field) {
      const auto at = row.attributes.find(field);
      return at != row.attributes.end() && !trim(at->second).empty();
    });
  if (labelled > 0)
    throw UserError(join_text(file, ": ", counted(labelled, "point"),
                              " of the sample there already have a label; expected none, because the ",
                              "file would be replaced: name another output, or delete the file if the labels are not needed"));
}

}  // namespace

double expected_half_width(const DesignCommand& command, const std::vector<Stratum>& strata) {
  const double shared =
      command.cluster_points > 0 ? 1 + (command.cluster_points - 1) * command.cluster_correlation : 1;  // as clusters_for()
  return 100 * kZ * expected_error(strata) * std::sqrt(shared);
}

std::vector<Stratum> design(const DesignCommand& command, const Context& context) {
  require_geopackage(command.output);  // before the map is read
  require_no_labels(command.output);
  Designer designer(command, context);
  // Strata that are not the classes do without the names of these.
  const bool has_names = command.strata.empty() || !command.nomenclature.empty() || RasterReader(command.map).legend();
  const Nomenclature nomenclature = has_names ? nomenclature_of_map(command.nomenclature, command.map) : Nomenclature();
  std::vector<Stratum> strata = designer.count();
  const bool clustered = command.cluster_points > 0;
  std::vector<Drawn> drawn;
  if (clustered) {
    drawn = designer.draw_clusters(clusters_of(command));
    Stratum whole{0, 0, 0, command.expected / 100, std::ssize(drawn)};
    for (const Stratum& part : strata) whole.pixels += part.pixels, whole.hectares += part.hectares;
    strata = {whole};
  } else {
    set_expected(strata, command.expected_of);
    const Allocation rule = allocation_of(command.allocation);
    if (command.points > 0)
      allocate(strata, command.points, rule, command.least);
    else
      allocate_for(strata, command.half_width / 100 / kZ, rule, command.least);
    if (const std::int64_t all = points_of(strata); command.points > 0 && all > command.points)
      context.progress->note(join_text("points: ", all, " instead of ", command.points, ", because each of the ", strata.size(),
                                       " strata has at least ", rule == Allocation::olofsson ? command.least : 2,
                                       rule == Allocation::olofsson ? " (--least)" : ""));
    drawn = designer.draw_points(strata);
  }

  PointLayer points{kDesignPoints, {"id", "label_1", "interpreter_1", "label_2", "interpreter_2", "label", "comment"}, {}, {}};
  PointLayer hidden{kDesignHidden, {"id", "stratum", "map_class", "map_name"}, {}, {}};
  if (clustered) hidden.fields.emplace_back(kDesignCluster);
  PointLayer table{kDesignStrata, {"code", "name", "pixels", "hectares", "expected", "points"}, {}, {}};
  // Interpreters see the points in random order, which says nothing about the strata.
  std::vector<std::size_t> order(drawn.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937_64 random(mix(static_cast<std::uint64_t>(command.seed)));
  shuffle(order, random);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Drawn& point = drawn[order[i]];
    const auto id = static_cast<std::int64_t>(i) + 1;
    points.points.push_back(point.at), hidden.points.push_back(point.at);
    points.rows.push_back({id, std::string(), std::string(), std::string(), std::string(), std::string(), std::string()});
    hidden.rows.push_back({id, std::int64_t{strata[static_cast<std::size_t>(point.stratum)].code}, std::int64_t{point.produced},
                           name_of(nomenclature, point.produced)});
    if (clustered) hidden.rows.back().push_back(point.cluster);
  }
  for (const Stratum& stratum : strata)
    table.rows.push_back({std::int64_t{stratum.code}, name_of_stratum(command, nomenclature, stratum.code), stratum.pixels,
                          stratum.hectares, stratum.users, stratum.points});
  std::vector<PointLayer> layers{points, hidden, table};
  if (const auto labels = classes_to_label(command)) layers.push_back(style_table(*labels));
  write_point_layers(command.output, designer.grid().crs, layers);
  return strata;
}

}  // namespace millesime
