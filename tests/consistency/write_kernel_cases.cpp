// write_kernel_cases FOLDER: the cases of tests/support/kernel_cases.h as files, one folder a case, for ptx_test.py.

#include "tests/support/kernel_cases.h"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: write_kernel_cases FOLDER\n", stderr), 2;
  int number = 0;
  for (const auto& test : millesime::testing::kernel_cases()) test->write(std::string(argv[1]) + "/" + std::to_string(number++));
}
