#include "src/price/table.hpp"

#include <algorithm>
#include <utility>

#include "src/json/document.hpp"
#include "src/price/decimal.hpp"

namespace llm::price {
namespace {

using json::Document;
using json::NodeId;
using json::Type;

constexpr int kPicoPlaces = 12;
constexpr int64_t kMaxRate = 1000000000000000;  // 1000 USD a token
constexpr int64_t kMaxTokens = api::Usage::kMax;
constexpr int kFactorPlaces = 3;
constexpr int64_t kMaxFactor = 1000 * ModelPrice::kOnce;

struct Name {
    Bytes text;
    Rate rate;
    bool weak = false;  // counts only where the rate has no other
};

// A longer name before the one that it begins with.
constexpr Name kNames[] = {
    {"input_cost_per_token_cache_hit", kCacheRead, true},
    {"input_cost_per_token", kInput},
    {"output_cost_per_token", kOutput},
    {"cache_read_input_token_cost", kCacheRead},
    {"cache_creation_input_token_cost_above_1hr", kCacheWrite1h},
    {"cache_creation_input_token_cost_above_12hr", kCacheWrite1h},
    {"cache_creation_input_token_cost", kCacheWrite},
    {"output_cost_per_reasoning_token", kReasoning},
    {"input_cost_per_audio_token", kAudioInput},
    {"output_cost_per_audio_token", kAudioOutput},
    {"input_cost_per_image_token", kImageInput},
    {"output_cost_per_image_token", kImageOutput},
};

// Takes the service off the end of a member's name: "", "_priority", "_flex".
api::Service take_service(Bytes& suffix) {
    constexpr std::pair<Bytes, api::Service> kEnds[] = {
        {"_priority", api::Service::kPriority},
        {"_flex", api::Service::kFlex},
        {"_ultrafast", api::Service::kUltrafast},
        {"_balanced", api::Service::kBalanced},
    };
    for (const auto& [end, service] : kEnds) {
        if (suffix.ends_with(end)) {
            suffix.remove_suffix(end.size());
            return service;
        }
    }
    return api::Service::kStandard;
}

std::vector<Tier>& list_of(ModelPrice& price, api::Service service) {
    return service < api::Service::kPriority
               ? price.tiers
               : price.services[ModelPrice::place(service)];
}

// "" is the base; "_above_<n>k_tokens" is n * 1000; others are not ours.
bool read_threshold(Bytes suffix, int64_t& above) {
    constexpr Bytes kHead = "_above_";
    constexpr Bytes kTail = "k_tokens";
    above = 0;
    if (suffix.empty()) {
        return true;
    }
    if (!suffix.starts_with(kHead) || !suffix.ends_with(kTail)
        || suffix.size() <= kHead.size() + kTail.size()) {
        return false;
    }
    suffix.remove_prefix(kHead.size());
    suffix.remove_suffix(kTail.size());
    uint64_t thousands = 0;
    if (!parse_decimal(suffix, thousands) || thousands == 0
        || thousands > kMaxTokens / 1000) {
        return false;
    }
    above = static_cast<int64_t>(thousands) * 1000;
    return true;
}

// A name as part of a message: short, and without control characters.
std::string quoted(Bytes name) {
    std::string out;
    append_json_string(out, name.substr(0, 80));
    return out;
}

class Reader {
public:
    explicit Reader(const Document& doc) : doc_(doc) {}

    Result<ModelPrice> model(NodeId id) {
        model_ = id;
        ModelPrice price;
        price.tiers.emplace_back();
        for (NodeId member : doc_.children(id)) {
            Result<void> read = rate_member(member, price, 0);
            if (!read) {
                return read.error();
            }
        }
        Result<void> read = ranges(doc_.find(id, "tiered_pricing"), price);
        if (read) {
            read = windows(price);
        }
        if (!read) {
            return read.error();
        }
        const NodeId factors = doc_.find(id, "provider_specific_entry");
        factor(doc_.find(factors, "fast"), price.fast);
        factor(doc_.find(factors, "us"), price.in_us);
        price.writes_unasked = writes_unasked();
        price.resolve();
        return price;
    }

private:
    Error wrong(NodeId member, const Error& why) const {
        Bytes before = doc_.text().substr(0, doc_.offset(member));
        auto line = 1 + std::count(before.begin(), before.end(), '\n');
        return {why.code, "line " + std::to_string(line) + ": "
                              + quoted(doc_.key(model_)) + ": "
                              + quoted(doc_.key(member)) + " "
                              + why.message};
    }
    Error wrong(NodeId member, const char* why) const {
        return wrong(member, Error{Errc::kInvalid, why});
    }

