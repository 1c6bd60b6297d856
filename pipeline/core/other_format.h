#pragma once

#include <string>
#include <string_view>

namespace millesime {

// UserError where a file begins like those of a format that may hold a table, but is not read: Parquet, GeoPackage, SQLite, archives,
// UTF-16. `begin`: its first bytes; `expected`: what is read.
void refuse_other_format(const std::string& path, std::string_view begin, const std::string& expected);

}  // namespace millesime
