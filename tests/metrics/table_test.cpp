#include "src/metrics/table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "src/metrics/label.hpp"
#include "tests/metrics/region.hpp"

namespace llm::metrics {
namespace {

TEST(MetricsTable, CountsPerSeries) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    table.counter(kLabelled, {"a", "red"}).add();
    table.counter(kLabelled, {"a", "red"}).add(41);
    table.counter(kLabelled, {"a", "green"}).add(7);
    table.counter(kPlain).add(3);
    EXPECT_EQ(42u, *cells_of(table, kLabelled, {"a", "red"}));
    EXPECT_EQ(7u, *cells_of(table, kLabelled, {"a", "green"}));
    EXPECT_EQ(3u, *cells_of(table, kPlain, {}));
    EXPECT_EQ(3u, table.used());
    EXPECT_EQ(0u, table.dropped());
}

TEST(MetricsTable, LabelsThatRunTogetherStayApart) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    constexpr Label labels[] = {{"a"}, {"b"}};
    Family family{"test_two_total", "", Type::kCounter, labels, {}, 0};
    table.counter(family, {"x", "yz"}).add(1);
    table.counter(family, {"xy", "z"}).add(2);
    table.counter(family, {"xyz", ""}).add(4);
    table.counter(family, {"", "xyz"}).add(8);
    EXPECT_EQ(4u, table.used());
    EXPECT_EQ(1u, *cells_of(table, family, {"x", "yz"}));
    EXPECT_EQ(2u, *cells_of(table, family, {"xy", "z"}));
    EXPECT_EQ(4u, *cells_of(table, family, {"xyz", ""}));
    EXPECT_EQ(8u, *cells_of(table, family, {"", "xyz"}));
}

TEST(MetricsTable, MissingValuesAreEmptyAndSurplusIsLeftOut) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    table.counter(kLabelled, {"a"}).add(1);
    table.counter(kLabelled, {"a", "red", "more"}).add(2);
    EXPECT_EQ(1u, *cells_of(table, kLabelled, {"a", ""}));
    EXPECT_EQ(2u, *cells_of(table, kLabelled, {"a", "red"}));
}

TEST(MetricsTable, ValuesOutsideTheClosedSetAreOther) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    table.counter(kLabelled, {"a", "blue"}).add(1);
    table.counter(kLabelled, {"a", "Red"}).add(1);
    EXPECT_EQ(2u, *cells_of(table, kLabelled, {"a", "other"}));
    EXPECT_EQ(1u, table.used());
}

TEST(MetricsTable, UncleanValuesAreOther) {
    std::string longest(kMaxLabelBytes, 'x');
    EXPECT_TRUE(is_clean_value(longest));
    EXPECT_TRUE(is_clean_value("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
    const std::string bad[] = {longest + "x",
                               "new\nline",
                               std::string("nul\0byte", 8),
                               "del\x7f",
                               "\xff",
                               "cut \xe2\x82",
                               "overlong \xc0\xaf",
                               "overlong \xe0\x80\xaf",
                               "surrogate \xed\xa0\x80",
                               "beyond \xf4\x90\x80\x80",
                               "stray \x80"};
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    for (const std::string& value : bad) {
        EXPECT_FALSE(is_clean_value(value)) << value;
        table.counter(kLabelled, {value, "red"}).add(1);
    }
    EXPECT_EQ(std::size(bad), *cells_of(table, kLabelled, {"other", "red"}));
    EXPECT_EQ(1u, table.used());
}

TEST(MetricsTable, HistogramEdgesAreInclusive) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    Histogram times = table.histogram(kTimes, {"a", "red"});
    for (int64_t value : {-5, 0, 10, 11, 100, 101, 1000, 1001}) {
        times.observe(value);
    }
    times.observe(INT64_MAX);
    const uint64_t* cells = cells_of(table, kTimes, {"a", "red"});
    EXPECT_EQ(3u, cells[0]);  // -5 0 10
    EXPECT_EQ(2u, cells[1]);  // 11 100
    EXPECT_EQ(2u, cells[2]);  // 101 1000
    EXPECT_EQ(2u, cells[3]);  // 1001 and the largest
    EXPECT_EQ(uint64_t{10 + 11 + 100 + 101 + 1000 + 1001}
                  + static_cast<uint64_t>(INT64_MAX),
              cells[4]);
}

TEST(MetricsTable, WrongTypeGetsAnEmptyHandle) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    EXPECT_FALSE(table.counter(kTimes, {"a", "red"}));
    EXPECT_FALSE(table.histogram(kLabelled, {"a", "red"}));
    EXPECT_FALSE(table.counter(kLevel, {"a", "red"}));
    table.counter(kTimes, {"a", "red"}).add(1);
    table.histogram(kLabelled, {"a", "red"}).observe(1);
    EXPECT_EQ(0u, table.used());
}

