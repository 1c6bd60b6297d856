#include "pipeline/core/csv.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "pipeline/core/error.h"
#include "pipeline/core/other_format.h"
#include "pipeline/core/text.h"

namespace millesime {

namespace {

std::string_view line_at(std::string_view text, std::size_t position) {
  return text.substr(position, text.find('\n', position) - position);  // to the end where there is no other line
}

}  // namespace

CsvReader::CsvReader(const std::string& path) : path_(path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw UserError(join_text(path, ": cannot be opened: ", std::strerror(errno)));
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  void* address = MAP_FAILED;
  if (regular && status.st_size > 0)
    address = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int reason = errno;
  ::close(descriptor);
  if (!regular) throw UserError(path + ": not a regular file");
  if (status.st_size == 0) throw UserError(path + ": an empty file; expected a header with the names of the columns");
  if (address == MAP_FAILED) throw UserError(join_text(path, ": cannot be mapped into memory: ", std::strerror(reason)));
  base_ = static_cast<const char*>(address);
  bytes_ = static_cast<std::size_t>(status.st_size);
  ::madvise(address, bytes_, MADV_SEQUENTIAL);

  try {
    const std::string_view text(base_, bytes_);
    refuse_other_format(path, text, "a CSV file in UTF-8");
    if (text.starts_with("\xef\xbb\xbf")) position_ = 3;
    std::string_view header = line_at(text, position_);
    if (const std::string_view first = trim(header); first.size() == 5 && first.starts_with("sep=")) {  // of Excel
      separator_ = first.back();
      position_ += header.size() + 1, ++line_;
    } else {
      for (const char separator : {',', ';', '\t', '|'})
        if (header.find(separator) != std::string_view::npos) {
          separator_ = separator;
          break;
        }
    }
    if (text.find('\n') == std::string_view::npos && text.substr(0, text.size() - 1).find('\r') != std::string_view::npos)
      throw UserError(path + ": its lines end with CR alone; expected LF or CRLF, convert it with mac2unix, or: tr '\\r' '\\n'");
    if (!read_row()) throw UserError(path + ": no header with the names of the columns");
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (cells_[i].empty())
        throw UserError(join_text(path, ":", row_line_, ": column ", i + 1,
                                  " has no name; give it one, or leave it out (pandas writes its row numbers so: to_csv(index=False))"));
      if (!is_utf8(cells_[i]))
        throw UserError(
            join_text(path, ":", row_line_, ": the name of column ", i + 1, " is not UTF-8; convert the file, e.g. with iconv"));
      if (!seen.insert(cells_[i]).second) throw UserError(join_text(path, ":", row_line_, ": two columns are called ", cells_[i]));
      columns_.emplace_back(cells_[i]);
    }
  } catch (...) {
    ::munmap(const_cast<char*>(base_), bytes_);
    throw;
  }
}

CsvReader::~CsvReader() { ::munmap(const_cast<char*>(base_), bytes_); }

int CsvReader::column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name);
  return found == columns_.end() ? -1 : static_cast<int>(found - columns_.begin());
}

int CsvReader::column_in_any_case(std::string_view name) const {
  if (const int exact = column(name); exact >= 0) return exact;
  const auto is_same = [&](const std::string& other) { return lower(other) == lower(std::string(name)); };
  const auto found = std::ranges::find_if(columns_, is_same);
  return std::ranges::count_if(columns_, is_same) == 1 ? static_cast<int>(found - columns_.begin()) : -1;
}

void CsvReader::rename(std::size_t column, std::string name) { columns_.at(column) = std::move(name); }

std::string CsvReader::where(std::size_t column) const { return join_text(path_, ":", row_line_, ": column ", columns_.at(column)); }

bool CsvReader::next() {
  if (!read_row()) return false;
  if (cells_.size() != columns_.size())
    throw UserError(join_text(path_, ":", row_line_, ": ", cells_.size(), " cells, the header has ", columns_.size()));
  return true;
}

bool CsvReader::read_row() {
  cells_.clear();
  unquoted_.clear();
  const char* at = base_ + position_;
  const char* const end = base_ + bytes_;
  while (at < end && (*at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n'))) {  // empty lines
    at += *at == '\r' ? 2 : 1;
    ++line_;
  }
  row_line_ = line_;
  if (at >= end) {
    position_ = bytes_;
    return false;
  }
  while (true) {
    while (at < end && *at == ' ') ++at;
    if (at < end && *at == '"') {
      const char* first = ++at;
      bool doubled = false;
      while (true) {
        at = static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
        if (!at) throw UserError(join_text(path_, ":", row_line_, ": a quoted cell without its closing quote"));
        if (at + 1 < end && at[1] == '"') {
          doubled = true;
          at += 2;
          continue;
        }
        break;
      }
      std::string_view cell(first, static_cast<std::size_t>(at - first));
      line_ += std::ranges::count(cell, '\n');
      if (doubled) {
        std::string text;
        for (std::size_t i = 0; i < cell.size(); ++i) {
          text += cell[i];
          if (cell[i] == '"') ++i;
        }
        cell = unquoted_.emplace_back(std::move(text));
      }
      cells_.push_back(trim(cell));
      ++at;
      while (at < end && (*at == ' ' || *at == '\r')) ++at;
      if (at < end && *at != separator_ && *at != '\n')
        throw UserError(join_text(path_, ":", line_, ": text after the closing quote of cell ", cells_.size()));
    } else {
      const char* first = at;
      while (at < end && *at != separator_ && *at != '\n') ++at;
      cells_.push_back(trim({first, static_cast<std::size_t>(at - first)}));
    }
    if (at < end && *at == separator_) {
      ++at;
      continue;
    }
    if (at < end) {
      ++at;
      ++line_;
    }
    position_ = static_cast<std::size_t>(at - base_);
    return true;
  }
}

std::string csv_cell(std::string_view text) {
  const bool quote = text.find_first_of(",;\t\"\r\n") != std::string_view::npos || text != trim(text);
  if (!quote) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) {
    if (c == '"') cell += '"';
    cell += c;
  }
  return cell + "\"";
}

}  // namespace millesime
