#include "pipeline/io/internal/tiff_blocks.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <optional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace millesime {
namespace {

constexpr int kNone = 1, kDeflate = 8, kDeflateOld = 32946, kZstd = 50000;  // tag 259
constexpr std::uint64_t kMostBlocks = 1 << 24;
constexpr int kOfFloats = 3;  // tag 317

bool read_at(int file, std::uint64_t offset, void* bytes, std::size_t n) {
  auto* to = static_cast<unsigned char*>(bytes);
  while (n > 0) {
    const ssize_t got = ::pread(file, to, n, static_cast<off_t>(offset));
    if (got <= 0) return false;
    to += got, offset += static_cast<std::uint64_t>(got), n -= static_cast<std::size_t>(got);
  }
  return true;
}

// The first directory of a TIFF: its numbers by tag.
class Directory {
 public:
  Directory(int file, std::uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  bool read() {
    unsigned char head[16];
    if (!read_at(file_, 0, head, sizeof head)) return false;
    if (head[0] != head[1] || (head[0] != 'I' && head[0] != 'M')) return false;
    swapped_ = (head[0] == 'I') != (std::endian::native == std::endian::little);
    const auto version = number<std::uint16_t>(head + 2);
    big_ = version == 43;
    if (version != 42 && !(big_ && number<std::uint16_t>(head + 4) == 8)) return false;
    const std::uint64_t at = big_ ? number<std::uint64_t>(head + 8) : number<std::uint32_t>(head + 4);
    unsigned char count[8];
    const std::size_t count_bytes = big_ ? 8 : 2, entry_bytes = big_ ? 20 : 12;
    if (!read_at(file_, at, count, count_bytes)) return false;
    const std::uint64_t n = big_ ? number<std::uint64_t>(count) : number<std::uint16_t>(count);
    if (n > 1000) return false;
    std::vector<unsigned char> entries(n * entry_bytes);
    if (!read_at(file_, at + count_bytes, entries.data(), entries.size())) return false;
    for (std::uint64_t i = 0; i < n; ++i) {
      const unsigned char* entry = entries.data() + i * entry_bytes;
      Entry& known = entries_[number<std::uint16_t>(entry)];
      known.type = number<std::uint16_t>(entry + 2);
      known.count = big_ ? number<std::uint64_t>(entry + 4) : number<std::uint32_t>(entry + 4);
      std::memcpy(known.value, entry + (big_ ? 12 : 8), big_ ? 8 : 4);
    }
    return true;
  }

  bool is_swapped() const { return swapped_; }
  bool has(int tag) const { return entries_.contains(tag); }

  // Empty if there are more than `most`, or they are no whole numbers, or they lie outside of the file.
  std::vector<std::uint64_t> numbers(int tag, std::uint64_t most) const {
    const auto found = entries_.find(tag);
    if (found == entries_.end()) return {};
    const Entry& entry = found->second;
    const std::size_t width = entry.type == 1 ? 1 : entry.type == 3 ? 2 : entry.type == 4 ? 4 : entry.type == 16 ? 8 : 0;
    if (width == 0 || entry.count == 0 || entry.count > most) return {};
    const std::size_t inside = big_ ? 8 : 4, bytes = width * entry.count;
    std::vector<unsigned char> stored(std::max(bytes, sizeof entry.value));
    std::memcpy(stored.data(), entry.value, inside);
    if (bytes > inside) {
      const std::uint64_t at = big_ ? number<std::uint64_t>(entry.value) : number<std::uint32_t>(entry.value);
      if (at > file_bytes_ || bytes > file_bytes_ - at || !read_at(file_, at, stored.data(), bytes)) return {};
    }
    std::vector<std::uint64_t> values(entry.count);
    for (std::uint64_t i = 0; i < entry.count; ++i) {
      const unsigned char* from = stored.data() + i * width;
      values[i] = width == 1   ? *from
                  : width == 2 ? number<std::uint16_t>(from)
                  : width == 4 ? number<std::uint32_t>(from)
                               : number<std::uint64_t>(from);
    }
    return values;
  }
  std::uint64_t number_or(int tag, std::uint64_t otherwise) const {
    if (!has(tag)) return otherwise;
    const auto values = numbers(tag, 1);
    return values.empty() ? ~std::uint64_t{0} : values[0];
  }

 private:
  struct Entry {
    int type = 0;
    std::uint64_t count = 0;
    unsigned char value[8] = {};
  };
  template <class T>
  T number(const unsigned char* bytes) const {
    T value{};
    for (std::size_t i = 0; i < sizeof(T); ++i) {  // as in the file
      const bool little = swapped_ != (std::endian::native == std::endian::little);
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes[i]) << (8 * (little ? i : sizeof(T) - 1 - i))));
    }
    return value;
  }

  int file_;
  std::uint64_t file_bytes_;
  bool swapped_ = false, big_ = false;
  std::map<int, Entry> entries_;
};

void swap_bytes(std::uint16_t* samples, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) samples[i] = static_cast<std::uint16_t>(samples[i] << 8 | samples[i] >> 8);
}

