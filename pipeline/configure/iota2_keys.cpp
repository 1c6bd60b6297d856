#include "pipeline/configure/iota2_keys.h"

#include <algorithm>
#include <cctype>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr Fate kTaken = Fate::taken, kNotNeeded = Fate::not_needed, kAbsent = Fate::absent;
constexpr std::string_view kTrain = "chain arg_train", kMaps = "chain arg_classification",
                           kTrainOrMaps = "chain arg_train arg_classification",
                           kSensors = "Sentinel_2 Sentinel_2_S2C Sentinel_2_L3A Landsat8 Landsat8_old Landsat5_old userFeat",
                           kFeatures = "GlobChain iota2_feature_extraction sensors_data_interpolation arg_train";

}  // namespace

const std::vector<Iota2Key>& iota2_keys() {
  static const std::vector<Iota2Key> keys = {
      // what there is
      {"chain", "output_path", kTaken, "output"},
      {"chain", "nomenclature_path", kTaken, "nomenclature, with the colours of color_table"},
      {"chain", "color_table", kTaken, "nomenclature, with the names of nomenclature_path"},
      {"chain", "list_tile", kTaken, "tiles.names"},
      {"chain", "s2_path", kTaken, "source.root of sentinel2_theia"},
      {"chain", "s2_s2c_path", kTaken, "source.root of sentinel2_sen2cor"},
      {"chain", "s2_l3a_path", kTaken, "source.root of sentinel2_l3a"},
      {"chain", "l8_path", kTaken, "source.root of landsat8_theia"},
      {"chain", "s1_path", kTaken, "source.root of sentinel1_s1tiling: the folder `output` of the file that it names"},
      {"chain", "l8_path_old", kAbsent,
       "the format of tiles D0005H0002 ended in 2017; order the products again as LANDSAT8-OLITIRS, sensor landsat8_theia"},
      {"chain", "l5_path_old", kAbsent,
       "the format of tiles D0005H0002 ended in 2017; order the products again as LANDSAT5, sensor landsat5_theia"},
      {"chain", "user_feat_path", kAbsent, "one [[exogenous]] for each raster; of rasters by tile make a mosaic, e.g. with gdalbuildvrt"},
      {"chain", "s2_output_path s2_s2c_output_path s2_l3a_output_path", kNotNeeded, "nothing is written between the images and the map"},
      {"chain", "ground_truth", kTaken, "reference.path"},
      {"chain", "data_field", kTaken, "reference.class_field"},
      {"chain", "region_path", kTaken, "regions.path"},
      {"chain", "region_field", kTaken, "regions.field"},
      {"chain GlobChain", "proj", kTaken, "mosaic.crs"},
      {"chain", "spatial_resolution", kTaken, "mosaic.resolution"},
      {"chain", "srtm_path", kNotNeeded, "S1Tiling has already corrected the radar images"},
      // how it runs
      {"chain", "remove_output_path", kNotNeeded, "a new product replaces the old one when it is complete; units that are up to date stay"},
      {"chain", "check_inputs", kNotNeeded, "inputs are always checked"},
      {"chain", "first_step last_step", kNotNeeded, "`millesime run --from STAGE --to STAGE`"},
      {"chain", "logger_level log_file_level enable_console", kNotNeeded, "the terminal shows what runs; each output has a manifest"},
      {"chain", "remove_tmp_files", kNotNeeded, "no intermediate images are written; the folder work of an edition may be deleted"},
      {"chain", "jobs_path OTB_HOME", kNotNeeded, "`millesime submit CONFIG --site SITE` makes the jobs of a cluster"},
      {"chain", "output_statistics", kNotNeeded, "report.html shows confidence and validity of right and wrong pixels"},
      {"chain", "compression_algorithm compression_predictor", kNotNeeded, "publish.compression, where DEFLATE is not wanted"},
      {"chain", "minimum_required_dates", kAbsent, "models read any number of acquisitions; `millesime catalog` counts them"},
      {"chain", "from_vectordb", kNotNeeded, "`millesime samples import` reads tables of samples"},
      {"chain", "model_type", kNotNeeded, "regions are always those of region_path"},
      // samples
      {kTrain, "runs", kTaken, "reference.seeds"},
      {kTrain, "random_seed", kTaken, "reference.random_seed"},
      {kTrain, "ratio", kTaken, "reference.learn_ratio; 0.5 where iota2 has none"},
      {kTrain, "split_ground_truth", kTaken,
       "False: reference.learn_ratio = 1; a map is not validated by polygons that its model learned from"},
      {kTrain, "sample_selection", kTaken, "sample.select or train.select with its numbers; the sampler is by polygons in turn"},
      {kTrain, "sample_augmentation", kTaken,
       "train.oversample, oversample_to, oversample_by_class, oversample_jitter, oversample_neighbours"},
      {kTrain, "sample_management", kAbsent, "samples are not moved between regions; at borders the models are blended (regions.blend_m)"},
      {kTrain, "cloud_threshold validity_threshold", kAbsent,
       "pixels without any valid acquisition are left out; models know which dates of a pixel are valid"},
      {kTrain, "enable_cross_validation", kAbsent, "`millesime benchmark --samples F --folds N`"},
      {kTrain, "mode_outside_region_split", kNotNeeded, "a region has one model whatever its size: memory does not depend on the samples"},
      {kTrain,
       "annual_classes_extraction_source prev_features output_prev_features annual_crop a_crop_label_replacement crop_mix "
       "samples_classif_mix",
       kAbsent, "`millesime train --samples A B --init-from M`: samples of several years, the model of another year"},
      {kTrain, "enable_auto_context auto_context_iterations autocontext_iterations", kAbsent, "single patches are removed by [regularise]"},
      {kTrain, "force_standard_labels", kNotNeeded, "codes of classes are kept as they are"},
      {kTrain, "learning_samples_extension", kNotNeeded, "samples are .safetensors files"},
      {kTrain, "sampling_validation sample_validation", kNotNeeded, "all pixels of the test polygons are compared"},
      // models
      {"arg_train", "classifier", kTaken, "model.name for rf and sharkrf; others: choose one of `millesime model list`"},
      {"arg_train", "options otb_classifier_options", kTaken, "train.trees, train.depth, train.min_leaf of a random forest"},
      {"arg_train GlobChain", "features", kTaken, "model.indices"},
      {kFeatures, "features_from_raw_dates", kTaken, "model.input = \"raw\""},
      {"arg_train", "deep_learning_parameters", kAbsent,
       "model.name = \"ltae\", \"temporal_cnn\"... and [train]; `millesime model list` shows them"},
      {kTrainOrMaps, "dempster_shafer_sar_opt_fusion", kAbsent,
       "one model reads all sources (model.sources = [\"all\"]); or `millesime fuse --method dempster-shafer` of two maps"},
      {kTrainOrMaps, "enable_boundary_fusion", kTaken, "regions.blend_m, from the buffer sizes; without it the default of blend_m counts"},
      {kTrainOrMaps, "boundary_exterior_buffer_size boundary_interior_buffer_size", kTaken, "regions.blend_m, the larger of the two"},
      {kTrainOrMaps, "boundary_fusion_epsilon boundary_comparison_mode boundary_buffer", kNotNeeded,
       "the weights of the models sum to one everywhere; `millesime compare` compares maps"},
      // maps
      {kMaps, "classif_mode", kNotNeeded, "a region has one model; seeds are fused by [fuse]"},
      {kMaps, "pixtype", kNotNeeded, "the pixel type of a map follows from its highest code"},
      {kMaps, "no_label_management", kNotNeeded, "pixels without a label are counted by reason in the report"},
      {kMaps, "fusion_options", kNotNeeded, "fuse.method"},
      {kMaps, "enable_probability_map generate_final_probability_map", kTaken, "classify.probabilities"},
      {kMaps, "merge_final_classifications", kNotNeeded, "maps of several seeds are always fused; each is kept in work/classify"},
      {kMaps, "merge_final_classifications_method", kTaken, "fuse.method"},
      {kMaps, "merge_final_classifications_ratio", kTaken, "reference.final_ratio"},
      {kMaps, "merge_final_classifications_undecidedlabel merge_final_classifications_indecidedlabel", kNotNeeded,
       "the most confident map decides a tie; `millesime fuse --keep-undecided` marks them"},
      {kMaps, "dempstershafer_mob", kAbsent, "a production uses precision; `millesime fuse --mass` knows the others"},
      {kMaps, "keep_runs_results", kNotNeeded, "the accuracy of each seed is always in accuracy.json"},
      {kMaps, "fusion_of_classification_all_samples_validation", kNotNeeded,
       "the fused map is validated by polygons held out from every seed (reference.final_ratio)"},
      // dates and bands
      {kSensors, "start_date", kTaken, "time.start, where auto_date is False"},
      {kSensors, "end_date", kTaken, "time.end, where auto_date is False"},
      {kSensors, "temporal_resolution", kTaken, "time.step_days"},
      {kSensors, "keep_bands", kTaken, "source.bands, where extract_bands is True"},
      {kSensors, "additional_features", kAbsent, "model.indices = [\"NAME = (B8 - B4) / (B8 + B4)\"], with names of bands"},
      {kSensors, "write_reproject_resampled_input_dates_stack native_res full_pipline", kNotNeeded,
       "`millesime stack` writes series as data cubes"},
      {kSensors, "arbo patterns", kAbsent, "one [[exogenous]] for each raster"},
      {kFeatures, "auto_date", kTaken, "time.start and time.end are set where it is False"},
      {kFeatures, "extract_bands", kTaken, "source.bands is set where it is True"},
      {kFeatures, "write_outputs", kNotNeeded, "`millesime stack` writes series as data cubes"},
      {kFeatures, "use_gapfilling", kNotNeeded, "regular input is gap-filled, raw input never (model.input)"},
      {kFeatures, "use_additional_features", kAbsent, "indices of model.indices are always used"},
      {kFeatures, "copyinput copy_input", kAbsent, "bands are always read beside the indices"},
      {kFeatures, "rel_refl rel_index keep_duplicates acor_feat feature_extraction_relative", kAbsent,
       "models normalise each band; leave the indices away that are not wanted"},
      {"GlobChain", "batch_processing", kNotNeeded, "a window is read once for all dates"},
      // the 20 m map and its polygons
      {"simplification", "umc1", kTaken, "regularise.min_pixels"},
      {"simplification", "umc2", kTaken, "regularise.min_pixels_resampled"},
      {"simplification", "rssize", kTaken, "regularise.resolution"},
      {"simplification", "mmu", kTaken, "regularise.min_area, in m2"},
      {"simplification", "nomenclature", kTaken, "nomenclature: the file has names, colours and level-1 groups"},
      {"simplification", "douglas", kTaken, "vectorise.tolerance"},
      {"simplification", "hermite", kTaken, "vectorise.smoothing = \"hermite\""},
      {"simplification", "angle", kTaken, "vectorise.outline: diagonals or pixels"},
      {"simplification", "clipfile", kTaken, "vectorise.zones"},
      {"simplification", "clipfield", kTaken, "vectorise.zones_field"},
      {"simplification", "outprefix", kTaken, "vectorise.prefix"},
      {"simplification", "dozip", kTaken, "vectorise.formats = [\"zip\"]"},
      {"simplification", "clipvalue", kAbsent,
       "all zones are written; select one with `ogr2ogr -where` and give that file as vectorise.zones"},
      {"simplification", "inland", kAbsent, "sea is not cut off; clip the map with gdalwarp -cutline"},
      {"simplification", "classification confidence validity vectorize seed rastclass", kNotNeeded, "the map of the production is used"},
      {"simplification", "gridsize chunk blocksize bingdal lib64bit systemcall resample grid_size statslist lcfield outprefixe", kNotNeeded,
       "windows and memory are chosen by the program; fields and statistics are those of the product"},
      // other tools
      {"builders", "builders_class_name", kTaken,
       "I2Vectorization: regularise.enabled and vectorise.enabled; others than I2Classification are not there"},
      {"builders", "builders_paths", kNotNeeded, "stages are part of the program"},
      {"scikit_models_parameters", "model_type", kTaken, "model.name for RandomForestClassifier; others: one of `millesime model list`"},
      {"scikit_models_parameters", "n_estimators", kTaken, "train.trees"},
      {"scikit_models_parameters", "max_depth", kTaken, "train.depth"},
      {"scikit_models_parameters", "min_samples_split", kTaken, "train.min_leaf"},
      {"scikit_models_parameters", "*", kAbsent, "options of scikit-learn; `millesime model list` shows models and their parameters"},
      {"coregistration", "*", kAbsent, "images are used where their producer places them"},
      {"dim_red", "*", kAbsent, "models read all bands and dates"},
      {"external_features python_data_managing", "*", kAbsent,
       "an index is an expression of bands (model.indices); Python reads `millesime stack`"},
      {"pretrained_model", "*", kAbsent, "model.path names a trained model"},
      {"obia", "*", kAbsent, "pixels are classified; `millesime regularise` and `vectorise` make patches"},
      {"slurm task_retry_limits", "*", kNotNeeded, "`millesime submit CONFIG --site SITE` (configs/sites)"},
      {"multi_run_fusion", "*", kNotNeeded, "[fuse]"},
  };
  return keys;
}

