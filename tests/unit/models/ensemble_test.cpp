#include "models/base/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/arch/random_forest.h"
#include "models/base/training.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::quick_recipe;
using testing::small_input;
using testing::small_spec;

ModelFile trained(const std::string& name, int n_classes = 3) {
  const ModelSpec spec = small_spec(name, n_classes);
  const ModelInput input = small_input(spec, 48);
  ModelFile model = name == "random_forest" ? forest_file(spec, train_forest(spec, input, quick_recipe()))
                                            : train_network(spec, input, {}, quick_recipe(), testing::plain_run());
  model.path = name + ".safetensors";
  return model;
}

TEST(Ensemble, IsOneFileThatHoldsItsMembersAsTheyWere) {
  const std::string folder = testing::temp_dir();
  ModelFile ensemble = make_ensemble({trained("ltae"), trained("temporal_cnn"), trained("random_forest")});
  ensemble.members[1].spec.weight = 0.25;
  ensemble.write(folder + "/a.safetensors");
  const ModelFile read = ModelFile::read(folder + "/a.safetensors");
  read.write(folder + "/b.safetensors");
  EXPECT_EQ(read_text(folder + "/a.safetensors"), read_text(folder + "/b.safetensors"));
  ASSERT_EQ(read.members.size(), 3u);
  EXPECT_EQ(read.spec.architecture, kEnsemble);
  EXPECT_EQ(read.parameters(), ensemble.parameters());
  for (std::size_t m = 0; m < 3; ++m) {
    const ModelFile &member = read.members[m], &before = ensemble.members[m];
    EXPECT_EQ(member.spec.to_json(), before.spec.to_json());
    ASSERT_EQ(member.tensors.size(), before.tensors.size());
    for (const auto& [name, tensor] : before.tensors) EXPECT_EQ(member.tensors.at(name).values, tensor.values) << name;
    ASSERT_EQ(member.integers.size(), before.integers.size());
    for (const auto& [name, tensor] : before.integers) EXPECT_EQ(member.integers.at(name).values, tensor.values) << name;
  }
  EXPECT_EQ(read.spec.papers.size(), 5u);  // two of L-TAE, two of the forest
}

TEST(Ensemble, OfEnsemblesHasTheirMembers) {
  ModelFile pair = make_ensemble({trained("ltae"), trained("mlp")});
  pair.members[0].spec.weight = 1.5, pair.members[1].spec.weight = 0.5;
  const ModelFile all = make_ensemble({pair, trained("transformer")});
  ASSERT_EQ(all.members.size(), 3u);
  EXPECT_DOUBLE_EQ(all.members[0].spec.weight, 0.75);  // a half of all is of the pair, however many members it has
  EXPECT_DOUBLE_EQ(all.members[1].spec.weight, 0.25);
  EXPECT_DOUBLE_EQ(all.members[2].spec.weight, 1);
}

TEST(Ensemble, MembersThatDoNotFitAreNamed) {
  EXPECT_THAT(message_of([] { make_ensemble({trained("ltae")}); }), HasSubstr("two members"));
  EXPECT_THAT(message_of([] {
                make_ensemble({trained("ltae"), trained("mlp", 4)});
              }),
              AllOf(HasSubstr("mlp.safetensors"), HasSubstr("10 11 12 13"), HasSubstr("ltae.safetensors")));
  ModelFile other = trained("mlp");
  other.spec.sources.front().bands = {"B2", "B3", "B4"};
  EXPECT_THAT(message_of([&] { make_ensemble({trained("ltae"), other}); }), AllOf(HasSubstr("B2, B3, B4"), HasSubstr("B3, B4, B8")));
}

TEST(Ensemble, ForgedFilesAreRefused) {
  const std::string file = testing::temp_dir() + "/m.safetensors";
  const ModelFile ensemble = make_ensemble({trained("ltae"), trained("mlp")});
  const std::vector<float> number{1};
  const auto refused = [&](const nlohmann::json& members, const std::string& tensor) {
    SafetensorsWriter writer;
    writer.metadata("millesime.model", ensemble.spec.to_json().dump());
    if (!members.is_null()) writer.metadata("millesime.members", members.dump());
    writer.add(tensor, {1}, number.data());
    writer.write(file);
    return message_of([&] { ModelFile::read(file); });
  };
  const auto member = ensemble.members.front().spec.to_json();
  EXPECT_THAT(refused(nullptr, "0/x"), AllOf(HasSubstr(file), HasSubstr("millesime.members")));
  EXPECT_THAT(refused({member}, "0/x"), HasSubstr("millesime.members"));
  EXPECT_THAT(refused({member, ensemble.spec.to_json()}, "0/x"), AllOf(HasSubstr("member 1"), HasSubstr("an ensemble in an ensemble")));
  for (const char* tensor : {"x", "2/x", "-1/x", "/x"})
    EXPECT_THAT(refused({member, member}, tensor), HasSubstr("belongs to none of the 2 members")) << tensor;
}

}  // namespace
}  // namespace millesime