    Result<Tier*> tier(std::vector<Tier>& tiers, int64_t above,
                       NodeId member) {
        for (Tier& known : tiers) {
            if (known.above == above) {
                return &known;
            }
        }
        if (tiers.size() == ModelPrice::kMaxTiers) {
            return wrong(member, "is one tier too many");
        }
        tiers.emplace_back().above = above;
        return &tiers.back();
    }

    Result<int64_t> rate(NodeId member) const {
        if (!doc_.is(member, Type::kNumber)) {
            return wrong(member, "must be a number of USD a token");
        }
        auto value = parse_scaled(doc_.raw(member), kPicoPlaces);
        if (!value) {
            return wrong(member, value.error());
        }
        if (*value < 0 || doc_.raw(member).front() == '-') {
            return wrong(member, "must not be negative");
        }
        if (*value > kMaxRate) {
            return wrong(member, "must be at most 1000 USD a token");
        }
        return value;
    }

    // A member that is no rate is passed over; null is one that is missing.
    Result<void> rate_member(NodeId member, ModelPrice& price,
                             int64_t from) {
        Bytes key = doc_.key(member);
        const Name* name = std::find_if(
            std::begin(kNames), std::end(kNames),
            [key](const Name& n) { return key.starts_with(n.text); });
        if (name == std::end(kNames) || doc_.is(member, Type::kNull)) {
            return {};
        }
        Bytes suffix = key.substr(name->text.size());
        api::Service service = take_service(suffix);
        int64_t above = 0;
        if (!read_threshold(suffix, above)) {
            return {};
        }
        auto value = rate(member);
        if (!value) {
            return value.error();
        }
        auto place = tier(list_of(price, service), std::max(above, from),
                          member);
        if (!place) {
            return place.error();
        }
        int64_t& cell = (*place)->rates[name->rate];
        if (!name->weak || cell == Tier::kUnset) {
            cell = *value;
        }
        return {};
    }

    Result<void> ranges(NodeId list, ModelPrice& price) {
        if (list == json::kNoNode || doc_.is(list, Type::kNull)) {
            return {};
        }
        if (!doc_.is(list, Type::kArray)) {
            return wrong(list, "must be a list");
        }
        for (NodeId item : doc_.children(list)) {
            NodeId range = doc_.find(item, "range");
            if (range == json::kNoNode) {
                continue;  // tiers by something else than prompt tokens
            }
            if (!doc_.is(range, Type::kArray) || doc_.size(range) == 0
                || !doc_.is(range + 1, Type::kNumber)) {
                return wrong(range, "must be a list of numbers");
            }
            int64_t from = doc_.as_int64(range + 1);
            if (from < 0 || from > kMaxTokens) {
                return wrong(range, "must begin with a number of tokens");
            }
            for (NodeId member : doc_.children(item)) {
                Result<void> read = rate_member(member, price, from);
                if (!read) {
                    return read;
                }
            }
        }
        return {};
    }

    // Of other things, too: what is no number is none of ours.
    void factor(NodeId member, int64_t& out) const {
        if (!doc_.is(member, Type::kNumber)) {
            return;
        }
        auto value = parse_scaled(doc_.raw(member), kFactorPlaces);
        if (value && *value >= 0 && *value <= kMaxFactor) {
            out = *value;
        }
    }

    // OpenAI's models, whoever serves them; of an own entry nobody knows.
    bool writes_unasked() const {
        const NodeId provider = doc_.find(model_, "litellm_provider");
        return provider == json::kNoNode || doc_.raw(provider) == "\"openai\""
               || doc_.key(model_).find("gpt-") != Bytes::npos;
    }

