#include <cmath>
#include <numeric>

#include <nlohmann/json.hpp>

#include "kernels/ops/index_expression.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/dates.h"
#include "pipeline/core/error.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/series.h"
#include "tests/fuzz/harness.h"
#include "tests/support/iota2_levels.h"

namespace millesime::testing {
namespace {

Samples small_samples() {
  Samples samples;
  samples.year = 2021;
  samples.region_names = {"north", "south"};
  samples.static_names = {"elevation"};
  samples.n_seeds = 2;
  samples.label = {1, 2, 1};
  samples.polygon = {10, 11, 12};
  samples.region = {0, 1, 1};
  samples.x = {1.5, 2.5, 3.5}, samples.y = {-1, -2, -3};
  samples.col = {-1, -1, -1}, samples.row = {-1, -1, -1};
  samples.statics = {100.5F, NAN, 3.0F};
  samples.split = {0, 1, 1, 0, 2, 3};
  SampleSeries series;
  series.source = "sentinel2";
  series.bands = {"B4", "B8"};
  series.scale = {1, 1};
  series.dates = {Date::from_ymd(2021, 1, 5), Date::from_ymd(2021, 7, 1)};
  series.values = {100, 2000, 110, 2100, kNodata, kNodata, 120, 2200, 130, 2300, kNodata, kNodata};
  series.valid = {1, 1, 0, 1, 1, 0};
  samples.series.push_back(series);
  return samples;
}

Nomenclature small_nomenclature() {
  Nomenclature nomenclature;
  nomenclature.name = "small";
  nomenclature.groups = {{100, "Végétation", "Vegetation", {0, 255, 0}, "", 0}};
  nomenclature.classes = {{1, "Forêt", "Forest", {0, 100, 0}, "Foret", 100}, {2, "Eau", "Water", {0, 0, 255}, "Eau", 0}};
  nomenclature.mappings = {{"other", {{1, 10}, {2, 20}}}};
  return nomenclature;
}

FuzzHarness safetensors(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "safetensors";
  harness.read = [folder](const std::string& bytes) {
    const SafetensorsFile file = SafetensorsFile::open(input_file(folder, "x.safetensors", bytes));
    std::size_t sum = 0;  // every byte that a view promises is there
    for (const std::string& name : file.names()) {
      const TensorView& view = file.view(name);
      const auto n = static_cast<std::size_t>(view.elements()) * size_of(view.type);
      for (std::size_t i = 0; i < n; ++i) sum += static_cast<std::size_t>(view.data[i]);
    }
    volatile std::size_t kept = sum;  // so that the reading is not optimised away
    static_cast<void>(kept);
  };
  const std::string file = folder + "/seed.safetensors";
  write_samples(small_samples(), file);
  harness.seeds.push_back(bytes_of(file));
  const std::vector<std::int64_t> numbers{1, -2, 3, 4};
  SafetensorsWriter writer;
  writer.metadata("spec", "{}");
  writer.add<std::int64_t>("n", {2, 2}, numbers.data());
  writer.add<std::int64_t>("nothing", {0, 4}, nullptr);
  writer.write(file);
  harness.seeds.push_back(bytes_of(file));
  harness.words = {"\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"I64\"", "\"U8\"", "9223372036854775807",
                   "-1",        "[]"};
  return harness;
}

FuzzHarness samples_file(const std::string& folder) {
  FuzzHarness harness = safetensors(folder);
  harness.name = "samples_file";
  harness.seeds.resize(1);
  harness.read = [folder](const std::string& bytes) {
    const Samples samples = read_samples(input_file(folder, "samples.safetensors", bytes));
    check(samples);
    samples_summary({samples});
  };
  return harness;
}

FuzzHarness samples_table(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "samples_table";
  harness.read = [folder](const std::string& bytes) {
    const Samples samples = read_samples_csv(input_file(folder, "samples.csv", bytes));
    check(samples);
    samples_summary({samples});
  };
  const std::string file = folder + "/seed.csv";
  write_samples_csv(small_samples(), file);
  harness.seeds = {bytes_of(file), "label;B4_20210105;B8_20210105\r\n1;0.1;0.25\r\n2;;nan\r\n",
                   "label\tVV_20210105\t\"a \"\"b\"\"\"\n1\t-0.2\t7\n"};
  harness.words = {"label", "group", "split_0", "region", "_20210105",           "B4_20210230",
                   "\"\"",  "nan",   "1e308",   "-10000", "9223372036854775807", "\r\n",
                   "learn"};
  return harness;
}

FuzzHarness manifest(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "manifest";
  harness.read = [folder](const std::string& bytes) { read_manifest(input_file(folder, "x.manifest.json", bytes)); };
  const Fingerprint file{"a/b.tif", 12, 34, "0123456789abcdef0123456789abcdef"};
  write_manifest({"classify/T31TCJ", "0.1.0", {{"model.name", "\"ltae\""}}, {file}, {file}, "cpu", {{"pixels", 3}}, {"a paper"}},
                 folder + "/seed.json");
  harness.seeds = {bytes_of(folder + "/seed.json")};
  harness.words = {"\"unit\"", "\"inputs\"", "\"bytes\"", "\"modified_ns\"", "null", "-1", "1e400", "[]", "{}", "\xff"};
  return harness;
}

// The same words in the four notations that Nomenclature::load reads, told apart by the file's name.
FuzzHarness nomenclature(const std::string& folder, const std::string& notation, const std::string& ending, const std::string& seed) {
  FuzzHarness harness;
  harness.name = "nomenclature_" + notation;
  harness.read = [folder, ending](const std::string& bytes) {
    const Nomenclature read = Nomenclature::load(input_file(folder, "n" + ending, bytes));
    const Nomenclature again = Nomenclature::from_json(read.to_json(), "to_json()");  // what was accepted can be written into a model
    if (again.size() != read.size()) throw Bug("classes are lost in to_json()");
    to_text(read);
  };
  harness.seeds = {seed};
  harness.words = {"code",     "name",  "color", "group",       "class", "[[class]]", "alias", "level1",
                   "to_other", "65536", "-1",    "\"#ff00ff\"", ":",     "\xc3\xa9",  "\xff"};
  return harness;
}

FuzzHarness index_expression(const std::string&) {
  FuzzHarness harness;
  harness.name = "index_expression";
  harness.read = [](const std::string& bytes) {
    index_name(bytes);
    if (is_index_expression(bytes)) parse_index(bytes, {"B2", "B3", "B4", "B8", "B8A", "B11"});
  };
  harness.seeds = {"GCVI = B8 / B3 - 1", "SAVI2 = 1.5 * (B8 - B4) / (B8 + B4 + 0.5)", "X = -(B8A + 2*B2)/(B11 - 3e-2)"};
  harness.words = {"B8A", "B11", "(", ")", "((((", " / ", " * ", "1e308", "1e-320", "=", "--", "0"};
  return harness;
}

FuzzHarness confusion(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "confusion_csv";
  harness.read = [folder](const std::string& bytes) {
    const ConfusionMatrix matrix = read_confusion_csv(input_file(folder, "confusion.csv", bytes));
    measure(matrix);
    ConfusionMatrix twice = matrix;
    twice.merge(matrix);
  };
  const std::string file = folder + "/seed.csv";
  ConfusionMatrix matrix({1, 2, 30});
  matrix.add(1, 1, 50), matrix.add(1, 2, 3), matrix.add(2, 2, 40), matrix.add(30, 1, 7);
  write_confusion_csv(matrix, file);
  harness.seeds = {bytes_of(file), "#Reference labels (rows):2,1\n#Produced labels (columns):1,2,3\n1,2,3\n4,5,6\n"};
  harness.words = {"#Reference labels (rows):", "#Produced labels (columns):", ",", "9223372036854775807", "2147483648", "-1", "1e3", "\n"};
  return harness;
}

}  // namespace

std::vector<FuzzHarness> core_harnesses(const std::string& folder) {
  return {
      safetensors(folder),
      samples_file(folder),
      samples_table(folder),
      manifest(folder),
      nomenclature(folder, "toml", ".toml",
                   "name = \"small\"\ngroup = [{ code = 100, name = \"A\", name_en = \"B\", color = \"#b106b1\" }]\n"
                   "class = [\n{ code = 1, name = \"Forêt\", name_en = \"Forest\", color = \"#009c00\", alias = \"F\", group = 100 },\n"
                   "{ code = 2, name = \"Eau\" }]\n"),
      nomenclature(folder, "csv", ".csv",
                   "code,name,name_en,color,alias,level1,to_other\n1,Forêt,Forest,#009c00,F,,10\n2,Eau,Water,,,,20\n"),
      nomenclature(folder, "json", ".json", small_nomenclature().to_json()),
      nomenclature(folder, "lines", ".txt", "Forêt:1\nEau:2\n# comment\nBâti dense : 42\n"),
      nomenclature(folder, "colours", ".txt", "1 0 100 0\n2 0 0 255\n65535 177 6 177\n"),
      nomenclature(folder, "levels", ".cfg", kIota2Levels),
      index_expression(folder),
      confusion(folder),
  };
}

}  // namespace millesime::testing
