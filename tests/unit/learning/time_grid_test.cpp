#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/learning/time_options.h"
#include "tests/support/message_of.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> days_of(const TimeOptions& time) {
  std::vector<std::string> days;
  for (const Date date : time.grid("wasp", [] {
         return std::vector{Date::from_ymd(2021, 3, 1), Date::from_ymd(2021, 3, 25), Date::from_ymd(2021, 3, 4)};
       }))
    days.push_back(date.iso());
  return days;
}

TEST(TimeGrid, GoesFromTheFirstAcquisitionToTheLastInSteps) {
  TimeOptions time;
  EXPECT_THAT(days_of(time), ElementsAre("2021-03-01", "2021-03-11", "2021-03-21"));
  time.step_days = 0;
  EXPECT_EQ(days_of(time).size(), 3u);
  time.step_days = 12;
  time.start = "2021-02-27";
  EXPECT_THAT(days_of(time), ElementsAre("2021-02-27", "2021-03-11", "2021-03-23"));
  time.end = "20210311";
  EXPECT_THAT(days_of(time), ElementsAre("2021-02-27", "2021-03-11"));
}

TEST(TimeGrid, GivenDatesAreSortedAndAskForNoAcquisitions) {
  TimeOptions time;
  time.dates = {"2021-05-01", "20210101", "2021-05-01"};
  EXPECT_EQ(time.grid("wasp", []() -> std::vector<Date> { throw Bug("acquisitions were asked for"); }),
            (std::vector{Date::from_ymd(2021, 1, 1), Date::from_ymd(2021, 5, 1)}));
}

TEST(TimeGrid, OwnDatesAreThoseOfTheAcquisitions) {
  TimeOptions time;
  time.own_dates = {"other", "wasp"};
  EXPECT_THAT(days_of(time), ElementsAre("2021-03-01", "2021-03-04", "2021-03-25"));
  time.start = "2021-03-02";
  EXPECT_THAT(days_of(time), ElementsAre("2021-03-04", "2021-03-25"));
  time.own_dates = {"other"};
  EXPECT_THAT(days_of(time), ElementsAre("2021-03-02", "2021-03-12", "2021-03-22"));
}

TEST(TimeGrid, AStartAfterTheEndIsExplained) {
  TimeOptions time;
  time.start = "2021-04-01";
  EXPECT_THAT(testing::message_of([&] { days_of(time); }), AllOf(HasSubstr("2021-04-01"), HasSubstr("2021-03-25")));
}

}  // namespace
}  // namespace millesime
