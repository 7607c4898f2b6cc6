#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <set>

#include "src/metrics/families.hpp"
#include "src/metrics/prometheus.hpp"
#include "src/metrics/status.hpp"
#include "tests/metrics/region.hpp"

namespace llm::metrics {
namespace {

constexpr const Family* kTestFamilies[] = {&kPlain, &kLabelled, &kTimes,
                                           &kLevel};

std::string scaled(uint64_t stored, int decimals) {
    std::string out;
    append_scaled(out, stored, decimals);
    return out;
}

TEST(MetricsPrint, ScaledNumbersAreExact) {
    EXPECT_EQ("0", scaled(0, 0));
    EXPECT_EQ("0", scaled(0, 9));
    EXPECT_EQ("1500", scaled(1500, 0));
    EXPECT_EQ("1.5", scaled(1500, 3));
    EXPECT_EQ("0.001", scaled(1, 3));
    EXPECT_EQ("0.000000001", scaled(1, 9));
    EXPECT_EQ("10", scaled(10000, 3));
    EXPECT_EQ("18446744073.709551615", scaled(UINT64_MAX, 9));
    std::string out;
    append_scaled_signed(out, INT64_MIN, 2);
    EXPECT_EQ("-92233720368547758.08", out);
}

Table filled(const SharedMemory& memory) {
    Table table = memory.fresh_table();
    table.counter(kLabelled, {"b", "red"}).add(2);
    table.counter(kLabelled, {"a\\\"}", "green"}).add(1);
    table.counter(kLabelled, {"a", ""}).add(3);
    Histogram times = table.histogram(kTimes, {"t", "red"});
    for (int64_t value : {5, 50, 60, 5000}) {
        times.observe(value);
    }
    return table;
}

TEST(MetricsPrint, PrometheusText) {
    SharedMemory memory(64 << 10);
    Table table = filled(memory);
    std::vector<Sample> samples = {{&kLevel, {"zone", "green"}, -250},
                                   {&kLevel, {"new\nline", "blue"}, 7}};
    std::string out;
    append_prometheus(out, collect(table, kTestFamilies, samples));
    EXPECT_EQ(R"(# HELP test_plain_total Plain.
# TYPE test_plain_total counter
test_plain_total 0
# HELP test_labelled_total Labelled.
# TYPE test_labelled_total counter
test_labelled_total{name="a"} 3
test_labelled_total{name="a\\\"}",colour="green"} 1
test_labelled_total{name="b",colour="red"} 2
# HELP test_times_seconds Times.
# TYPE test_times_seconds histogram
test_times_seconds_bucket{name="t",colour="red",le="0.01"} 1
test_times_seconds_bucket{name="t",colour="red",le="0.1"} 3
test_times_seconds_bucket{name="t",colour="red",le="1"} 3
test_times_seconds_bucket{name="t",colour="red",le="+Inf"} 4
test_times_seconds_sum{name="t",colour="red"} 5.115
test_times_seconds_count{name="t",colour="red"} 4
# HELP test_level A level.
# TYPE test_level gauge
test_level{name="other",colour="other"} 0.07
test_level{name="zone",colour="green"} -2.5
)",
              out);
}

TEST(MetricsPrint, HelpIsEscaped) {
    Family family{"test_help", "one\\two\nthree \"four\"", Type::kCounter,
                  {}, {}, 0};
    const Family* families[] = {&family};
    std::string out;
    append_prometheus(out, collect(Table(), families));
    EXPECT_EQ(
        "# HELP test_help one\\\\two\\nthree \"four\"\n"
        "# TYPE test_help counter\ntest_help 0\n",
        out);
}

TEST(MetricsPrint, StatusJson) {
    SharedMemory memory(64 << 10);
    Table table = filled(memory);
    std::vector<Sample> samples = {{&kLevel, {"zone"}, 300}};
    std::string out;
    append_status_json(out, collect(table, kTestFamilies, samples));
    EXPECT_EQ(
        R"({"test_plain_total":{"type":"counter","series":[)"
        R"({"labels":{},"value":0}]},)"
        R"("test_labelled_total":{"type":"counter","series":[)"
        R"({"labels":{"name":"a"},"value":3},)"
        R"({"labels":{"name":"a\\\"}","colour":"green"},"value":1},)"
        R"({"labels":{"name":"b","colour":"red"},"value":2}]},)"
        R"("test_times_seconds":{"type":"histogram","le":[0.01,0.1,1],)"
        R"("series":[{"labels":{"name":"t","colour":"red"},"count":4,)"
        R"("sum":5.115,"buckets":[1,2,0,1]}]},)"
        R"("test_level":{"type":"gauge","series":[)"
        R"({"labels":{"name":"zone"},"value":3}]}})",
        out);
    out.clear();
    append_status_json(out, Snapshot{});
    EXPECT_EQ("{}", out);
}

