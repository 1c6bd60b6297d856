#include "pipeline/core/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"

// The file: 8 bytes with the length of the header (little endian), the header (JSON, padded with blanks), the tensors one after the other.
// The header: {"__metadata__": {text: text}, name: {"dtype": "I16", "shape": [2, 3], "data_offsets": [begin, end]}}, offsets from the end
// of the header. The format leaves no holes between tensors and none at the end.

namespace millesime {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored in little-endian order");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // of the format's reference implementation
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kAlignment = 8;      // of the largest element
constexpr std::uint64_t kPiece = 4 << 20;  // bytes that are written at once
constexpr const char* kMetadata = "__metadata__";

struct TypeName {
  TensorType type;
  const char* name;
};
constexpr TypeName kTypes[] = {{TensorType::u8, "U8"},   {TensorType::i16, "I16"}, {TensorType::i32, "I32"},
                               {TensorType::i64, "I64"}, {TensorType::f32, "F32"}, {TensorType::f64, "F64"}};

const char* name_of(TensorType type) {
  for (const auto& known : kTypes)
    if (known.type == type) return known.name;
  throw Bug("unknown tensor type");
}

// For messages: a name from a file is data, so control characters are escaped and the length is limited.
std::string shown(const std::string& name) {
  const std::string text = nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.size() <= 200 ? text
                            : nlohmann::json(name.substr(0, 150) + "...").dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  return text + "]";
}

struct HeaderEntry {
  std::string name;
  std::string type;
  std::vector<std::uint64_t> shape, offsets;
  bool has_type = false, has_shape = false, has_offsets = false;
};

// Reads the header event by event and rejects any other structure at once, so that a hostile header cannot use much memory.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;

  bool null() override { return misplaced("null"); }
  bool boolean(bool) override { return misplaced("true or false"); }
  bool number_integer(number_integer_t value) override { return misplaced(join_text("the number ", value)); }
  bool number_float(number_float_t, const string_t& text) override { return misplaced("the number " + shown(text)); }
  bool binary(binary_t&) override { return misplaced("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (!list_) return misplaced(join_text("the number ", value));
    if (list_->size() == kMaxDimensions) fail(join_text("more than ", kMaxDimensions, " numbers in ", key_));
    list_->push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ != 2 || list_) return misplaced("the text " + shown(value));
    if (in_metadata_) {
      metadata[key_] = value;
    } else if (key_ == "dtype") {
      entries.back().type = value;
      entries.back().has_type = true;
    } else {
      return misplaced("the text " + shown(value));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (depth_ == 2 || list_) return misplaced("an object");
    ++depth_;
    keys_.clear();
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) {
      const HeaderEntry& entry = entries.back();
      if (!entry.has_type || !entry.has_shape || !entry.has_offsets) fail("expected dtype, shape and data_offsets; one of them is missing");
    }
    --depth_;
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      subject_ = name;
      in_metadata_ = name == kMetadata;
      if (!names_.insert(name).second) fail("occurs twice in the header");
      if (!in_metadata_) entries.push_back({.name = name, .type = {}, .shape = {}, .offsets = {}});
    } else {
      key_ = name;
      if (!keys_.insert(name).second) fail("the key " + shown(name) + " occurs twice");
      if (!in_metadata_ && name != "dtype" && name != "shape" && name != "data_offsets")
        fail("unknown key " + shown(name) + "; expected dtype, shape and data_offsets");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || list_ || key_ == "dtype") return misplaced("a list");
    HeaderEntry& entry = entries.back();
    list_ = key_ == "shape" ? &entry.shape : &entry.offsets;
    (key_ == "shape" ? entry.has_shape : entry.has_offsets) = true;
    return true;
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    throw UserError(
        join_text(path_, ": not a safetensors file: the header is not JSON at byte ", kLengthBytes + position, " (", error.what(), ")"));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    if (subject_.empty()) throw UserError(path_ + ": not a safetensors file: the header: " + what);
    throw UserError(join_text(path_, ": ", in_metadata_ ? "" : "tensor ", shown(subject_), ": ", what));
  }
  bool misplaced(const std::string& what) const {
    if (depth_ == 0) fail("expected an object, got " + what);
    if (depth_ == 1) fail("expected an object that describes a tensor, got " + what);
    if (in_metadata_) fail("expected a text for " + shown(key_) + ", got " + what);
    fail(join_text(key_, ": expected ", key_ == "dtype" ? "a type's name" : "a list of numbers from 0", ", got ", what));
  }

  const std::string& path_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::string subject_, key_;
  std::set<std::string> names_, keys_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

