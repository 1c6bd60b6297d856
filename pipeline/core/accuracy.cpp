#include "pipeline/core/accuracy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include <boost/math/distributions/students_t.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kReferenceHeader = "#Reference labels (rows):";
constexpr std::string_view kProducedHeader = "#Produced labels (columns):";

double ratio(std::int64_t part, std::int64_t whole) { return whole ? static_cast<double>(part) / static_cast<double>(whole) : kNaN; }

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::vector<int> codes) : codes_(std::move(codes)) {
  std::ranges::sort(codes_);
  codes_.erase(std::unique(codes_.begin(), codes_.end()), codes_.end());
  counts_.assign(codes_.size() * codes_.size(), 0);
}

ConfusionMatrix ConfusionMatrix::from_pairs(std::span<const std::int32_t> reference, std::span<const std::int32_t> produced) {
  MILLESIME_CHECK(reference.size() == produced.size(), reference.size(), " reference and ", produced.size(), " produced labels");
  std::set<int> codes(reference.begin(), reference.end());
  codes.insert(produced.begin(), produced.end());
  ConfusionMatrix matrix({codes.begin(), codes.end()});
  for (std::size_t i = 0; i < reference.size(); ++i) matrix.add(reference[i], produced[i]);
  return matrix;
}

bool ConfusionMatrix::has(int code) const { return std::ranges::binary_search(codes_, code); }

std::int64_t ConfusionMatrix::reference_total(int code) const {
  const auto place = std::ranges::lower_bound(codes_, code);
  return place == codes_.end() || *place != code ? 0 : row_sum(static_cast<int>(place - codes_.begin()));
}

int ConfusionMatrix::position(int code) {
  const auto place = std::ranges::lower_bound(codes_, code);
  const auto index = static_cast<std::size_t>(place - codes_.begin());
  if (place != codes_.end() && *place == code) return static_cast<int>(index);

  const std::size_t old_size = codes_.size();
  codes_.insert(place, code);
  std::vector<std::int64_t> grown(codes_.size() * codes_.size(), 0);
  for (std::size_t row = 0; row < old_size; ++row)
    for (std::size_t col = 0; col < old_size; ++col)
      grown[(row + (row >= index)) * codes_.size() + col + (col >= index)] = counts_[row * old_size + col];
  counts_ = std::move(grown);
  return static_cast<int>(index);
}

void ConfusionMatrix::add(int reference, int produced, std::int64_t n) {
  position(reference);
  const int col = position(produced);   // both codes exist now, so
  const int row = position(reference);  // positions do not change any more
  counts_[cell(row, col)] += n;
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  for (const int code : other.codes_) position(code);
  for (int row = 0; row < other.size(); ++row)
    for (int col = 0; col < other.size(); ++col)
      add(other.codes_[static_cast<std::size_t>(row)], other.codes_[static_cast<std::size_t>(col)], other.at(row, col));
}

std::int64_t ConfusionMatrix::count(int reference, int produced) const {
  if (!has(reference) || !has(produced)) return 0;
  const auto row = std::ranges::lower_bound(codes_, reference) - codes_.begin();
  const auto col = std::ranges::lower_bound(codes_, produced) - codes_.begin();
  return at(static_cast<int>(row), static_cast<int>(col));
}

std::int64_t ConfusionMatrix::row_sum(int row) const {
  std::int64_t sum = 0;
  for (int col = 0; col < size(); ++col) sum += at(row, col);
  return sum;
}

std::int64_t ConfusionMatrix::col_sum(int col) const {
  std::int64_t sum = 0;
  for (int row = 0; row < size(); ++row) sum += at(row, col);
  return sum;
}

std::int64_t ConfusionMatrix::total() const {
  std::int64_t sum = 0;
  for (const std::int64_t n : counts_) sum += n;
  return sum;
}

namespace {

std::vector<int> read_labels(const std::string& line, std::string_view header, const std::string& where) {
  if (!line.starts_with(header))
    throw UserError(join_text(where, ": expected \"", header, "1,2,...\", got \"", line.substr(0, 60),
                              "\"; expected a confusion matrix in the format of OTB's ComputeConfusionMatrix"));
  std::vector<int> labels;
  for (const std::string& field : split_text(std::string_view(line).substr(header.size()), ',')) {
    const std::string_view text = trim(field);
    int label = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), label);
    if (error != std::errc{} || end != text.data() + text.size())
      throw UserError(join_text(where, ": expected class codes (whole numbers) after \"", header, "\", got \"", text, "\""));
    if (std::ranges::find(labels, label) != labels.end()) throw UserError(join_text(where, ": class code ", label, " occurs twice"));
    labels.push_back(label);
  }
  return labels;
}

