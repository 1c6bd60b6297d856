#pragma once
// Whether this build has sanitizers. Tests that judge what a network has learned are left out there: hundreds of steps in LibTorch, which
// has no sanitizer, and whose code other tests call; and so are repetitions of one test with other networks.

namespace millesime::testing {

#ifdef MILLESIME_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
inline constexpr const char* kJudgesLearning = "judges what is learned: without sanitizers alone";

}  // namespace millesime::testing
