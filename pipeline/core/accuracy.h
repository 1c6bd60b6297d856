#pragma once
// Accuracy of a map: confusion matrix, the measures derived from it, and areas.
//
// Undefined measures are NaN, never 0, and never left out silently: the precision of a class that was never produced, the recall
// of a class that never occurs in the reference, the interval of a single seed.

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace millesime {

// Rows are the reference, columns the map. Both have the same class codes, in increasing order.
class ConfusionMatrix {
 public:
  ConfusionMatrix() = default;
  explicit ConfusionMatrix(std::vector<int> codes);  // any order; all counts 0
  static ConfusionMatrix from_pairs(std::span<const std::int32_t> reference, std::span<const std::int32_t> produced);

  void add(int reference, int produced, std::int64_t n = 1);  // a new code gets a row and a column
  void merge(const ConfusionMatrix& other);

  const std::vector<int>& codes() const { return codes_; }
  int size() const { return static_cast<int>(codes_.size()); }
  bool has(int code) const;
  std::int64_t reference_total(int code) const;                                // its pixels in the reference; 0 for an unknown code
  std::int64_t count(int reference, int produced) const;                       // by code; 0 for an unknown code
  std::int64_t at(int row, int col) const { return counts_[cell(row, col)]; }  // by position
  std::int64_t row_sum(int row) const;                                         // reference
  std::int64_t col_sum(int col) const;                                         // produced
  std::int64_t total() const;
  bool operator==(const ConfusionMatrix&) const = default;

 private:
  std::size_t cell(int row, int col) const { return static_cast<std::size_t>(row) * codes_.size() + static_cast<std::size_t>(col); }
  int position(int code);  // inserts the code if it is missing

  std::vector<int> codes_;
  std::vector<std::int64_t> counts_;  // [reference][produced]
};

// The CSV of OTB's ComputeConfusionMatrix: "#Reference labels (rows):1,2", "#Produced labels (columns):1,2,3", then one line of
// counts a row. Rows and columns may have different labels in any order; the result is a matrix over their union.
// UserError with file and line for anything else.
ConfusionMatrix read_confusion_csv(const std::string& file);
std::string confusion_csv(const ConfusionMatrix& matrix);
void write_confusion_csv(const ConfusionMatrix& matrix, const std::string& file);  // atomic

// The same with shares instead of counts: of each reference class (rows add up to 1), or of each class of the map (columns do). A class
// without pixels has empty cells.
enum class SharesOf { reference, map };
std::string shares_csv(const ConfusionMatrix& matrix, SharesOf of);

struct ClassAccuracy {
  int code = 0;
  std::int64_t reference = 0, produced = 0, agreed = 0;  // pixels
  double precision = 0;                                  // agreed / produced (user's accuracy); NaN if never produced
  double recall = 0;                                     // agreed / reference (producer's accuracy); NaN if never in the reference
  double f_score = 0;                                    // 2 agreed / (reference + produced); NaN if in neither
};

struct Accuracy {
  std::int64_t total = 0;
  double overall = 0;  // share of pixels that agree; NaN without pixels
  double kappa = 0;    // Cohen 1960; NaN if the expected agreement is 1 (one class)
  double macro_f = 0;  // mean F-score of the classes that have reference pixels
  std::vector<ClassAccuracy> classes;
};
Accuracy measure(const ConfusionMatrix& matrix);

// Mean of several runs and the half width of its 95 % interval by Student's t. NaN values are left out.
struct MeanInterval {
  int n = 0;                  // number of values
  double mean = 0;            // NaN for n = 0
  double standard_error = 0;  // of the mean; NaN for n < 2
  double half_width = 0;      // NaN for n < 2
};
MeanInterval mean_interval(const std::vector<double>& values);
double student_t_quantile(double probability, double degrees_of_freedom);  // probability in (0, 1)

// Expected calibration error (Naeini et al. 2015, Guo et al. 2017): difference between the confidence and the share of correct pixels.
// Points of a sample count by the area that they stand for.
class Calibration {
 public:
  struct Bin {
    std::int64_t n = 0, correct = 0;                                 // pixels or points
    double weight = 0, correct_weight = 0, weighted_confidence = 0;  // sums; of pixels the weight is 1
    double squares = 0;                                              // of the weights
    double confidence() const;                                       // mean; NaN when empty
    double accuracy() const;                                         // NaN when empty
  };

  explicit Calibration(int n_bins = 15) : bins_(static_cast<std::size_t>(n_bins)) {}
  static Calibration from_bins(std::vector<Bin> bins, bool weighted = false);
  void add(double confidence, bool correct, std::int64_t n = 1);  // confidence in [0, 1]; bins are (i/n, (i+1)/n], 0 in the first
  void add_weighted(double confidence, bool correct, double weight);
  void merge(const Calibration& other);

  const std::vector<Bin>& bins() const { return bins_; }
  bool weighted() const { return weighted_; }
  std::int64_t total() const;
  double share(const Bin& bin) const;  // of all weight
  double expected_error() const;       // NaN when empty
  double maximum_error() const;        // NaN when empty
  // The expected error of so few points where every confidence is right: bins of few points are never exact. NaN when empty.
  double error_by_chance() const;
  double effective_points(const Bin& bin) const;  // as if they had equal weights (Kish 1965)

 private:
  Bin& bin_of(double confidence);

  std::vector<Bin> bins_;
  bool weighted_ = false;
};

// Accuracies and areas with intervals, from a sample of the map (stratified_sample.h).
struct Estimate {
  double value = 0, standard_error = 0;
  // The 95 % interval where the sample has no spread, as that of a class all of whose points are right: it is not certain for that.
  // NaN elsewhere.
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;
  double half_width() const { return 1.96 * standard_error; }  // of the 95 % interval elsewhere
  double least() const { return std::isnan(low) ? value - half_width() : low; }
  double most() const { return std::isnan(low) ? value + half_width() : high; }
};
struct AreaEstimate {
  int code = 0;
  double mapped_area = 0;     // in the unit of the given areas
  Estimate area;              // of the class on the ground, same unit
  Estimate users, producers;  // accuracies; NaN where undefined
};
struct AreaAccuracy {
  Estimate overall;
  std::vector<AreaEstimate> classes;  // every class of the sample or the map
  std::vector<int> unsampled;         // strata that are left out
  double covered_share = 0;           // of the map's area that the estimates cover
};
}  // namespace millesime
