#include "pipeline/core/nomenclature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/iota2_levels.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::kIota2Levels;

std::string refusal(const std::string& name, const std::string& text) {
  const std::string file = testing::temp_dir() + "/" + name;
  write_text(file, text);
  try {
    Nomenclature::load(file);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

Nomenclature load_text(const std::string& name, const std::string& text) {
  const std::string file = testing::temp_dir() + "/" + name;
  write_text(file, text);
  return Nomenclature::load(file);
}

TEST(Nomenclature, TheOfficialOnesAreComplete) {
  const auto oso23 = Nomenclature::load("oso23");
  EXPECT_EQ(oso23.name, "oso23");
  EXPECT_EQ(oso23.size(), 23);
  EXPECT_EQ(oso23.max_code(), 23);
  EXPECT_EQ(oso23.groups.size(), 8u);
  EXPECT_EQ(oso23.at(7).color.hex(), "#ffab44");
  EXPECT_EQ(oso23.at(12).parent, 120);
  EXPECT_EQ(oso23.at(12).alias, "Prairie");
  for (const auto& c : oso23.classes) EXPECT_LE(c.alias.size(), 10u) << c.alias;
  const auto oso17 = Nomenclature::load("oso17");
  EXPECT_EQ(oso17.size(), 17);
  EXPECT_EQ(oso17.max_code(), 222);
}

TEST(Nomenclature, ClassesAreFoundByCodeNameAndAlias) {
  const auto oso23 = Nomenclature::load("oso23");
  for (const auto* text : {"6", " 6 ", "Céréales à paille", "CÉRÉALES À PAILLE", "straw cereals", "cerealpail"})
    EXPECT_EQ(oso23.index_of(text), 5) << text;
  for (const auto* text : {"0", "24", "-1", "6.0", "wheat", "", "99999999999999"}) EXPECT_EQ(oso23.index_of(text), std::nullopt) << text;
}

TEST(Nomenclature, SurvivesJson) {
  const auto oso23 = Nomenclature::load("oso23");
  const auto again = Nomenclature::from_json(oso23.to_json(), "model.safetensors");
  EXPECT_EQ(again.to_json(), oso23.to_json());
  EXPECT_EQ(again.at(9).name, "Maïs");
  EXPECT_EQ(again.mappings.front().codes, oso23.mappings.front().codes);
  EXPECT_THROW(Nomenclature::from_json("{\"name\": \"x\", \"classes\": [{\"code\": \"1\"}]}", "m"), UserError);
  EXPECT_THROW(Nomenclature::from_json("[1", "m"), UserError);
}

TEST(Nomenclature, ColoursOfATableAreReadOrRefused) {
  EXPECT_EQ(load_text("n.csv", "code,name,colour\n1,a,#102030\n").at(0).color.hex(), "#102030");
  EXPECT_EQ(load_text("n.csv", "code,name,red,green,blue\n1,a,16,32,255\n").at(0).color.hex(), "#1020ff");
  EXPECT_EQ(load_text("n.csv", "code,name,r,g,b\n1,a,16,32,0\n").at(0).color.hex(), "#102000");
  EXPECT_THAT(refusal("n.csv", "code,name,red,green,blue\n1,a,16,32,256\n"), HasSubstr("expected a colour from 0 to 255, got 256"));
  for (const char* column : {"couleur", "RGB", "color_hex"})
    EXPECT_THAT(refusal("n.csv", std::string("code,name,") + column + "\n1,a,#102030\n"), HasSubstr("expected colours in a column color"));
  EXPECT_THAT(refusal("n.csv", "code,name,measured\n1,a,5\n"), HasSubstr("no error"));  // no colour
  EXPECT_EQ(load_text("n.csv", "Code;Name;COLOR\n1;a;#102030\n").at(0).color.hex(), "#102030");
  EXPECT_EQ(load_text("n.csv", "code,CODE,name\n1,2,a\n").at(0).code, 1);
  EXPECT_THAT(refusal("n.csv", "Code,CODE,name\n1,2,a\n"), HasSubstr("expected the columns code and name"));
}

TEST(Nomenclature, JsonSaysWhatItLacks) {
  EXPECT_EQ(load_text("own.json", R"({"classes": [{"code": 1, "name": "a"}]})").name, "own");
  EXPECT_THAT(refusal("n.json", R"({"name": "x"})"), HasSubstr("expected {\"name\": ..., \"classes\": [{\"code\": 1"));
  EXPECT_THAT(refusal("n.json", R"([{"code": 1, "name": "a"}])"), HasSubstr("expected {\"name\""));
  EXPECT_THAT(refusal("n.json", R"({"classes": [{"code": 1}]})"), HasSubstr("class 1: expected \"code\" and \"name\", got no \"name\""));
}

TEST(Nomenclature, ConvertsThroughItsMapping) {
  const auto oso23 = Nomenclature::load("oso23"), oso17 = Nomenclature::load("oso17");
  const auto table = conversion_table(oso23, oso17);
  ASSERT_EQ(table.size(), 24u);
  EXPECT_EQ(table[0], 0);
  EXPECT_EQ(table[5], 12);
  EXPECT_EQ(table[8], 11);
  EXPECT_EQ(table[23], 51);
  try {
    conversion_table(oso17, oso23);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("oso17 cannot be converted to oso23"));
    EXPECT_THAT(error.what(), HasSubstr("11 (Culture été)"));
  }
  auto partial = oso23;
  partial.mappings[0].codes.pop_back();
  EXPECT_THROW(conversion_table(partial, oso17), UserError);
  const auto sparse = load_text("s.txt", "a:2\nb:5\n");
  EXPECT_EQ(conversion_table(sparse, sparse), (std::vector<int>{0, kNoClass, 2, kNoClass, kNoClass, 5}));
}

TEST(Nomenclature, ReadsIota2Lines) {
  const auto lines = load_text("nomenclature.txt", "\xef\xbb\xbf# classes\nUrbain dense:1\r\n\nTubercules : racines:12\n");
  EXPECT_EQ(lines.name, "nomenclature");
  ASSERT_EQ(lines.size(), 2);
  EXPECT_EQ(lines.at(0).name, "Urbain dense");
  EXPECT_EQ(lines.at(1).name, "Tubercules : racines");
  EXPECT_EQ(lines.at(1).code, 12);
  EXPECT_EQ(lines.at(1).alias, "class_12");
  EXPECT_NE(lines.at(0).color, lines.at(1).color);
}

TEST(Nomenclature, ReadsIota2Levels) {
  const auto n = load_text("nomenclature.cfg", kIota2Levels);
  EXPECT_EQ(n.name, "nomenclature");
  ASSERT_EQ(n.size(), 2);
  EXPECT_EQ(n.at(0).code, 1);
  EXPECT_EQ(n.at(0).name, "Zones denses");
  EXPECT_EQ(n.at(0).alias, "Dense");
  EXPECT_EQ(n.at(0).color.hex(), "#ff00ff");
  EXPECT_EQ(n.at(0).parent, 100);
  EXPECT_EQ(n.at(1).code, 1000);
  EXPECT_EQ(n.at(1).name, "Lacs");
  EXPECT_EQ(n.at(1).color.hex(), "#0000f0");
  EXPECT_EQ(n.at(1).parent, 200);
  ASSERT_EQ(n.groups.size(), 2u);
  EXPECT_EQ(n.groups[0].name, "Bâti");
  EXPECT_EQ(n.groups[0].color.hex(), "#aa00bb");
  EXPECT_EQ(n.groups[1].code, 200);
}

TEST(Nomenclature, OfThreeLevelsTheLastOneHasTheClassesAndTheFirstTheGroups) {
  const auto n = load_text("n.cfg",
                           "Level1: { A: {code:1} B: {code:2} }\nLevel2: { AA: {code:10 \n parent:1}, BB: {code:20, parent:2} }\n"
                           "Level3: { x: {code:255, parent:20}, y: {code:65535, parent:10} }\n");
  ASSERT_EQ(n.size(), 2);
  EXPECT_EQ(n.at(0).code, 255);
  EXPECT_EQ(n.at(0).parent, 2);
  EXPECT_EQ(n.at(1).code, 65535);
  EXPECT_EQ(n.at(1).parent, 1);
  EXPECT_EQ(load_text("flat.cfg", "Classes: { a: {code:3}, b: {code:4} }").size(), 2);
}

TEST(Nomenclature, MistakesInLevelsAreNamedWithFileAndLine) {
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:70000}\n}"), HasSubstr("a.cfg:2: code 70000; expected 1 to 65535"));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:x}\n}"), HasSubstr("a.cfg:2: code: expected a whole number, got \"x\""));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {alias:x}\n}"), HasSubstr("a.cfg:2: \"a\" has no code"));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:1, colour:x}\n}"), HasSubstr("a.cfg:2: unknown key \"colour\""));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:1, color:'red'}\n}"), HasSubstr("a.cfg:2: not a colour"));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:1}\n a: {code:2}\n}"), HasSubstr("a.cfg:3: \"a\" occurs twice, first in "));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:1}\n b: {code:1}\n}"), HasSubstr("a.cfg:3: code 1 occurs twice"));
  EXPECT_THAT(refusal("a.cfg", "Level1: { a: {code:1} }\nLevel2: {\n b: {code:2, parent:9} }"),
              HasSubstr("a.cfg:3: class 2 is in group 9"));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n a: {code:1}"), HasSubstr("a.cfg:1: a { without its }"));
  EXPECT_THAT(refusal("a.cfg", "Level1: { a: {code:1} } }"), HasSubstr("a.cfg:1: a } without its {"));
  EXPECT_THAT(refusal("a.cfg", "Level1: {\n 'a: {code:1}\n}"), HasSubstr("a.cfg:2: a text without its closing quote"));
  EXPECT_THAT(refusal("a.cfg", std::string(100, '{')), HasSubstr("too deep"));
  EXPECT_THAT(refusal("a.cfg", ""), HasSubstr("the file has no classes"));
  const std::string whole = kIota2Levels;
  for (std::size_t i = 0; i < whole.size(); i += 3)
    for (const char byte : {'{', '}', '"', '\n'}) {
      std::string bytes = whole;
      bytes[i] = byte;
      const std::string message = refusal("a.cfg", bytes);
      if (message != "no error") {
        EXPECT_THAT(message, HasSubstr("a.cfg")) << i;
      }
    }
}

