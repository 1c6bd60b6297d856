#pragma once
// Messages of errors.

#include <string>

#include "pipeline/core/error.h"

namespace millesime::testing {

// The message of the UserError that `action` throws, or "no error".
template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace millesime::testing
