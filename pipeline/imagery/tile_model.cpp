#include "pipeline/imagery/tile_model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/base/in_strips.h"
#include "kernels/ops/decide.h"
#include "models/arch/ltae.h"
#include "models/arch/random_forest.h"
#include "models/base/bfloat16_classifier.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/gap_filling.h"

namespace millesime {
namespace {

// Beyond the ends of a series gap filling only repeats its first or last value. A model that needs many such dates is an error.
void require_dates(const ModelSpec& spec, const TileInput& input, const std::string& file) {
  if (spec.input != InputKind::regular || input.dates.empty()) return;
  const Date new_year = Date::from_ymd(input.year, 1, 1), first = input.dates.front(), last = input.dates.back();
  const auto outside = std::ranges::count_if(spec.days, [&](int day) { return new_year + day < first || new_year + day > last; });
  if (2 * outside <= static_cast<std::int64_t>(spec.days.size())) return;
  throw UserError(join_text(file, ": the model reads ", spec.days.size(), " dates from ", (new_year + spec.days.front()).iso(), " to ",
                            (new_year + spec.days.back()).iso(), ", but the tile's acquisitions reach only from ", first.iso(), " to ",
                            last.iso(), ": ", outside,
                            " of the dates would be extrapolated; add acquisitions (year, time.start, time.end), or train a model on "
                            "these dates"));
}

float normalised_static(const StaticSpec& spec, float value) { return std::isnan(value) ? 0 : (value - spec.mean) / spec.deviation; }

}  // namespace

void PrecisionCost::add(const PrecisionCost& other) {
  pixels += other.pixels, same_label += other.same_label, difference += other.difference;
}

nlohmann::json PrecisionCost::to_json() const {
  const double n = static_cast<double>(std::max<std::int64_t>(1, pixels));
  return {{"compared", pixels}, {"same_label", static_cast<double>(same_label) / n}, {"probability_difference", difference / n}};
}

std::string PrecisionCost::to_text() const {
  const nlohmann::json shares = to_json();
  char text[200];
  std::snprintf(text, sizeof text,
                "bfloat16: %.2f %% of %lld pixels that were compared get the class of float32; its probability differs by %.4f",
                100 * shares["same_label"].get<double>(), static_cast<long long>(pixels), shares["probability_difference"].get<double>());
  return text;
}

TileModel::TileModel(ModelFile model, const TileInput& input, int batch_pixels, const Context& context, Arithmetic precision)
    : file_(std::move(model)), input_(input), batch_pixels_(batch_pixels), new_year_(Date::from_ymd(input.year, 1, 1)) {
  const ModelSpec& spec = file_.spec;
  const std::string& file = file_.path;
  for (const auto& member : file_.members) members_.emplace_back(member, input, batch_pixels, context, precision);
  if (!members_.empty()) return;
  for (std::size_t s = 1; s < spec.sources.size(); ++s)
    context.progress->note(join_text(file, ": the model also reads ", spec.sources[s].name, " (", join_list(spec.sources[s].bands, ", "),
                                     "), of which a tile has no images; it is mapped without them, like samples that lack them"));
  const SourceSpec& source = spec.sources.front();
  if (source.bands != input.bands)
    throw UserError(join_text(file, ": the model reads the bands ", join_list(source.bands, ", "), ", the images are read with ",
                              join_list(input.bands, ", "), "; set sensors.sentinel2_theia.bands to the model's"));
  require_dates(spec, input, file);
  indices_ = plan_indices(source.indices, source.bands);
  static_positions_ = spec.statics_in(input.static_names, "the tile");
  const Stream stream(context.device);
  if (precision == Arithmetic::bfloat16) network_ = load_bfloat16_classifier(file_, context.device, context.threads);
  if (spec.architecture == "random_forest") {
    const TrainedForest trained = read_forest(file_);
    forest_ = std::make_unique<Forest>(ForestArrays{trained.n_features, trained.n_classes, trained.root, trained.feature, trained.threshold,
                                                    trained.left, trained.right, trained.leaf_class},
                                       stream);
    vote_logits_ = to_device(stream, vote_logits(spec, forest_->view().n_trees));
  } else {
    if (const auto weights = ltae_weights(file_))
      ltae_ = std::make_unique<Ltae>(*weights, stream);
    else
      (network_ ? exact_ : network_) = load_classifier(file_, context.device, context.threads);
    std::vector<float> inverse;
    for (const float deviation : source.deviation) inverse.push_back(1 / deviation);
    mean_ = to_device(stream, source.mean);
    inverse_std_ = to_device(stream, inverse);
  }
  std::vector<std::int32_t> targets;
  for (const int day : spec.days) targets.push_back((new_year_ + day).days);
  target_days_ = to_device(stream, targets);
  stream.synchronize();  // windows use other streams
}

std::int64_t TileModel::bytes_per_pixel(int n_dates) const {
  if (!members_.empty()) {
    std::int64_t bytes = 0;  // a member keeps its buffers while the others compute
    for (const auto& member : members_) bytes += member.bytes_per_pixel(n_dates) + std::int64_t{spec().n_classes()} * 4 + 4;
    return bytes + std::int64_t{spec().n_classes()} * 4;
  }
  const std::int64_t beside_input = std::int64_t{spec().n_classes()} * 10 + spec().n_statics() * 4 + 8;
  if (ltae_) return beside_input + (input_.resampling == Resampling::cubic ? std::int64_t{2} * n_dates * ltae_->view().features : 0);
  const std::int64_t dates = spec().input == InputKind::regular ? static_cast<std::int64_t>(spec().days.size()) : n_dates;
  const SourceSpec& source = spec().sources.front();
  const std::int64_t filling = spec().input == InputKind::regular
                                   ? prepare_regular_bytes_per_pixel(gap_filling(spec().gap_fill), n_dates,
                                                                     static_cast<int>(source.bands.size()), static_cast<int>(dates))
                                   : 0;
  return filling + dates * source.features() * 4 + dates + beside_input;
}

void TileModel::prepare(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates, std::uint8_t* count) {
  const std::int64_t pixels = series.pixels();
  features_ = spec().sources.front().features();
  const bool normalised = mean_.size() > 0;
  std::vector<float> days;
  if (spec().input == InputKind::regular) {
    dates_ = static_cast<int>(spec().days.size());
    values_.reserve(stream.device, pixels * dates_ * features_);
    PrepareRegularArgs args;
    args.series = series, args.resampling = input_.resampling, args.n_targets = dates_, args.target_days = target_days_.data(),
    args.indices = indices_, args.filling = gap_filling(spec().gap_fill);
    if (normalised) args.mean = mean_.data(), args.inverse_std = inverse_std_.data();
    args.features = values_.data(), args.count = count;
    prepare_regular(stream, args);
    for (const int day : spec().days) days.push_back(static_cast<float>(day));
  } else {
    dates_ = series.n_dates;
    values_.reserve(stream.device, pixels * dates_ * features_);
    valid_.reserve(stream.device, pixels * dates_);
    PrepareRawArgs args;
    args.series = series, args.resampling = input_.resampling;
    if (normalised) args.mean = mean_.data(), args.inverse_std = inverse_std_.data();
    args.values = values_.data(), args.valid = valid_.data(), args.count = count;
    prepare_raw(stream, args);
    for (const Date date : dates) days.push_back(static_cast<float>(date - new_year_));
  }
  days_ = to_device(stream, days);
}

template <class Number>
Buffer<float> TileModel::static_inputs(const Stream& stream, std::int64_t pixels, const float* statics, bool planes,
                                       const Number& number) const {
  const int n_statics = spec().n_statics();
  std::vector<float> numbers(static_cast<std::size_t>(pixels * n_statics));
  for (std::int64_t p = 0; p < pixels; ++p)
    for (int s = 0; s < n_statics; ++s) {
      const auto place = static_cast<std::size_t>(s);
      const float value =
          statics[static_cast<std::size_t>(p) * input_.static_names.size() + static_cast<std::size_t>(static_positions_[place])];
      numbers[static_cast<std::size_t>(planes ? s * pixels + p : p * n_statics + s)] = number(spec().statics[place], value);
    }
  Buffer<float> buffer = to_device(stream, numbers);
  stream.synchronize();  // `numbers` ends here
  return buffer;
}

void TileModel::run_ltae(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates, const float* statics,
                         std::uint8_t* count) {
  if (ltae_dates_ != dates) {
    std::vector<float> days;
    for (const Date date : dates) days.push_back(static_cast<float>(date - new_year_));
    ltae_->set_dates(ltae_positions(days, ltae_->view().head_width), stream);
    ltae_dates_ = dates;
  }
  const Buffer<float> static_values = static_inputs(stream, series.pixels(), statics, true, normalised_static);
  logits_.reserve(stream.device, series.pixels() * spec().n_classes());
  LtaeArgs args;
  args.weights = ltae_->view(), args.dates = ltae_->dates();
  args.series = series, args.resampling = input_.resampling, args.mean = mean_.data(), args.inverse_std = inverse_std_.data();
  if (spec().n_statics() > 0) args.statics = static_values.data();
  args.logits = logits_.data(), args.count = count;
  ltae(stream, args);
  if (args.statics) stream.synchronize();  // they end here
}

void TileModel::run_network(const Stream& stream, std::int64_t pixels, const float* statics) {
  const int n_statics = spec().n_statics();
  const Buffer<float> static_values = static_inputs(stream, pixels, statics, false, normalised_static);
  logits_.reserve(stream.device, pixels * spec().n_classes());
  stream.synchronize();  // the network uses its own stream
  for (std::int64_t first = 0; first < pixels; first += batch_pixels_) {
    Batch batch;
    batch.pixels = std::min<std::int64_t>(batch_pixels_, pixels - first);
    SeriesBatch series;
    series.dates = dates_, series.features = features_;
    series.values = values_.data() + first * dates_ * features_;
    if (spec().input == InputKind::raw) series.valid = valid_.data() + first * dates_;
    series.days = days_.data();
    batch.series = {series};
    for (std::size_t s = 1; s < spec().sources.size(); ++s) batch.series.push_back({.features = spec().sources[s].features()});
    if (n_statics > 0) batch.statics = static_values.data() + first * n_statics;
    network_->logits(batch, logits_.data() + first * spec().n_classes());
    constexpr std::int64_t kCompared = 64;  // one of this number of batches is computed in both ways
    if (exact_ && batches_++ % kCompared == 0) compare_precision(stream, batch, logits_.data() + first * spec().n_classes());
  }
}

void TileModel::compare_precision(const Stream& stream, const Batch& batch, const float* logits) {
  const int n_classes = spec().n_classes();
  Buffer<float> exact(stream.device, batch.pixels * n_classes);
  exact_->logits(batch, exact.data());
  const auto on_host = [&](const float* numbers) {
    std::vector<float> copy(static_cast<std::size_t>(batch.pixels * n_classes));
    detail::copy_bytes(stream, Device{}, copy.data(), stream.device, numbers, copy.size() * sizeof(float));
    stream.synchronize();
    return copy;
  };
  const std::vector<float> expected = on_host(exact.data()), found = on_host(logits);
  const auto probability = [&](const float* row, std::ptrdiff_t of) {
    double sum = 0;
    for (int c = 0; c < n_classes; ++c) sum += std::exp(static_cast<double>(row[c]) - static_cast<double>(row[of]));
    return 1 / sum;
  };
  for (std::int64_t p = 0; p < batch.pixels; ++p) {
    const float *const exact_row = expected.data() + p * n_classes, *const row = found.data() + p * n_classes;
    const auto label = std::max_element(exact_row, exact_row + n_classes) - exact_row;
    cost_.same_label += std::max_element(row, row + n_classes) - row == label;
    cost_.difference += std::abs(probability(row, label) - probability(exact_row, label));
  }
  cost_.pixels += batch.pixels;
}

PrecisionCost TileModel::precision_cost() const {
  PrecisionCost cost = cost_;
  for (const TileModel& member : members_) cost.add(member.precision_cost());
  return cost;
}

void TileModel::run_forest(const Stream& stream, std::int64_t pixels, const float* statics) {
  const auto as_read = [](const StaticSpec& spec, float value) { return std::isnan(value) ? spec.mean : value; };
  const Buffer<float> static_values = static_inputs(stream, pixels, statics, false, as_read);
  votes_.reserve(stream.device, pixels * spec().n_classes());
  ForestArgs args;
  args.forest = forest_->view();
  args.pixels = pixels, args.features = values_.data(), args.votes = votes_.data();
  if (spec().n_statics() > 0) args.n_statics = spec().n_statics(), args.statics = static_values.data();
  forest(stream, args);
  if (args.statics) stream.synchronize();  // they end here
}

TileModel::Scores TileModel::run(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates,
                                 const std::vector<float>& statics) {
  if (!members_.empty()) return run_members(stream, series, dates, statics);
  const SeriesView& window = series.view();
  probabilities_.reserve(stream.device, window.pixels() * spec().n_classes());
  label_.reserve(stream.device, window.pixels());
  count_.reserve(stream.device, window.pixels());
  in_strips(
      window.height, strip_rows_,
      [&](int first, int n) {
        const std::int64_t first_pixel = std::int64_t{first} * window.width;
        const std::int64_t first_static = first_pixel * static_cast<std::int64_t>(input_.static_names.size());
        run_rows(stream, rows_of(window, first, n), first_pixel, dates, statics.data() + first_static);
      },
      [&] { release_rows(); });
  return {probabilities_.data(), count_.data()};
}

void TileModel::release_rows() { values_ = {}, valid_ = {}, logits_ = {}, votes_ = {}; }

void TileModel::release() {
  release_rows();
  probabilities_ = {}, label_ = {}, count_ = {};
  for (TileModel& member : members_) member.release();
}

void TileModel::run_rows(const Stream& stream, const SeriesView& rows, std::int64_t first, const std::vector<Date>& dates,
                         const float* statics) {
  const std::int64_t pixels = rows.pixels();
  DecideArgs args;
  args.pixels = pixels, args.n_classes = spec().n_classes(), args.sharpening = static_cast<float>(spec().sharpening);
  if (ltae_) {
    run_ltae(stream, rows, dates, statics, count_.data() + first);
    args.logits = logits_.data();
  } else if (network_) {
    prepare(stream, rows, dates, count_.data() + first);
    run_network(stream, pixels, statics);
    args.logits = logits_.data();
  } else {
    prepare(stream, rows, dates, count_.data() + first);
    run_forest(stream, pixels, statics);
    args.votes = votes_.data(), args.n_trees = forest_->view().n_trees;
    if (vote_logits_.size() > 0) args.vote_logits = vote_logits_.data();
  }
  args.count = count_.data() + first, args.label = label_.data() + first;
  args.exact_probabilities = probabilities_.data() + first * spec().n_classes();
  decide(stream, args);
}

TileModel::Scores TileModel::run_members(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates,
                                         const std::vector<float>& statics) {
  const std::int64_t pixels = series.view().pixels(), numbers = pixels * spec().n_classes();
  const auto n = static_cast<std::int64_t>(members_.size());
  Buffer<float> all(stream.device, n * numbers);  // [member][pixel][class]
  Scores scores;
  for (std::int64_t m = 0; m < n; ++m) {
    scores = members_[static_cast<std::size_t>(m)].run(stream, series, dates, statics);
    detail::copy_bytes(stream, stream.device, all.data() + m * numbers, stream.device, scores.probabilities,
                       static_cast<std::size_t>(numbers) * sizeof(float));
  }
  const Buffer<float> weights = to_device(stream, std::vector<float>(static_cast<std::size_t>(n * pixels), 1.0f));
  probabilities_.reserve(stream.device, numbers);
  BlendArgs mean;
  mean.pixels = pixels, mean.n_models = static_cast<int>(n), mean.n_classes = spec().n_classes();
  mean.probabilities = all.data(), mean.weights = weights.data(), mean.blended = probabilities_.data();
  blend(stream, mean);
  stream.synchronize();  // `all` and `weights` end here
  return {probabilities_.data(), scores.count};
}

}  // namespace millesime
