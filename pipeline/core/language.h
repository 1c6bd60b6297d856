#pragma once
// The languages that products speak: names of classes, titles, the report.

#include <string>

#include "pipeline/core/nomenclature.h"

namespace millesime {

enum class Language { en, fr };

inline Language language_of(const std::string& code) { return code == "fr" ? Language::fr : Language::en; }  // "en" or "fr"
inline const char* code_of(Language language) { return language == Language::fr ? "fr" : "en"; }

// A text, written down in all languages beside each other.
inline const char* say(Language language, const char* english, const char* french) { return language == Language::fr ? french : english; }

// The classes and groups with `name` in this language. The names of a nomenclature are those of its country, name_en where it has them.
inline Nomenclature named_in(Nomenclature nomenclature, Language language) {
  if (language == Language::en)
    for (auto* list : {&nomenclature.classes, &nomenclature.groups})
      for (LandClass& c : *list)
        if (!c.name_en.empty()) c.name = c.name_en;
  return nomenclature;
}

}  // namespace millesime
