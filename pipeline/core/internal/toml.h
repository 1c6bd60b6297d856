#pragma once
// The one include of toml++. Its assertions are off in every build: some of them hold for well-formed text only ("[" and a control
// character), which the parser itself rejects with a message a few lines later.

#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>
