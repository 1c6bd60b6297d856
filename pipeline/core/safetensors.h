#pragma once
// safetensors: named tensors and a JSON header in one file, without code (https://huggingface.co/docs/safetensors).
// Used for models and samples. It is in core, not in io, because models must not depend on GDAL.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/core/column.h"

namespace millesime {

enum class TensorType { u8, i16, i32, i64, f32, f64 };
std::size_t size_of(TensorType type);

template <class T>
struct TensorTypeOf;
template <>
struct TensorTypeOf<std::uint8_t> {
  static constexpr TensorType value = TensorType::u8;
};
template <>
struct TensorTypeOf<std::int16_t> {
  static constexpr TensorType value = TensorType::i16;
};
template <>
struct TensorTypeOf<std::int32_t> {
  static constexpr TensorType value = TensorType::i32;
};
template <>
struct TensorTypeOf<std::int64_t> {
  static constexpr TensorType value = TensorType::i64;
};
template <>
struct TensorTypeOf<float> {
  static constexpr TensorType value = TensorType::f32;
};
template <>
struct TensorTypeOf<double> {
  static constexpr TensorType value = TensorType::f64;
};

struct TensorView {
  TensorType type = TensorType::u8;
  std::vector<std::int64_t> shape;
  const std::byte* data = nullptr;
  std::int64_t elements() const;
};

// A file mapped into memory; views are valid as long as it exists.
class SafetensorsFile {
 public:
  // Checks the header's length and every type, shape, size and offset before anything is allocated or read: UserError
  // with the names of the file and the tensor for any inconsistency.
  static SafetensorsFile open(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  const std::string& path() const;
  const std::map<std::string, std::string>& metadata() const;  // "__metadata__": texts, among them JSON documents
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  const TensorView& view(const std::string& name) const;  // UserError if there is none

  // View of the requested element type and shape (-1: any size); UserError with expected and got otherwise.
  template <class T>
  const T* data(const std::string& name, const std::vector<std::int64_t>& shape) const {
    return reinterpret_cast<const T*>(require(name, TensorTypeOf<T>::value, shape).data);
  }
  // The same, which keeps the file mapped as long as it exists.
  template <class T>
  Column<T> column(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const TensorView& tensor = require(name, TensorTypeOf<T>::value, shape);
    const std::span<const T> values(reinterpret_cast<const T*>(tensor.data), static_cast<std::size_t>(tensor.elements()));
    if (!lies_in_the_file(tensor)) return std::vector<T>(values.begin(), values.end());
    return {std::shared_ptr<const void>(mapping_), values};
  }
  template <class T>
  std::vector<T> vector(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const TensorView& tensor = require(name, TensorTypeOf<T>::value, shape);
    const T* first = reinterpret_cast<const T*>(tensor.data);
    return {first, first + tensor.elements()};
  }

 private:
  struct Mapping;
  explicit SafetensorsFile(std::shared_ptr<Mapping> mapping);
  const TensorView& require(const std::string& name, TensorType type, const std::vector<std::int64_t>& shape) const;
  bool lies_in_the_file(const TensorView& tensor) const;  // one that is not aligned there is a copy in memory
  std::shared_ptr<Mapping> mapping_;
};

class SafetensorsWriter {
 public:
  void metadata(const std::string& key, const std::string& value);
  template <class T>
  void add(const std::string& name, std::vector<std::int64_t> shape, const T* values) {
    add(name, TensorTypeOf<T>::value, std::move(shape), reinterpret_cast<const std::byte*>(values));
  }
  template <class T>
  void add(const std::string& name, std::vector<std::int64_t> shape, const Column<T>& values) {
    add(name, TensorTypeOf<T>::value, std::move(shape), reinterpret_cast<const std::byte*>(values.data()), values.is_mapped());
  }
  // Not copied. `mapped`: of a file; its pages are given back when they are written.
  void add(const std::string& name, TensorType type, std::vector<std::int64_t> shape, const std::byte* values, bool mapped = false);
  void write(const std::string& path) const;  // atomic; same content, same bytes

 private:
  struct Entry {
    TensorType type;
    std::vector<std::int64_t> shape;
    const std::byte* data;
    bool mapped;
  };
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Entry> entries_;
};

}  // namespace millesime
