#include "tests/support/random_ltae.h"

#include <random>

namespace millesime::testing {
namespace {

std::vector<float> uniform(int n, std::mt19937& random) {
  std::vector<float> numbers(static_cast<std::size_t>(n));
  for (float& number : numbers) number = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 0.001f;
  return numbers;
}

}  // namespace

LtaeWeights random_ltae(const LtaeShape& shape) {
  std::mt19937 random(shape.seed);
  const auto numbers = [&random](int n) { return uniform(n, random); };
  LtaeWeights w;
  w.features = shape.features, w.attended = shape.spectral > 0 ? shape.spectral : shape.features;
  w.heads = shape.heads, w.head_width = shape.head_width, w.mlp = shape.mlp, w.statics = shape.statics, w.hidden = shape.hidden;
  w.classes = shape.classes;
  const int embedding = w.heads * w.head_width;
  if (shape.spectral > 0) w.spectral = numbers(w.attended * w.features), w.spectral_bias = numbers(w.attended);
  w.score = numbers(w.heads * w.attended), w.position_score = numbers(w.heads * w.head_width);
  w.embed = numbers(embedding * w.attended), w.embed_bias = numbers(embedding);
  w.dense = numbers(w.mlp * embedding), w.dense_bias = numbers(w.mlp);
  w.norm_gain = numbers(w.mlp), w.norm_shift = numbers(w.mlp);
  w.hidden_layer = numbers(w.hidden * (w.mlp + w.statics)), w.hidden_bias = numbers(w.hidden);
  w.head = numbers(w.classes * w.hidden), w.head_bias = numbers(w.classes);
  if (shape.one_of_several) w.absent = numbers(w.hidden);
  return w;
}

std::vector<float> random_positions(int dates, int head_width, unsigned seed) {
  std::mt19937 random(seed);
  return uniform(dates * head_width, random);
}

}  // namespace millesime::testing
