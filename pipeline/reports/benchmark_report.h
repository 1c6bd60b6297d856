#pragma once
// The benchmark as a page and as files.

#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/learning/benchmark.h"

namespace millesime {

// One self-contained page: table, accuracy of every part, F-scores by class, confusion of the best, reliability.
std::string to_html(const std::vector<BenchmarkResult>& results, const BenchmarkCommand& command, const Nomenclature& nomenclature);

// Writes command.output: .html, .md or .json, or a folder for all three (atomic).
void write_benchmark(const std::vector<BenchmarkResult>& results, const BenchmarkCommand& command);

}  // namespace millesime
