#pragma once
// The page of several years of maps: areas of each class over the years, and the changes between groups of classes as a flow chart; every
// chart with its table. In English or French.

#include <string>
#include <vector>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/language.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

struct YearOfMaps {
  int year = 0;
  std::string file;                 // its name
  std::string nomenclature;         // its own
  std::vector<double> mapped;       // of each class, in the page's unit
  std::vector<Estimate> estimated;  // the area on the ground, where an accuracy is known; NaN elsewhere
  bool has_intervals() const;
};

struct YearsData {
  Language language = Language::en;
  std::string title;
  std::vector<YearOfMaps> years;
  Nomenclature nomenclature;                           // of the classes in which they are compared, with names in this language
  bool in_hectares = true;                             // else pixels: the maps have no place on the earth
  std::vector<LandClass> groups;                       // level 1; classes without a group are their own
  std::vector<std::vector<std::vector<double>>> flow;  // [from one year to the next][group][group], of what every year maps
  double mapped_in_all = 0;
  std::string version;

  double moved(std::size_t step) const;  // between different groups
  int years_of(std::size_t step) const { return years[step + 1].year - years[step].year; }
};

std::string years_html(const YearsData& data);

}  // namespace millesime
