#pragma once
// The classes in which maps of several years are compared. The maps may have different nomenclatures: codes that are not those of the one
// that is wanted are looked for in configs/nomenclatures, and all maps are compared in the one that the others convert to. So OSO's 17
// classes of 2016 and 2017 and its 23 classes since 2018 are compared in 17 classes, from the codes in the files.

#include <set>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

struct CodesOfMap {
  std::string file;
  std::set<int> codes;       // that occur in it
  std::string nomenclature;  // a name or a file; "": found by the codes
};

struct CommonClasses {
  Nomenclature nomenclature;
  std::vector<std::string> own;          // name of each map's nomenclature
  std::vector<std::vector<int>> tables;  // of each map: the class of each code, kNoClass for unknown ones

  // The class of a code of map `i`; UserError if it is none.
  int class_of(const std::vector<CodesOfMap>& maps, std::size_t i, int code) const;
};

// Of maps that become one: UserError where their own legends say that the same codes mean other classes, than in each other or than in the
// nomenclature that is named for the result (null: none). Small differences are noted.
void require_same_meanings(const std::vector<std::string>& files, const Nomenclature* named, const Context& context);

// UserError where the nomenclatures do not convert to a common one.
CommonClasses common_classes(const std::vector<CodesOfMap>& maps, const Nomenclature& wanted);

}  // namespace millesime