TEST(Nomenclature, ReadsIota2ColorsBesideItsLinesAndAlone) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/color.txt", "0 0 0 0\n1 255 0 255\n\n256\t0 128 255 255\n9 1 2 3\n");
  write_text(folder + "/nomenclature.txt", "dense:1\nlake:256\nother:7\n");
  const auto n = Nomenclature::load(folder + "/nomenclature.txt");
  EXPECT_EQ(n.at(0).color, (Color{255, 0, 255}));
  EXPECT_EQ(n.at(1).color, (Color{0, 128, 255}));
  EXPECT_NE(n.at(2).color, (Color{}));  // one of its own
  const auto alone = Nomenclature::load(folder + "/color.txt");
  ASSERT_EQ(alone.size(), 3);
  EXPECT_EQ(alone.at(1).code, 256);
  EXPECT_EQ(alone.at(1).name, "class 256");
  EXPECT_EQ(alone.at(1).color, (Color{0, 128, 255}));
  write_text(folder + "/color.txt", "1 255 0 255\n2 256 0 0\n");
  EXPECT_THAT(refusal("nomenclature.txt", "dense:1\n"),
              HasSubstr("color.txt:2: expected \"code red green blue\", each 0 to 255, got \"2 256 0 0\""));
}

TEST(Nomenclature, AnAttributeNamesAClassOrSaysThatThereIsNone) {
  const auto oso23 = Nomenclature::load("oso23");
  for (const char* text :
       {"6", " 006 ", "6.0", "6.000", "C\u00e9r\u00e9ales \u00e0 paille", "CE\u0301RE\u0301ALES A\u0300 PAILLE", "straw cereals\u00a0"})
    EXPECT_EQ(code_of_class(text, &oso23), 6) << text;
  for (const char* text : {"", "  ", "\u00a0", "0", "0.0", "nan", "NULL", "None"}) {
    EXPECT_EQ(code_of_class(text, &oso23), 0) << text;
    EXPECT_EQ(code_of_class(text, nullptr), 0) << text;
  }
  for (const char* text : {"24", "6.4", "-1", "wheat", "4294967302", "0x6"}) EXPECT_EQ(code_of_class(text, &oso23), std::nullopt) << text;
  EXPECT_EQ(code_of_class("1000", nullptr), 1000);
  EXPECT_EQ(code_of_class("wheat", nullptr), std::nullopt);
}