void swap_bytes(std::uint32_t* samples, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    samples[i] = samples[i] << 24 | (samples[i] & 0xFF00) << 8 | (samples[i] >> 8 & 0xFF00) | samples[i] >> 24;
}

// Each sample becomes the sum of those before it in its row: prefix sums within a register, then the last sum of the register before.
void undo_differences(std::uint16_t* row, int n) {
  int i = 0;
  std::uint16_t before = 0;
#ifdef __SSE2__
  __m128i carry = _mm_setzero_si128();
  for (; i + 8 <= n; i += 8) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + i));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 4));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 8));
    x = _mm_add_epi16(x, carry);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i), x);
    carry = _mm_shufflehi_epi16(x, 0xFF);
    carry = _mm_unpackhi_epi64(carry, carry);
  }
  if (i > 0) before = row[i - 1];
#endif
  for (; i < n; ++i) row[i] = before = static_cast<std::uint16_t>(row[i] + before);
}

void undo_differences(std::uint8_t* row, int n) {
  int i = 0;
  std::uint8_t before = 0;
#ifdef __SSE2__
  for (; i + 16 <= n; i += 16) {
    __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + i));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 1));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 4));
    x = _mm_add_epi8(x, _mm_slli_si128(x, 8));
    x = _mm_add_epi8(x, _mm_set1_epi8(static_cast<char>(before)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i), x);
    before = row[i + 15];
  }
#endif
  for (; i < n; ++i) row[i] = before = static_cast<std::uint8_t>(row[i] + before);
}

void undo_differences(std::uint32_t* row, int n) {
  std::uint32_t before = 0;
  for (int i = 0; i < n; ++i) row[i] = before += row[i];
}

// Predictor 3 (Adobe Photoshop TIFF Technical Note 3, 2005): the differences of the bytes of a row, whose highest bytes come first, then
// the next ones, and so on.
void undo_float_differences(unsigned char* row, int n, std::vector<unsigned char>& bytes) {
  const auto count = static_cast<std::size_t>(n);
  undo_differences(row, 4 * n);
  bytes.assign(row, row + 4 * count);
  std::size_t i = 0;
#ifdef __SSE2__
  for (; i + 16 <= count; i += 16) {
    const auto of = [&](std::size_t place) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + place * count + i)); };
    const __m128i highest = of(0), high = of(1), low = of(2), lowest = of(3);
    const auto put = [&](std::size_t at, __m128i numbers) { _mm_storeu_si128(reinterpret_cast<__m128i*>(row + 4 * i + at), numbers); };
    const __m128i lower = _mm_unpacklo_epi8(lowest, low), upper = _mm_unpacklo_epi8(high, highest);
    put(0, _mm_unpacklo_epi16(lower, upper)), put(16, _mm_unpackhi_epi16(lower, upper));
    const __m128i lower_end = _mm_unpackhi_epi8(lowest, low), upper_end = _mm_unpackhi_epi8(high, highest);
    put(32, _mm_unpacklo_epi16(lower_end, upper_end)), put(48, _mm_unpackhi_epi16(lower_end, upper_end));
  }
#endif
  for (; i < count; ++i) {
    const std::uint32_t number = static_cast<std::uint32_t>(bytes[i]) << 24 | static_cast<std::uint32_t>(bytes[count + i]) << 16 |
                                 static_cast<std::uint32_t>(bytes[2 * count + i]) << 8 | bytes[3 * count + i];
    std::memcpy(row + 4 * i, &number, sizeof number);
  }
}

// Of a thread, not of a file: hundreds of files are open.
struct Inflater {
  libdeflate_decompressor* state = libdeflate_alloc_decompressor();
  std::vector<unsigned char> stored, row;
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (state) libdeflate_free_decompressor(state);
  }
};

bool decompress(const Inflater& inflater, bool is_zstd, std::uint64_t stored, void* samples, std::size_t bytes) {
  if (is_zstd) return ZSTD_decompress(samples, bytes, inflater.stored.data(), stored) == bytes;
  std::size_t got = 0;
  return inflater.state &&
         libdeflate_zlib_decompress(inflater.state, inflater.stored.data(), stored, samples, bytes, &got) == LIBDEFLATE_SUCCESS &&
         got == bytes;
}

}  // namespace

TiffBlocks::~TiffBlocks() {
  if (file_ >= 0) ::close(file_);
}

std::unique_ptr<TiffBlocks> TiffBlocks::open(const std::string& path, int width, int height, int block_width, int block_height,
                                             int sample_bytes) {
  if (path.starts_with("/vsi")) return nullptr;
  std::unique_ptr<TiffBlocks> blocks(new TiffBlocks);
  blocks->file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (blocks->file_ < 0 || !blocks->parse(width, height, block_width, block_height, sample_bytes)) return nullptr;
  return blocks;
}

