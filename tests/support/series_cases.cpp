#include "tests/support/case_parts.h"

#include <utility>

#include "kernels/ops/gap_fill.impl.h"
#include "kernels/ops/indices.impl.h"
#include "kernels/ops/ltae.impl.h"
#include "kernels/ops/pack.impl.h"
#include "kernels/ops/prepare.impl.h"
#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.impl.h"
#include "pipeline/core/error.h"

namespace millesime::testing {
namespace {

struct MadeSeries {
  SeriesShape shape;
  Series series;
  std::vector<std::int16_t> samples;  // [date][band][pixel], of the nearest pixels
  std::vector<std::uint8_t> valid;    // [date][pixel]
};

// Cases of one shape follow each other: it is made once. The kernels make samples and validity, since large ones take the references
// minutes.
const MadeSeries& made(const SeriesShape& shape) {
  static MadeSeries last;
  if (last.shape == shape && !last.samples.empty()) return last;
  last.shape = shape, last.series = random_series(shape);
  const HostSeries host(last.series);
  const std::int64_t pixels = host.view().pixels(), observations = pixels * last.series.n_dates();
  last.samples.resize(static_cast<std::size_t>(observations * last.series.n_bands()));
  last.valid.resize(static_cast<std::size_t>(observations));
  std::vector<std::uint8_t> count(static_cast<std::size_t>(pixels));
  resample(Device{}, {host.view(), Resampling::nearest, last.samples.data()});
  validity(Device{}, {host.view(), last.valid.data(), count.data()});
  return last;
}

// The series with its arrays in the case.
SeriesView place(KernelCase& test, const Series& series) {
  SeriesView view = HostSeries(series).view();
  std::vector<std::int32_t> days;
  for (const Date date : series.dates) days.push_back(date.days);
  view.days = test.input(days);
  view.masks = test.input(series.masks);
  std::vector<std::uint8_t> rules;
  for (const MaskRule& rule : series.mask_rules) rules.insert(rules.end(), rule.begin(), rule.end());
  view.mask_rules = test.input(rules);
  for (int g = 0; g < view.n_groups; ++g) view.groups[g].samples = test.input(series.groups[static_cast<std::size_t>(g)].samples);
  return view;
}

std::vector<std::int32_t> target_days(const Series& series, int n) {
  std::vector<std::int32_t> targets;
  for (std::int32_t day = series.dates.front().days - 12; static_cast<int>(targets.size()) < n; day += 12) targets.push_back(day);
  return targets;
}

constexpr std::pair<Resampling, const char*> kMethods[] = {
    {Resampling::nearest, "nearest"}, {Resampling::bilinear, "bilinear"}, {Resampling::cubic, "cubic"}};

template <int kTaps>
void add_resample(Cases& cases, const SeriesInput& input, Resampling method, const char* method_name) {
  const Series& series = made(input.shape).series;
  KernelCase& test = add(cases, "resample", join_text(method_name, ", ", input.name));
  ResampleArgs args{place(test, series), method, nullptr};
  args.samples = test.output<std::int16_t>(args.series.pixels() * series.n_dates() * series.n_bands());
  complete(
      test, [args] { resample(Device{}, args); }, [args](const Fibers& fibers) { resample_on(fibers, args); }, args.series.pixels(),
      ResampleBlock<1, kTaps>{args});
}

void add_validity(Cases& cases, const SeriesInput& input) {
  const Series& series = made(input.shape).series;
  KernelCase& test = add(cases, "validity", input.name);
  ValidityArgs args{place(test, series), nullptr, nullptr};
  args.valid = test.output<std::uint8_t>(args.series.pixels() * series.n_dates());
  args.count = test.output<std::uint8_t>(args.series.pixels());
  complete(
      test, [args] { validity(Device{}, args); }, [args](const Fibers& fibers) { validity_on(fibers, args); }, args.series.pixels(),
      ValidityBlock<1>{args});
}

template <FillMethod kMethod, class Value>
void add_gap_fill(Cases& cases, const SeriesInput& input, const char* method) {
  const Series& series = made(input.shape).series;
  constexpr bool kExact = std::is_same_v<Value, float>;
  KernelCase& test = add(cases, "gap_fill", join_text(method, kExact ? ", exact, " : ", ", input.name));
  std::vector<std::int32_t> days;
  for (const Date date : series.dates) days.push_back(date.days);
  GapFillArgs args;
  args.pixels = series.window.pixels();
  args.n_dates = series.n_dates();
  args.n_bands = series.n_bands();
  args.days = test.input(days);
  args.target_days = test.input(target_days(series, input.targets));
  args.n_targets = input.targets;
  args.samples = test.input(made(input.shape).samples);
  args.valid = test.input(made(input.shape).valid);
  args.filled = test.output<std::int16_t>(args.pixels * args.n_targets * args.n_bands);
  if (kExact) args.exact = test.output<float>(args.pixels * args.n_targets * args.n_bands);
  args.filling = {kMethod, 50, 2};
  complete(
      test, [args] { gap_fill(Device{}, args); }, [args](const Fibers& fibers) { gap_fill_on(fibers, args); }, args.pixels,
      GapFillBlock<1, kMethod, Value>{args});
}

// The samples as float32, between integers.
std::vector<float> between_integers(const std::vector<std::int16_t>& samples) {
  std::vector<float> values;
  for (std::size_t i = 0; i < samples.size(); ++i) values.push_back(static_cast<float>(samples[i]) + static_cast<float>(i % 7) / 8);
  return values;
}

template <class Number>
void add_indices(Cases& cases, const SeriesInput& input) {
  const Series& series = made(input.shape).series;
  constexpr bool kExact = std::is_same_v<Number, float>;
  KernelCase& test = add(cases, "indices", join_text(kExact ? "exact, " : "", input.name));
  IndicesArgs args;
  args.pixels = series.window.pixels();
  args.n_dates = series.n_dates();
  args.n_bands = series.n_bands();
  std::vector<std::string> names;
  for (const IndexInfo& index : known_indices()) names.push_back(index.name);
  args.plan = plan_indices(names, series.bands);
  if (kExact)
    args.exact = test.input(between_integers(made(input.shape).samples));
  else
    args.samples = test.input(made(input.shape).samples);
  args.values = test.output<float>(args.pixels * args.n_dates * args.plan.n);
  args.integers = test.output<std::int16_t>(args.pixels * args.n_dates * args.plan.n);
  complete(
      test, [args] { indices(Device{}, args); }, [args](const Fibers& fibers) { indices_on(fibers, args); }, args.pixels,
      IndicesBlock<1, Number>{args});
}

std::vector<float> ramp(int n, float first, float step) {
  std::vector<float> values;
  for (int i = 0; i < n; ++i) values.push_back(first + step * static_cast<float>(i));
  return values;
}

template <class Number>
void add_pack(Cases& cases, const SeriesInput& input, const char* type) {
  const Series& series = made(input.shape).series;
  KernelCase& test = add(cases, "pack", join_text(type, ", ", input.name));
  PackArgs args;
  args.pixels = series.window.pixels();
  args.n_dates = series.n_dates();
  args.n_bands = series.n_bands();
  args.indices = plan_indices({"NDVI", "NDWI", "Brightness"}, series.bands);
  args.samples = test.input(between_integers(made(input.shape).samples));
  args.mean = test.input(ramp(args.n_features(), 900, 31));
  args.inverse_std = test.input(ramp(args.n_features(), 0.001f, 0.0003f));
  Number* out = test.output<Number>(args.pixels * args.n_dates * args.n_features());
  if constexpr (std::is_same_v<Number, float>)
    args.features = out;
  else
    args.bfloat16 = out;
  complete(
      test, [args] { pack(Device{}, args); }, [args](const Fibers& fibers) { pack_on(fibers, args); }, args.pixels,
      PackBlock<1, Number>{args});
}

template <int kTaps, class Number>
void add_prepare_regular(Cases& cases, const SeriesInput& input, const Series& series, Resampling method, const std::string& name) {
  KernelCase& test = add(cases, "prepare", join_text("regular, ", name, ", ", input.name));
  PrepareRegularArgs args;
  args.series = place(test, series);
  args.resampling = method;
  args.target_days = test.input(target_days(series, input.targets));
  args.n_targets = input.targets;
  args.indices = plan_indices({"NDVI", "NDWI", "Brightness"}, series.bands);
  args.mean = test.input(ramp(args.n_features(), 900, 31));
  args.inverse_std = test.input(ramp(args.n_features(), 0.001f, 0.0003f));
  auto* numbers = test.output<Number>(args.series.pixels() * args.n_targets * args.n_features());
  if constexpr (std::is_same_v<Number, float>)
    args.features = numbers;
  else
    args.bfloat16 = numbers;
  args.count = test.output<std::uint8_t>(args.series.pixels());
  complete(
      test, [args] { prepare_regular(Device{}, args); }, [args](const Fibers& fibers) { prepare_regular_on(fibers, args); },
      args.series.pixels(), PrepareRegularBlock<1, kTaps, Number>{args});
}

template <int kTaps>
void add_prepare(Cases& cases, const SeriesInput& input, Resampling method, const char* method_name) {
  const Series& series = made(input.shape).series;
  add_prepare_regular<kTaps, float>(cases, input, series, method, method_name);
  add_prepare_regular<kTaps, Bfloat16>(cases, input, series, method, join_text(method_name, ", bfloat16"));
  KernelCase& test = add(cases, "prepare", join_text("raw, ", method_name, ", ", input.name));
  PrepareRawArgs args;
  args.series = place(test, series);
  args.resampling = method;
  args.mean = test.input(ramp(series.n_bands(), 900, 31));
  args.inverse_std = test.input(ramp(series.n_bands(), 0.001f, 0.0003f));
  args.values = test.output<float>(args.series.pixels() * series.n_dates() * series.n_bands());
  args.valid = test.output<std::uint8_t>(args.series.pixels() * series.n_dates());
  args.count = test.output<std::uint8_t>(args.series.pixels());
  complete(
      test, [args] { prepare_raw(Device{}, args); }, [args](const Fibers& fibers) { prepare_raw_on(fibers, args); }, args.series.pixels(),
      PrepareRawBlock<1, kTaps>{args});
}

enum class AmongSources { alone, first, last };

constexpr int kAPixelAThread = 0;  // LtaeBlock, rather than LtaeGroup with so many pixels

template <int kTaps>
void add_ltae(Cases& cases, const SeriesInput& input, Resampling method, const char* method_name, LtaeShape shape,
              AmongSources among = AmongSources::alone, int group = kAsChosen) {
  const Series& series = made(input.shape).series;
  shape.one_of_several = among != AmongSources::alone;
  if (among == AmongSources::last) shape.statics = 0;
  const LtaeWeights weights = random_ltae(shape);
  Ltae network(weights);
  network.set_dates(random_positions(series.n_dates(), shape.head_width, 4));
  const char* const places[] = {"", ", first of several sources", ", last of several sources"};
  const std::string form = group == kAsChosen ? "" : group == kAPixelAThread ? ", a pixel a thread" : join_text(", groups of ", group);
  KernelCase& test = add(cases, "ltae", join_text(method_name, places[static_cast<int>(among)], form, ", ", input.name));
  LtaeArgs args;
  args.weights = network.view(), args.dates = network.dates();
  const auto copied = [&test](const float* numbers, std::int64_t n) { return test.input(std::vector<float>(numbers, numbers + n)); };
  const std::int64_t positions = std::int64_t{args.dates.n} * fours(shape.head_width) * kOutputsAtOnce;
  args.weights.numbers = copied(args.weights.numbers, network.size());
  args.weights.by_input = copied(args.weights.by_input, network.size());
  args.dates.position = copied(args.dates.position, positions);
  args.dates.position_by_input = copied(args.dates.position_by_input, positions);
  args.dates.score = copied(args.dates.score, std::int64_t{args.dates.n} * shape.heads);
  args.series = place(test, series), args.resampling = method;
  args.mean = test.input(ramp(series.n_bands(), 900, 31));
  args.inverse_std = test.input(ramp(series.n_bands(), 0.001f, 0.0003f));
  if (shape.statics > 0) args.statics = test.input(ramp(static_cast<int>(args.series.pixels()) * shape.statics, -1, 0.003f));
  if (among == AmongSources::last) args.begun = test.input(ramp(static_cast<int>(args.series.pixels()) * shape.hidden, -1, 0.002f));
  if (among == AmongSources::first)
    args.sums = test.output<float>(args.series.pixels() * shape.hidden);
  else
    args.logits = test.output<float>(args.series.pixels() * shape.classes);
  args.count = test.output<std::uint8_t>(args.series.pixels());
  const bool chosen = group == kAsChosen;
  const auto completed = [&](int pixels, const auto& functor) {
    complete_form(
        test, chosen, [args] { ltae(Device{}, args); }, [args](const Fibers& fibers) { ltae_on(fibers, args); },
        block_count(args.series.pixels(), pixels), functor);
  };
  switch (chosen ? ltae_group_pixels(args.weights, args.series.n_dates) : group) {
    case 16: return completed(16, LtaeGroup<16, kTaps>{args});
    case 8: return completed(8, LtaeGroup<8, kTaps>{args});
    case 4: return completed(4, LtaeGroup<4, kTaps>{args});
    default: return completed(1, LtaeBlock<1, kTaps>{args});
  }
}

}  // namespace

void add_ltae_forms(Cases& cases, const SeriesInput& input, const LtaeShape& network) {
  for (const int group : {8, 4, kAPixelAThread}) {
    add_ltae<1>(cases, input, kMethods[0].first, kMethods[0].second, network, AmongSources::alone, group);
    add_ltae<2>(cases, input, kMethods[1].first, kMethods[1].second, network, AmongSources::last, group);
  }
}

void add_ltae_shapes(Cases& cases) {
  // More heads than one pass of a block makes the means of, and dates that are hidden in a whole group.
  const SeriesInput cloudy = {"20 dates", {21, 1, 20, 0.8, 0.05, false, 2}};
  add_ltae<1>(cases, cloudy, kMethods[0].first, "17 heads", {.spectral = 38, .heads = 17, .head_width = 22, .mlp = 30});
  add_ltae<2>(cases, cloudy, kMethods[1].first, "no spectral layer", {.spectral = 0, .heads = 4, .head_width = 3});
}

void add_series_cases(Cases& cases, const SeriesInput& input, const LtaeShape& network) {
  add_validity(cases, input);
  add_resample<1>(cases, input, kMethods[0].first, kMethods[0].second);
  add_resample<2>(cases, input, kMethods[1].first, kMethods[1].second);
  add_resample<4>(cases, input, kMethods[2].first, kMethods[2].second);
  add_gap_fill<FillMethod::linear, std::int16_t>(cases, input, "linear");
  add_gap_fill<FillMethod::linear, float>(cases, input, "linear");
  add_gap_fill<FillMethod::moving_average, std::int16_t>(cases, input, "moving average");
  add_gap_fill<FillMethod::moving_average, float>(cases, input, "moving average");
  add_gap_fill<FillMethod::whittaker, std::int16_t>(cases, input, "Whittaker");
  add_gap_fill<FillMethod::whittaker, float>(cases, input, "Whittaker");
  add_indices<std::int16_t>(cases, input);
  add_indices<float>(cases, input);
  add_pack<float>(cases, input, "float32");
  add_pack<Bfloat16>(cases, input, "bfloat16");
  add_prepare<1>(cases, input, kMethods[0].first, kMethods[0].second);
  add_prepare<2>(cases, input, kMethods[1].first, kMethods[1].second);
  add_prepare<4>(cases, input, kMethods[2].first, kMethods[2].second);
  add_ltae<1>(cases, input, kMethods[0].first, kMethods[0].second, network);
  add_ltae<2>(cases, input, kMethods[1].first, kMethods[1].second, network);
  add_ltae<1>(cases, input, kMethods[0].first, kMethods[0].second, network, AmongSources::first);
  add_ltae<2>(cases, input, kMethods[1].first, kMethods[1].second, network, AmongSources::last);
}

}  // namespace millesime::testing