// The type, and the number of bytes of type and shape.
std::pair<TensorType, std::uint64_t> check_type_and_shape(const HeaderEntry& entry, const std::string& where) {
  const auto known = std::ranges::find(kTypes, entry.type, [](const TypeName& t) { return std::string_view(t.name); });
  if (known == std::end(kTypes))
    throw UserError(where + "type " + shown(entry.type) + "; this program reads U8, I16, I32, I64, F32 and F64");
  std::uint64_t bytes = size_of(known->type);
  const std::uint64_t limit = std::uint64_t{1} << 62;
  bool empty = false;
  for (const std::uint64_t size : entry.shape) {
    if (size > limit || (size != 0 && bytes > limit / size)) throw UserError(where + "its shape is larger than any file");
    if (size == 0)
      empty = true;
    else
      bytes *= size;
  }
  return {known->type, empty ? 0 : bytes};
}

}  // namespace

std::size_t size_of(TensorType type) {
  switch (type) {
    case TensorType::u8: return 1;
    case TensorType::i16: return 2;
    case TensorType::i32:
    case TensorType::f32: return 4;
    case TensorType::i64:
    case TensorType::f64: return 8;
  }
  throw Bug("unknown tensor type");
}

std::int64_t TensorView::elements() const {
  std::int64_t n = 1;
  for (const auto size : shape) n *= size;
  return n;
}

struct SafetensorsFile::Mapping {
  std::string path;
  std::byte* base = nullptr;
  std::size_t bytes = 0;
  std::map<std::string, std::string> metadata;
  std::map<std::string, TensorView> tensors;
  std::deque<std::vector<std::uint64_t>> realigned;  // copies of tensors that are not aligned to their element size

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (base) ::munmap(base, bytes);
  }
};

SafetensorsFile::SafetensorsFile(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

SafetensorsFile SafetensorsFile::open(const std::string& path) {
  auto mapping = std::make_shared<Mapping>();
  mapping->path = path;

  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // does not block on a pipe
  if (descriptor < 0) throw UserError(join_text(path, ": cannot be opened: ", std::strerror(errno)));
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (regular && status.st_size >= static_cast<off_t>(kLengthBytes)) {
    mapping->bytes = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, mapping->bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int reason = errno;
    if (address == MAP_FAILED) {
      ::close(descriptor);
      throw UserError(join_text(path, ": cannot be mapped into memory: ", std::strerror(reason)));
    }
    mapping->base = static_cast<std::byte*>(address);
  }
  ::close(descriptor);
  if (!regular) throw UserError(path + ": not a regular file");
  if (!mapping->base)
    throw UserError(join_text(path, ": not a safetensors file: it has ", status.st_size, " bytes; damaged or not finished?"));

  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, mapping->base, kLengthBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > mapping->bytes - kLengthBytes)
    throw UserError(join_text(path, ": not a safetensors file, or truncated: its first 8 bytes give a header of ", header_bytes,
                              " bytes, the file has ", mapping->bytes));
  const char* header = reinterpret_cast<const char*>(mapping->base) + kLengthBytes;
  if (header_bytes == 0 || header[0] != '{' || std::memchr(header, 0, header_bytes))
    throw UserError(path + ": not a safetensors file: the header is not JSON");

  HeaderReader reader(path);
  nlohmann::json::sax_parse(header, header + header_bytes, &reader);
  mapping->metadata = std::move(reader.metadata);

  std::ranges::sort(reader.entries, {}, &HeaderEntry::offsets);
  const std::uint64_t data_bytes = mapping->bytes - kLengthBytes - header_bytes;
  const std::byte* data = mapping->base + kLengthBytes + header_bytes;
  std::uint64_t end = 0;
  for (const HeaderEntry& entry : reader.entries) {
    const std::string where = path + ": tensor " + shown(entry.name) + ": ";
    const auto [type, expected_bytes] = check_type_and_shape(entry, where);
    if (entry.offsets.size() != 2 || entry.offsets[0] > entry.offsets[1])
      throw UserError(where + "expected a begin and an end in data_offsets");
    const auto [first, last] = std::pair(entry.offsets[0], entry.offsets[1]);
    if (last > data_bytes)
      throw UserError(join_text(where, "lies at bytes ", first, " to ", last, " of the data, but there are only ", data_bytes,
                                "; is the file truncated?"));
    if (last - first != expected_bytes)
      throw UserError(join_text(where, "has ", last - first, " bytes, but its type and shape need ", expected_bytes));
    if (first != end)
      throw UserError(
          join_text(where, first < end ? "overlaps" : "leaves a hole after", " the tensor before it, which ends at byte ", end));
    end = last;

    TensorView view{type, {entry.shape.begin(), entry.shape.end()}, data + first};
    if (reinterpret_cast<std::uintptr_t>(view.data) % size_of(type) != 0) {
      auto& copy = mapping->realigned.emplace_back((expected_bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t) + 1);
      std::memcpy(copy.data(), view.data, expected_bytes);
      view.data = reinterpret_cast<const std::byte*>(copy.data());
    }
    mapping->tensors.emplace(entry.name, std::move(view));
  }
  if (end != data_bytes) throw UserError(join_text(path, ": ", data_bytes - end, " bytes at the end belong to no tensor; damaged file?"));
  return SafetensorsFile(std::move(mapping));
}

