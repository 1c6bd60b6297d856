#pragma once
// ModelSpec: the input that a model expects and the meaning of its output. It is JSON inside the model file, so that a model that does not
// match the data is an error when it is loaded, and not a wrong map.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/nomenclature.h"
#include "pipeline/core/sample_digests.h"

namespace millesime {

enum class InputKind {
  raw,      // acquisitions as they are, on their own dates, with a validity mask
  regular,  // gap-filled on the model's target dates
};
std::string to_text(InputKind kind);            // "raw", "regular"
InputKind input_kind(const std::string& text);  // UserError otherwise

// One series of the input. A feature is a band or, in regular input, an index; bands come first.
struct SourceSpec {
  std::string name;  // "sentinel2"
  std::vector<std::string> bands;
  std::vector<std::string> indices;  // "NDVI", "GCVI = B8 / B3 - 1" (kernels/ops/indices.h); regular input only
  // One a feature, in stored numbers (indices x 1000), over the valid observations of the training set, never per date.
  // A model reads (value - mean) / deviation.
  std::vector<float> mean, deviation;
  // Of files of older programs, of models that learned from tables: as `step`, but 1 may mean the integers of a product.
  std::vector<float> scale = {};
  // Regular input: target dates of its own; empty: those of the model.
  std::vector<int> days = {};
  // One a band: physical value = stored number x step. What is read in other steps (tables of more or fewer digits, images of another unit)
  // is converted. Empty in files of older programs.
  std::vector<float> step = {};

  int features() const { return static_cast<int>(bands.size() + indices.size()); }
  std::vector<float> steps() const;  // of each band; 0: not told, of images in a file of an older program
};

// How regular input is gap-filled (kernels/ops/gap_fill.h).
struct FillSpec {
  std::string method = "linear";
  double window_days = 30;  // of moving-average
  double smoothing = 1;     // of whittaker
  bool rounded = false;     // to integers, before indices are computed: the contract of format 1
};

// Acquisitions are placed by growing degree days (pipeline/learning/thermal_time.h), not by the day of the year.
struct ThermalTime {
  std::string source;          // of the daily temperature
  double base_degrees = 0;     // deg C; colder days do not count
  double degrees_per_day = 1;  // growing degree days of a mean day of the training samples: positions are divided by it
};

// A number, or a category: its name ends in kCategory ("register:category"), and the model reads an input for each code that samples have,
// and one for codes that no sample had: 1 for the code of the pixel, 0 for the others. A missing value is read as the mean of a number, and
// as none of the codes of a category.
struct StaticSpec {
  std::string name;               // "elevation"
  float mean = 0, deviation = 1;  // of a number
  std::vector<int> codes = {};    // of a category, rising

  bool is_category() const;
  int width() const { return is_category() ? static_cast<int>(codes.size()) + 1 : 1; }  // inputs
  bool is_unknown(float value) const;                                                   // a code that no sample had
  // Writes width() inputs; `normalised`: a number as networks read it.
  void write(float value, bool normalised, float* inputs) const;
};
inline constexpr const char* kCategory = ":category";
inline constexpr int kMaxCategories = 512;

// Numbers of samples of a class.
struct ClassCount {
  int code = 0;
  std::int64_t found = 0;     // available for training
  std::int64_t selected = 0;  // of them, after selection
  std::int64_t learned = 0;   // without the held-out ones, with the samples added to rare classes
};

struct Provenance {
  struct File {
    std::string path, xxh3;
  };
  std::vector<File> samples;
  std::int64_t n_samples = 0;  // that trained, without the held-out ones
  std::int64_t n_held_out = 0;
  std::vector<ClassCount> classes;
  std::string selection, oversampling;  // the rules of selection and oversampling, in words
  std::int64_t seed = 0;
  int year = 0;                 // of the training samples; of several, that of the first file
  std::vector<int> years = {};  // where there are several
  std::string region;           // "" for all
  std::string split;            // which samples of a split learned, in words; "": not known (older files)
  std::string code;             // program version
  SampleDigests known;          // of all that taught, chose the epoch or calibrated, also of the model that fine-tuning began from
  // The model that fine-tuning began from: {"path", "xxh3", "provenance"}; null: none.
  nlohmann::json base = nullptr;
  // Of version 1, which knew rows of tables by their observations alone: they tell of the polygons of images. Older files have them.
  SampleDigests known_polygons = {};
  // First and last day of the training samples' main series, days since 1 January; {}: not known (older files).
  std::vector<int> season = {};

  nlohmann::json to_json() const;
};

struct ModelSpec {
  std::string architecture;                              // a name in models/registry.cpp
  nlohmann::json parameters = nlohmann::json::object();  // of the architecture, every one with its value
  InputKind input = InputKind::raw;
  std::vector<SourceSpec> sources;     // the first one is the main source
  FillSpec gap_fill;                   // of regular input
  std::optional<ThermalTime> thermal;  // of raw input; none: positions are days since 1 January
  std::vector<int> days;               // target dates of regular input: days since 1 January of the mapped year (may be negative)
  std::vector<StaticSpec> statics;
  std::vector<int> classes;   // code of each output, in the order of the nomenclature
  Nomenclature nomenclature;  // may hold classes that the model does not know
  std::vector<std::string> papers;
  Provenance provenance;
  nlohmann::json metrics = nlohmann::json::object();
  double temperature = 1;  // logits are divided by it (Guo et al. 2017)
  double sharpening = 0;   // of the probabilities after that, models/base/calibration.h
  double weight = 1;       // of a member of an ensemble, in the mean of the members' probabilities

  int n_classes() const { return static_cast<int>(classes.size()); }
  int n_statics() const;  // inputs: of a category more than one
  const std::vector<int>& days_of(std::size_t source) const { return sources[source].days.empty() ? days : sources[source].days; }

  // A parameter of the architecture; UserError if it is missing, of another type or out of range.
  int integer(const char* parameter, int min, int max) const;
  double number(const char* parameter, double min, double max) const;
  std::string choice(const char* parameter, const std::vector<std::string>& allowed) const;

  nlohmann::json to_json() const;
  // Checks every field and size; UserError starts with `origin` (the model file).
  static ModelSpec from_json(const nlohmann::json& json, const std::string& origin);

  // Position of each of the model's bands (or statics) in those of the data; UserError that names the model, the missing ones and
  // the available ones.
  std::vector<int> bands_in(const std::vector<std::string>& available, const std::string& data, int source = 0) const;
  std::vector<int> statics_in(const std::vector<std::string>& available, const std::string& data) const;
};

// Limits of a spec that is read from a file: large enough for any real model, small enough that a forged file cannot exhaust memory.
inline constexpr int kMaxFeatures = 4096, kMaxDates = 4096, kMaxClasses = 65535, kMaxWidth = 8192;

}  // namespace millesime