TEST(Nomenclature, NamesAreFoundInAnyCaseAndComposition) {
  const auto names =
      load_text("u.csv",
                "code,name\n1,P\u0161enica jar\u00e1\n2,\u017byto ozime\n3,\u0150szi b\u00faza\n4,\u03a3\u03b9\u03c4\u03ac\u03c1\u03b9 "
                "\u03ba\u03ae\u03c0\u03bf\u03c2\n5,\u042f\u0447\u043c\u0435\u043d\u044c \u0439\n");
  const std::pair<const char*, int> spellings[] = {
      {"P\u0160ENICA JAR\u00c1", 1},    // capitals
      {"Ps\u030cenica jara\u0301", 1},  // NFD
      {"PS\u030cENICA JARA\u0301", 1},  // both
      {"z\u0307yto OZIME", 2},
      {"o\u030bszi bu\u0301za", 3},
      {"\u03a3\u0399\u03a4\u0391\u0301\u03a1\u0399 \u039a\u0397\u0301\u03a0\u039f\u03a3", 4},  // with a final sigma
      {"\u044f\u0427\u041c\u0415\u041d\u042c \u0418\u0306", 5}};
  for (const auto& [text, code] : spellings) EXPECT_EQ(code_of_class(text, &names), code) << text;
  EXPECT_EQ(code_of_class("Psenica jara", &names), std::nullopt) << "an accent more or less is another name";
  EXPECT_THAT(refusal("u.csv", "code,name\n1,\u0161\n2,S\u030c\n"), HasSubstr("like class 1 already"));
}

