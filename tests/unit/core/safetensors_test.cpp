#include "pipeline/core/safetensors.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

std::string file_of(std::uint64_t header_bytes, const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &header_bytes, 8);
  return bytes + header + data;
}

std::string file_of(const std::string& header, const std::string& data) { return file_of(header.size(), header, data); }

// Without the flush to disk of write_text(): these tests write thousands of files.
void put(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);  // file systems flush a file that is overwritten
  std::ofstream stream(path, std::ios::binary);
  stream << bytes;
}

// "" when the file opens.
std::string file_refusal(const std::string& bytes) {
  const std::string path = testing::temp_dir() + "/x.safetensors";
  put(path, bytes);
  try {
    SafetensorsFile::open(path);
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(path));
    return error.what();
  }
  return "";
}

std::string example(const std::string& path) {
  const std::vector<std::int16_t> counts{1, -2, 3, 4, 5, 32767};
  const std::vector<double> position{0.5, -1e300};
  const std::vector<std::uint8_t> mask{7};
  const float scale = 0.25F;
  SafetensorsWriter writer;
  writer.metadata("spec", "{\"é\": 1}");
  writer.add<std::uint8_t>("a mask", {1}, mask.data());
  writer.add<std::int16_t>("counts", {2, 3}, counts.data());
  writer.add<double>("position", {2}, position.data());
  writer.add<float>("scale", {}, &scale);
  writer.add<std::int64_t>("nothing", {0, 4}, nullptr);
  writer.write(path);
  return read_text(path);
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const std::string path = testing::temp_dir() + "/a.safetensors";
  example(path);
  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file.metadata().at("spec"), "{\"é\": 1}");
  EXPECT_EQ(file.names(), (std::vector<std::string>{"a mask", "counts", "nothing", "position", "scale"}));
  EXPECT_EQ(file.vector<std::int16_t>("counts", {-1, 3}), (std::vector<std::int16_t>{1, -2, 3, 4, 5, 32767}));
  EXPECT_EQ(file.vector<double>("position", {2})[1], -1e300);
  EXPECT_EQ(*file.data<float>("scale", {}), 0.25F);
  EXPECT_TRUE(file.vector<std::int64_t>("nothing", {-1, 4}).empty());
}

TEST(Safetensors, SameContentGivesSameBytesAndAlignedTensors) {
  const std::string folder = testing::temp_dir(), first = example(folder + "/a.safetensors");
  EXPECT_EQ(first, example(folder + "/b.safetensors"));
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, first.data(), 8);
  EXPECT_EQ(header_bytes % 8, 0u);
  const auto file = SafetensorsFile::open(folder + "/a.safetensors");
  for (const auto& name : file.names()) {
    const auto& view = file.view(name);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.data) % size_of(view.type), 0u) << name;
  }
}

TEST(Safetensors, ATensorOfAnotherTypeOrShapeIsRefusedWithBoth) {
  const std::string path = testing::temp_dir() + "/a.safetensors";
  example(path);
  const auto file = SafetensorsFile::open(path);
  const auto message = [&](auto&& f) -> std::string {
    try {
      f();
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message([&] {
                file.data<float>("counts", {2, 3});
              }),
              HasSubstr(path + ": tensor \"counts\": expected F32 [2, 3], got I16 [2, 3]"));
  EXPECT_THAT(message([&] { file.data<std::int16_t>("counts", {-1, 4}); }), HasSubstr("expected I16 [any, 4], got I16 [2, 3]"));
  EXPECT_THAT(message([&] { file.data<std::int16_t>("counts", {6}); }), HasSubstr("expected I16 [6], got I16 [2, 3]"));
  EXPECT_THAT(message([&] { file.view("labels"); }), HasSubstr("no tensor \"labels\""));
}

TEST(Safetensors, MisalignedTensorsOfOtherWritersAreReadRight) {
  // "a" has one byte, so "b" starts on an odd address: the format allows it.
  std::string data(1, '\x05');
  const std::int32_t value = -123456;
  data.append(reinterpret_cast<const char*>(&value), 4);
  const std::string path = testing::temp_dir() + "/m.safetensors";
  write_text(
      path, file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I32","shape":[1],"data_offsets":[1,5]}})", data));
  EXPECT_EQ(*SafetensorsFile::open(path).data<std::int32_t>("b", {1}), value);
}