bool TiffBlocks::parse(int width, int height, int block_width, int block_height, int sample_bytes) {
  struct stat status {};
  if (::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  Directory tags(file_, static_cast<std::uint64_t>(status.st_size));
  if (!tags.read()) return false;
  const auto is = [&](int tag, std::uint64_t value, std::uint64_t otherwise) { return tags.number_or(tag, otherwise) == value; };
  constexpr int kWidth = 256, kHeight = 257, kBits = 258, kCompression = 259, kPhotometric = 262, kFillOrder = 266, kSamples = 277,
                kRows = 278, kStripOffsets = 273, kStripSizes = 279, kPredictor = 317, kTileWidth = 322, kTileHeight = 323,
                kTileOffsets = 324, kTileSizes = 325, kFormat = 339;
  if (!is(kWidth, static_cast<std::uint64_t>(width), 0) || !is(kHeight, static_cast<std::uint64_t>(height), 0) ||
      !is(kBits, static_cast<std::uint64_t>(8 * sample_bytes), 1) || !is(kSamples, 1, 1) || !is(kFillOrder, 1, 1))
    return false;
  const std::uint64_t photometric = tags.number_or(kPhotometric, 0), format = tags.number_or(kFormat, 1);
  constexpr std::uint64_t kUnsigned = 1, kSigned = 2, kFloat = 3;
  const bool whole = (format == kUnsigned || format == kSigned) && (sample_bytes == 1 || sample_bytes == 2);
  const bool floats = format == kFloat && sample_bytes == 4;
  if ((photometric != 1 && photometric != 3) || (!whole && !floats)) return false;
  const std::uint64_t compression = tags.number_or(kCompression, 1), predictor = tags.number_or(kPredictor, 1);
  if (compression != kNone && compression != kDeflate && compression != kDeflateOld && compression != kZstd) return false;
  if (predictor != 1 && predictor != 2 && !(predictor == kOfFloats && floats)) return false;
  tiled_ = tags.has(kTileWidth);
  const std::uint64_t rows = std::min<std::uint64_t>(tags.number_or(kRows, ~std::uint64_t{0}), static_cast<std::uint64_t>(height));
  const bool same_shape =
      tiled_ ? is(kTileWidth, static_cast<std::uint64_t>(block_width), 0) && is(kTileHeight, static_cast<std::uint64_t>(block_height), 0)
             : block_width == width && rows == static_cast<std::uint64_t>(block_height);
  if (!same_shape || block_width <= 0 || block_height <= 0) return false;
  across_ = (width + block_width - 1) / block_width;
  const auto n = static_cast<std::uint64_t>(across_) * static_cast<std::uint64_t>((height + block_height - 1) / block_height);
  offsets_ = tags.numbers(tiled_ ? kTileOffsets : kStripOffsets, kMostBlocks);
  sizes_ = tags.numbers(tiled_ ? kTileSizes : kStripSizes, kMostBlocks);
  if (offsets_.size() != n || sizes_.size() != n) return false;
  swapped_ = tags.is_swapped();
  compression_ = static_cast<int>(compression), predictor_ = compression == kNone ? 1 : static_cast<int>(predictor);
  sample_bytes_ = sample_bytes, height_ = height, block_width_ = block_width, block_height_ = block_height;
  return true;
}

bool TiffBlocks::read(int block_col, int block_row, void* samples) {
  const auto index = static_cast<std::size_t>(block_row) * static_cast<std::size_t>(across_) + static_cast<std::size_t>(block_col);
  if (index >= offsets_.size()) return false;
  const std::uint64_t offset = offsets_[index], stored = sizes_[index];
  const int rows = tiled_ ? block_height_ : std::min(block_height_, height_ - block_row * block_height_);
  const auto row_bytes = static_cast<std::size_t>(block_width_) * static_cast<std::size_t>(sample_bytes_);
  const std::size_t bytes = row_bytes * static_cast<std::size_t>(rows);
  if (offset == 0 || stored == 0 || stored > 2 * bytes + 65536) return false;
  thread_local Inflater inflater;
  if (compression_ == kNone) {
    if (stored != bytes || !read_at(file_, offset, samples, bytes)) return false;
  } else {
    if (inflater.stored.size() < stored) inflater.stored.resize(stored);
    if (!read_at(file_, offset, inflater.stored.data(), stored) || !decompress(inflater, compression_ == kZstd, stored, samples, bytes))
      return false;
  }
  if (swapped_ && predictor_ != kOfFloats) {
    if (sample_bytes_ == 2) swap_bytes(static_cast<std::uint16_t*>(samples), bytes / 2);
    if (sample_bytes_ == 4) swap_bytes(static_cast<std::uint32_t*>(samples), bytes / 4);
  }
  for (int row = 0; predictor_ != 1 && row < rows; ++row) {
    auto* begin = static_cast<unsigned char*>(samples) + static_cast<std::size_t>(row) * row_bytes;
    if (predictor_ == kOfFloats)
      undo_float_differences(begin, block_width_, inflater.row);
    else if (sample_bytes_ == 4)
      undo_differences(reinterpret_cast<std::uint32_t*>(begin), block_width_);
    else if (sample_bytes_ == 2)
      undo_differences(reinterpret_cast<std::uint16_t*>(begin), block_width_);
    else
      undo_differences(begin, block_width_);
  }
  return true;
}

}  // namespace millesime
