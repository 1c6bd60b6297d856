// Laws of the core types.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/dates.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/grid.h"
#include "pipeline/core/samples.h"
#include "tests/property/random_cases.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::for_any_input;
using testing::RandomCase;

Grid any_grid(RandomCase& random) {
  const double size = random.chance(0.5) ? 10 : random.number(0.3, 300);
  return {"EPSG:32631",
          random.number(-1e6, 1e6),
          random.number(-1e7, 1e7),
          size,
          size * random.number(0.9, 1.1),
          random.integer(1, 12000),
          random.integer(1, 12000)};
}

TEST(GridLaws, ThePixelOfAPixelsCentreIsThePixel) {
  for_any_input(300, [](RandomCase& random) {
    const Grid grid = any_grid(random);
    const int col = random.integer(0, grid.cols - 1), row = random.integer(0, grid.rows - 1);
    const Point centre = grid.centre(col, row);
    EXPECT_EQ(std::floor(grid.col(centre.x)), col);
    EXPECT_EQ(std::floor(grid.row(centre.y)), row);
  });
}

TEST(GridLaws, WindowsOfASplitCoverEveryPixelOnce) {
  for_any_input(300, [](RandomCase& random) {
    const Window whole{random.integer(0, 50), random.integer(0, 50), random.integer(1, 300), random.integer(1, 300)};
    const int block_width = random.integer(1, 320), block_height = random.integer(1, 320);
    const std::int64_t budget = random.integer(1, 40000);
    std::vector<int> covered(static_cast<std::size_t>(whole.pixels()), 0);
    for (const Window& window : split(whole, block_width, block_height, budget)) {
      EXPECT_LE(window.pixels(), std::max<std::int64_t>(budget, std::int64_t{block_width} * block_height));
      for (int row = window.row; row < window.row + window.height; ++row)
        for (int col = window.col; col < window.col + window.width; ++col) {
          ASSERT_TRUE(whole.contains(col, row));
          ++covered[static_cast<std::size_t>((row - whole.row) * whole.width + col - whole.col)];
        }
    }
    EXPECT_TRUE(std::ranges::all_of(covered, [](int n) { return n == 1; }));
  });
}

TEST(GridLaws, AWindowsBoxGivesTheWindowBack) {
  for_any_input(300, [](RandomCase& random) {
    Grid grid = any_grid(random);
    grid.x0 = std::round(grid.x0), grid.y0 = std::round(grid.y0);
    grid.pixel_width = grid.pixel_height = random.integer(1, 60);  // corners that doubles hold exactly
    const int col = random.integer(0, grid.cols - 1), row = random.integer(0, grid.rows - 1);
    const Window window{col, row, random.integer(1, grid.cols - col), random.integer(1, grid.rows - row)};
    EXPECT_EQ(grid.window_of(grid.extent(window)), window);
    EXPECT_EQ(grid.crop(window).extent(), grid.extent(window));
  });
}

