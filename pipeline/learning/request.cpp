#include "pipeline/learning/request.h"

#include "models/base/option_readers.h"

namespace millesime {

Options LearningRequest::declare() {
  Options o;
  o.section("");
  o.add("model", &model.name, kModelHelp).names("architecture");
  declare_start(o);
  declare_training(o);
  return o;
}

void LearningRequest::declare_start(Options& o) {
  o.add("init_from", &init_from, "trained model of the same architecture to fine-tune; classes that it knows keep their weights").path();
  o.add("validation", &validation,
        "samples to choose the best epoch and to calibrate on; default: a part of the samples, by polygon, or by block_km")
      .path();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the labels that occur")
      .names("nomenclature");
  o.add("block_km", &block_km,
        "holds out whole squares of land of this side to choose the epoch and to calibrate, where there are more than five; positions of "
        "the samples are in metres or degrees; 0: polygons")
      .unit("km")
      .range(0, 1000);
  tables.declare(o);
}

void LearningRequest::declare_training(Options& o) {
  o.section("time");
  time.step_days = 0;
  o.add("step_days", &time.step_days, "interval between the dates; 0: the samples' own dates if all files share them, else 10")
      .unit("days")
      .range(0, 366)
      .read_by(reader::kRegular);
  o.add("start", &time.start, "first date; default: the earliest of the samples").dates().read_by(reader::kRegular);
  o.add("end", &time.end, "last date; default: the latest of the samples").dates().read_by(reader::kRegular);
  time.declare_gap_fill(o);
  time.declare_axis(o);
  o.section("model");
  o.add("input", &model.input, "series as acquired (raw), on regular dates, or what the architecture prefers")
      .choices({"auto", "raw", "regular"});
  o.add("indices", &model.indices, "spectral indices in addition to the bands, for regular input; radar has VH - VV without being asked")
      .names("index");
  o.add("sources", &model.sources, kSourcesHelp);
  o.add("coordinates", &model.coordinates, kCoordinatesHelp);
  o.add("parameters", &model.parameters, "parameters of the architecture, e.g. d_model=128");
  recipe.declare(o);
  selection.declare(o);
}

}  // namespace millesime
