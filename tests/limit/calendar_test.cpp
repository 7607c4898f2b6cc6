#include "src/limit/calendar.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace llm::limit {
namespace {

// UTC seconds of a civil time.
int64_t utc(int year, unsigned month, unsigned day, int hour = 0,
            int minute = 0, int second = 0) {
    std::chrono::sys_days days(std::chrono::year(year)
                               / std::chrono::month(month)
                               / std::chrono::day(day));
    return days.time_since_epoch().count() * int64_t{86400} + hour * 3600
           + minute * 60 + second;
}

TimeZone zone_of(Bytes name) {
    auto zone = TimeZone::load(name);
    EXPECT_TRUE(zone.ok()) << name << zone.error().message;
    return zone ? std::move(zone).value() : TimeZone();
}

TEST(TimeZone, OffsetsAroundChanges) {
    TimeZone berlin = zone_of("Europe/Berlin");
    EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 0, 59, 59)), 3600);
    EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 1)), 7200);
    EXPECT_EQ(berlin.offset_at(utc(2026, 10, 25, 0, 59, 59)), 7200);
    EXPECT_EQ(berlin.offset_at(utc(2026, 10, 25, 1)), 3600);
    // Beyond the file's transitions the footer's rule goes on.
    EXPECT_EQ(berlin.offset_at(utc(2099, 1, 15)), 3600);
    EXPECT_EQ(berlin.offset_at(utc(2099, 7, 15)), 7200);
    EXPECT_EQ(berlin.offset_at(utc(2400, 7, 15)), 7200);
    // South of the equator summer spans the year's end.
    TimeZone sydney = zone_of("Australia/Sydney");
    EXPECT_EQ(sydney.offset_at(utc(2060, 1, 15)), 11 * 3600);
    EXPECT_EQ(sydney.offset_at(utc(2060, 7, 15)), 10 * 3600);
    EXPECT_EQ(zone_of("Asia/Kathmandu").offset_at(utc(2026, 1, 1)), 20700);
    EXPECT_EQ(zone_of("UTC").offset_at(utc(2026, 1, 1)), 0);
    // Standard time is what Dublin's summer is called, and -1 its winter's.
    EXPECT_EQ(zone_of("Europe/Dublin").offset_at(utc(2070, 1, 1)), 0);
    EXPECT_EQ(zone_of("Europe/Dublin").offset_at(utc(2070, 7, 1)), 3600);
    EXPECT_EQ(zone_of("America/Nuuk").offset_at(utc(2070, 7, 1)), -3600);
}

TEST(TimeZone, AgreesWithTheSystem) {
    const char* names[] = {"Europe/Berlin",       "America/New_York",
                           "Australia/Lord_Howe", "Africa/Casablanca",
                           "Asia/Tehran",         "America/Sao_Paulo",
                           "Africa/Cairo",        "Pacific/Apia",
                           "America/St_Johns",    "Asia/Gaza"};
    for (const char* name : names) {
        setenv("TZ", name, 1);
        tzset();
        TimeZone zone = zone_of(name);
        for (int64_t t = utc(1972, 1, 1); t < utc(2090, 1, 1);
             t += 86400 * 3 + 3607) {
            time_t when = t;
            tm local;
            localtime_r(&when, &local);
            ASSERT_EQ(zone.offset_at(t), local.tm_gmtoff) << name << t;
        }
    }
    unsetenv("TZ");
    tzset();
}

TEST(TimeZone, RefusesNamesAndFiles) {
    for (Bytes name : {"", "/etc/passwd", "../../../etc/passwd", "Europe/..",
                       "Europe/Berlin ", "a.b", "x\n"}) {
        EXPECT_EQ(TimeZone::load(name).error().code, Errc::kInvalid) << name;
    }
    EXPECT_EQ(TimeZone::load(std::string(65, 'a')).error().code,
              Errc::kInvalid);
    EXPECT_EQ(TimeZone::load("Europe/Atlantis").error().code,
              Errc::kNotFound);
    EXPECT_EQ(TimeZone::load("Europe").error().code, Errc::kNotFound);
    EXPECT_FALSE(TimeZone::parse("").ok());
    EXPECT_FALSE(TimeZone::parse("TZif2").ok());
    EXPECT_FALSE(TimeZone::parse(std::string(300000, 'T')).ok());
}

TEST(TimeZone, ReadsRules) {
    auto fixed = parse_footer("<+0545>-5:45");
    ASSERT_TRUE(fixed);
    EXPECT_EQ(fixed->standard_s, 20700);
    EXPECT_FALSE(fixed->has_summer);
    auto rule = parse_footer("EET-2EEST,M3.5.4/50,J300/-1:30:15");
    ASSERT_TRUE(rule);
    EXPECT_EQ(rule->begin.time_s, 50 * 3600);
    EXPECT_EQ(rule->end.time_s, -5415);
    EXPECT_EQ(rule->end.day, 300);
    EXPECT_TRUE(parse_footer("AAA3BBB2:30,0,365"));
    for (Bytes bad : {"", "AA3", "AAA", "AAA25", "AAA3BBB", "AAA3BBB,1",
                      "AAA3BBB,M13.1.1,M1.1.1", "AAA3BBB,M1.6.1,M1.1.1",
                      "AAA3BBB,M1.1.7,M1.1.1", "AAA3BBB,J0,J1", "<>3",
                      "AAA3BBB,M1.1.1/168,M1.1.1", "AAA3BBB,M1.1.1,M1.1.1x",
                      "AAA3BBB,366,1", "<AAA3"}) {
        EXPECT_FALSE(parse_footer(bad)) << bad;
    }
}

