#include "pipeline/stages/simulate_zip.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"

namespace millesime::simulated {

namespace {

// Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
constexpr std::uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kDirectoryEnd = 0x06054b50;
constexpr std::uint16_t kVersionNeeded = 20;
constexpr std::uint32_t kFirstOfJanuary1980 = 0x00210000;  // DOS date in the upper half, time 00:00 in the lower

template <class Integer>
void put(std::string& bytes, Integer value) {
  for (std::size_t byte = 0; byte < sizeof value; ++byte) bytes.push_back(static_cast<char>(value >> (8 * byte) & 0xff));
}

std::uint32_t crc32(std::uint32_t crc, const char* bytes, std::size_t count) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t value = n;
      for (int bit = 0; bit < 8; ++bit) value = value & 1 ? 0xedb88320u ^ (value >> 1) : value >> 1;
      entries[n] = value;
    }
    return entries;
  }();
  crc = ~crc;
  for (std::size_t k = 0; k < count; ++k) crc = table[(crc ^ static_cast<unsigned char>(bytes[k])) & 0xff] ^ (crc >> 8);
  return ~crc;
}

// Calls use(bytes, count) for each piece of a file.
template <class Use>
void for_each_piece(const std::string& file, const Use& use) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> piece(1 << 20);
  while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())) || stream.gcount() > 0)
    use(piece.data(), static_cast<std::size_t>(stream.gcount()));
  if (!stream.eof()) throw UserError(join_text(file, ": cannot be read: ", std::strerror(errno)));
}

// The fields that a member's local header and its entry in the directory share.
std::string member_fields(std::uint32_t crc, std::uint32_t bytes, const std::string& name) {
  std::string fields;
  put(fields, kVersionNeeded);
  put(fields, std::uint16_t{0});  // flags
  put(fields, std::uint16_t{0});  // stored
  put(fields, kFirstOfJanuary1980);
  put(fields, crc);
  put(fields, bytes);  // compressed
  put(fields, bytes);  // as it is
  put(fields, static_cast<std::uint16_t>(name.size()));
  put(fields, std::uint16_t{0});  // no extra field
  return fields;
}

}  // namespace

void write_zip(const std::string& path, const std::vector<ZipMember>& members) {
  AtomicFile output(path);
  std::ofstream stream(output.temporary(), std::ios::binary);
  std::string directory;
  std::uint64_t position = 0;
  const auto append = [&](const char* bytes, std::size_t count) {
    stream.write(bytes, static_cast<std::streamsize>(count));
    position += count;
  };
  for (const ZipMember& member : members) {
    std::uint32_t crc = 0;
    std::uint64_t bytes = 0;
    for_each_piece(member.file, [&](const char* piece, std::size_t count) {
      crc = crc32(crc, piece, count);
      bytes += count;
    });
    if (position + bytes > 0xf0000000u)
      throw UserError(
          join_text(path, ": the archive would be larger than 4 GiB; simulate smaller tiles, or without a zipped product (--plain)"));
    const std::string fields = member_fields(crc, static_cast<std::uint32_t>(bytes), member.name);

    put(directory, kDirectoryEntry);
    put(directory, kVersionNeeded);
    directory += fields;
    put(directory, std::uint16_t{0});  // comment
    put(directory, std::uint16_t{0});  // disk
    put(directory, std::uint16_t{0});  // internal attributes
    put(directory, std::uint32_t{0});  // external attributes
    put(directory, static_cast<std::uint32_t>(position));
    directory += member.name;

    std::string header;
    put(header, kLocalHeader);
    header += fields + member.name;
    append(header.data(), header.size());
    for_each_piece(member.file, append);
  }
  const std::uint64_t start = position;
  append(directory.data(), directory.size());
  std::string end;
  put(end, kDirectoryEnd);
  put(end, std::uint32_t{0});  // disks
  put(end, static_cast<std::uint16_t>(members.size()));
  put(end, static_cast<std::uint16_t>(members.size()));
  put(end, static_cast<std::uint32_t>(directory.size()));
  put(end, static_cast<std::uint32_t>(start));
  put(end, std::uint16_t{0});  // comment
  append(end.data(), end.size());
  stream.close();
  if (!stream) throw UserError(join_text(path, ": cannot be written: ", std::strerror(errno)));
  output.commit();
}

}  // namespace millesime::simulated