TEST(MetricsTable, NoTableSwallows) {
    Table table;
    table.counter(kPlain).add(1);
    table.histogram(kTimes, {"a", "red"}).observe(1);
    EXPECT_EQ(0u, table.used());
    EXPECT_EQ(0u, table.dropped());
    EXPECT_EQ(0u, total(table, kPlain));
}

// Fills the table; returns how many adds were done.
uint64_t overfill(Table& table, size_t wanted) {
    for (size_t i = 0; i < wanted; ++i) {
        table.counter(kLabelled, {"n" + std::to_string(i), "red"}).add(1);
    }
    return wanted;
}

TEST(MetricsTable, FullTableCountsUnderOther) {
    SharedMemory memory(Table::kMinSize);
    Table table = memory.fresh_table();
    uint64_t adds = overfill(table, 500);
    EXPECT_GT(table.used(), 20u);
    EXPECT_LT(table.used(), 100u);
    EXPECT_GT(table.dropped(), 300u);
    EXPECT_EQ(adds, total(table, kLabelled));
    const uint64_t* other = cells_of(table, kLabelled, {"other", "other"});
    ASSERT_NE(nullptr, other);
    EXPECT_EQ(table.dropped(), *other);
    // Room for the "other" series of further families was kept back.
    EXPECT_TRUE(table.histogram(kTimes, {"late", "red"}));
    EXPECT_NE(nullptr, cells_of(table, kTimes, {"other", "other"}));
    // Those that were there before go on.
    table.counter(kLabelled, {"n0", "red"}).add(5);
    EXPECT_EQ(6u, *cells_of(table, kLabelled, {"n0", "red"}));
}

TEST(MetricsTable, BoundedFamiliesLeaveRoomForOthers) {
    SharedMemory memory(64 << 10);
    Table table = memory.fresh_table();
    constexpr Label kOpen[] = {{"tag"}};
    Family open{"test_open_total", "", Type::kCounter, kOpen, {}, 0};
    open.max_series = 100000;
    for (int i = 0; i < 5000; ++i) {
        table.counter(open, {"v" + std::to_string(i)}).add();
    }
    EXPECT_EQ(5000u, total(table, open));
    uint64_t dropped = table.dropped();
    EXPECT_GT(dropped, 4000u);
    EXPECT_TRUE(table.histogram(kTimes, {"late", "red"}));
    table.counter(kLabelled, {"late", "red"}).add();
    EXPECT_NE(nullptr, cells_of(table, kLabelled, {"late", "red"}));
    EXPECT_EQ(dropped, table.dropped());
}

TEST(MetricsTable, EvenTheReserveEnds) {
    SharedMemory memory(Table::kMinSize);
    Table table = memory.fresh_table();
    overfill(table, 500);
    std::vector<std::string> names;
    for (int i = 0; i < 200; ++i) {
        names.push_back("test_f" + std::to_string(i) + "_total");
    }
    int empty = 0;
    for (const std::string& name : names) {
        Family family{name, "", Type::kCounter, kNameAndColour, {}, 0};
        Counter counter = table.counter(family, {"a", "red"});
        counter.add(1);
        empty += counter ? 0 : 1;
    }
    EXPECT_GT(empty, 0);
    EXPECT_LT(empty, 200);
}

