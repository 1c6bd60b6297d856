#pragma once
// Figures shared by the reports, as markup with SVG: confusion matrix, scores, reliability, curves.

#include <functional>
#include <string>
#include <vector>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/learning/class_curves.h"
#include "pipeline/reports/html.h"

namespace millesime::html {

inline constexpr const char* kMonths[] = {"J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D"};

// Terms of a report about a map or about samples.
struct Judged {
  std::string unit = "px";       // unit of the counts
  std::string producer = "map";  // source of the classes
  Words words = {};
};

// In percent of the rows, and behind it in numbers.
std::string confusion_table(const Nomenclature& nomenclature, const ConfusionMatrix& matrix, const Judged& words);

// Precision, recall and F-score of each class, the best first. `interval` is markup after the F-score of a code, "" for none.
std::string score_table(const Nomenclature& nomenclature, const Accuracy& accuracy, const std::function<std::string(int)>& interval,
                        const Words& words = {});

// Accuracy as a function of the confidence, as a drawing and as a table.
std::string reliability_chart(const Calibration& calibration, const Judged& words);

// The series of a class over the year: mean and one standard deviation.
struct CurveAxis {
  double low = 0, high = 1;
  std::vector<double> ticks;
  int decimals = 1;
  std::string quantity;  // "NDVI"
};
std::string curve_chart(const Nomenclature& nomenclature, const ClassCurve& curve, const CurveAxis& axis, const Words& words = {});
std::string curve_table(const Nomenclature& nomenclature, const std::vector<ClassCurve>& curves, const CurveAxis& axis, const Words& words);
CurveAxis ndvi_axis();
CurveAxis axis_of(const std::vector<ClassCurve>& curves, const std::string& quantity);  // around all means and deviations

// Lines over the epochs of a training. A line may have fewer values than epochs.
struct Line {
  std::string name, color;
  std::vector<double> values;
};
std::string epoch_chart(const std::vector<Line>& lines, int marked_epoch, const std::string& description);  // 0: none marked

// Horizontal bars around 0, each with a deviation.
struct Bar {
  std::string name;
  double value = 0, deviation = 0;
  std::string detail;  // shown as a tooltip
};
std::string bar_chart(const std::vector<Bar>& bars, const std::string& unit, const std::string& description);

}  // namespace millesime::html
