#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {
namespace {

std::string numbers(const std::vector<int>& values) {
  std::vector<std::string> texts;
  for (const int value : values) texts.push_back(std::to_string(value));
  return join_list(texts, ", ");
}

std::string meaning_of(const MaskPlane& plane) {
  std::vector<std::string> parts;
  const MaskMeaning& meaning = plane.meaning;
  const auto add = [&](const char* what, const std::vector<int>& values) {
    if (!values.empty()) parts.push_back(what + (" " + numbers(values)));
  };
  add("valid only", meaning.valid_values);
  add("invalid", meaning.invalid_values);
  add("invalid bits", meaning.invalid_bits);
  add("image only where", meaning.image_values);
  add("no image", meaning.no_image_values);
  add("no image bits", meaning.no_image_bits);
  if (plane.optional) parts.emplace_back("may be absent");
  return join_list(parts, "; ");
}

void print(const SensorFile& sensor) {
  std::printf("%s: %s\nlayout %s, unit %s%s\nfile %s\n\n%-6s %-13s %-10s %s\n", sensor.name.c_str(), sensor.title.c_str(),
              sensor.layout.c_str(), to_text(sensor.unit).c_str(),
              sensor.variants.empty() ? "" : (", variants " + join_list(sensor.variants, ", ")).c_str(), sensor.origin.c_str(), "band",
              "common name", "resolution", "number of a series");
  for (const SensorBand& band : sensor.bands) {
    const Encoding& encoding = band.encoding;
    std::string text = encoding.kind == Encoding::Kind::stated ? "as in the file, or by the scale that it states"
                       : encoding.kind == Encoding::Kind::power
                           ? "10 log10(number) x 100"
                           : "number x " + fixed(encoding.factor, 6) + " + " + fixed(encoding.offset, 3);
    if (encoding.nodata) text += ", no data " + fixed(*encoding.nodata, 0);
    if (encoding.least) text += ", valid " + fixed(*encoding.least, 0) + " to " + fixed(encoding.most.value_or(0), 0);
    if (band.extra) text += "; read where a configuration names it";
    const std::string metres = band.resolution > 0 ? fixed(band.resolution, 0) + " m" : "";
    std::printf("%-6s %-13s %-10s %s\n", band.name.c_str(), band.common.c_str(), metres.c_str(), text.c_str());
  }
  if (!sensor.masks.empty()) std::printf("\n%-10s %s\n", "mask", "meaning");
  for (const SensorMask& mask : sensor.masks) std::printf("%-10s %s\n", mask.plane.name.c_str(), meaning_of(mask.plane).c_str());
}

}  // namespace

void add_sensors(CLI::App& app, Program& program) {
  CLI::App& group = add_group(app, program, {"sensors", "The sensors whose products can be read"});
  const auto list = [](bool json) {
    nlohmann::ordered_json sensors = nlohmann::ordered_json::array();
    for (const std::string& name : known_sensors()) {
      const SensorFile sensor = SensorFile::load(name);
      sensors.push_back(sensor.to_json());
      if (!json) std::printf("%-24s %-14s %s\n", name.c_str(), sensor.layout.c_str(), sensor.title.c_str());
    }
    if (json) std::cout << json_text(sensors, 1) << "\n";
    return 0;
  };
  group.require_subcommand(0, 1)->callback([&program, list] {  // without a word behind it, it lists
    if (!program.action) program.action = [list] { return list(false); };
  });
  struct List {
    bool json = false;
    Options declare() {
      Options o;
      o.add("json", &json, "as JSON");
      return o;
    }
  };
  add_command<List>(group, program,
                    {.name = "list",
                     .summary = "Every sensor of configs/sensors",
                     .positional = {},
                     .examples = {"millesime sensors list"},
                     .needs = Needs::nothing},
                    [list](List& command, const Context&) { return list(command.json); });

  struct Show {
    std::string sensor;
    bool json = false;
    Options declare() {
      Options o;
      o.add("sensor", &sensor, "a name in configs/sensors, or a file").required().names("sensor");
      o.add("json", &json, "as JSON");
      return o;
    }
  };
  add_command<Show>(group, program,
                    {.name = "show",
                     .summary = "Bands, masks and encodings of a sensor",
                     .positional = {"sensor"},
                     .examples = {"millesime sensors show sentinel2_theia"},
                     .needs = Needs::nothing},
                    [](Show& command, const Context&) {
                      const SensorFile sensor = SensorFile::load(command.sensor);
                      if (command.json)
                        std::cout << json_text(sensor.to_json(), 1) << "\n";
                      else
                        print(sensor);
                      return 0;
                    });
}

}  // namespace millesime
