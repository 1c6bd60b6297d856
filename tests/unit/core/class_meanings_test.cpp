#include "pipeline/core/class_meanings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/class_groups.h"
#include "tests/support/message_of.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

Nomenclature named(const std::vector<std::string>& names) {
  Nomenclature classes;
  classes.name = "n";
  for (std::size_t i = 0; i < names.size(); ++i)
    classes.classes.push_back(
        {.code = static_cast<int>(i) + 1, .name = names[i], .name_en = {}, .color = {}, .alias = "class_" + std::to_string(i + 1)});
  return classes;
}

std::string said(const Nomenclature& a, const Nomenclature& b) { return compare_meanings({"a", a}, {"b", b}, "choose one"); }
std::string refused(const Nomenclature& a, const Nomenclature& b) {
  return testing::message_of([&] { said(a, b); });
}

TEST(ClassMeanings, NamesThatAgreeInOneLanguageAreTheSame) {
  Nomenclature both = named({"Blé", "Maïs", "Eau"});
  for (const auto& [i, english] : {std::pair{0u, "wheat"}, {1u, "maize"}, {2u, "water"}}) both.classes[i].name_en = english;
  EXPECT_EQ(said(both, named({"WHEAT", "maize ", "eau"})), "");
  EXPECT_EQ(said(both, named({"Wheat"})), "");                     // others are not there
  EXPECT_EQ(said(both, named({"class 1", "class_2", "C3"})), "");  // no names
}

TEST(ClassMeanings, OtherSpellingsAndSingleClassesAreSaid) {
  EXPECT_EQ(said(named({"Prairie", "Eau"}), named({"Prairies", "Eau"})),
            "a and b name classes of one code differently: 1 is \"Prairie\" and \"Prairies\"");
  EXPECT_THAT(said(named({"Grass", "Water", "Wood"}), named({"Pasture", "Water", "Wood"})), HasSubstr("1 is \"Grass\" and \"Pasture\""));
}

TEST(ClassMeanings, CodesThatMeanOtherClassesAreRefused) {
  const Nomenclature a = named({"Wheat", "Maize", "Water", "Wood"});
  EXPECT_THAT(refused(a, named({"Maize", "Wheat", "Water", "Wood"})),
              HasSubstr("1 is \"Wheat\" and \"Maize\", 2 is \"Maize\" and \"Wheat\"; choose one"));
  EXPECT_THAT(refused(a, named({"Roads", "Dunes", "Houses", "Wood"})), HasSubstr("choose one"));
  EXPECT_THAT(refused(named({"Class A", "Class B"}), named({"Class B", "Class A"})), HasSubstr("choose one")) << "alike, but exchanged";
}

TEST(ClassGroups, HaveCodesOfTheirOwnInMapsOfLevels) {
  Nomenclature classes = named({"Wheat", "Maize", "Water"});
  classes.groups = named({"Crops", "Other"}).classes;
  classes.classes[0].parent = classes.classes[1].parent = 1, classes.classes[2].parent = 2;
  EXPECT_THAT(testing::message_of([&] { require_groups_apart(classes); }),
              HasSubstr("nomenclature n: 1 is the code of the group \"Crops\" and of the class \"Wheat\"; maps of levels"));
  classes.groups[0].code = classes.classes[0].parent = classes.classes[1].parent = 101;
  EXPECT_THAT(testing::message_of([&] { require_groups_apart(classes); }), HasSubstr("group \"Other\" and of the class \"Maize\""));
  classes.groups[1].code = classes.classes[2].parent = 3;  // the only class of its group
  EXPECT_NO_THROW(require_groups_apart(classes));
  EXPECT_NO_THROW(require_groups_apart(Nomenclature::load("oso23")));
  EXPECT_NO_THROW(require_groups_apart(Nomenclature::load("oso17")));
}

}  // namespace
}  // namespace millesime
