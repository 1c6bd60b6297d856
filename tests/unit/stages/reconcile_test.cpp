#include "pipeline/stages/reconcile.h"

#include <filesystem>
#include <random>

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/transitions.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime::testing {
namespace {

constexpr int kSide = kSanitized ? 84 : 120, kYears = 6, kFirstYear = 2018;
const char* const kClasses =
    "name = \"small\"\nrotating = [10]\ngroup = [{ code = 10, name = \"crops\" }]\nclass = [\n"
    "{ code = 1, name = \"town\" },\n{ code = 2, name = \"wheat\", group = 10 },\n"
    "{ code = 3, name = \"maize\", group = 10 },\n{ code = 4, name = \"forest\" }]\n";

Grid grid_of(double left = 500000) { return {"EPSG:32631", left, 4800000, 10, 10, kSide, kSide}; }

constexpr std::uint8_t kTown = 2, kCereals = 6, kMaize = 10, kForest = 16;  // of oso23

// Years with known changes: 2 % of the pixels become town for good, with two years or more on both sides; crops rotate; each year's map is
// wrong at 15 % of the pixels, with less confidence there.
struct World {
  std::string folder = temp_dir();
  std::vector<Raster<std::uint8_t>> truth, maps, confidence;
  std::vector<std::uint8_t> changes;  // the year's number of each pixel's lasting change, 0: none

  World() {
    std::mt19937 random(5);
    const auto share = [&] { return std::uniform_real_distribution<double>()(random); };
    const std::size_t n = kSide * kSide;
    std::vector<int> stable(n);
    changes.assign(n, 0);
    for (std::size_t p = 0; p < n; ++p) {
      stable[p] = static_cast<int>(p / (std::size_t{25} * kSide)) % 3;  // town, crops, forest in stripes
      if (stable[p] != 0 && share() < 0.03) changes[p] = static_cast<std::uint8_t>(2 + random() % (kYears - 3));
    }
    for (int y = 0; y < kYears; ++y) {
      Raster<std::uint8_t> real(grid_of()), map(grid_of()), sure(grid_of());
      for (std::size_t p = 0; p < n; ++p) {
        const bool town = stable[p] == 0 || (changes[p] != 0 && y >= changes[p]);
        real.samples[p] = town ? kTown : stable[p] == 2 ? kForest : random() % 2 == 0 ? kCereals : kMaize;
        map.samples[p] = real.samples[p];
        sure.samples[p] = static_cast<std::uint8_t>(60 + random() % 40);
        if (share() < 0.15)
          map.samples[p] = static_cast<std::uint8_t>(1 + random() % 23), sure.samples[p] = static_cast<std::uint8_t>(35 + random() % 40);
      }
      truth.push_back(real), maps.push_back(map), confidence.push_back(sure);
      write_raster(file(y), map, {});
      write_raster(folder + "/c_" + std::to_string(kFirstYear + y) + ".tif", sure, {});
    }
  }
  std::string file(int y) const { return folder + "/map_" + std::to_string(kFirstYear + y) + ".tif"; }
  ReconcileCommand command() const {
    ReconcileCommand made;
    for (int y = 0; y < kYears; ++y) {
      made.maps.push_back(file(y));
      made.confidence.push_back(folder + "/c_" + std::to_string(kFirstYear + y) + ".tif");
    }
    made.nomenclature = "oso23";
    made.output = folder + "/out";
    return made;
  }
};

Raster<std::uint16_t> read(const std::string& file) { return RasterReader(file).read_all<std::uint16_t>(); }

double f_score(const std::vector<bool>& found, const std::vector<bool>& real) {
  double hits = 0, all = 0;
  for (std::size_t p = 0; p < real.size(); ++p) hits += found[p] && real[p], all += found[p] + real[p];
  return 2 * hits / all;
}

TEST(ReconcileMaps, FindsChangesThatLastAndWorsensNoYear) {
  const World world;
  SilentContext context;
  const ReconcileCounts counts = reconcile_maps(world.command(), context.context);
  const std::size_t n = kSide * kSide;
  const auto change_year = read(world.folder + "/out/change_year.tif");
  std::vector<bool> real(n), found(n), difference(n);
  std::size_t right_year = 0, hits = 0;
  const auto crop = [](int code) { return code >= 5 && code <= 12 ? 5 : code; };  // rotation is no change
  for (std::size_t p = 0; p < n; ++p) {
    real[p] = world.changes[p] != 0;
    found[p] = change_year.samples[p] != 0;
    difference[p] = crop(world.maps.front().samples[p]) != crop(world.maps.back().samples[p]);
    if (real[p] && found[p]) ++hits, right_year += change_year.samples[p] == kFirstYear + world.changes[p];
  }
  EXPECT_LT(f_score(difference, real), 0.4) << "of the difference of the first and the last map";
  EXPECT_GT(f_score(found, real), 0.8);
  EXPECT_GT(static_cast<double>(right_year), 0.85 * static_cast<double>(hits));
  for (std::size_t y = 0; y < kYears; ++y) {
    const auto after = read(world.folder + "/out/OCS_" + std::to_string(kFirstYear + static_cast<int>(y)) + ".tif");
    std::size_t before_right = 0, after_right = 0;
    for (std::size_t p = 0; p < n; ++p) {
      before_right += world.maps[y].samples[p] == world.truth[y].samples[p];
      after_right += after.samples[p] == world.truth[y].samples[p];
    }
    EXPECT_GE(after_right, before_right + n / 20) << y;
    EXPECT_GT(counts.relabelled[y], 0);
  }
  EXPECT_EQ(counts.seen, static_cast<std::int64_t>(n));

  // The maps and the change are one statement.
  const auto from = read(world.folder + "/out/change_from.tif"), to = read(world.folder + "/out/change_to.tif");
  for (int y = 0; y < kYears; ++y) {
    const auto map = read(world.folder + "/out/OCS_" + std::to_string(kFirstYear + y) + ".tif");
    for (std::size_t p = 0; p < n; ++p) {
      const int year = change_year.samples[p];
      if (year == 0) continue;
      if (year == kFirstYear + y) {
        EXPECT_EQ(map.samples[p], to.samples[p]);
      } else if (year == kFirstYear + y + 1) {
        EXPECT_EQ(map.samples[p], from.samples[p]);
      }
      EXPECT_EQ(crop(map.samples[p]), crop((kFirstYear + y < year ? from : to).samples[p]));
    }
  }

  // One window or many, and learned transitions, which know that towns stay.
  ReconcileCommand again = world.command();
  again.output = world.folder + "/again";
  SilentContext little;
  little.context.memory_bytes = 1 << 16;
  reconcile_maps(again, little.context);
  EXPECT_EQ(read_text(world.folder + "/again/change_year.tif"), read_text(world.folder + "/out/change_year.tif"));
  again.learn = true;
  reconcile_maps(again, context.context);
  const Nomenclature classes = Nomenclature::load("oso23");
  Transitions learned = transitions_by_rule(classes, 0.97, {110});
  read_transitions(world.folder + "/again/transitions.csv", classes, learned);
  const int town = *classes.index_of_code(kTown), forest = *classes.index_of_code(kForest);
  EXPECT_GT(learned.at(town, town), 0.98f);
  EXPECT_GT(learned.at(forest, town), 10 * learned.at(town, forest)) << "forest becomes town, not the other way";
}

// Two columns of which the first never changes: pixels of equal distances would all be of it.
TEST(ReconcileMaps, LearnsFromPixelsOfTheWholeMap) {
  const std::string folder = temp_dir();
  write_text(folder + "/small.toml", kClasses);
  const Nomenclature classes = Nomenclature::load(folder + "/small.toml");
  constexpr std::uint8_t kTownCode = 1, kForestCode = 4;
  constexpr int kCols = 2, kRows = 20100;
  std::mt19937 random(3);
  Raster<std::uint8_t> map({"EPSG:32631", 500000, 4800000, 10, 10, kCols, kRows});
  for (auto& code : map.samples) code = random() % 2 ? kTownCode : kForestCode;
  ReconcileCommand command;
  command.nomenclature = folder + "/small.toml", command.output = folder + "/out", command.accuracy = 0.999, command.learn = true;
  for (const std::string year : {"2018", "2019", "2020"}) {
    if (year != "2018")
      for (std::size_t p = 0; p < map.samples.size(); ++p)
        if (p % kCols != 0 && random() % 10 < 3) map.samples[p] = map.samples[p] == kTownCode ? kForestCode : kTownCode;
    command.maps.push_back(folder + "/map_" + year + ".tif");
    write_raster(command.maps.back(), map, {});
  }
  SilentContext context, little;
  little.context.memory_bytes = 1 << 17;
  reconcile_maps(command, context.context);
  const std::string table = read_text(folder + "/out/transitions.csv");
  Transitions learned = transitions_by_rule(classes, 0.97, {10});
  read_transitions(folder + "/out/transitions.csv", classes, learned);
  const int town = *classes.index_of_code(kTownCode), forest = *classes.index_of_code(kForestCode);
  EXPECT_NEAR(learned.at(town, forest), 0.3 * 0.5, 0.02);
  EXPECT_NEAR(learned.at(forest, town), 0.3 * 0.5, 0.02);
  reconcile_maps(command, little.context);
  EXPECT_EQ(read_text(folder + "/out/transitions.csv"), table) << "whatever the windows";
}

TEST(ReconcileMaps, AppliesTransitionsForTheYearsBetween) {
  const World world;
  SilentContext context;
  ReconcileCommand command = world.command();
  command.years = {"1990", "1995", "2000", "2005", "2010", "2015"};
  const ReconcileCounts apart = reconcile_maps(command, context.context);
  EXPECT_NE(read_text(world.folder + "/out/reconcile.json").find("\"years_since_map_before\": 5"), std::string::npos);
  const auto shown = read(world.folder + "/out/change.tif");
  command.years.clear();
  EXPECT_GT(apart.lasting, reconcile_maps(command, context.context).lasting) << "in five years more changes than in one";
  std::uint64_t sum = 0, sum_apart = 0;
  for (const auto p : read(world.folder + "/out/change.tif").samples) sum += p;
  for (const auto p : shown.samples) sum_apart += p;
  EXPECT_GT(sum_apart, sum);
}

TEST(ReconcileMaps, ReadsProbabilities) {
  const World world;
  SilentContext context;
  ReconcileCommand command = world.command();
  command.confidence.clear();
  for (int y = 0; y < kYears; ++y) {
    const std::string file = world.folder + "/p_" + std::to_string(kFirstYear + y) + ".tif";
    RasterWriter writer(file, grid_of(), PixelType::u16, 23, {});
    for (int c = 0; c < 23; ++c) {
      std::vector<std::uint16_t> band(kSide * kSide);
      for (std::size_t p = 0; p < band.size(); ++p) band[p] = world.maps[static_cast<std::size_t>(y)].samples[p] == c + 1 ? 780 : 10;
      writer.write(grid_of().whole(), c, band.data());
    }
    writer.commit();
    command.maps[static_cast<std::size_t>(y)] = file;
  }
  reconcile_maps(command, context.context);
  // The same as class maps of which 78 % are right.
  const auto of_probabilities = read(world.folder + "/out/OCS_2020.tif");
  command = world.command();
  command.confidence.clear();
  command.accuracy = 0.78;
  reconcile_maps(command, context.context);
  const auto of_classes = read(world.folder + "/out/OCS_2020.tif");
  std::size_t others = 0;  // where two paths are as good, the last bit of the evidence decides
  for (std::size_t p = 0; p < of_classes.samples.size(); ++p) others += of_probabilities.samples[p] != of_classes.samples[p];
  EXPECT_LT(others, of_classes.samples.size() / 50);
}

TEST(Transitions, OfARuleAndOfATable) {
  const std::string folder = temp_dir();
  write_text(folder + "/small.toml", kClasses);
  const Nomenclature classes = Nomenclature::load(folder + "/small.toml");
  const Transitions rule = transitions_by_rule(classes, 0.9, {10});
  EXPECT_FLOAT_EQ(rule.at(0, 0), 0.9f);
  EXPECT_FLOAT_EQ(rule.at(1, 1), 0.45f);
  EXPECT_FLOAT_EQ(rule.at(1, 2), 0.45f);
  EXPECT_FLOAT_EQ(rule.at(1, 0), 0.05f);
  EXPECT_EQ(rule.unit, (std::vector<std::uint8_t>{0, 1, 1, 3}));
  const std::vector<float> steps = transitions_between({2018, 2019, 2022}, rule);
  Transitions three = rule;
  std::vector<float> row = {1, 0, 0, 0};
  for (int year = 0; year < 3; ++year) {
    std::vector<float> next(4, 0.0f);
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) next[static_cast<std::size_t>(j)] += row[static_cast<std::size_t>(i)] * rule.at(i, j);
    row = next;
  }
  EXPECT_EQ(std::vector<float>(steps.begin(), steps.begin() + 16), rule.matrix);
  for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(steps[16 + j], row[j], 1e-6);
  // Seen in the first and the last of four years: what stays each year is the cube root of what stays.
  std::vector<float> evidence;
  for (int p = 0; p < 1000; ++p)
    for (const int at : {0, p < 729 ? 0 : 3})
      for (int c = 0; c < 4; ++c) evidence.push_back(c == at ? 1.0f : 1e-6f);
  for (int step = 0; step < 40; ++step) learn_transitions(evidence, {2018, 2021}, 1, three);
  EXPECT_NEAR(three.at(0, 0), 0.9, 0.02);
  Transitions table = rule;
  const auto refusal = [&](const std::string& text) {
    write_text(folder + "/t.csv", text);
    return message_of([&] { read_transitions(folder + "/t.csv", classes, table); });
  };
  EXPECT_EQ(refusal("from,1,2,3,4\n1,1,0,0,0\nwheat,0.1,0.4,0.5,0\n3,0,0.5,0.5,0\n4,0.05,0,0,0.95\n"), "no error");
  EXPECT_FLOAT_EQ(table.at(1, 2), 0.5f);
  EXPECT_NE(refusal("from,1,2,3,4\n1,0.9,0,0,0\n").find("t.csv:2: the probabilities of what follows town sum to 0.9000; expected 1"),
            std::string::npos);
  EXPECT_NE(refusal("from,1,2,3,4\n1,1.2,0,0,0\n").find("expected a probability"), std::string::npos);
  EXPECT_NE(refusal("from,1,2,3,9\n").find("\"9\" is no class of small"), std::string::npos);
  EXPECT_NE(refusal("from,1,2,3,4\n1,1,0,0,0\n").find("class 2 has 0 rows"), std::string::npos);
  EXPECT_NE(message_of([&] { transitions_by_rule(classes, 0.9, {20}); }).find("has no group 20"), std::string::npos);
}

TEST(ReconcileMaps, RefusesBadInput) {
  const World world;
  SilentContext context;
  const auto refusal = [&](const auto& change) {
    ReconcileCommand command = world.command();
    change(command);
    return message_of([&] { reconcile_maps(command, context.context); });
  };
  EXPECT_NE(refusal([](auto& c) { c.maps.resize(2), c.confidence.resize(2); }).find("expected the maps of 3 years or more, got 2"),
            std::string::npos);
  EXPECT_NE(refusal([](auto& c) { std::swap(c.maps[0], c.maps[1]); }).find("in the order of their years"), std::string::npos);
  EXPECT_NE(refusal([](auto& c) { c.years = {"2018"}; }).find("expected 6, one a map"), std::string::npos);
  EXPECT_NE(refusal([](auto& c) { c.confidence.pop_back(); }).find("expected 6, one a map, got 5"), std::string::npos);
  EXPECT_NE(refusal([](auto& c) { c.nomenclature = "oso17"; }).find("lacks; expected maps of one nomenclature"), std::string::npos);
  Raster<std::uint8_t> moved(grid_of(500010));
  write_raster(world.folder + "/moved_2018.tif", moved, {});
  EXPECT_NE(refusal([&](auto& c) { c.maps[0] = world.folder + "/moved_2018.tif", c.confidence.clear(); }).find("moved_2018.tif"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(world.folder + "/out")) << "the class that is missing was found when the outputs were begun";
}

}  // namespace
}  // namespace millesime::testing
