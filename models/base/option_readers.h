#pragma once
// The kinds of models that read an option which not all of them read, for Option::read_by(): it has no effect on the others
// (pipeline/learning/unread_options.h).

namespace millesime::reader {

inline constexpr const char *kNetworks = "networks", *kRawNetworks = "networks of raw input", *kForests = "random forests",
                            *kRegular = "models of regular input", *kChosen = "the model auto",
                            *kInPrecision = "temporal_cnn and ltae";  // mapping in another precision

}  // namespace millesime::reader
