// write_kernel_cases FOLDER INPUT: the cases of tests/support/kernel_cases.h as files, one folder a case, for ptx_test.py and gate_test.py.
// INPUT: "gate" for the inputs of the gate, "year" for a warp of pixels of a Sentinel-2 year, "" for the others.

#include "tests/support/kernel_cases.h"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: write_kernel_cases FOLDER INPUT\n", stderr), 2;
  const std::string input = argv[2];
  int number = 0;
  using namespace millesime::testing;
  for (const auto& test : input == "gate" ? gate_cases() : input == "year" ? year_cases() : kernel_cases())
    test->write(std::string(argv[1]) + "/" + std::to_string(number++));
}