// A file of one type and no transition, but for what is put in its place.
std::string zone_file(Bytes footer, Bytes times = {}, Bytes types = {}) {
    auto number = [](size_t value) {
        std::string out(4, '\0');
        out[2] = static_cast<char>(value >> 8);
        out[3] = static_cast<char>(value);
        return out;
    };
    constexpr Bytes kType("\0\0\0\0\0\0", 6);
    std::string one = "TZif2" + std::string(15, '\0');
    std::string none = number(0) + number(0) + number(0);
    std::string first = one + none + number(0) + number(1) + number(1)
                        + std::string(kType) + '\0';
    std::string type(types.empty() ? kType : types);
    return first + one + none + number(times.size() / 9)
           + number(type.size() / 6) + number(1) + std::string(times) + type
           + '\0' + std::string(footer);
}

TEST(TimeZone, RulesThatCountDays) {
    auto zone_by = [](Bytes footer) {
        auto zone = TimeZone::parse(zone_file(footer));
        EXPECT_TRUE(zone.ok()) << zone.error().message;
        return zone ? std::move(zone).value() : TimeZone();
    };
    // J60 is March 1 in every year, 59 is February 29 in a leap year.
    TimeZone julian = zone_by("\nAAA0BBB,J60,J300\n");
    TimeZone counted = zone_by("\nAAA0BBB,59,299\n");
    for (int year : {2023, 2024}) {
        bool leap = year == 2024;
        int64_t march = utc(year, 3, 1, 2);
        EXPECT_EQ(julian.offset_at(march - 1), 0) << year;
        EXPECT_EQ(julian.offset_at(march), 3600) << year;
        EXPECT_EQ(julian.offset_at(utc(year, 10, 27, 1) - 1), 3600) << year;
        EXPECT_EQ(julian.offset_at(utc(year, 10, 27, 1)), 0) << year;
        int64_t begin = leap ? utc(year, 2, 29, 2) : march;
        EXPECT_EQ(counted.offset_at(begin - 1), 0) << year;
        EXPECT_EQ(counted.offset_at(begin), 3600) << year;
        int64_t end = utc(year, 10, leap ? 26 : 27, 1);
        EXPECT_EQ(counted.offset_at(end - 1), 3600) << year;
        EXPECT_EQ(counted.offset_at(end), 0) << year;
        // What the clocks skip, wherever in it, is the instant of the skip.
        for (int minute : {0, 1, 30, 59}) {
            EXPECT_EQ(julian.utc_of(utc(year, 3, 1, 2, minute)), march);
        }
        EXPECT_EQ(julian.utc_of(utc(year, 3, 1, 3)), march);
        EXPECT_EQ(julian.utc_of(utc(year, 3, 1, 1, 59)), march - 60);
    }
}

TEST(TimeZone, FilesThatAreNone) {
    ASSERT_TRUE(TimeZone::parse(zone_file("\n\n")).ok());
    std::string good = zone_file("\nAAA3\n");
    ASSERT_TRUE(TimeZone::parse(good).ok());
    for (size_t size = 0; size < good.size(); size++) {
        EXPECT_FALSE(TimeZone::parse(Bytes(good).substr(0, size)).ok())
            << size;
    }
    EXPECT_FALSE(TimeZone::parse(zone_file("\nnone\n")).ok());
    EXPECT_FALSE(TimeZone::parse(zone_file("AAA3\n")).ok());
    constexpr Bytes kFar("\x7f\0\0\0\0\0", 6);  // from Greenwich
    EXPECT_FALSE(TimeZone::parse(zone_file("\n\n", {}, kFar)).ok());
    constexpr Bytes kTwice("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0", 18);
    EXPECT_FALSE(TimeZone::parse(zone_file("\n\n", kTwice)).ok());
    constexpr Bytes kOther("\0\0\0\0\0\0\0\1\1", 9);  // a type of none
    EXPECT_FALSE(TimeZone::parse(zone_file("\n\n", kOther)).ok());
    std::string first = good;
    first[4] = '1';  // the first block alone
    EXPECT_TRUE(TimeZone::parse(first).ok());
    std::string second = good;
    second[second.find("TZif", 4)] = 'x';
    EXPECT_FALSE(TimeZone::parse(second).ok());
}

