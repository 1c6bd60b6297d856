#pragma once
// The language in which a command writes the names of classes: one option for all of them, English by default, as publish.language is. What
// is read is understood in every language: a nomenclature is compared and looked up before its classes are named.

#include <string>
#include <utility>

#include "pipeline/core/language.h"
#include "pipeline/core/options.h"

namespace millesime {

struct NamesLanguage {
  std::string language = "en";

  void declare(Options& options) { options.add("language", &language, "language of the names of classes").choices({"en", "fr"}); }
  Nomenclature named(Nomenclature nomenclature) const { return named_in(std::move(nomenclature), language_of(language)); }
};

}  // namespace millesime
