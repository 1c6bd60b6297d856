#include "models/base/ensemble.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/class_meanings.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/special_file.h"

namespace millesime {

void add_ensemble(CLI::App& app, Program& program) {
  struct Command {
    std::vector<std::string> models;
    std::string output;
    Options declare() {
      Options o;
      o.add("models", &models, "trained models (.safetensors) of any architecture that know the same classes").path().required();
      o.add("output", &output, "model file to write").path().required();
      return o;
    }
  };
  add_command<Command>(app, program,
                       {"ensemble",
                        "Join trained models into one, the mean of their probabilities",
                        {},
                        {"millesime ensemble --models ltae.safetensors temporal_cnn.safetensors -o both.safetensors"},
                        Needs::nothing},
                       [](Command& command, const Context& context) {
                         require_writable(command.output);  // before the models are read
                         std::vector<ModelFile> members;
                         for (const auto& file : command.models) {
                           members.push_back(ModelFile::read(file));
                           const std::string note = compare_meanings(
                               {command.models.front(), members.front().spec.nomenclature}, {file, members.back().spec.nomenclature},
                               "the members of an ensemble must know the same classes: train them with one nomenclature");
                           if (!note.empty()) context.progress->note(note);
                         }
                         const ModelFile ensemble = make_ensemble(members);
                         ensemble.write(command.output);
                         std::printf("%s in %s\n", counted(ensemble.members.size(), "member").c_str(), command.output.c_str());
                         return 0;
                       });
}

}  // namespace millesime