TEST(MetricsPrint, SamplesAddUpAndStrangersAreLeftOut) {
    SharedMemory memory(64 << 10);
    Table table = filled(memory);
    std::vector<Sample> samples = {{&kPlain, {}, 4},
                                   {&kPlain, {}, 5},
                                   {&kTimes, {"t", "red"}, 1},
                                   {nullptr, {}, 1}};
    const Family* families[] = {&kPlain};
    Snapshot snapshot = collect(table, families, samples);
    ASSERT_EQ(1u, snapshot.groups.size());
    ASSERT_EQ(1u, snapshot.groups[0].series.size());
    EXPECT_EQ(9u, snapshot.groups[0].series[0].cells[0]);
}

// One series of every family of the product.
std::string everything() {
    SharedMemory memory(1 << 20);
    Table table = memory.fresh_table();
    std::vector<Sample> samples;
    for (const Family* family : all_families()) {
        std::vector<std::string> values;
        for (const Label& label : family->labels) {
            values.emplace_back(label.allowed.empty() ? Bytes("a \"b\" \\")
                                                      : label.allowed[0]);
        }
        std::vector<Bytes> views(values.begin(), values.end());
        if (family->type == Type::kCounter) {
            table.counter(*family, Values(views)).add(3);
        } else if (family->type == Type::kHistogram) {
            table.histogram(*family, Values(views)).observe(12345678);
        } else {
            samples.push_back({family, values, 5});
        }
    }
    append_table_samples(table, samples);
    std::string out;
    append_prometheus(out, collect(table, all_families(), samples));
    return out;
}

TEST(MetricsPrint, PromtoolAcceptsEveryFamily) {
    if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
        GTEST_SKIP() << "promtool is not installed";
    }
    std::string name = "/tmp/llm_metrics_" + std::to_string(getpid());
    std::ofstream(name) << everything();
    FILE* pipe = popen(("promtool check metrics <" + name + " 2>&1").c_str(),
                       "r");
    ASSERT_NE(nullptr, pipe);
    std::string said;
    char line[512];
    while (fgets(line, sizeof(line), pipe) != nullptr) {
        said += line;
    }
    int status = pclose(pipe);
    unlink(name.c_str());
    EXPECT_EQ(0, status);
    EXPECT_EQ("", said);
}

TEST(MetricsFamilies, AreWellFormed) {
    std::set<Bytes> names;
    std::set<uint64_t> ids;
    for (const Family* family : all_families()) {
        SCOPED_TRACE(family->name);
        EXPECT_TRUE(names.insert(family->name).second);
        EXPECT_TRUE(ids.insert(family->id).second);
        EXPECT_FALSE(family->help.empty());
        EXPECT_LE(family->labels.size(), kMaxLabels);
        EXPECT_LE(family->buckets.size(), kMaxBuckets);
        EXPECT_EQ(family->type == Type::kHistogram, !family->buckets.empty());
        EXPECT_TRUE(std::is_sorted(family->buckets.begin(),
                                   family->buckets.end(),
                                   std::less_equal<>()));
        EXPECT_EQ(family->type == Type::kCounter,
                  family->name.ends_with("_total"));
        std::set<Bytes> labels;
        for (const Label& label : family->labels) {
            EXPECT_TRUE(labels.insert(label.name).second);
            std::set<Bytes> allowed(label.allowed.begin(),
                                    label.allowed.end());
            EXPECT_EQ(label.allowed.size(), allowed.size());
        }
    }
}

TEST(MetricsFamilies, ReasonsLoseTheirNumbers) {
    EXPECT_EQ("no_entry", reason_label("no_entry"));
    EXPECT_EQ("veto:number", reason_label("veto:number"));
    EXPECT_EQ("below", reason_label("below:0.93"));
    EXPECT_EQ("below", reason_label("below:-.5"));
    EXPECT_EQ("below", reason_label("below:"));
    EXPECT_EQ("", reason_label(""));
}

TEST(MetricsFamilies, ConventionBucketsInBaseUnits) {
    std::string out = everything();
    for (const char* line :
         {"gen_ai_client_token_usage_bucket{gen_ai_operation_name=\"chat\"",
          "le=\"67108864\"", "le=\"81.92\"", "le=\"0.001\"", "le=\"60\"",
          "gen_ai_server_time_to_first_token_seconds_sum",
          "} 0.012345678\n"}) {
        EXPECT_NE(std::string::npos, out.find(line)) << line;
    }
}

}  // namespace
}  // namespace llm::metrics