TEST(MetricsTable, RegionSizesUpToTheLastByte) {
    for (size_t size = Table::kMinSize; size < Table::kMinSize + 200; ++size) {
        // On the heap, so that a sanitizer sees a byte too far.
        std::vector<uint64_t> storage((size + 7) / 8);
        auto table = Table::attach(storage.data(), size, true);
        ASSERT_TRUE(table);
        overfill(*table, 300);
        EXPECT_EQ(300u, total(*table, kLabelled));
    }
}

TEST(MetricsTable, AttachAgainKeepsTheNumbers) {
    SharedMemory memory(64 << 10);
    memory.fresh_table().counter(kPlain).add(9);
    auto again = Table::attach(memory.data(), memory.size(), false);
    ASSERT_TRUE(again);
    again->counter(kPlain).add(1);
    EXPECT_EQ(10u, total(*again, kPlain));
    Table fresh = memory.fresh_table();
    EXPECT_EQ(0u, total(fresh, kPlain));
    EXPECT_EQ(0u, fresh.used());
}

TEST(MetricsTable, AttachRefusesWhatIsNotATable) {
    SharedMemory memory(64 << 10);
    auto refused = [&](void* data, size_t size, Errc code) {
        auto table = Table::attach(data, size, false);
        return !table && table.error().code == code;
    };
    EXPECT_TRUE(refused(memory.data(), memory.size(), Errc::kCorrupt));
    EXPECT_TRUE(refused(nullptr, memory.size(), Errc::kInvalid));
    EXPECT_TRUE(refused(memory.data(), 100, Errc::kInvalid));
    memory.fresh_table();
    EXPECT_TRUE(refused(memory.data(), memory.size() / 2, Errc::kCorrupt));
    char* odd = static_cast<char*>(memory.data()) + 4;
    EXPECT_TRUE(refused(odd, memory.size() - 8, Errc::kInvalid));
    // Another layout.
    static_cast<uint64_t*>(memory.data())[1] ^= 1;
    EXPECT_TRUE(refused(memory.data(), memory.size(), Errc::kCorrupt));
}

TEST(MetricsTable, ScribbledSlotsAreNeverFollowed) {
    SharedMemory memory(16 << 10);
    Table table = memory.fresh_table();
    table.counter(kPlain).add(1);
    auto* words = static_cast<uint64_t*>(memory.data());
    for (size_t at = 16; at < 48; ++at) {
        words[at] = at % 3 == 0 ? UINT64_MAX : at * 0x123456789abcdef;
    }
    size_t seen = 0;
    table.for_each([&](const SeriesView&) { ++seen; });
    EXPECT_LE(seen, 40u);
    for (int i = 0; i < 100; ++i) {
        table.counter(kLabelled, {std::to_string(i), "red"}).add(1);
    }
    SUCCEED();
}

TEST(MetricsTable, ThreadsLoseNothingAndMakeNoTwins) {
    SharedMemory memory(256 << 10);
    Table table = memory.fresh_table();
    constexpr int kThreads = 4;
    constexpr int kNames = 100;
    constexpr int kRounds = 200;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([table]() mutable {
            for (int i = 0; i < kNames * kRounds; ++i) {
                std::string name = std::to_string(i % kNames);
                table.counter(kLabelled, {name, "red"}).add(1);
                table.histogram(kTimes, {name, "green"}).observe(50);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(2u * kNames, table.used());
    for (int i = 0; i < kNames; ++i) {
        std::string name = std::to_string(i);
        EXPECT_EQ(uint64_t{kThreads} * kRounds,
                  *cells_of(table, kLabelled, {name, "red"}));
        const uint64_t* cells = cells_of(table, kTimes, {name, "green"});
        EXPECT_EQ(uint64_t{kThreads} * kRounds, cells[1]);
        EXPECT_EQ(uint64_t{kThreads} * kRounds * 50, cells[4]);
    }
}

}  // namespace
}  // namespace llm::metrics
