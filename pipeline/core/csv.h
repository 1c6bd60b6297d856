#pragma once
// CSV files of RFC 4180: quoted cells, doubled quotes, CRLF or LF, a byte order mark at the start. The separator is the comma, or the
// semicolon, tab or vertical bar if the header has no comma; a line "sep=;" before the header says it, too. The file is mapped into memory;
// a row's cells are valid until the next row is read.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace millesime {

class CsvReader {
 public:
  explicit CsvReader(const std::string& path);  // reads the header; UserError if there is none, or if a name is missing or occurs twice
  ~CsvReader();
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  char separator() const { return separator_; }
  const std::string& path() const { return path_; }
  const std::vector<std::string>& columns() const { return columns_; }
  int column(std::string_view name) const;              // -1 if there is none
  int column_in_any_case(std::string_view name) const;  // that of this name, or the only one that differs in the case of letters alone
  void rename(std::size_t column, std::string name);    // of the header

  // The next row, with surrounding blanks of cells removed; empty lines are skipped. False at the end; UserError
  // for a row with another number of cells than the header, or an open quote.
  bool next();
  const std::vector<std::string_view>& cells() const { return cells_; }
  std::int64_t line() const { return row_line_; }  // where this row starts, from 1
  std::string where(std::size_t column) const;     // "file:12: column B4_20210601", for messages

 private:
  bool read_row();

  std::string path_;
  const char* base_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t position_ = 0;
  char separator_ = ',';
  std::int64_t line_ = 1, row_line_ = 0;
  std::vector<std::string> columns_;
  std::vector<std::string_view> cells_;
  std::deque<std::string> unquoted_;  // cells with doubled quotes
};

// The text as a cell: quoted if necessary.
std::string csv_cell(std::string_view text);

}  // namespace millesime
