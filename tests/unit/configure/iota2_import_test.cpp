#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "pipeline/configure/iota2_import.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/config.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

const std::string kClasses = "  nomenclaturePath : 'names.txt'\n  S2Path : 'l2a'\n";

struct Import : ::testing::Test {
  std::string folder = testing::temp_dir();

  Import() {
    write_text(folder + "/names.txt", "wheat:1\nforest:7\n");
    write_text(folder + "/palette.txt", "0 0 0 0\n1 255 170 0\n7 0 100 0\n");
    std::filesystem::create_directories(folder + "/l2a/T31TCJ");
  }
  ImportedConfig import(const std::string& text, int year = 2021) {
    write_text(folder + "/i2.cfg", text);
    const ImportCommand command{.config = folder + "/i2.cfg", .output = folder + "/run.toml", .year = year};
    const ImportedConfig imported = import_iota2(command);
    write_import(command, imported);
    return imported;
  }
  Config config() { return Config::load(folder + "/run.toml", {}); }
  std::string refusal(const std::string& text, int year = 2021) {
    return testing::message_of([&] { import(text, year); });
  }
};

TEST_F(Import, BothGenerationsMeanTheSame) {
  const std::string old =
      "# 2020\nchain:\n{\n" + kClasses +
      "  listTile : 'T31TCJ T30TYP' # two\n  groundTruth:'r.shp'\n  dataField : 'CODE'\n  runs : 2\n  ratio : 0.6\n"
      "  merge_final_classifications : True\n  merge_final_classifications_method : 'dempstershafer'\n"
      "  merge_final_classifications_ratio : 0.1\n}\nargTrain:\n{\n  sampleSelection : {\"sampler\":\"random\",\n"
      "    \"strategy\":\"percent\", \"strategy.percent.p\":0.2}\n  classifier : 'rf'\n"
      "  options : ' -classifier.rf.min 7 -classifier.rf.max 25 -classifier.rf.ra 0. '\n}\nGlobChain : { proj : \"EPSG:2154\" }\n";
  const std::string now = "chain = {\n" + kClasses +
                          "  list_tile = \"T31TCJ T30TYP\";\n  ground_truth = 'r.shp', data_field = CODE\n  proj : 2154\n}\n"
                          "arg_train : { runs : 2; ratio : 0.6\n  sample_selection : {sampler:random\n strategy:percent\n "
                          "\"strategy.percent.p\" : 0.2}\n classifier : \"rf\"\n otb_classifier_options : {'classifier.rf.min' : 7, "
                          "'classifier.rf.max' : 25} }\narg_classification : { merge_final_classifications : True\n"
                          "merge_final_classifications_method : dempstershafer // fused\n merge_final_classifications_ratio : 0.1 }\n";
  for (const std::string& text : {old, now}) {
    const ImportedConfig imported = import(text);
    const Config made = config();
    EXPECT_EQ(made.year, 2021);
    ASSERT_EQ(made.sources.size(), 1u);
    EXPECT_EQ(made.sources[0].sensor, "sentinel2_theia");
    EXPECT_EQ(made.sources[0].root, folder + "/l2a");
    EXPECT_EQ(made.tiles.names, (std::vector<std::string>{"T31TCJ", "T30TYP"}));
    EXPECT_EQ(made.reference.path, folder + "/r.shp");
    EXPECT_EQ(made.reference.class_field, "CODE");
    EXPECT_EQ(made.reference.seeds, 2);
    EXPECT_DOUBLE_EQ(made.reference.learn_ratio, 0.6);
    EXPECT_DOUBLE_EQ(made.reference.final_ratio, 0.1);
    EXPECT_EQ(made.sample.strategy, "percent");
    EXPECT_DOUBLE_EQ(made.sample.percent, 20);
    EXPECT_EQ(made.model.name, "random_forest");
    EXPECT_EQ(made.model.input, "regular");
    EXPECT_EQ(made.model.indices, (std::vector<std::string>{"NDVI", "NDWI", "Brightness"}));
    EXPECT_EQ(made.train.min_leaf, 7);
    EXPECT_EQ(made.train.depth, 25);
    EXPECT_EQ(made.fuse.method, "dempster-shafer");
    EXPECT_EQ(made.mosaic.crs, "EPSG:2154");
    EXPECT_FALSE(made.vectorise.enabled);
    EXPECT_NE(join_list(imported.notes, "\n").find("r.shp is not there now"), std::string::npos);
  }
}