TEST(Safetensors, HostileFilesAreRefused) {
  const auto tensor = [](const std::string& body) { return "{\"t\":{" + body + "}}"; };
  const std::string four(4, 'x');
  EXPECT_EQ(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), four)), "");
  EXPECT_EQ(file_refusal(file_of("{}", "")), "");

  EXPECT_THAT(file_refusal(""), HasSubstr("0 bytes"));
  EXPECT_THAT(file_refusal(file_of(~std::uint64_t{0}, "{}", "")), HasSubstr("give a header of 18446744073709551615 bytes"));
  EXPECT_THAT(file_refusal(file_of(3, "{}", "")), HasSubstr("give a header of 3 bytes"));
  EXPECT_THAT(file_refusal(file_of("", "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of("[]", "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of("{} x", "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of(std::string("{}\0x", 4), "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of(" {}", "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of("{\"\xff\":{}}", "")), HasSubstr("not JSON"));  // not UTF-8
  EXPECT_THAT(file_refusal(file_of("{\"t\":" + std::string(100000, '['), "")), HasSubstr("tensor \"t\""));
  EXPECT_THAT(file_refusal(file_of("{\"t\":" + std::string(100000, '{'), "")), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":{"a":1})"), "")), HasSubstr("dtype: expected a type's name, got an object"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"BF16","shape":[2],"data_offsets":[0,4])"), four)), HasSubstr("type \"BF16\""));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), four)), HasSubstr("got the number -1"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), four)),
              HasSubstr("shape: expected a list of numbers"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[NaN],"data_offsets":[0,4])"), four)), HasSubstr("not JSON"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1e99],"data_offsets":[0,4])"), four)), HasSubstr("got the number"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4])"), four)),
              HasSubstr("got the number"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"), four)),
              HasSubstr("more than 8"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"), "")),
              HasSubstr("larger than any file"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0])"), "")),
              HasSubstr("larger than any file"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), four)),
              HasSubstr("has 4 bytes, but its type and shape need 8"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), four)), HasSubstr("begin and an end"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4])"), four)), HasSubstr("begin and an end"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), four)), HasSubstr("only 4"));
  EXPECT_THAT(
      file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551615])"), four)),
      HasSubstr("only 4"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[2,6])"), four + four)), HasSubstr("leaves a hole"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), four + "y")),
              HasSubstr("belong to no tensor"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","shape":[1])"), four)), HasSubstr("expected dtype, shape and data_offsets"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"), four)),
              HasSubstr("\"dtype\" occurs twice"));
  EXPECT_THAT(file_refusal(file_of(tensor(R"("dtype":"F32","code":"x","shape":[1],"data_offsets":[0,4])"), four)),
              HasSubstr("unknown key \"code\""));
  const std::string one = R"("t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})",
                    two = R"("u":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_THAT(file_refusal(file_of("{" + one + "," + one + "}", four)), HasSubstr("tensor \"t\": occurs twice"));
  EXPECT_THAT(file_refusal(file_of("{" + one + "," + two + "}", four)), HasSubstr("tensor \"u\": overlaps"));
  EXPECT_THAT(file_refusal(file_of(R"({"__metadata__":{"a":1}})", "")), HasSubstr("expected a text for \"a\""));
  EXPECT_THAT(file_refusal(file_of(R"({"__metadata__":{"a":"1","a":"2"}})", "")), HasSubstr("\"a\" occurs twice"));
  EXPECT_THAT(file_refusal(file_of(R"({"__metadata__":"a"})", "")), HasSubstr("expected an object"));
  EXPECT_THAT(file_refusal(file_of("{\"t\\u001b[31m\":1}", "")), HasSubstr("t\\u001b[31m"));  // shown escaped
}

TEST(Safetensors, FoldersAndMissingFilesAreNamed) {
  EXPECT_THROW(SafetensorsFile::open(testing::temp_dir()), UserError);
  EXPECT_THROW(SafetensorsFile::open(testing::temp_dir() + "/none"), UserError);
}

// A truncated or changed file is read correctly or rejected; never a crash (run it under address sanitizer).
TEST(Safetensors, EveryTruncationIsRefusedAndNoFlippedByteCrashes) {
  const std::string folder = testing::temp_dir(), whole = example(folder + "/a.safetensors");
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_NE(file_refusal(whole.substr(0, bytes)), "") << bytes << " bytes";
  const std::string path = folder + "/flipped.safetensors";
  int opened = 0;
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ mask);
      put(path, bytes);
      try {
        const auto file = SafetensorsFile::open(path);
        std::int64_t sum = 0;  // touches every byte
        for (const auto& name : file.names()) {
          const auto& view = file.view(name);
          for (std::int64_t b = 0; b < view.elements() * static_cast<std::int64_t>(size_of(view.type)); ++b)
            sum += std::to_integer<int>(view.data[b]);
        }
        opened += sum >= 0;
      } catch (const UserError& error) {
        ASSERT_THAT(error.what(), HasSubstr(path));
      }
    }
  EXPECT_GT(opened, 0);  // changed data bytes are not detected by the reader
}

TEST(Safetensors, PythonReadsWhatWeWriteAndWeReadWhatPythonWrites) {
  const char* venv = std::getenv("MILLESIME_VENV");
  const std::string python = venv ? std::string(venv) + "/bin/python3" : "python3";
  if (std::system((python + " -c 'import safetensors.numpy' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no Python with safetensors and numpy";
  const std::string folder = testing::temp_dir();
  example(folder + "/a.safetensors");
  write_text(folder + "/check.py",
             "import sys, safetensors, safetensors.numpy as s, numpy as n\n"
             "a = s.load_file(sys.argv[1] + '/a.safetensors')\n"
             "assert a['counts'].tolist() == [[1, -2, 3], [4, 5, 32767]] and a['scale'] == 0.25 and a['nothing'].shape == (0, 4)\n"
             "assert safetensors.safe_open(sys.argv[1] + '/a.safetensors', 'np').metadata() == {'spec': '{\"é\": 1}'}\n"
             "s.save_file({'b': n.arange(5, dtype=n.int16), 'a': n.array([1], dtype=n.uint8), 'c': n.eye(2)}, sys.argv[1] + "
             "'/b.safetensors', {'k': 'v'})\n");
  ASSERT_EQ(std::system((python + " " + folder + "/check.py " + folder).c_str()), 0);
  const auto file = SafetensorsFile::open(folder + "/b.safetensors");
  EXPECT_EQ(file.metadata().at("k"), "v");
  EXPECT_EQ(file.vector<std::int16_t>("b", {5}), (std::vector<std::int16_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(file.vector<double>("c", {2, 2}), (std::vector<double>{1, 0, 0, 1}));
}

}  // namespace
}  // namespace millesime