// Some programs write counts as "12.00"; other decimals are errors.
std::int64_t read_count(std::string_view text, const std::string& where) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value != std::floor(value) || value > 9e15)
    throw UserError(join_text(where, ": expected a count of pixels (a whole number, 0 or more), got \"", text, "\""));
  return static_cast<std::int64_t>(value);
}

}  // namespace

ConfusionMatrix read_confusion_csv(const std::string& file) {
  std::vector<std::string> lines = split_text(read_text(file), '\n');
  for (std::string& line : lines)
    if (line.ends_with('\r')) line.pop_back();
  while (!lines.empty() && trim(lines.back()).empty()) lines.pop_back();
  if (lines.size() < 2)
    throw UserError(join_text(file, ": expected the two header lines of a confusion matrix and its rows, got ", lines.size(), " lines"));

  const std::vector<int> rows = read_labels(lines[0], kReferenceHeader, join_text(file, ", line 1"));
  const std::vector<int> cols = read_labels(lines[1], kProducedHeader, join_text(file, ", line 2"));
  if (lines.size() - 2 != rows.size())
    throw UserError(join_text(file, ": expected ", rows.size(), " rows of counts, one a reference label, got ", lines.size() - 2));

  std::vector<int> codes = rows;
  codes.insert(codes.end(), cols.begin(), cols.end());
  ConfusionMatrix matrix(codes);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string where = join_text(file, ", line ", row + 3);
    const std::vector<std::string> fields = split_text(lines[row + 2], ',');
    if (fields.size() != cols.size())
      throw UserError(join_text(where, ": expected ", cols.size(), " counts, one a produced label, got ", fields.size()));
    for (std::size_t col = 0; col < cols.size(); ++col) matrix.add(rows[row], cols[col], read_count(trim(fields[col]), where));
  }
  return matrix;
}

std::string confusion_csv(const ConfusionMatrix& matrix) {
  std::vector<std::string> labels;
  for (const int code : matrix.codes()) labels.push_back(std::to_string(code));
  const std::string list = join_list(labels, ",");
  std::string text = join_text(kReferenceHeader, list, "\n", kProducedHeader, list, "\n");
  for (int row = 0; row < matrix.size(); ++row)
    for (int col = 0; col < matrix.size(); ++col) text += join_text(matrix.at(row, col), col + 1 < matrix.size() ? "," : "\n");
  return text;
}

void write_confusion_csv(const ConfusionMatrix& matrix, const std::string& file) { write_text(file, confusion_csv(matrix)); }

std::string shares_csv(const ConfusionMatrix& matrix, SharesOf of) {
  std::vector<std::string> labels;
  for (const int code : matrix.codes()) labels.push_back(std::to_string(code));
  const std::string list = join_list(labels, ",");
  std::string text = join_text(kReferenceHeader, list, "\n", kProducedHeader, list, "\n");
  for (int row = 0; row < matrix.size(); ++row)
    for (int col = 0; col < matrix.size(); ++col) {
      const std::int64_t whole = of == SharesOf::reference ? matrix.row_sum(row) : matrix.col_sum(col);
      char share[16] = "";
      if (whole > 0) std::snprintf(share, sizeof share, "%.6f", static_cast<double>(matrix.at(row, col)) / static_cast<double>(whole));
      text += join_text(std::string(share), col + 1 < matrix.size() ? "," : "\n");
    }
  return text;
}

Accuracy measure(const ConfusionMatrix& matrix) {
  Accuracy accuracy;
  accuracy.total = matrix.total();
  std::int64_t agreed = 0;
  double by_chance = 0;  // Σ reference·produced, of total²
  double f_sum = 0;
  int f_count = 0;
  for (int i = 0; i < matrix.size(); ++i) {
    ClassAccuracy c;
    c.code = matrix.codes()[static_cast<std::size_t>(i)];
    c.reference = matrix.row_sum(i);
    c.produced = matrix.col_sum(i);
    c.agreed = matrix.at(i, i);
    c.precision = ratio(c.agreed, c.produced);
    c.recall = ratio(c.agreed, c.reference);
    c.f_score = ratio(2 * c.agreed, c.reference + c.produced);
    agreed += c.agreed;
    by_chance += static_cast<double>(c.reference) * static_cast<double>(c.produced);
    if (c.reference > 0) f_sum += c.f_score, ++f_count;  // nobody knows how right the map is about the others
    accuracy.classes.push_back(c);
  }
  const double total = static_cast<double>(accuracy.total);
  const double beyond_chance = total * total - by_chance;
  accuracy.overall = ratio(agreed, accuracy.total);
  accuracy.kappa = beyond_chance > 0 ? (static_cast<double>(agreed) * total - by_chance) / beyond_chance : kNaN;
  accuracy.macro_f = f_count ? f_sum / f_count : kNaN;
  return accuracy;
}

