#pragma once
// Column: the numbers of a table, [row] or [row][...]: own ones, or those of a file that is mapped into memory. The latter are read from
// the disk when they are used, and never copied as a whole. A scratch column is written, too: its file has no name and ends with it.

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millesime {

// Gives the memory of mapped pages back; they are read again when they are used. Pages at the ends stay, as they may belong to others.
void release_pages(const void* first, std::size_t bytes);

// Space on the disk of `folder`, all 0. UserError if there is none.
std::shared_ptr<void> scratch_space(const std::string& folder, std::size_t bytes);

template <class T>
class Column {
 public:
  using value_type = T;
  using iterator = const T*;
  using const_iterator = const T*;

  Column() = default;
  Column(std::vector<T> values) : own_(std::move(values)) {}
  Column(std::initializer_list<T> values) : own_(values) {}
  // `file` keeps the mapping alive.
  Column(std::shared_ptr<const void> file, std::span<const T> mapped) : file_(std::move(file)), mapped_(mapped) {}

  static Column scratch(const std::string& folder, std::size_t size) {
    const auto space = scratch_space(folder, size * sizeof(T));
    Column column(space, std::span<const T>(static_cast<const T*>(space.get()), size));
    column.is_scratch_ = true;
    return column;
  }

  const T* data() const { return file_ ? mapped_.data() : own_.data(); }
  std::size_t size() const { return file_ ? mapped_.size() : own_.size(); }
  bool empty() const { return size() == 0; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }
  const T& operator[](std::size_t i) const { return data()[i]; }
  const T& front() const { return data()[0]; }
  const T& back() const { return data()[size() - 1]; }
  bool operator==(const Column& other) const { return std::ranges::equal(*this, other); }

  bool is_mapped() const { return file_ != nullptr; }
  Column part(std::size_t first, std::size_t count) const {
    if (file_) return Column(file_, mapped_.subspan(first, count));
    return Column(std::vector<T>(begin() + first, begin() + first + count));
  }
  void release() const {
    if (file_) release_pages(mapped_.data(), mapped_.size_bytes());
  }
  // Calls visit(span) for pieces in order, and gives the memory of each back where it is mapped.
  template <class Visit>
  void scan(const Visit& visit) const {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    for (std::size_t first = 0; first < size(); first += kPiece) {
      const std::span<const T> piece(data() + first, std::min(kPiece, size() - first));
      visit(piece);
      if (file_) release_pages(piece.data(), piece.size_bytes());
    }
  }

  // To change them: mapped numbers are copied first.
  std::vector<T>& edit() {
    if (file_) own_.assign(mapped_.begin(), mapped_.end()), file_ = nullptr, mapped_ = {}, is_scratch_ = false;
    return own_;
  }
  // The same without a change of size, which leaves a scratch column on the disk.
  std::span<T> space() {
    if (is_scratch_) return {const_cast<T*>(mapped_.data()), mapped_.size()};
    return edit();
  }
  void cut(std::size_t size) {  // the first ones stay
    if (is_scratch_)
      mapped_ = mapped_.first(size);
    else
      edit().resize(size);
  }
  void push_back(T value) { edit().push_back(value); }
  void assign(std::size_t n, T value) { edit().assign(n, value); }
  void resize(std::size_t n) { edit().resize(n); }
  template <class It>
  void insert(const T* where, It first, It last) {
    const auto offset = where - begin();
    auto& own = edit();
    own.insert(own.begin() + offset, first, last);
  }

 private:
  std::vector<T> own_;
  std::shared_ptr<const void> file_;
  std::span<const T> mapped_;
  bool is_scratch_ = false;
};

}  // namespace millesime