const std::string& SafetensorsFile::path() const { return mapping_->path; }
const std::map<std::string, std::string>& SafetensorsFile::metadata() const { return mapping_->metadata; }

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, view] : mapping_->tensors) names.push_back(name);
  return names;
}

bool SafetensorsFile::has(const std::string& name) const { return mapping_->tensors.contains(name); }

const TensorView& SafetensorsFile::view(const std::string& name) const {
  const auto found = mapping_->tensors.find(name);
  if (found == mapping_->tensors.end()) throw UserError(join_text(mapping_->path, ": no tensor ", shown(name), " in this file"));
  return found->second;
}

const TensorView& SafetensorsFile::require(const std::string& name, TensorType type, const std::vector<std::int64_t>& shape) const {
  const TensorView& tensor = view(name);
  bool fits = tensor.type == type && tensor.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] < 0 || shape[i] == tensor.shape[i];
  if (!fits)
    throw UserError(join_text(mapping_->path, ": tensor ", shown(name), ": expected ", name_of(type), " ", shape_text(shape), ", got ",
                              name_of(tensor.type), " ", shape_text(tensor.shape)));
  return tensor;
}

bool SafetensorsFile::lies_in_the_file(const TensorView& tensor) const {
  return tensor.data >= mapping_->base && tensor.data < mapping_->base + mapping_->bytes;
}

void SafetensorsWriter::metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

void SafetensorsWriter::add(const std::string& name, TensorType type, std::vector<std::int64_t> shape, const std::byte* values,
                            bool mapped) {
  MILLESIME_CHECK(name != kMetadata && !entries_.contains(name), "tensor ", name, " is added twice or has a reserved name");
  for (const auto size : shape) MILLESIME_CHECK(size >= 0, "tensor ", name, " has a negative size");
  MILLESIME_CHECK(shape.size() <= kMaxDimensions, "tensor ", name, " has ", shape.size(), " dimensions");
  entries_.emplace(name, Entry{type, std::move(shape), values, mapped});
}

void SafetensorsWriter::write(const std::string& path) const {
  // Large elements first: every tensor is then aligned to its element size, without holes.
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& item : entries_) order.push_back(&item);
  std::ranges::stable_sort(order, std::greater{}, [](const auto* item) { return size_of(item->second.type); });

  const auto bytes_of = [](const Entry& entry) {
    return static_cast<std::uint64_t>(TensorView{entry.type, entry.shape, nullptr}.elements()) * size_of(entry.type);
  };
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata_.empty()) header[kMetadata] = metadata_;
  std::uint64_t end = 0;
  for (const auto* item : order) {
    const std::uint64_t begin = end;
    end += bytes_of(item->second);
    header[item->first] = {{"dtype", name_of(item->second.type)}, {"shape", item->second.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(path, ": cannot be written: a name or a text for its header is not UTF-8 (", error.what(), ")"));
  }
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  if (text.size() > kMaxHeaderBytes)
    throw UserError(join_text(path, ": cannot be written: its header has ", text.size(), " bytes, at most ", kMaxHeaderBytes, " fit"));

  AtomicFile file(path);
  {
    std::ofstream stream(file.temporary(), std::ios::binary);
    const std::uint64_t header_bytes = text.size();
    stream.write(reinterpret_cast<const char*>(&header_bytes), kLengthBytes);
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto* item : order)
      for (std::uint64_t at = 0, bytes = bytes_of(item->second); at < bytes;) {
        const std::uint64_t piece = std::min<std::uint64_t>(bytes - at, kPiece);
        stream.write(reinterpret_cast<const char*>(item->second.data) + at, static_cast<std::streamsize>(piece));
        if (item->second.mapped) release_pages(item->second.data + at, piece);
        at += piece;
      }
    stream.close();
    if (!stream) throw UserError(join_text(path, ": cannot be written: ", std::strerror(errno)));
  }
  file.commit();
}

}  // namespace millesime