TEST(Calendar, DaysWeeksAndMonths) {
    TimeZone none;
    int64_t t = utc(2026, 11, 20, 13, 37, 5);  // a Friday
    EXPECT_EQ(window_at(Period::kHour, none, t),
              (Window{utc(2026, 11, 20, 13), utc(2026, 11, 20, 14)}));
    EXPECT_EQ(window_at(Period::kDay, none, t),
              (Window{utc(2026, 11, 20), utc(2026, 11, 21)}));
    EXPECT_EQ(window_at(Period::kWeek, none, t),
              (Window{utc(2026, 11, 16), utc(2026, 11, 23)}));
    EXPECT_EQ(window_at(Period::kMonth, none, t),
              (Window{utc(2026, 11, 1), utc(2026, 12, 1)}));
    EXPECT_EQ(window_at(Period::kMonth, none, utc(2028, 2, 29)),
              (Window{utc(2028, 2, 1), utc(2028, 3, 1)}));
    EXPECT_EQ(window_at(Period::kMonth, none, utc(2026, 12, 31, 23)),
              (Window{utc(2026, 12, 1), utc(2027, 1, 1)}));
    EXPECT_EQ(window_at(Period::kDay, none, -1), (Window{-86400, 0}));
    EXPECT_EQ(window_at(Period::kWeek, none, utc(2026, 11, 16)).start_s,
              utc(2026, 11, 16));
    EXPECT_EQ(window_at(Period::kWeek, none, utc(2026, 11, 15)).start_s,
              utc(2026, 11, 9));
    for (int64_t extreme : {INT64_MIN, INT64_MAX}) {
        Window w = window_at(Period::kMonth, zone_of("Europe/Berlin"),
                             extreme);
        EXPECT_LT(w.start_s, w.end_s);
    }
}

TEST(Calendar, DaysOfChangesAreShortAndLong) {
    TimeZone berlin = zone_of("Europe/Berlin");
    Window spring = window_at(Period::kDay, berlin, utc(2026, 3, 29, 12));
    EXPECT_EQ(spring, (Window{utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)}));
    Window autumn = window_at(Period::kDay, berlin, utc(2026, 10, 25, 12));
    EXPECT_EQ(autumn.end_s - autumn.start_s, 25 * 3600);
    Window month = window_at(Period::kMonth, berlin, utc(2026, 10, 31));
    EXPECT_EQ(month, (Window{utc(2026, 9, 30, 22), utc(2026, 10, 31, 23)}));
    // Half an hour of Kathmandu's: hours begin at a quarter past.
    EXPECT_EQ(window_at(Period::kHour, zone_of("Asia/Kathmandu"),
                        utc(2026, 1, 1, 0, 20)),
              (Window{utc(2026, 1, 1, 0, 15), utc(2026, 1, 1, 1, 15)}));
}

TEST(Calendar, MidnightThatIsSkippedOrComesTwice) {
    // Cairo's clocks go from 24:00 to 1:00 on the last Friday of April.
    Window cairo = window_at(Period::kDay, zone_of("Africa/Cairo"),
                             utc(2026, 4, 24, 12));
    EXPECT_EQ(cairo, (Window{utc(2026, 4, 23, 22), utc(2026, 4, 24, 21)}));
    // Havana's go from 1:00 back to 0:00: the first midnight counts.
    Window havana = window_at(Period::kDay, zone_of("America/Havana"),
                              utc(2026, 11, 1, 5, 30));
    EXPECT_EQ(havana, (Window{utc(2026, 11, 1, 4), utc(2026, 11, 2, 5)}));
    // Samoa had no 30 December 2011.
    Window apia = window_at(Period::kDay, zone_of("Pacific/Apia"),
                            utc(2011, 12, 30, 9, 59, 59));
    EXPECT_EQ(apia.end_s, utc(2011, 12, 30, 10));
}

TEST(Calendar, WindowsAreGaplessAndHoldTheirInstant) {
    const char* names[] = {"Europe/Berlin", "America/Havana",
                           "Africa/Cairo",  "America/St_Johns",
                           "Asia/Beirut",   "America/Sao_Paulo",
                           "Pacific/Apia",  "Australia/Lord_Howe"};
    for (const char* name : names) {
        TimeZone zone = zone_of(name);
        for (Period period : {Period::kDay, Period::kWeek, Period::kMonth}) {
            Window last = window_at(period, zone, utc(2006, 1, 1));
            for (int64_t t = utc(2006, 1, 1); t < utc(2030, 1, 1);
                 t += 1201) {
                Window w = window_at(period, zone, t);
                ASSERT_LE(w.start_s, t) << name << " " << t;
                ASSERT_GT(w.end_s, t) << name << " " << t;
                if (w != last) {
                    ASSERT_EQ(w.start_s, last.end_s) << name << " " << t;
                }
                last = w;
            }
        }
    }
}

TEST(Calendar, NamesPeriods) {
    for (Period p : {Period::kHour, Period::kDay, Period::kWeek,
                     Period::kMonth}) {
        EXPECT_EQ(period_of(name_of(p)), p);
    }
    EXPECT_FALSE(period_of("year"));
    EXPECT_FALSE(period_of(""));
}

}  // namespace
}  // namespace llm::limit
