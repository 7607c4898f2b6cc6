#include "src/route/registry.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "src/json/document.hpp"
#include "src/route/model_list.hpp"
#include "tests/route/cooldown_region.hpp"

namespace llm::route {
namespace {

using api::Family;

Provider provider(Bytes name, std::vector<std::string> models,
                  uint32_t weight = 1, Family family = Family::kOpenai) {
    Provider out;
    out.name = std::string(name);
    out.api = family;
    out.origin = *parse_origin("http://h/v1");
    out.models = std::move(models);
    out.weight = weight;
    return out;
}

Registry made(std::vector<Provider> providers) {
    auto registry = Registry::make(std::move(providers));
    EXPECT_TRUE(registry.ok());
    return registry.ok() ? *registry : Registry();
}

std::map<std::string, int> spread(const Registry& registry, Bytes model,
                                  Cooldown* cooldown, double when,
                                  TriedProviders tried = {}) {
    std::mt19937_64 random(1);
    std::map<std::string, int> out;
    for (int i = 0; i < 10000; i++) {
        Choice choice = registry.choose(model, Family::kOpenai, random(),
                                        tried, cooldown, at(when));
        out[choice.provider == nullptr ? "" : choice.provider->name]++;
    }
    return out;
}

TEST(Registry, RefusesWhatCanNotBe) {
    EXPECT_TRUE(Registry::make({}).ok());
    EXPECT_FALSE(
        Registry::make({provider("a", {"m"}), provider("a", {"n"})}).ok());
    auto weightless = Registry::make(
        {provider("a", {"m"}, 0), provider("b", {"m"}, 0)});
    ASSERT_FALSE(weightless.ok());
    EXPECT_NE(weightless.error().message.find("weight"), std::string::npos);
    EXPECT_FALSE(Registry::make({provider("a", {})}).ok());
    std::vector<Provider> many;
    for (int i = 0; i < 65; i++) {
        many.push_back(provider("p" + std::to_string(i), {"m"}));
    }
    EXPECT_FALSE(Registry::make(many).ok());
    many.pop_back();
    EXPECT_TRUE(Registry::make(many).ok());
}

TEST(Registry, KnowsWhoServes) {
    Registry registry =
        made({provider("a", {"gpt-*"}), provider("b", {"gpt-4o"}),
              provider("c", {"claude-*"}, 1, Family::kAnthropic),
              provider("d", {"drained"}, 0)});
    auto both = registry.candidates("gpt-4o", Family::kOpenai);
    ASSERT_EQ(both.size(), 2u);
    EXPECT_EQ(both[0]->name, "a");
    EXPECT_EQ(both[1]->name, "b");
    EXPECT_TRUE(registry.can_serve("gpt-5", Family::kOpenai));
    EXPECT_FALSE(registry.can_serve("gpt-5", Family::kAnthropic));
    EXPECT_TRUE(registry.can_serve("claude-x"));
    EXPECT_FALSE(registry.can_serve("llama"));
    EXPECT_FALSE(registry.can_serve("drained"));
    EXPECT_EQ(registry.find("c")->api, Family::kAnthropic);
    EXPECT_EQ(registry.find("x"), nullptr);
}

TEST(Registry, OpenToAreThoseThatCouldBeChosen) {
    using Indices = std::vector<size_t>;
    Registry registry =
        made({provider("a", {"m"}), provider("b", {"m", "n"}),
              provider("c", {"m"}, 0), provider("d", {"o"})});
    EXPECT_EQ(registry.open_to("m", Family::kOpenai), (Indices{0, 1}));
    EXPECT_EQ(registry.open_to("o", Family::kOpenai), Indices{3});
    EXPECT_EQ(registry.open_to("x", Family::kOpenai), Indices{});
    EXPECT_EQ(registry.open_to("m", Family::kAnthropic), Indices{});
}

TEST(Registry, TheLikelyOneHasTheMostWeight) {
    Registry registry =
        made({provider("a", {"m", "n"}), provider("b", {"m"}, 3),
              provider("c", {"m"}, 3), provider("d", {"o"}, 0)});
    EXPECT_EQ(registry.likely("m", Family::kOpenai)->name, "b");
    EXPECT_EQ(registry.likely("n", Family::kOpenai)->name, "a");
    EXPECT_EQ(registry.likely("o", Family::kOpenai), nullptr);
    EXPECT_EQ(registry.likely("m", Family::kAnthropic), nullptr);
}

TEST(Registry, ChoosesByWeight) {
    Registry registry =
        made({provider("a", {"m"}, 6), provider("b", {"m"}, 3),
              provider("c", {"m"}, 1), provider("d", {"m"}, 0),
              provider("e", {"n"}, 50)});
    auto got = spread(registry, "m", nullptr, 0);
    EXPECT_NEAR(got["a"], 6000, 300);
    EXPECT_NEAR(got["b"], 3000, 300);
    EXPECT_NEAR(got["c"], 1000, 200);
    EXPECT_EQ(got.count("d") + got.count("e") + got.count(""), 0u);
    EXPECT_EQ(spread(registry, "x", nullptr, 0)[""], 10000);
}

TEST(Registry, LeavesOutWhoIsCoolingAndWhoWasTried) {
    Registry registry = made({provider("a", {"m"}, 8), provider("b", {"m"}),
                              provider("c", {"m"})});
    CooldownRegion region;
    Cooldown& cooldown = region.cooldown;
    cooldown.report(cooldown.admit("a", "m", at(0)).pass, Fault::kRateLimit,
                    20 * kSecond, at(0));
    auto got = spread(registry, "m", &cooldown, 1);
    EXPECT_EQ(got.count("a"), 0u);
    EXPECT_NEAR(got["b"], 5000, 300) << "by weight among the rest";
    TriedProviders tried;
    tried.add(1);
    EXPECT_EQ(spread(registry, "m", &cooldown, 1, tried)["c"], 10000);
    tried.add(2);
    Choice none = registry.choose("m", Family::kOpenai, 5, tried, &cooldown,
                                  at(1));
    EXPECT_EQ(none.provider, nullptr);
    EXPECT_EQ(none.retry_ns, 19 * kSecond);
    tried.add(0);
    none = registry.choose("m", Family::kOpenai, 5, tried, &cooldown, at(1));
    EXPECT_EQ(none.retry_ns, 0);
    // Half open: one of all that come is the probe.
    got = spread(registry, "m", &cooldown, 21);
    EXPECT_EQ(got["a"], 1);
}

TEST(ModelList, NamesThatAreWritten) {
    Registry registry = made(
        {provider("openai", {"gpt-4o", "gpt-*", "o3"}),
         provider("azure", {"gpt-4o"}), provider("off", {"x"}, 0),
         provider("anthropic", {"claude-1"}, 1, Family::kAnthropic)});
    std::vector<ListedModel> further = {
        {"fast", "", "gpt-4o"}, {"o3", "", ""}, {"o3", "", "gpt-4o"}};
    auto models = listed_models(&registry, further, Family::kOpenai, true);
    ASSERT_EQ(models.size(), 3u);
    EXPECT_EQ(models[0].id, "gpt-4o");
    EXPECT_EQ(models[0].owner, "openai");
    EXPECT_EQ(models[1].id, "o3");
    EXPECT_EQ(models[2].id, "fast");
    EXPECT_EQ(model_list(Family::kOpenai, models, nullptr, 7),
              R"({"object":"list","data":[)"
              R"({"id":"gpt-4o","object":"model","created":7,)"
              R"("owned_by":"openai"},)"
              R"({"id":"o3","object":"model","created":7,)"
              R"("owned_by":"openai"},)"
              R"({"id":"fast","object":"model","created":7,)"
              R"("owned_by":"alias"}]})");
    auto theirs = listed_models(&registry, {}, Family::kAnthropic, true);
    EXPECT_EQ(model_list(Family::kAnthropic, theirs, nullptr, 0),
              R"({"data":[{"type":"model","id":"claude-1",)"
              R"("display_name":"claude-1",)"
              R"("created_at":"1970-01-01T00:00:00Z"}],"has_more":false,)"
              R"("first_id":"claude-1","last_id":"claude-1"})");
}

TEST(ModelList, OfAKeyIsWhatItMayUse) {
    Registry registry = made({provider("p", {"a", "b\"c", "d"})});
    auto models = listed_models(&registry, {}, Family::kOpenai, true);
    limit::Key key;
    key.any_model = false;
    key.models = {"b*", "d"};
    std::string list = model_list(Family::kOpenai, models, &key, 0);
    json::Document doc;
    ASSERT_TRUE(doc.parse(list).ok()) << list;
    EXPECT_EQ(doc.size(doc.find(json::kRoot, "data")), 2u);
    EXPECT_EQ(list.find("\"a\""), std::string::npos);
    EXPECT_FALSE(
        model_entry(Family::kOpenai, models, "a", &key, 0).has_value());
    EXPECT_EQ(model_entry(Family::kOpenai, models, "d", &key, 0),
              R"({"id":"d","object":"model","created":0,"owned_by":"p"})");
    EXPECT_FALSE(
        model_entry(Family::kOpenai, models, "x", nullptr, 0).has_value());
    key.models = {"zzz"};
    EXPECT_EQ(model_list(Family::kOpenai, models, &key, 0),
              R"({"object":"list","data":[]})");
    EXPECT_EQ(model_list(Family::kAnthropic, models, &key, 0),
              R"({"data":[],"has_more":false,"first_id":null,)"
              R"("last_id":null})");
}

TEST(ModelList, FurtherNamesAreThoseThatCanBeAskedFor) {
    Registry registry =
        made({provider("p", {"gpt-*"}), provider("off", {"x"}, 0)});
    std::vector<ListedModel> further = {
        {"gpt-9", "", ""},      {"fast", "", "gpt-1"}, {"x", "", ""},
        {"gone", "", "claude"}, {"gpt-8", "", "nope"}, {"fast", "", "gpt-2"}};
    auto ids = [](const std::vector<ListedModel>& models) {
        std::string out;
        for (const ListedModel& model : models) {
            out += model.id + '(' + model.owner + ") ";
        }
        return out;
    };
    EXPECT_EQ(ids(listed_models(&registry, further, Family::kOpenai, true)),
              "gpt-9(p) fast() ");
    EXPECT_EQ(ids(listed_models(&registry, further, Family::kOpenai, false)),
              "gpt-9(p) fast() x() gone() gpt-8() ");
    EXPECT_EQ(ids(listed_models(&registry, further, Family::kAnthropic,
                                true)),
              "");
    EXPECT_EQ(ids(listed_models(nullptr, further, Family::kAnthropic, false)),
              "gpt-9() fast() x() gone() gpt-8() ");
}

TEST(ModelList, AnAliasIsForWhoMayUseWhatItStandsFor) {
    std::vector<ListedModel> further = {{"fast", "", "small"},
                                        {"deep", "", "large"}};
    auto models = listed_models(nullptr, further, Family::kOpenai, false);
    limit::Key key;
    key.any_model = false;
    auto listed = [&](std::vector<std::string> may, Bytes name) {
        key.models = std::move(may);
        return model_entry(Family::kOpenai, models, name, &key, 0)
            .has_value();
    };
    EXPECT_TRUE(listed({"small"}, "fast"));
    EXPECT_FALSE(listed({"small"}, "deep"));
    EXPECT_TRUE(listed({"deep"}, "deep")) << "its own name is enough";
    EXPECT_FALSE(listed({"gpt-*"}, "fast"));
}

}  // namespace
}  // namespace llm::route
