#include "pipeline/core/sha256.h"

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

TEST(Sha256, ExamplesOfFips180) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const std::string file = testing::temp_dir() + "/file";
  const std::string bytes(3000001, 'x');  // more than one buffer, no multiple of a block
  write_text(file, bytes);
  EXPECT_EQ(sha256_of_file(file), sha256(bytes));
  EXPECT_THROW(sha256_of_file(file + ".none"), UserError);
}

}  // namespace
}  // namespace millesime