    Result<int64_t> tokens(Bytes name) const {
        NodeId member = doc_.find(model_, name);
        if (member == json::kNoNode || doc_.is(member, Type::kNull)) {
            return ModelPrice::kUnknown;
        }
        int64_t value = doc_.as_int64(member);
        if (!doc_.is(member, Type::kNumber) || value < 0
            || value > kMaxTokens) {
            return wrong(member, "must be a number of tokens");
        }
        return value;
    }

    Result<void> windows(ModelPrice& price) const {
        auto input = tokens("max_input_tokens");
        auto output = tokens("max_output_tokens");
        auto legacy = tokens("max_tokens");
        for (const auto* value : {&input, &output, &legacy}) {
            if (!*value) {
                return value->error();
            }
        }
        price.max_input = *input >= 0 ? *input : *legacy;
        price.max_output = *output >= 0 ? *output : *legacy;
        return {};
    }

    const Document& doc_;
    NodeId model_ = json::kNoNode;
};

bool says_something(const ModelPrice& price) {
    bool rates = std::ranges::any_of(price.tiers, [](const Tier& tier) {
        return std::ranges::any_of(tier.rates, [](int64_t rate) {
            return rate != Tier::kUnset;
        });
    });
    return rates || price.max_input >= 0 || price.max_output >= 0;
}

}  // namespace

Result<Table> Table::parse(Bytes text) {
    Document doc;
    Result<void> parsed = doc.parse_file(text);
    if (!parsed) {
        return parsed.error();
    }
    if (!doc.is(json::kRoot, Type::kObject)) {
        return Error{Errc::kInvalid, "must be one object of models"};
    }
    if (doc.size(json::kRoot) > kMaxModels) {
        return Error{Errc::kTooLarge, "holds more than 100000 models"};
    }
    Table table;
    bool priced = false;
    table.models_.reserve(doc.size(json::kRoot));
    Reader reader(doc);
    for (NodeId member : doc.children(json::kRoot)) {
        Bytes name = doc.key(member);
        if (name == "sample_spec" || !doc.is(member, Type::kObject)) {
            continue;
        }
        if (name.empty() || name.size() > kMaxModelBytes) {
            return Error{Errc::kInvalid,
                         quoted(name)
                             + ": a model's name has 1 to 256 bytes"};
        }
        Result<ModelPrice> price = reader.model(member);
        if (!price) {
            return price.error();
        }
        priced = priced || says_something(*price);
        table.models_.emplace(name, std::move(price).value());
    }
    // What a server says instead of the file that it has not.
    if (!priced && doc.size(json::kRoot) > 0) {
        return Error{Errc::kInvalid,
                     "has no model with a price of tokens: it is no file of "
                     "prices"};
    }
    return table;
}

const ModelPrice* Table::find(Bytes model) const {
    auto at = models_.find(model);
    return at == models_.end() ? nullptr : &at->second;
}

const ModelPrice* Book::find_name(Bytes name) const {
    const ModelPrice* found = own ? own->find(name) : nullptr;
    return found == nullptr && common ? common->find(name) : found;
}

const ModelPrice* Book::find(Bytes model, Bytes provider) const {
    if (model.empty() || model.size() > Table::kMaxModelBytes
        || provider.size() > Table::kMaxModelBytes) {
        return nullptr;
    }
    const ModelPrice* found = nullptr;
    if (!provider.empty()) {
        std::string name(provider);
        name += '/';
        name += model;
        found = find_name(name);
    }
    Bytes rest = model;
    while (found == nullptr) {
        found = find_name(rest);
        size_t slash = rest.find('/');
        if (slash == Bytes::npos) {
            break;
        }
        rest.remove_prefix(slash + 1);
    }
    if (found == nullptr && rest.starts_with("ft:")) {
        found = find_name(rest.substr(0, rest.find(':', 3)));
    }
    return found;
}

}  // namespace llm::price