double student_t_quantile(double probability, double degrees_of_freedom) {
  MILLESIME_CHECK(probability > 0 && probability < 1 && degrees_of_freedom > 0, "quantile ", probability, " of t with ",
                  degrees_of_freedom);
  return boost::math::quantile(boost::math::students_t(degrees_of_freedom), probability);
}

MeanInterval mean_interval(const std::vector<double>& values) {
  MeanInterval interval;
  double sum = 0;
  for (const double value : values)
    if (!std::isnan(value)) sum += value, ++interval.n;
  interval.mean = interval.n ? sum / interval.n : kNaN;
  interval.standard_error = interval.half_width = kNaN;
  if (interval.n < 2) return interval;
  double squares = 0;
  for (const double value : values)
    if (!std::isnan(value)) squares += (value - interval.mean) * (value - interval.mean);
  interval.standard_error = std::sqrt(squares / (interval.n - 1) / interval.n);
  interval.half_width = student_t_quantile(0.975, interval.n - 1) * interval.standard_error;
  return interval;
}

double Calibration::Bin::confidence() const { return n ? weighted_confidence / weight : kNaN; }
double Calibration::Bin::accuracy() const { return n ? correct_weight / weight : kNaN; }

Calibration Calibration::from_bins(std::vector<Bin> bins, bool weighted) {
  Calibration calibration(0);
  calibration.bins_ = std::move(bins), calibration.weighted_ = weighted;
  return calibration;
}

Calibration::Bin& Calibration::bin_of(double confidence) {
  MILLESIME_CHECK(confidence >= 0 && confidence <= 1, "confidence ", confidence);
  const int last = static_cast<int>(bins_.size()) - 1;
  return bins_[static_cast<std::size_t>(std::clamp(static_cast<int>(std::ceil(confidence * (last + 1))) - 1, 0, last))];
}

void Calibration::add(double confidence, bool correct, std::int64_t n) {
  Bin& bin = bin_of(confidence);
  const auto weight = static_cast<double>(n);
  bin.n += n, bin.correct += correct ? n : 0;
  bin.weight += weight, bin.correct_weight += correct ? weight : 0;
  bin.weighted_confidence += confidence * weight, bin.squares += weight;
}

void Calibration::add_weighted(double confidence, bool correct, double weight) {
  Bin& bin = bin_of(confidence);
  ++bin.n, bin.correct += correct;
  bin.weight += weight, bin.correct_weight += correct ? weight : 0;
  bin.weighted_confidence += confidence * weight, bin.squares += weight * weight;
  weighted_ = true;
}

void Calibration::merge(const Calibration& other) {
  MILLESIME_CHECK(bins_.size() == other.bins_.size(), bins_.size(), " and ", other.bins_.size(), " bins");
  for (std::size_t i = 0; i < bins_.size(); ++i) {
    bins_[i].n += other.bins_[i].n, bins_[i].correct += other.bins_[i].correct;
    bins_[i].weight += other.bins_[i].weight, bins_[i].correct_weight += other.bins_[i].correct_weight;
    bins_[i].weighted_confidence += other.bins_[i].weighted_confidence, bins_[i].squares += other.bins_[i].squares;
  }
  weighted_ = weighted_ || other.weighted_;
}

std::int64_t Calibration::total() const {
  std::int64_t sum = 0;
  for (const Bin& bin : bins_) sum += bin.n;
  return sum;
}

double Calibration::share(const Bin& bin) const {
  double all = 0;
  for (const Bin& other : bins_) all += other.weight;
  return all > 0 ? bin.weight / all : kNaN;
}

double Calibration::expected_error() const {
  if (!total()) return kNaN;
  double error = 0;
  for (const Bin& bin : bins_)
    if (bin.n) error += share(bin) * std::abs(bin.accuracy() - bin.confidence());
  return error;
}

double Calibration::effective_points(const Bin& bin) const { return bin.squares > 0 ? bin.weight * bin.weight / bin.squares : 0; }

double Calibration::error_by_chance() const {
  if (!total()) return kNaN;
  constexpr double kMeanOfHalfNormal = 0.7978845608028654;  // sqrt(2 / pi): of its size, in standard deviations
  double error = 0;
  for (const Bin& bin : bins_)
    if (bin.n) error += share(bin) * kMeanOfHalfNormal * std::sqrt(bin.confidence() * (1 - bin.confidence()) / effective_points(bin));
  return error;
}

double Calibration::maximum_error() const {
  if (!total()) return kNaN;
  double error = 0;
  for (const Bin& bin : bins_)
    if (bin.n) error = std::max(error, std::abs(bin.accuracy() - bin.confidence()));
  return error;
}

}  // namespace millesime
