#include "pipeline/imagery/tile_model.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "kernels/ops/blend.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/image_steps.h"
#include "pipeline/learning/gap_filling.h"
#include "pipeline/learning/thermal_time.h"

namespace millesime {
namespace {

// Beyond the ends of a series gap filling only repeats its first or last value. More than half of such dates are an error, and more than a
// tenth a note, or an error where maps of a part of the season are refused.
std::string note_on_dates(const ModelSpec& spec, const TileInput& input, const std::string& file) {
  if (spec.input != InputKind::regular || input.dates.empty()) return "";
  const Date new_year = Date::from_ymd(input.year, 1, 1), first = input.dates.front(), last = input.dates.back();
  const auto outside = std::ranges::count_if(spec.days, [&](int day) { return new_year + day < first || new_year + day > last; });
  const auto n = static_cast<std::int64_t>(spec.days.size());
  constexpr std::int64_t kFew = 10;  // of the dates: another orbit begins some days later
  if (kFew * outside <= n) return "";
  const std::string what = join_text(file, ": the model reads ", n, " dates from ", (new_year + spec.days.front()).iso(), " to ",
                                     (new_year + spec.days.back()).iso(), ", but the tile's acquisitions reach only from ", first.iso(),
                                     " to ", last.iso(), ": ", outside, " of the dates ");
  const std::string advice = "; add acquisitions (year, period), or train a model on these dates";
  if (2 * outside > n) throw UserError(what + "would be extrapolated" + advice);
  if (input.refuses_parts) throw UserError(what + "would be extrapolated" + advice + ", or set classify.early = \"say\"");
  return what + "are extrapolated, and the classes are less certain than the confidence says" + advice;
}

std::vector<float> inverse_of(const std::vector<float>& deviations) {
  std::vector<float> inverse;
  for (const float deviation : deviations) inverse.push_back(1 / deviation);
  return inverse;
}

// Of a model's source that is read nowhere.
void require_may_lack(const SourceSpec& source, const TileInput& input, const std::string& file, const Context& context) {
  const std::string what = join_text(file, ": the model also reads ", source.name, " (", join_list(source.bands, ", "), ")");
  if (!input.may_lack_sources)
    throw UserError(
        join_text(what, ", which the configuration does not have; add a [[source]] named ", source.name,
                  " with these bands, or set classify.missing_sources = true to map without it, as samples that lack it are learned"));
  context.progress->note(join_text(what, ", which the configuration does not have: it is mapped without it (classify.missing_sources)"));
}

}  // namespace

TileModel::TileModel(ModelFile model, const TileInput& input, int batch_pixels, const Context& context, Arithmetic precision,
                     std::shared_ptr<PreparedInputs> prepared)
    : spec_(model.spec),
      input_(input),
      new_year_(Date::from_ymd(input.year, 1, 1)),
      prepared_(std::move(prepared)),
      owns_prepared_(!prepared_),
      what_(model.path) {
  const std::string file = model.path;
  if (owns_prepared_) prepared_ = std::make_shared<PreparedInputs>(context.device);
  for (const auto& member : model.members) members_.emplace_back(member, input, batch_pixels, context, precision, prepared_);
  if (!members_.empty()) return;
  for (std::size_t s = 1; s < spec_.sources.size(); ++s) {
    OtherSource& other = others_.emplace_back();
    const auto known = std::ranges::find(input.others, spec_.sources[s].name, &TileInput::Source::name);
    if (known != input.others.end() && known->bands == spec_.sources[s].bands)
      other.place = static_cast<std::size_t>(known - input.others.begin());
    else if (std::ranges::find(input.absent, spec_.sources[s].name) == input.absent.end())
      require_may_lack(spec_.sources[s], input, file, context);
  }
  const SourceSpec& source = spec_.sources.front();
  if (source.bands != input.bands)
    throw UserError(join_text(file, ": the model reads the bands ", join_list(source.bands, ", "), ", the images are read with ",
                              join_list(input.bands, ", "), "; set source.bands to the model's"));
  note_on_dates_ = note_on_dates(spec_, input, file);
  if (spec_.thermal) {
    const auto known = std::ranges::find(input.others, spec_.thermal->source, &TileInput::Source::name);
    if (known == input.others.end())
      throw UserError(join_text(file, ": the model places acquisitions by thermal time, of the source ", spec_.thermal->source, ", which ",
                                std::ranges::find(input.absent, spec_.thermal->source) == input.absent.end()
                                    ? "the configuration does not have; add a [[source]] of daily temperature with this name"
                                    : "has no day over this tile"));
    temperatures_.emplace().place = static_cast<std::size_t>(known - input.others.begin());
    temperatures_->asked = false;
    temperatures_->band =
        static_cast<std::size_t>(std::ranges::find(known->bands, temperature_band(known->bands, what_)) - known->bands.begin());
    const auto require_days = [&](const std::vector<Date>& dates) { ThermalClock(*spec_.thermal, new_year_, known->dates, dates, file); };
    require_days(input.dates);
    for (const OtherSource& other : others_)
      if (other.place) require_days(input.others[*other.place].dates);
  }
  convert_to_steps(model, 0, input.step);
  for (std::size_t s = 0; s < others_.size(); ++s)
    if (others_[s].place) convert_to_steps(model, s + 1, input.others[*others_[s].place].step);
  spec_ = model.spec;
  static_positions_ = spec_.statics_in(input.static_names, "the tile");
  unknown_.resize(spec_.statics.size());
  statics_seen_.emplace(spec_);
  runner_ = std::make_unique<ModelRunner>(std::move(model), context.device, context.threads, batch_pixels, precision);
  if (!runner_->note().empty()) context.progress->note(runner_->note());
  if (!runner_->reads_images()) {
    input_place_ = prepared_->place_of(preparation(0, 0), static_cast<int>(input.dates.size()));
    for (std::size_t s = 0; s < others_.size(); ++s)
      if (const auto place = others_[s].place)
        others_[s].input = prepared_->place_of(preparation(s + 1, 1 + *place), static_cast<int>(input.others[*place].dates.size()));
    return;
  }
  const Stream stream(context.device);
  mean_ = to_device(stream, spec_.sources.front().mean);
  const std::vector<float> inverse = inverse_of(spec_.sources.front().deviation);
  inverse_std_ = to_device(stream, inverse);
  for (std::size_t s = 0; s < others_.size(); ++s) {
    const std::vector<float> of_other = inverse_of(spec_.sources[s + 1].deviation);
    others_[s].mean = to_device(stream, spec_.sources[s + 1].mean);
    others_[s].inverse_std = to_device(stream, of_other);
    stream.synchronize();  // `of_other` ends here
  }
  stream.synchronize();  // windows use other streams
}

WindowPreparation TileModel::preparation(std::size_t source, std::size_t place) const {
  const SourceSpec& spec = spec_.sources[source];
  WindowPreparation way{.source = place, .kind = spec_.input, .bands = spec.bands};
  way.resampling = place == 0 ? input_.resampling : input_.others[place - 1].resampling;
  if (!runner_->is_forest()) way.mean = spec.mean, way.inverse_std = inverse_of(spec.deviation);  // a forest reads numbers as they are
  if (spec_.input == InputKind::raw) return way;
  way.indices = spec.indices, way.steps = spec.indices.empty() ? std::vector<float>() : spec.step, way.filling = gap_filling(spec_, source);
  for (const int day : spec_.days_of(source)) way.target_days.push_back((new_year_ + day).days);
  return way;
}

std::int64_t TileModel::bytes_per_pixel(int n_dates) const {
  if (!members_.empty()) {
    std::int64_t bytes = 0;  // a member keeps its buffers while the others compute
    for (const auto& member : members_) bytes += member.bytes_per_pixel(n_dates);
    return bytes + std::int64_t{spec_.n_classes()} * 4;
  }
  const std::int64_t beside_input = std::int64_t{spec_.n_classes()} * 10 + spec_.n_statics() * 12 + 8;
  if (runner_->reads_images()) {
    std::int64_t resampled = 0, sums = others_.empty() ? 0 : std::int64_t{4} * runner_->image_weights(0).hidden;
    const auto read = [&](std::size_t source, Resampling resampling, std::size_t source_dates) {
      if (resampling == Resampling::cubic)
        resampled = std::max(resampled, 2 * static_cast<std::int64_t>(source_dates) * runner_->image_weights(source).features);
    };
    read(0, input_.resampling, static_cast<std::size_t>(n_dates));
    for (std::size_t s = 0; s < others_.size(); ++s)
      if (const auto place = others_[s].place) read(s + 1, input_.others[*place].resampling, input_.others[*place].dates.size());
    return beside_input + sums + resampled;
  }
  const std::int64_t dates = spec_.input == InputKind::regular ? static_cast<std::int64_t>(spec_.days.size()) : n_dates;
  std::int64_t joined = 0;
  for (std::size_t s = 0; s < others_.size(); ++s)
    if (others_[s].place)
      joined += static_cast<std::int64_t>(spec_.input == InputKind::regular ? spec_.days_of(s + 1).size()
                                                                            : input_.others[*others_[s].place].dates.size()) *
                spec_.sources[s + 1].features() * 4;
  const std::int64_t of_time = temperatures_ ? static_cast<std::int64_t>(input_.others[temperatures_->place].dates.size()) *
                                                       static_cast<std::int64_t>(2 * input_.others[temperatures_->place].bands.size() + 1) +
                                                   dates * 4
                                             : 0;
  return beside_input + joined + of_time;
}

std::vector<float> TileModel::days_of(const std::vector<Date>& dates) const {
  std::vector<float> days;
  for (const Date date : dates) days.push_back(static_cast<float>(date - new_year_));
  return days;
}

// In regular input on its own dates, and valid where any date observed it.
SeriesBatch TileModel::prepare_other(const Stream& stream, std::size_t source, std::span<const DeviceSeries> others) {
  OtherSource& other = others_[source];
  SeriesBatch prepared{.features = spec_.sources[source + 1].features()};  // missing
  if (!other.place || *other.place >= others.size()) return prepared;
  const SeriesView& series = others[*other.place].view();
  const PreparedInputs::Prepared made = prepared_->prepare(stream, other.input, series);
  prepared.values = made.values;
  if (spec_.input == InputKind::regular) {
    const std::vector<int>& target_days = spec_.days_of(source + 1);
    prepared.dates = static_cast<int>(target_days.size());
    prepared.days = other.days.on(stream, std::vector<float>(target_days.begin(), target_days.end()));
    prepared.valid = made.count, prepared.valid_per_pixel = true;
    return prepared;
  }
  prepared.dates = series.n_dates, prepared.valid = made.valid;
  const std::vector<Date>& dates = input_.others[*other.place].dates;
  prepared.days_per_pixel = temperatures_.has_value();
  prepared.days = temperatures_ ? thermal_positions(stream, dates, series.pixels(), prepared.valid, other.sums, other.positions)
                                : other.days.on(stream, days_of(dates));
  return prepared;
}

std::pair<Batch, const std::uint8_t*> TileModel::prepare(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates,
                                                         std::span<const DeviceSeries> others) {
  const std::int64_t pixels = series.pixels();
  const bool regular = spec_.input == InputKind::regular;
  const PreparedInputs::Prepared made = prepared_->prepare(stream, input_place_, series);
  SeriesBatch prepared{.dates = regular ? static_cast<int>(spec_.days.size()) : series.n_dates,
                       .features = spec_.sources.front().features(),
                       .values = made.values,
                       .valid = made.valid};
  if (temperatures_) {
    read_temperatures(stream, others);
    prepared.days = thermal_positions(stream, dates, pixels, prepared.valid, temperatures_->sums, positions_),
    prepared.days_per_pixel = true;
  } else {
    prepared.days = days_.on(stream, regular ? std::vector<float>(spec_.days.begin(), spec_.days.end()) : days_of(dates));
  }
  Batch batch{.pixels = pixels, .series = {prepared}, .statics = nullptr};
  for (std::size_t s = 0; s < others_.size(); ++s) batch.series.push_back(prepare_other(stream, s, others));
  return {batch, made.count};
}

void TileModel::read_temperatures(const Stream& stream, std::span<const DeviceSeries> others) {
  MILLESIME_CHECK(temperatures_->place < others.size(), "temperatures are missing");
  const SeriesView& series = others[temperatures_->place].view();
  const TileInput::Source& source = input_.others[temperatures_->place];
  const std::int64_t numbers = series.pixels() * series.n_dates;
  temperatures_->samples.reserve(stream.device, numbers * series.n_bands), temperatures_->known.reserve(stream.device, numbers);
  temperatures_->lacking.reserve(stream.device, 1);
  resample(stream, {series, source.resampling, temperatures_->samples.data()});
  validity(stream, {series, temperatures_->known.data(), nullptr});
  temperatures_->lacking.zero(stream);
}

const float* TileModel::thermal_positions(const Stream& stream, const std::vector<Date>& dates, std::int64_t pixels,
                                          const std::uint8_t* valid, Constant<ThermalSum>& sums, Buffer<float>& positions) {
  const TileInput::Source& source = input_.others[temperatures_->place];
  const auto bands = static_cast<std::int64_t>(source.bands.size());
  positions.reserve(stream.device, pixels * std::ssize(dates));
  ThermalTimeArgs args;
  args.pixels = pixels, args.n_days = static_cast<int>(source.dates.size()), args.n_dates = static_cast<int>(dates.size());
  args.temperature = temperatures_->samples.data() + static_cast<std::int64_t>(temperatures_->band) * pixels,
  args.day_stride = bands * pixels;
  args.known = temperatures_->known.data();
  args.sums = sums.on(stream, ThermalClock(*spec_.thermal, new_year_, source.dates, dates, what_).sums());
  args.base = spec_.thermal->base_degrees, args.per_day = spec_.thermal->degrees_per_day;
  args.valid = valid, args.positions = positions.data(), args.lacking = temperatures_->lacking.data();
  thermal_time(stream, args);
  return positions.data();
}

// Of the window; and what the one before told.
void TileModel::tell_what_lacks(const Stream& stream) {
  require_complete();
  std::int32_t* const told = temperatures_->told.reserve(stream.device, 1);
  detail::copy_bytes(stream, Device{}, told, stream.device, temperatures_->lacking.data(), sizeof *told);
  if (stream.device.kind == Device::Kind::cuda) temperatures_->told.moved.record(stream);
  temperatures_->asked = true;
  if (stream.device.kind == Device::Kind::cpu) require_complete();
}

void TileModel::require_complete() {
  for (TileModel& member : members_) member.require_complete();
  if (!temperatures_ || !std::exchange(temperatures_->asked, false)) return;
  temperatures_->told.moved.wait();
  const std::int32_t lack = *temperatures_->told.memory.data();
  const std::vector<Date>& measured = input_.others[temperatures_->place].dates;
  if (lack < 0)
    throw UserError(join_text(what_, ": a pixel that is observed has ",
                              lacking_temperature(*spec_.thermal, measured[measured.size() - static_cast<std::size_t>(-lack)])));
}

const float* TileModel::static_inputs(const Stream& stream, std::int64_t pixels, const std::vector<float>& statics, bool planes,
                                      bool normalised) {
  if (spec_.n_statics() == 0) return nullptr;
  const auto n_inputs = static_cast<std::size_t>(spec_.n_statics()), n = static_cast<std::size_t>(pixels),
             given = input_.static_names.size();
  float* const numbers = statics_.fill(stream, pixels * spec_.n_statics());
  std::vector<float> row(n_inputs);
  constexpr std::size_t kSeenOf = 16;  // pixels of which one is enough to tell the unit
  for (std::size_t p = 0; p < n; ++p) {
    float* inputs = row.data();
    for (std::size_t s = 0; s < spec_.statics.size(); ++s) {
      const float value = statics[p * given + static_cast<std::size_t>(static_positions_[s])];
      unknown_[s] += spec_.statics[s].is_unknown(value);
      if (p % kSeenOf == 0) statics_seen_->add(s, value);
      spec_.statics[s].write(value, normalised, inputs);
      inputs += spec_.statics[s].width();
    }
    for (std::size_t k = 0; k < n_inputs; ++k) numbers[planes ? k * n + p : p * n_inputs + k] = row[k];
  }
  return statics_.send(stream);
}

std::map<std::string, std::int64_t> TileModel::unknown_codes() const {
  if (!members_.empty()) return members_.front().unknown_codes();
  std::map<std::string, std::int64_t> pixels;
  for (std::size_t s = 0; s < unknown_.size(); ++s)
    if (spec_.statics[s].is_category()) pixels[spec_.statics[s].name] = unknown_[s];
  return pixels;
}

std::vector<std::string> TileModel::notes() const {
  std::vector<std::string> notes;
  for (const TileModel& member : members_)
    for (std::string& note : member.notes()) notes.push_back(std::move(note));
  if (!members_.empty()) return notes;
  if (!note_on_dates_.empty()) notes.push_back(note_on_dates_);
  for (std::string& note : statics_seen_->notes()) notes.push_back(std::move(note));
  return notes;
}

std::vector<ModelRunner::SourceImages> TileModel::images(const SeriesView& window, const std::vector<Date>& dates,
                                                         std::span<const DeviceSeries> others) {
  std::vector<ModelRunner::SourceImages> sources(1 + others_.size());
  LtaeArgs& main = sources.front().args;
  main.series = window, main.resampling = input_.resampling, main.mean = mean_.data(), main.inverse_std = inverse_std_.data();
  main.count = count_.data();
  sources.front().days = days_of(dates);
  for (std::size_t s = 0; s < others_.size(); ++s) {
    const OtherSource& other = others_[s];
    auto& [args, days] = sources[s + 1];
    if (other.place && *other.place < others.size()) {
      args.series = others[*other.place].view(), args.resampling = input_.others[*other.place].resampling;
      args.mean = other.mean.data(), args.inverse_std = other.inverse_std.data();
      days = days_of(input_.others[*other.place].dates);
    } else {  // missing
      args.series.width = window.width, args.series.height = window.height, args.series.n_bands = spec_.sources[s + 1].features();
    }
  }
  return sources;
}

TileModel::Scores TileModel::run(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates,
                                 const std::vector<float>& statics, std::span<const DeviceSeries> others) {
  if (owns_prepared_) prepared_->next_window();
  if (!members_.empty()) return run_members(stream, series, dates, statics, others);
  const SeriesView& window = series.view();
  const std::int64_t pixels = window.pixels();
  const bool planes = runner_->reads_images();
  const float* const given = static_inputs(stream, pixels, statics, planes, !runner_->is_forest());
  const float* probabilities = nullptr;
  const std::uint8_t* count = nullptr;
  if (runner_->reads_images()) {
    count_.reserve(stream.device, pixels), count = count_.data();
    std::vector<ModelRunner::SourceImages> sources = images(window, dates, others);
    sources.front().args.statics = given;
    probabilities = runner_->run_images(stream, sources);
  } else {
    Batch batch;
    std::tie(batch, count) = prepare(stream, window, dates, others);
    batch.statics = given;
    probabilities = runner_->run(stream, batch, count);
  }
  if (temperatures_) tell_what_lacks(stream);
  return {probabilities, count};
}

void TileModel::release() {
  if (temperatures_) temperatures_->samples = {}, temperatures_->known = {};
  prepared_->release();
  probabilities_ = {}, count_ = {}, positions_ = {};
  statics_.release();
  for (OtherSource& other : others_) other.positions = {};
  if (runner_) runner_->release();
  for (TileModel& member : members_) member.release();
}

PrecisionCost TileModel::precision_cost() const {
  PrecisionCost cost;
  if (runner_) cost = runner_->precision_cost();
  for (const TileModel& member : members_) cost.add(member.precision_cost());
  return cost;
}

TileModel::Scores TileModel::run_members(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates,
                                         const std::vector<float>& statics, std::span<const DeviceSeries> others) {
  const std::int64_t numbers = series.view().pixels() * spec_.n_classes();
  probabilities_.reserve(stream.device, numbers);
  // Members have the same classes: each number is one of a plane.
  BlendArgs mean;
  mean.pixels = numbers, mean.n_classes = mean.model_classes = 1, mean.mean = probabilities_.data();
  mean.weight_sum = 0;
  Scores scores;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    scores = members_[m].run(stream, series, dates, statics, others);
    mean.probabilities = scores.probabilities;
    mean.weight = static_cast<float>(members_[m].spec_.weight), mean.weight_sum += mean.weight;
    mean.first = m == 0, mean.last = m + 1 == members_.size();
    blend(stream, mean);
  }
  return {probabilities_.data(), scores.count};
}

}  // namespace millesime
