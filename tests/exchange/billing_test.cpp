// What an answer cost and what was saved, by hits, by the route, by edits.
#include "src/exchange/billing.hpp"

#include <gtest/gtest.h>

#include <map>

#include "src/metrics/snapshot.hpp"
#include "tests/metrics/region.hpp"

namespace llm::exchange {
namespace {

constexpr Bytes kPrices = R"({
  "large": {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5},
  "small": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
  "azure/small": {"input_cost_per_token": 3e-6,
                  "output_cost_per_token": 3e-6},
  "embed": {"input_cost_per_token": 1e-6}})";

class BillingTest : public testing::Test {
protected:
    BillingTest() : region_(1 << 20), table_(region_.fresh_table()) {
        billing_.use(book());
        usage_.input = 100;
        usage_.output = 10;
    }

    static price::Book book() {
        price::Book book;
        auto table = price::Table::parse(kPrices);
        EXPECT_TRUE(table.ok());
        book.common = std::make_shared<const price::Table>(
            std::move(table).value());
        return book;
    }

    Bill bill(const Billing::Models& models, int64_t taken_out = 0,
              bool hit = false) {
        return billing_.bill(account_, models, usage_, taken_out, hit);
    }

    // Of every series of the family, by its labels.
    std::map<std::string, uint64_t> series(size_t family) {
        std::map<std::string, uint64_t> found;
        uint64_t id = billing_.families()[family]->id;
        table_.for_each([&](const metrics::SeriesView& view) {
            if (view.family == id) {
                std::string labels;
                for (size_t i = 0; i < view.value_count; i++) {
                    labels.append(i == 0 ? "" : ",").append(view.values[i]);
                }
                found[labels] = view.cell(0);
            }
        });
        return found;
    }

    metrics::SharedMemory region_;
    metrics::Table table_;
    Billing billing_{{"feature"}};
    Account account_;
    api::Usage usage_;
};

TEST_F(BillingTest, WhatIsAskedIsPaidTheClientsModelIsTheBaseline) {
    Bill same = bill({"large", "large", "large-2025", ""});
    EXPECT_EQ(same.cost, 300000);
    EXPECT_EQ(same.saved, 0);
    Bill routed = bill({"large", "small", "small", ""});
    EXPECT_EQ(routed.cost, 110000);
    EXPECT_EQ(routed.saved, 190000);
    Bill dearer = bill({"small", "large", "large", ""});
    EXPECT_EQ(dearer.saved, -190000);
    EXPECT_EQ(bill({"large", "small", "small", "azure"}).cost, 330000);
}

TEST_F(BillingTest, TheBaselineIsTheOperatorsWord) {
    account_.baseline = "large";
    EXPECT_EQ(bill({"small", "small", "small", ""}).saved, 190000);
    account_.baseline = "unknown";
    EXPECT_EQ(bill({"small", "small", "small", ""}).saved, 0);
}

TEST_F(BillingTest, AHitHasBoughtNothing) {
    Bill hit = bill({"large", "small", "small", ""}, 50, true);
    EXPECT_EQ(hit.cost, 0);
    EXPECT_EQ(hit.saved, 300000);
    EXPECT_EQ(hit.by_edits, 0);
}

TEST_F(BillingTest, WhatIsOnlyWatchedIsPaidAndWouldHaveBeenSaved) {
    Billing::Models asked{"large", "large", "large-2025", ""};
    Bill hit = billing_.foresee(account_, asked, usage_, "small", true);
    EXPECT_EQ(hit.cost, 300000);
    EXPECT_EQ(hit.saved, 300000);
    Bill routed = billing_.foresee(account_, asked, usage_, "small", false);
    EXPECT_EQ(routed.cost, 300000);
    EXPECT_EQ(routed.saved, 190000);
    EXPECT_EQ(
        billing_.foresee(account_, asked, usage_, "large", false).saved, 0);
    EXPECT_EQ(billing_.foresee(account_, asked, usage_, "new", false).saved,
              Bill::kUnknown);
    billing_.count(table_, account_, "large", hit, true);
    billing_.count(table_, account_, "large", routed, false);
    EXPECT_TRUE(series(1).empty());
    EXPECT_EQ(series(2).size(), 2u);
    EXPECT_EQ(series(0).begin()->second, 600000u);
}

