#include "pipeline/stages/design.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <unordered_map>

#include "pipeline/core/chance.h"
#include "pipeline/core/class_meanings.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/pixel_areas.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/coverage_reader.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/qml.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/common_classes.h"
#include "pipeline/stages/map_units.h"

namespace millesime {
namespace {

constexpr double kZ = 1.96;  // of a 95 % interval

struct Drawn {
  int stratum = 0, produced = 0;
  int col = 0, row = 0;  // of the unit
  std::int32_t pixels = 1;
  std::int64_t cluster = 0;  // number of the draw, from 1; 0 without clusters
};

class Designer {
 public:
  Designer(const DesignCommand& command, const Context& context)
      : command_(command), context_(context), units_(command.map, command.strata, side_of(command), context) {}

  const MapUnits& units() const { return units_; }
  const std::map<int, std::int64_t>& units_of_classes() const { return of_class_; }  // once the strata are counted

  // Units and hectares of every stratum. One with a class and without a stratum is of stratum 0: a sample is one of the whole map.
  std::vector<Stratum> count() {
    std::map<int, std::pair<std::int64_t, std::int64_t>> amounts;  // units, cm2
    units_.each_row("count the strata", MapUnits::With::areas, [&](const UnitRow& row) {
      for (int col = 0; col < units_.cols(); ++col) {
        if (row.classes[col] == 0) continue;
        auto& [units, area] = amounts[row.strata[col]];
        ++units, area += row.cm2[col];
        ++of_class_[row.classes[col]];
      }
    });
    std::vector<Stratum> strata;
    for (const auto& [code, amount] : amounts)
      strata.push_back({code, amount.first, hectares_of_cm2(amount.second), command_.expected / 100, 0});
    if (strata.empty()) throw UserError(join_text(command_.map, ": no pixel has a class"));
    if (!command_.strata.empty() && strata.front().code == 0)
      context_.progress->note(join_text(command_.strata, ": 0 or no data on ",
                                        counted(strata.front().units, command_.of_blocks() ? "block" : "pixel"), " of ", command_.map,
                                        "; they are stratum 0"));
    return strata;
  }

  // The drawn units, in the order of the map's rows.
  std::vector<Drawn> draw_points(const std::vector<Stratum>& strata) {
    struct Queue {
      std::vector<std::int64_t> ranks;  // of the drawn units
      std::size_t next = 0;
      std::int64_t seen = 0;
    };
    std::unordered_map<int, std::pair<int, Queue>> queues;  // by code: position of the stratum
    for (std::size_t h = 0; h < strata.size(); ++h) {
      // A generator a stratum: points of a stratum stay where they are when others get more.
      std::mt19937_64 random(
          mix(static_cast<std::uint64_t>(command_.seed) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(strata[h].code)));
      queues[strata[h].code] = {static_cast<int>(h), {draw_units(strata[h].units, strata[h].points, random)}};
    }
    std::vector<Drawn> drawn;
    units_.each_row("draw the sample", MapUnits::With::classes, [&](const UnitRow& row) {
      for (int col = 0; col < units_.cols(); ++col) {
        if (row.classes[col] == 0) continue;
        auto& [position, queue] = queues.at(row.strata[col]);
        const bool taken = queue.next < queue.ranks.size() && queue.ranks[queue.next] == queue.seen++;
        if (!taken) continue;
        ++queue.next;
        drawn.push_back({position, row.classes[col], col, row.row, row.pixels[col]});
      }
    });
    return drawn;
  }

  // Units with a class in each square of clusters.
  std::vector<std::int64_t> count_squares() {
    std::vector<std::int64_t> units(static_cast<std::size_t>(square(units_.cols() - 1, units_.rows() - 1)) + 1);
    units_.each_row("count the clusters", MapUnits::With::classes, [&](const UnitRow& row) {
      for (int col = 0; col < units_.cols(); ++col) units[static_cast<std::size_t>(square(col, row.row))] += row.classes[col] != 0;
    });
    return units;
  }