TEST(DateLaws, EveryDayIsReadAsItIsWritten) {
  Date before = Date::parse("19791231");
  for (int days = before.days + 1; days < Date::parse("21010101").days; ++days) {
    const Date date{days};
    EXPECT_EQ(Date::parse(date.iso()), date);
    EXPECT_EQ(Date::parse(date.compact()), date);
    EXPECT_EQ(date.day_of_year(), date.year() == before.year() ? before.day_of_year() + 1 : 1) << date.iso();
    before = date;
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(DateLaws, ATimeGridKeepsItsStepAndItsEnds) {
  for_any_input(200, [](RandomCase& random) {
    const Date first{random.integer(10000, 25000)}, last = first + random.integer(0, 500);
    const int step = random.integer(1, 60);
    const auto dates = regular_dates(first, last, step);
    ASSERT_FALSE(dates.empty());
    EXPECT_EQ(dates.front(), first);
    EXPECT_LE(dates.back(), last);
    EXPECT_LT(last - dates.back(), step);
    for (std::size_t i = 1; i < dates.size(); ++i) EXPECT_EQ(dates[i] - dates[i - 1], step);
  });
}

TEST(CsvLaws, AnyTextComesBackAsItWas) {
  const std::string file = testing::temp_dir() + "/any.csv";
  for_any_input(200, [&](RandomCase& random) {
    static constexpr char kAlphabet[] = "ab,;\"\n\r\t'%é 0.";
    std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(random.integer(1, 6)), std::vector<std::string>(3));
    std::string text = "one,two,three\n";
    for (auto& row : rows) {
      for (auto& cell : row) {
        const int length = random.integer(0, 8);
        for (int i = 0; i < length; ++i) cell += kAlphabet[random.integer(0, sizeof kAlphabet - 2)];
        cell = "x" + cell + "x";  // blanks around a cell are removed
      }
      text += csv_cell(row[0]) + "," + csv_cell(row[1]) + "," + csv_cell(row[2]) + "\n";
    }
    write_text(file, text);
    CsvReader reader(file);
    for (const auto& row : rows) {
      ASSERT_TRUE(reader.next());
      for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(reader.cells()[c], row[c]);
    }
    EXPECT_FALSE(reader.next());
  });
}

Samples any_samples(RandomCase& random) {
  Samples samples;
  samples.year = 2021;
  samples.region_names = {"", "plains"};
  samples.n_seeds = random.integer(1, 3);
  SampleSeries series{"sentinel2", {"B4", "B8"}, {1, 1}, {}, {}, {}};
  const int n = random.integer(1, 30), n_dates = random.integer(1, 6);
  for (int d = 0; d < n_dates; ++d) series.dates.push_back(Date::from_ymd(2021, 1 + 2 * d, random.integer(1, 28)));
  constexpr int kPolygons = 9;
  std::vector<std::uint8_t> splits;  // [polygon][seed]
  for (int i = 0; i < kPolygons * samples.n_seeds; ++i) splits.push_back(static_cast<std::uint8_t>(random.integer(0, 3)));
  for (int i = 0; i < n; ++i) {
    samples.label.push_back(random.integer(1, 5));
    samples.polygon.push_back(random.integer(1, kPolygons));
    samples.region.push_back(random.integer(0, 1));
    samples.x.push_back(random.number(-1e6, 1e6));
    samples.y.push_back(random.number(-1e6, 1e6));
    samples.col.push_back(-1);
    samples.row.push_back(-1);
    for (int seed = 0; seed < samples.n_seeds; ++seed)
      samples.split.push_back(splits[static_cast<std::size_t>((samples.polygon.back() - 1) * samples.n_seeds + seed)]);
    for (int d = 0; d < n_dates; ++d) {
      const bool valid = random.chance(0.7);
      series.valid.push_back(valid);
      for (int b = 0; b < 2; ++b) series.values.push_back(static_cast<std::int16_t>(valid ? random.integer(-9999, 16000) : -10000));
    }
  }
  samples.series.push_back(series);
  return samples;
}

TEST(SampleLaws, AFileAndATableComeBackEqual) {
  const std::string folder = testing::temp_dir();
  for_any_input(60, [&](RandomCase& random) {
    const Samples samples = any_samples(random);
    write_samples(samples, folder + "/s.safetensors");
    const Samples read = read_samples(folder + "/s.safetensors");
    EXPECT_EQ(read.series.front().values, samples.series.front().values);
    EXPECT_EQ(read.series.front().valid, samples.series.front().valid);
    EXPECT_EQ(read.label, samples.label);
    EXPECT_EQ(read.split, samples.split);
    EXPECT_EQ(read.x, samples.x);
    write_samples_csv(samples, folder + "/s.csv");
    const TableRules as_it_stands{.statics = {"all"}, .ignored = {}, .missing = {"none"}};
    const Samples table = read_samples_csv(folder + "/s.csv", nullptr, as_it_stands);
    EXPECT_EQ(table.series.front().values, samples.series.front().values);
    EXPECT_EQ(table.label, samples.label);
    EXPECT_EQ(table.x, samples.x);
    write_samples_csv(table, folder + "/again.csv");
    write_samples_csv(read_samples_csv(folder + "/again.csv", nullptr, as_it_stands), folder + "/third.csv");
    EXPECT_EQ(read_text(folder + "/third.csv"), read_text(folder + "/again.csv"));
  });
}

ConfusionMatrix any_matrix(RandomCase& random) {
  ConfusionMatrix matrix;
  const int n = random.integer(1, 40), classes = random.integer(2, 6);
  for (int i = 0; i < n; ++i) matrix.add(random.integer(1, classes), random.integer(1, classes), random.integer(1, 1000));
  return matrix;
}

TEST(AccuracyLaws, MeasuresStayInTheirBounds) {
  for_any_input(300, [](RandomCase& random) {
    const ConfusionMatrix matrix = any_matrix(random);
    const Accuracy accuracy = measure(matrix);
    EXPECT_GE(accuracy.overall, 0);
    EXPECT_LE(accuracy.overall, 1);
    EXPECT_TRUE(std::isnan(accuracy.kappa) || accuracy.kappa <= accuracy.overall + 1e-12);  // chance never makes a map better
    for (const ClassAccuracy& c : accuracy.classes) {
      if (std::isnan(c.precision) || std::isnan(c.recall)) continue;
      EXPECT_GE(c.f_score, std::min(c.precision, c.recall) - 1e-12);
      EXPECT_LE(c.f_score, std::max(c.precision, c.recall) + 1e-12);
    }
  });
}

TEST(AccuracyLaws, MergingIsAnAdditionWhateverTheOrder) {
  for_any_input(200, [](RandomCase& random) {
    const ConfusionMatrix a = any_matrix(random), b = any_matrix(random), c = any_matrix(random);
    ConfusionMatrix left = a, right = c;
    left.merge(b), left.merge(c);
    right.merge(a), right.merge(b);
    EXPECT_EQ(left, right);
    EXPECT_EQ(left.total(), a.total() + b.total() + c.total());
  });
}

TEST(AccuracyLaws, NamesOfClassesDoNotMatter) {
  for_any_input(200, [](RandomCase& random) {
    const ConfusionMatrix matrix = any_matrix(random);
    std::vector<int> names(7);
    std::iota(names.begin(), names.end(), 10);
    std::ranges::shuffle(names, random.engine());
    ConfusionMatrix renamed;
    for (const int r : matrix.codes())
      for (const int p : matrix.codes())
        renamed.add(names[static_cast<std::size_t>(r)], names[static_cast<std::size_t>(p)], matrix.count(r, p));
    EXPECT_DOUBLE_EQ(measure(renamed).overall, measure(matrix).overall);
    EXPECT_NEAR(measure(renamed).macro_f, measure(matrix).macro_f, 1e-12);
  });
}

// A region, a zone or a class may be called anything: its file lies in the folder where it belongs, has a name that any program can open,
// and is nobody else's.
TEST(FileNameLaws, NoNameLeavesItsFolderAndNoTwoNamesMeet) {
  namespace fs = std::filesystem;
  const std::vector<std::string> parts = {"..",    "/",        "\\",   ".",    "~",  "-", "_",   "a",
                                          "Alpes", "\xc3\xa9", "\xe9", "\xff", "\n", " ", "%2f", "C:"};
  std::map<std::string, std::string> name_of;  // by file
  for_any_input(2000, [&](RandomCase& random) {
    std::string name;
    const int n = random.chance(0.1) ? random.integer(60, 300) : random.integer(0, 8);
    for (int i = 0; i < n; ++i)
      if (random.chance(0.5))
        name += parts[static_cast<std::size_t>(random.integer(0, static_cast<int>(parts.size()) - 1))];
      else
        name += static_cast<char>(random.integer(0, 255));
    const std::string file = file_name_of(name);
    EXPECT_EQ(file, fs::path(file).filename().string());
    EXPECT_EQ((fs::path("/out/2021") / (file + ".tif")).lexically_normal().parent_path(), "/out/2021");
    EXPECT_FALSE(file.empty() || file == "." || file == ".." || file.front() == '-' || file.front() == '.');
    EXPECT_LE(file.size(), 80u);
    for (const char c : file) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || std::string("_-.~").find(c) != std::string::npos);
    const auto [known, added] = name_of.emplace(file, name);
    EXPECT_TRUE(added || known->second == name) << file;
  });
}

}  // namespace
}  // namespace millesime