TEST(Nomenclature, ATextIsANumberOnlyAsAWhole) {
  const auto habitats = load_text("h.csv", "code,name\n20,91E0\n21,22.1\n91,Alluvial forest\n");
  EXPECT_EQ(code_of_class("91E0", &habitats), 20);
  EXPECT_EQ(code_of_class("91e0 ", &habitats), 20);
  EXPECT_EQ(code_of_class("22.1", &habitats), 21);
  EXPECT_EQ(code_of_class("91", &habitats), 91);
  EXPECT_EQ(code_of_class("9.100000000000000000e+01", &habitats), 91);  // as NumPy writes it
  for (const char* text : {"9.1E1", "2E1", "0E0"}) EXPECT_EQ(code_of_class(text, &habitats), std::nullopt) << text;
  for (const char* text : {"91E0", "22.1", "1e3"}) EXPECT_EQ(code_of_class(text, nullptr), std::nullopt) << text;
  EXPECT_THAT(refusal("h.csv", "code,name\n1,11.0\n11,b\n"), HasSubstr("h.csv:2: the name \"11.0\" of class 1 reads like the code"));
}

TEST(Nomenclature, NumbersThatNoCodeCanBeAreNames) {
  const auto crops = load_text("c.csv", "code,name,alias\n1,Winter wheat,3301010101\n2,Maize,3301060000\n");
  EXPECT_EQ(code_of_class("3301060000", &crops), 2);
  EXPECT_EQ(crops.index_of("3301010101"), 0);
  EXPECT_EQ(code_of_class("3301010199", &crops), std::nullopt);
  EXPECT_EQ(Nomenclature::from_json(crops.to_json(), "m").index_of("3301060000"), 1);
  EXPECT_THAT(refusal("c.json", R"({"classes": [{"code": 100000, "name": "a"}, {"code": 3, "name": "100000"}]})"),
              HasSubstr("the name \"100000\" of class 3 is the code of another class"));
}

TEST(Nomenclature, CodesUpTo65535AreClasses) {
  const auto n =
      load_text("n.toml", "class = [{ code = 255, name = \"a\" }, { code = 256, name = \"b\" }, { code = 65535, name = \"c\" }]\n");
  EXPECT_EQ(n.max_code(), 65535);
  EXPECT_EQ(n.index_of("255"), 0);
  EXPECT_EQ(n.index_of_code(65535), 2);
  EXPECT_THAT(refusal("n.toml", "class = [{ code = 255, name = \"a\" },\n{ code = 65536, name = \"b\" }]\n"),
              HasSubstr("n.toml:2: code 65536; expected 1 to 65535"));
  EXPECT_THAT(refusal("n.csv", "code,name\n1,a\n65536,b\n"), HasSubstr("n.csv:3: code 65536; expected 1 to 65535"));
}

TEST(Nomenclature, ReadsCsvWithItsGroupsAndMappings) {
  const auto table = load_text("t.csv", "code,name_fr,hex,level1,to_oso17,note\r\n1,\"Blé, dur\",ff8800,10,12,x\r\n2,Eau,,20,,\r\n");
  ASSERT_EQ(table.size(), 2);
  EXPECT_EQ(table.at(0).name, "Blé, dur");
  EXPECT_EQ(table.at(0).color, (Color{255, 136, 0}));
  EXPECT_EQ(table.groups.size(), 2u);
  ASSERT_EQ(table.mappings.size(), 1u);
  EXPECT_EQ(table.mappings[0].codes, (std::vector<std::pair<int, int>>{{1, 12}}));
  EXPECT_EQ(load_text("semicolon.csv", "code;name\n3;Eau, douce\n").at(0).name, "Eau, douce");
}