  // `clusters` draws of squares, and of each draw command.cluster_points units, or all of a square that has fewer. In the order of the
  // map's rows.
  std::vector<Drawn> draw_clusters(std::int64_t clusters) {
    const std::vector<std::int64_t> units = count_squares();
    std::vector<std::int64_t> until(units.size());  // units of the squares up to this one
    std::partial_sum(units.begin(), units.end(), until.begin());
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
      // The square of a unit that is drawn from all.
      const auto unit = static_cast<std::int64_t>(below(random, static_cast<std::uint64_t>(until.back())));
      const auto at = std::ranges::upper_bound(until, unit) - until.begin();
      const std::int64_t own = units[static_cast<std::size_t>(at)];
      for (const std::int64_t rank : draw_units(own, std::min<std::int64_t>(own, command_.cluster_points), random))
        queues[at].taken.push_back({rank, cluster});
    }
    for (auto& [at, queue] : queues) std::ranges::sort(queue.taken, std::less{});
    std::vector<Drawn> drawn;
    units_.each_row("draw the sample", MapUnits::With::classes, [&](const UnitRow& row) {
      for (int col = 0; col < units_.cols(); ++col) {
        if (row.classes[col] == 0) continue;
        const auto found = queues.find(square(col, row.row));
        if (found == queues.end()) continue;
        Queue& queue = found->second;
        for (; queue.next < queue.taken.size() && queue.taken[queue.next].rank == queue.seen; ++queue.next)
          drawn.push_back({0, row.classes[col], col, row.row, row.pixels[col], queue.taken[queue.next].cluster});
        ++queue.seen;
      }
    });
    return drawn;
  }

 private:
  static int side_of(const DesignCommand& command) {
    return command.of_blocks() ? block_side(RasterReader(command.map).grid(), command.block_size, command.map) : 1;
  }
  int side_of_square() const {  // in units
    const int side = side_of(command_);
    if (command_.cluster_points > 0 && command_.cluster_side % side != 0)
      throw UserError(join_text("cluster_side: expected a multiple of the blocks, ", side, " px, got ", command_.cluster_side, " px"));
    return std::max(1, command_.cluster_side / side);
  }
  std::int64_t square(int col, int row) const {
    const int side = cluster_side_;
    return std::int64_t{row / side} * ((units_.cols() + side - 1) / side) + col / side;
  }

