// write_kernel_cases FOLDER INPUT: the cases of tests/support/kernel_cases.h as files, one folder a case, for ptx_test.py and gate_test.py.
// INPUT: "gate" for the inputs of the gate, "" for the others.

#include "tests/support/kernel_cases.h"

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return std::fputs("usage: write_kernel_cases FOLDER INPUT\n", stderr), 2;
  const bool gate = std::string(argv[2]) == "gate";
  int number = 0;
  for (const auto& test : gate ? millesime::testing::gate_cases() : millesime::testing::kernel_cases())
    test->write(std::string(argv[1]) + "/" + std::to_string(number++));
}