TEST(Nomenclature, MistakesAreNamedWithFileAndLine) {
  EXPECT_THAT(refusal("a.txt", "a:1\nb:1\n"), HasSubstr("a.txt:2: code 1 occurs twice, first in "));
  EXPECT_THAT(refusal("a.txt", "a:1\nA :2\n"), HasSubstr("a.txt:2: class 2 is called \"A\", like class 1 already"));
  EXPECT_THAT(refusal("a.txt", "a:1\n\nb\n"), HasSubstr("a.txt:3: expected \"name:code\", got \"b\""));
  EXPECT_THAT(refusal("a.txt", "a:0\n"), HasSubstr("a.txt:1: code 0; expected 1 to 65535"));
  EXPECT_THAT(refusal("a.txt", "a:65536\n"), HasSubstr("code 65536"));
  EXPECT_THAT(refusal("a.txt", "a:99999999999\n"), HasSubstr("code 99999999999"));
  EXPECT_THAT(refusal("a.txt", ":3\n"), HasSubstr("class 3 has no name"));
  EXPECT_THAT(refusal("a.txt", "7:3\n"), HasSubstr("reads like the code of another class"));
  EXPECT_THAT(refusal("a.txt", "for\xeats:3\n"), HasSubstr("a.txt:1: not UTF-8"));
  EXPECT_THAT(refusal("a.txt", ""), HasSubstr("the file has no classes"));
  EXPECT_THAT(refusal("a.txt", "# nothing\n"), HasSubstr("the file has no classes"));
  EXPECT_THAT(refusal("a.csv", ""), HasSubstr("empty file"));
  EXPECT_THAT(refusal("a.csv", "code,label\n1,a\n"), HasSubstr("expected the columns code and name (or name_fr), got code, label"));
  EXPECT_THAT(refusal("a.csv", "code,name,hex\n1,a,ff00\n"), HasSubstr("a.csv:2: not a colour: \"ff00\""));
  EXPECT_THAT(refusal("a.csv", "code,name\n1,a,b\n"), HasSubstr("a.csv:2: 3 cells, the header has 2"));
  EXPECT_THAT(refusal("a.csv", "code,name\nx,a\n"), HasSubstr("a.csv:2: column code: expected a whole number, got \"x\""));
  EXPECT_THAT(refusal("a.toml", "class = [\n { code = 1, name = \"a\" },\n { code = 1, name = \"b\" } ]\n"),
              HasSubstr("a.toml:3: code 1 occurs twice"));
  EXPECT_THAT(refusal("a.toml", "class = [ { code = 1, name = \"a\", colour = \"#ff0000\" } ]\n"),
              HasSubstr("a.toml:1: unknown key \"colour\"; did you mean \"color\"?"));
  EXPECT_THAT(refusal("a.toml", "class = [ { code = 1, name = \"a\", color = \"red\" } ]\n"), HasSubstr("a.toml:1: not a colour: \"red\""));
  EXPECT_THAT(refusal("a.toml", "class = [ { code = 1, name = \"a\", group = 3 } ]\n"),
              HasSubstr("group 3, which the file does not define"));
  EXPECT_THAT(refusal("a.toml", "class = [ { code = \"1\", name = \"a\" } ]\n"), HasSubstr("code: expected a whole number"));
  EXPECT_THAT(refusal("a.toml", "class = [ { code = 1, name = 3 } ]\n"), HasSubstr("expected a text in quotes"));
  EXPECT_THAT(refusal("a.toml", "class = 3\n"), HasSubstr("expected a list of tables"));
  EXPECT_THAT(refusal("a.toml", "class = [\n"), HasSubstr("a.toml:"));
  EXPECT_THAT(refusal("a.toml", "name = \"x\"\n"), HasSubstr("the file has no classes"));
}

TEST(Nomenclature, UnknownNamesListTheKnownOnes) {
  for (const auto* name : {"oso99", "../nomenclatures/oso23", "none.toml", ""}) {
    try {
      Nomenclature::load(name);
      FAIL() << name;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("known names are lulc_slovenia, oso17, oso23"));
    }
  }
}

TEST(Nomenclature, IsShownAsATable) {
  const std::string text = to_text(Nomenclature::load("oso23"));
  EXPECT_THAT(text, HasSubstr("oso23: 23 classes\n"));
  EXPECT_THAT(text, HasSubstr("8     #ffab44  Soja"));
  EXPECT_THAT(text, HasSubstr("maps to oso17"));
}

TEST(Color, IsWrittenAsItIsRead) {
  EXPECT_EQ(Color::parse("FF8001").hex(), "#ff8001");
  for (const auto* bad : {"", "#", "ff80011", "#ff80", "gg0000", "-f8001", "0xff80"}) EXPECT_THROW(Color::parse(bad), UserError) << bad;
}

}  // namespace
}  // namespace millesime