TEST_F(BillingTest, EditsSaveWhatTheirTokensCostAtTheBaseline) {
    Bill less = bill({"large", "small", "small", ""}, 50);
    EXPECT_EQ(less.cost, 110000);
    EXPECT_EQ(less.by_edits, 100000);
    EXPECT_EQ(less.saved, 290000);
    Bill more = bill({"large", "large", "large", ""}, -50);
    EXPECT_EQ(more.by_edits, -100000);
    EXPECT_EQ(more.saved, -100000);
    // Never more than there is.
    EXPECT_EQ(bill({"large", "large", "large", ""}, -1000).by_edits,
              -200000);
    // The baseline has no price: at that of what was asked.
    EXPECT_EQ(bill({"new", "small", "small", ""}, 50).by_edits, 50000);
}

TEST_F(BillingTest, WithoutAPriceNothingIsKnown) {
    EXPECT_FALSE(bill({"new", "new", "new", ""}).known());
    EXPECT_FALSE(bill({"embed", "embed", "embed", ""}).known());
    EXPECT_EQ(bill({"new", "new", "small", ""}).cost, 110000);
    usage_ = {};
    EXPECT_FALSE(bill({"small", "small", "small", ""}).known());
    Billing empty;
    usage_.input = usage_.output = 1;
    EXPECT_FALSE(
        empty.bill(account_, {"small", "small", "", ""}, usage_, 0, false)
            .known());
}

TEST_F(BillingTest, EachKindIsCountedForItself) {
    account_.tenant = "acme";
    account_.tags = {"search"};
    account_.variant = "new";
    auto count = [&](const Bill& bill, bool hit) {
        billing_.count(table_, account_, "small", bill, hit);
    };
    count(bill({"large", "small", "small", ""}, 50), false);
    count(bill({"large", "small", "small", ""}, 0, true), true);
    count(bill({"small", "large", "large", ""}, -50), false);  // saves nothing
    account_.tenant = "";
    account_.tags = {};
    account_.variant = "";
    count(bill({"large", "small", "small", ""}), false);
    EXPECT_EQ(series(1), (std::map<std::string, uint64_t>{
                             {"edit,acme,small,search,new", 100000},
                             {"hit,acme,small,search,new", 300000},
                             {"route,acme,small,search,new", 190000},
                             {"route,other,small,,", 190000}}));
    EXPECT_EQ(series(0), (std::map<std::string, uint64_t>{
                             {"acme,small,search,new", 410000},
                             {"other,small,,", 110000}}));
}

TEST_F(BillingTest, NoMoreSeriesThanItsBoundTheRestIsOther) {
    metrics::SharedMemory memory(16 << 20);
    metrics::Table table = memory.fresh_table();
    Bill one = bill({"small", "small", "small", ""});
    uint64_t sum = 0;
    for (uint32_t i = 0; i < Billing::kMaxSeries + 100; i++) {
        account_.tags = {std::to_string(i)};
        billing_.count(table, account_, "small", one, false);
        sum += static_cast<uint64_t>(one.cost);
    }
    table_ = table;
    std::map<std::string, uint64_t> found = series(0);
    EXPECT_LE(found.size(), Billing::kMaxSeries + 1);
    uint64_t counted = 0;
    for (const auto& [labels, value] : found) {
        counted += value;
    }
    EXPECT_EQ(counted, sum);
}

TEST_F(BillingTest, ATagThatIsNamedVariantStandsForIt) {
    Billing tagged({"feature", "variant"});
    account_.tags = {"search", "a"};
    account_.variant = "b";
    tagged.count(table_, account_, "small",
                 bill({"large", "small", "small", ""}), false);
    ASSERT_EQ(tagged.families()[0]->labels.size(), 4u);
    metrics::Snapshot page = metrics::collect(table_, tagged.families());
    ASSERT_EQ(page.groups.size(), 2u);
    EXPECT_EQ(page.groups[0].series.at(0).values,
              (std::vector<std::string>{"other", "small", "search", "a"}));
}

TEST_F(BillingTest, FiveTagsAndAVariantFit) {
    Billing full({"a", "b", "c", "d", "e"});
    account_.tags = {"1", "2", "3", "4", "5"};
    account_.variant = "new";
    full.count(table_, account_, "small",
               bill({"large", "small", "small", ""}), false);
    metrics::Snapshot page = metrics::collect(table_, full.families());
    ASSERT_EQ(page.groups.size(), 2u);
    EXPECT_EQ(page.groups[1].series.at(0).values.back(), "new");
}

}  // namespace
}  // namespace llm::exchange