std::string_view to_text(Fate fate) { return fate == Fate::taken ? "taken over" : fate == Fate::not_needed ? "not needed" : "not there"; }

std::string iota2_name(std::string_view name) {
  std::string plain;
  for (const char c : name)
    if (c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

namespace {

bool has_word(std::string_view words, const std::string& plain) {
  return std::ranges::any_of(split_text(words, ' '), [&](const std::string& word) { return iota2_name(word) == plain; });
}

}  // namespace

const Iota2Key& find_iota2_key(const std::string& section, const std::string& key, const std::string& where) {
  const std::string plain_section = iota2_name(section), plain = iota2_name(key);
  std::vector<std::string> sections, names;
  const Iota2Key* any = nullptr;
  for (const Iota2Key& known : iota2_keys()) {
    for (const std::string& word : split_text(known.sections, ' ')) sections.push_back(word);
    if (!has_word(known.sections, plain_section)) continue;
    if (known.name == "*")
      any = &known;
    else if (has_word(known.name, plain))
      return known;
    else
      for (const std::string& word : split_text(known.name, ' ')) names.push_back(word);
  }
  if (any) return *any;
  const auto hint = [](const std::string& plain_name, const std::vector<std::string>& known, const char* otherwise) {
    std::vector<std::string> plain_names;
    for (const std::string& name : known) plain_names.push_back(iota2_name(name));
    const auto near = std::ranges::find(plain_names, nearest_name(plain_name, plain_names));
    return near == plain_names.end() ? otherwise : "did you mean \"" + known[static_cast<std::size_t>(near - plain_names.begin())] + "\"?";
  };
  if (names.empty())
    throw UserError(join_text(where, ": iota2 has no section \"", section, "\"; ",
                              hint(plain_section, sections, "expected chain, arg_train, arg_classification...")));
  throw UserError(join_text(where, ": iota2 has no key \"", section, ".", key, "\"; ",
                            hint(plain, names, "`millesime config iota2` lists the known ones")));
}

std::string iota2_page() {
  std::string text =
      "# Coming from iota2\n\nMade from the declarations by `millesime config iota2`. `millesime import CONFIG.cfg -o run.toml` writes an "
      "iota2 configuration as one of this program. It reads the files of 2019 to 2021 (`argTrain.sampleSelection`) and those of 2022 "
      "on (`arg_train.sample_selection`): capitals and underscores make no difference. What is taken over, what is not needed and what is "
      "not there stands in the file that it writes. A key that is not in this table is an error.\n\n"
      "| section | key | | in this program |\n|---|---|---|---|\n";
  for (const Iota2Key& key : iota2_keys()) {
    const auto code = [](std::string_view words) { return "`" + join_list(split_text(words, ' '), "`, `") + "`"; };
    text += join_text("| ", code(key.sections), " | ", key.name == "*" ? "every key" : code(key.name), " | ", to_text(key.fate), " | ",
                      key.what, " |\n");
  }
  return text;
}

}  // namespace millesime
