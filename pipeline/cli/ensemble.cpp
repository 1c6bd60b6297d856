#include "models/base/ensemble.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_ensemble(CLI::App& app, Invocation& invocation) {
  struct Command {
    std::vector<std::string> models;
    std::string output;
    Options declare() {
      Options o;
      o.add("models", &models, "trained models (.safetensors) of any architecture that know the same classes").required();
      o.add("output", &output, "model file to write").required();
      return o;
    }
  };
  add_declared<Command>(app, invocation,
                        {"ensemble",
                         "Join trained models into one, the mean of their probabilities",
                         {},
                         {"millesime ensemble --models ltae.safetensors temporal_cnn.safetensors -o both.safetensors"}},
                        [](Command& command, const Context&) {
                          std::vector<ModelFile> members;
                          for (const auto& file : command.models) members.push_back(ModelFile::read(file));
                          const ModelFile ensemble = make_ensemble(members);
                          ensemble.write(command.output);
                          std::printf("%zu members in %s\n", ensemble.members.size(), command.output.c_str());
                          return 0;
                        });
}

}  // namespace millesime