  const DesignCommand& command_;
  const Context& context_;
  MapUnits units_;
  int cluster_side_ = side_of_square();
  std::map<int, std::int64_t> of_class_;
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
PointLayer style_table(const Nomenclature& classes, const DesignCommand& command) {
  const PointForm form{{kDesignLabels.begin(), kDesignLabels.end()}, "comment", "id", command.of_blocks()};
  PointLayer table{"layer_styles",
                   {"f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName", "styleQML", "styleSLD",
                    "useAsDefault", "description", "owner", "ui", "update_time"},
                   {},
                   {}};
  table.rows.push_back({std::string(), std::string(), std::string(command.of_blocks() ? kDesignBlocks : kDesignPoints), std::string("geom"),
                        std::string("interpretation"), form_style(classes, form), std::string(), std::int64_t{1},
                        "form of the " + command.unit + "s", std::string(), std::string(), std::string("2000-01-01T00:00:00Z")});
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
  o.add("unit", &unit,
        "what is drawn and interpreted: point: a pixel; block: a square of pixels, which is labelled by the class that has most of it, on "
        "the "
        "ground as on the map")
      .choices({"point", "block"});
  o.add("block_size", &block_size, "unit block: side of a block, a multiple of the map's pixels").unit("m").range(1, 1000);
  o.add("half_width", &half_width, "half of the 95 % interval that the overall accuracy is to have").unit("%").range(0.05, 50);
  o.add("expected", &expected, "user's accuracy that is expected of the strata, to find the number of points").unit("%").range(0, 100);
  o.add("expected_of", &expected_of, "user's accuracy that is expected of single strata, e.g. 11=95");
  o.add("points", &points, "number of points or blocks; 0: as many as half_width needs").range(0, 1e7);
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
  names.declare(o);
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
  if (!std::filesystem::exists(file)) return;
  const auto has_label = [](const auto& unit) {
    return std::ranges::any_of(kDesignLabels, [&](const char* field) {
      const auto at = unit.attributes.find(field);
      return at != unit.attributes.end() && !trim(at->second).empty();
    });
  };
  std::string labelled;
  if (has_layer(file, kDesignPoints))
    if (const auto n = std::ranges::count_if(read_points(file, kDesignPoints, {}, ""), has_label); n > 0) labelled = counted(n, "point");
  if (has_layer(file, kDesignBlocks))
    if (const auto n = std::ranges::count_if(read_polygons(file, kDesignBlocks, {}, "").features, has_label); n > 0)
      labelled = counted(n, "block");
  if (!labelled.empty())
    throw UserError(join_text(file, ": ", labelled, " of the sample there already have a label; expected none, because the ",
                              "file would be replaced: name another output, or delete the file if the labels are not needed"));
}

Polygon polygon_of(const Box& box) {
  return {{{{box.min_x, box.min_y}, {box.max_x, box.min_y}, {box.max_x, box.max_y}, {box.min_x, box.max_y}, {box.min_x, box.min_y}}}};
}

}  // namespace

double expected_half_width(const DesignCommand& command, const std::vector<Stratum>& strata) {
  const double shared =
      command.cluster_points > 0 ? 1 + (command.cluster_points - 1) * command.cluster_correlation : 1;  // as clusters_for()
  return 100 * kZ * expected_error(strata) * std::sqrt(shared);
}

std::vector<Stratum> design(const DesignCommand& command, const Context& context) {
  require_geopackage(command.output);  // before the map is read
  if (!command.of_blocks() && command.block_size != DesignCommand().block_size)
    throw UserError("block_size: is for blocks; expected also --unit block, or leave it out");
  require_no_labels(command.output);
  Designer designer(command, context);
  // Strata that are not the classes do without the names of these.
  const bool has_names = command.strata.empty() || !command.nomenclature.empty() || RasterReader(command.map).legend();
  Nomenclature nomenclature = has_names ? nomenclature_of_map(command.nomenclature, command.map) : Nomenclature();
  if (!command.nomenclature.empty()) require_same_meanings({command.map}, &nomenclature, context);
  const std::string what = command.of_blocks() ? "blocks" : "pixels";
  const auto note_points = [&](std::int64_t n, const std::string& why) {
    if (command.points > 0 && n != command.points)
      context.progress->note(join_text("points: ", n, " instead of ", command.points, ", ", why));
  };
  std::vector<Stratum> strata = designer.count();
  if (!command.nomenclature.empty()) require_codes(command.map, designer.units_of_classes(), nomenclature, what);
  nomenclature = command.names.named(std::move(nomenclature));
  const bool clustered = command.cluster_points > 0;
  std::vector<Drawn> drawn;
  if (clustered) {
    const std::int64_t clusters = clusters_of(command);
    drawn = designer.draw_clusters(clusters);
    note_points(std::ssize(drawn), join_text("in ", clusters, " clusters of at most ", command.cluster_points));
    Stratum whole{0, 0, 0, command.expected / 100, std::ssize(drawn)};
    for (const Stratum& part : strata) whole.units += part.units, whole.hectares += part.hectares;
    strata = {whole};
  } else {
    set_expected(strata, command.expected_of);
    const Allocation rule = allocation_of(command.allocation);
    if (command.points > 0)
      allocate(strata, command.points, rule, command.least);
    else
      allocate_for(strata, command.half_width / 100 / kZ, rule, command.least);
    note_points(points_of(strata), points_of(strata) < command.points
                                       ? "because strata have no more " + what
                                       : join_text("because each of the ", strata.size(), " strata has at least ",
                                                   rule == Allocation::olofsson ? join_text(command.least, " (--least)") : "2"));
    drawn = designer.draw_points(strata);
  }

  const bool blocks = command.of_blocks();
  const char* layer = blocks ? kDesignBlocks : kDesignPoints;
  PointLayer units{layer, {"id", "label_1", "interpreter_1", "label_2", "interpreter_2", "label", "comment"}, {}, {}};
  PointLayer hidden{kDesignHidden, {"id", "stratum", "map_class", "map_name"}, {}, {}};
  if (blocks) hidden.fields.emplace_back(kDesignPixels);
  if (clustered) hidden.fields.emplace_back(kDesignCluster);
  PointLayer table{kDesignStrata, {"code", "name", blocks ? kDesignBlocks : kDesignPixels, "hectares", "expected", "points"}, {}, {}};
  if (blocks) table.fields.back() = "drawn";
  // Interpreters see the units in random order, which says nothing about the strata.
  std::vector<std::size_t> order(drawn.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937_64 random(mix(static_cast<std::uint64_t>(command.seed)));
  shuffle(order, random);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Drawn& unit = drawn[order[i]];
    const auto id = static_cast<std::int64_t>(i) + 1;
    for (PointLayer* of : {&units, &hidden})
      if (blocks)
        of->polygons.push_back(polygon_of(designer.units().square(unit.col, unit.row)));
      else
        of->points.push_back(designer.units().grid().centre(unit.col, unit.row));
    units.rows.push_back({id, std::string(), std::string(), std::string(), std::string(), std::string(), std::string()});
    hidden.rows.push_back({id, std::int64_t{strata[static_cast<std::size_t>(unit.stratum)].code}, std::int64_t{unit.produced},
                           name_of(nomenclature, unit.produced)});
    if (blocks) hidden.rows.back().push_back(std::int64_t{unit.pixels});
    if (clustered) hidden.rows.back().push_back(unit.cluster);
  }
  for (const Stratum& stratum : strata)
    table.rows.push_back({std::int64_t{stratum.code}, name_of_stratum(command, nomenclature, stratum.code), stratum.units, stratum.hectares,
                          stratum.users, stratum.points});
  std::vector<PointLayer> layers{units, hidden, table};
  if (auto labels = classes_to_label(command)) layers.push_back(style_table(command.names.named(*std::move(labels)), command));
  write_point_layers(command.output, designer.units().grid().crs, layers);
  return strata;
}

}  // namespace millesime
