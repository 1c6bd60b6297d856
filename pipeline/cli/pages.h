#pragma once
// The pages of documentation that are made from the declarations, as Markdown.

#include <string>

#include "pipeline/cli/command.h"

namespace millesime {

std::string configuration_page();                                    // configs/REFERENCE.md
std::string commands_page(const Program& program);                   // pipeline/cli/COMMANDS.md
std::string stages_page();                                           // pipeline/stages/pages/README.md
std::string stage_page(const Stage& stage, const Program& program);  // pipeline/stages/pages/NAME.md

}  // namespace millesime
