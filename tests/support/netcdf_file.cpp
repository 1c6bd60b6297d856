#include "tests/support/netcdf_file.h"

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>

namespace millesime::testing {
namespace {

// The classic format: https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html. Numbers are big-endian, texts and values
// are padded to four bytes.
class Bytes {
 public:
  void number(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text_ += static_cast<char>(value >> shift & 0xFF);
  }
  void integer(std::size_t value) { number(value, 4); }
  void real(double value) { number(std::bit_cast<std::uint64_t>(value), 8); }
  void pad() { text_.resize((text_.size() + 3) / 4 * 4, '\0'); }
  void name(const std::string& name) { integer(name.size()), text_ += name, pad(); }
  void attribute(const std::string& key, const std::string& value) { name(key), integer(kChar), name(value); }
  void attribute(const std::string& key, double value) { name(key), integer(kDouble), integer(1), real(value); }
  const std::string& text() const { return text_; }

  static constexpr std::size_t kChar = 2, kShort = 3, kDouble = 6, kDimensions = 10, kVariables = 11, kAttributes = 12;

 private:
  std::string text_;
};

}  // namespace

void write_netcdf(const std::string& path, const NetcdfFile& file) {
  struct Axis {
    std::string name;
    std::vector<double> values;
    std::vector<std::pair<std::string, std::string>> attributes;
  };
  const std::vector<Axis> axes = {{file.time_axis, file.times, {{"units", file.time_units}, {"calendar", file.calendar}}},
                                  {"latitude", file.latitudes, {{"units", "degrees_north"}, {"standard_name", "latitude"}}},
                                  {"longitude", file.longitudes, {{"units", "degrees_east"}, {"standard_name", "longitude"}}}};
  Bytes values;  // of every variable, one after the other
  std::vector<std::size_t> begins;
  for (const Axis& axis : axes) {
    begins.push_back(values.text().size());
    for (const double value : axis.values) values.real(value);
  }
  begins.push_back(values.text().size());
  for (std::size_t t = 0; t < file.times.size(); ++t)
    for (std::size_t row = 0; row < file.latitudes.size(); ++row)
      for (std::size_t col = 0; col < file.longitudes.size(); ++col)
        values.number(static_cast<std::uint16_t>(file.number(static_cast<int>(t), static_cast<int>(row), static_cast<int>(col))), 2);
  values.pad();

  const auto header = [&](std::size_t data) {
    Bytes bytes;
    bytes.number(0x43444601, 4);  // "CDF" and version 1
    bytes.integer(0);             // no records
    bytes.integer(Bytes::kDimensions), bytes.integer(axes.size());
    for (const Axis& axis : axes) bytes.name(axis.name), bytes.integer(axis.values.size());
    bytes.integer(0), bytes.integer(0);  // no global attributes
    bytes.integer(Bytes::kVariables), bytes.integer(axes.size() + 1);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      bytes.name(axes[i].name), bytes.integer(1), bytes.integer(i);
      bytes.integer(Bytes::kAttributes), bytes.integer(axes[i].attributes.size());
      for (const auto& [key, value] : axes[i].attributes) bytes.attribute(key, value);
      bytes.integer(Bytes::kDouble), bytes.integer(8 * axes[i].values.size()), bytes.integer(data + begins[i]);
    }
    bytes.name(file.variable), bytes.integer(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) bytes.integer(i);
    bytes.integer(Bytes::kAttributes), bytes.integer(3);
    bytes.attribute("scale_factor", file.scale), bytes.attribute("add_offset", file.offset);
    bytes.name("_FillValue"), bytes.integer(Bytes::kShort), bytes.integer(1);
    bytes.number(static_cast<std::uint16_t>(file.fill), 2), bytes.pad();
    bytes.integer(Bytes::kShort), bytes.integer(values.text().size() - begins.back()), bytes.integer(data + begins.back());
    return bytes.text();
  };
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << header(header(0).size()) << values.text();
}

}  // namespace millesime::testing