TEST_F(Import, RulesOfSamplesAndPolygons) {
  write_text(folder + "/counts.csv", "1,200\n7;50\n");
  import("chain : {\n" + kClasses +
             "colorTable : 'palette.txt' }\narg_train : {\n sample_selection : {strategy : byclass, 'strategy.byclass.in' : 'counts.csv'}\n"
             " sample_augmentation : {activate : True, strategy : smote, 'strategy.smote.neighbors' : 3, 'samples.strategy' : minNumber,\n"
             " 'samples.strategy.minNumber' : 400, 'strategy.jitter.stdfactor' : 10}\n}\n"
             "sensors_data_interpolation : {auto_date : False}\nSentinel_2 : {start_date : '20201101', end_date : '20211031', "
             "temporal_resolution : 15, keep_bands : ['B2', 'B3']}\niota2_feature_extraction : {extract_bands : True}\n"
             "simplification : { umc1 : 12, umc2 : 4, rssize : 20, mmu : 1000, hermite : 10, clipfile : 'z.shp', clipfield : 'code' }\n",
         0);
  const Config made = config();
  EXPECT_EQ(made.train_selection.by_class, (std::vector<std::string>{"1=200", "7=50"}));
  EXPECT_EQ(made.train.oversample, "smote");
  EXPECT_EQ(made.train.oversample_to, 400);
  EXPECT_EQ(made.train.oversample_neighbours, 3);
  EXPECT_DOUBLE_EQ(made.train.oversample_jitter, 0.1);
  EXPECT_EQ(made.year, 2021) << "the middle of the time series";
  EXPECT_EQ(made.period.start, "2020-11-01");
  EXPECT_EQ(made.time.end, "2021-10-31");
  EXPECT_EQ(made.time.step_days, 15);
  EXPECT_EQ(made.sources[0].bands, (std::vector<std::string>{"B2", "B3"}));
  EXPECT_DOUBLE_EQ(made.reference.learn_ratio, 0.5) << "iota2's default";
  EXPECT_TRUE(made.regularise.enabled && made.vectorise.enabled);
  EXPECT_EQ(made.regularise.min_pixels, 12);
  EXPECT_EQ(made.regularise.min_area, "1000 m2");
  EXPECT_EQ(made.vectorise.smoothing, "hermite");
  EXPECT_EQ(made.vectorise.zones.field, "code");
  const Nomenclature classes = Nomenclature::load(made.nomenclature);
  EXPECT_EQ(classes.at(1).name, "forest");
  EXPECT_EQ(classes.at(1).color.hex(), "#006400");
}

TEST_F(Import, ANodeThatScikitLearnSplitsIsSplit) {
  import("chain : {\n" + kClasses +
         "list_tile : T31TCJ }\nscikit_models_parameters : {model_type : RandomForestClassifier\nmin_samples_split : 8}");
  EXPECT_EQ(config().train.min_leaf, 7);  // the largest node that is not split
}

TEST_F(Import, SaysWhatBecameOfEachKey) {
  const auto rows =
      import("chain : {\n" + kClasses + "cloud_threshold : 1\nlogFileLevel : DEBUG\nL8Path : None }\nargTrain : {classifier : libsvm}")
          .rows;
  const auto fate = [&](const std::string& key) {
    for (const Iota2Row& row : rows)
      if (row.key == key) return row.fate;
    throw UserError("no row " + key);
  };
  EXPECT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[2].line, 4);
  EXPECT_EQ(fate("chain.S2Path"), Fate::taken);
  EXPECT_EQ(fate("chain.cloud_threshold"), Fate::absent);
  EXPECT_EQ(fate("chain.logFileLevel"), Fate::not_needed);
  EXPECT_EQ(fate("argTrain.classifier"), Fate::absent);
  EXPECT_EQ(config().model.name, "auto");
}

TEST_F(Import, EveryKeyOfTheTableIsTakenCareOf) {
  // A key that is said to be taken over must not end as a fault of the program, whatever its value is.
  for (const Iota2Key& key : iota2_keys())
    for (const std::string& section : split_text(key.sections, ' '))
      for (const std::string& name : split_text(key.name, ' ')) {
        if (key.fate != Fate::taken || section == "chain") continue;
        const std::string text = "chain : {\n" + kClasses + "}\n" + section + " : { " + name + " : 1 }";
        std::ofstream(folder + "/i2.cfg") << text;
        try {
          import_iota2({.config = folder + "/i2.cfg", .output = folder + "/run.toml", .year = 2021});
        } catch (const UserError&) {
        }
      }
}

TEST_F(Import, RefusesWithTheLine) {
  const std::string chain = "chain : {\n" + kClasses + "}\n";
  EXPECT_EQ(refusal("chain : {\n" + kClasses + " listTiles : 'T31TCJ'\n}"),
            (folder + "/i2.cfg") + ":4: iota2 has no key \"chain.listTiles\"; did you mean \"list_tile\"?");
  EXPECT_NE(refusal(chain + "argTrian : { runs : 1 }").find(":5: iota2 has no section \"argTrian\"; did you mean \"arg_train\"?"),
            std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : {\n runs : many }").find(":6: runs: expected a number, got \"many\""), std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : {\n runs : 1\n runs : 2 }").find("\"runs\" occurs twice"), std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : {\n runs : 1\n").find(":5: a { without its }"), std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : { features : ['NDVI'\n}").find("a [ without its ]"), std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : { sample_selection : {strategy : 'few'} }").find("expected all, percent, constant"),
            std::string::npos);
  EXPECT_NE(refusal(chain + "arg_train : { sample_selection : {strategi : 'all'} }").find("did you mean \"strategy\"?"), std::string::npos);
  EXPECT_NE(refusal("chain : { nomenclature_path : $base }").find("refers to another one"), std::string::npos);
  EXPECT_NE(refusal("chain : { nomenclature_path : 'names.txt' }").find("names no images"), std::string::npos);
  EXPECT_NE(refusal(chain, 0).find("says no year"), std::string::npos);
  EXPECT_NE(refusal("runs : 1").find("expected a section"), std::string::npos);
}

}  // namespace
}  // namespace millesime
