#pragma once
// How classes become a Nomenclature, whatever file they come from: each is checked where it stands.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/class_names.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

// UserError that begins with `where` unless 1 <= code <= max_code.
int checked_code(std::int64_t code, const std::string& where, int max_code = kMaxCode);

// Nothing where the text is empty; UserError that begins with `where` for what is no colour.
std::optional<Color> colour_at(const std::string& text, const std::string& where);

class NomenclatureCollector {
 public:
  explicit NomenclatureCollector(std::string origin, int max_code = kMaxCode) : origin_(std::move(origin)), max_code_(max_code) {}

  Nomenclature nomenclature;

  // A class without colour gets one from its position. UserError that begins with `where`.
  void add_class(LandClass c, std::optional<Color> color, const std::string& where);
  void add_group(LandClass c, std::optional<Color> color, const std::string& where);
  void add_mapping(const std::string& to, int ours, std::int64_t theirs, const std::string& where);

  // Groups that are given as numbers only (CSV) become groups with that number as name.
  Nomenclature finish(bool groups_from_classes);

 private:
  void check(LandClass& c, std::map<int, std::string>& codes, const std::string& where) const;

  std::string origin_;
  int max_code_;
  std::map<int, std::string> codes_, group_codes_;
  std::map<std::string, int> names_;
  std::vector<std::string> wheres_;  // of each class
};

// iota2's own files: nomenclature.txt ("name:code", one class a line), color.txt ("code red green blue"; beside a nomenclature.txt it gives
// that its colours, alone it gives classes without names) and nomenclature.cfg (levels of classes with code, alias, colour and parent).
Nomenclature read_name_lines(const std::string& file);
Nomenclature read_level_file(const std::string& file);

}  // namespace millesime
