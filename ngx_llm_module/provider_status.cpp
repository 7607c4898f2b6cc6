#include "ngx_llm_module/provider_status.hpp"

#include "src/base/bytes.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

constexpr int64_t kNsPerMs = 1000000;

// As llm_provider_state counts them.
int64_t number_of(route::CooldownState state) {
    switch (state) {
    case route::CooldownState::kClosed:
        return 0;
    case route::CooldownState::kHalfOpen:
        return 1;
    case route::CooldownState::kOpen:
        break;
    }
    return 2;
}

// Calls with each model that `provider` names without a glob.
template <typename Call>
void each_literal(const route::Provider& provider, Call call) {
    for (const std::string& model : provider.models) {
        if (route::is_literal_model(model)) {
            call(Bytes(model));
        }
    }
}

void append_state(std::string& json, Bytes name,
                  const route::CooldownAnswer& answer) {
    json += "{\"name\":";
    append_json_string(json, name);
    json += ",\"state\":";
    append_json_string(json, route::name_of(answer.state));
    if (answer.state != route::CooldownState::kClosed) {
        json += ",\"retry_ms\":";
        append_number(json, (answer.retry_ns + kNsPerMs - 1) / kNsPerMs);
    }
}

void append_provider(exchange::Services& services, Now now,
                     const route::Provider& provider, std::string& json) {
    route::Cooldown& cooldown = services.cooldown;
    append_state(json, provider.name,
                 cooldown.look(provider.name, {}, now));
    json += ",\"models\":[";
    bool first = true;
    each_literal(provider, [&](Bytes model) {
        json += first ? "" : ",";
        first = false;
        append_state(json, model,
                     cooldown.look(provider.name, model, now));
        json += '}';
    });
    json += "]}";
}

}  // namespace

void append_provider_samples(exchange::Services& services, Now now,
                             std::vector<metrics::Sample>& samples) {
    if (services.registry == nullptr) {
        return;
    }
    route::Cooldown& cooldown = services.cooldown;
    for (const route::Provider& provider : services.registry->providers()) {
        auto add = [&](Bytes model) {
            auto state = cooldown.look(provider.name, model, now).state;
            samples.push_back({&metrics::kProviderState,
                               {provider.name, std::string(model)},
                               number_of(state)});
        };
        add({});
        each_literal(provider, add);
    }
    route::CooldownStats stats = cooldown.stats(now);
    samples.push_back({&metrics::kCooldownRefused, {},
                       static_cast<int64_t>(stats.refused)});
    samples.push_back({&metrics::kCooldownProbes, {},
                       static_cast<int64_t>(stats.probes)});
}

void append_provider_status(exchange::Services& services, Now now,
                            std::string& json) {
    json += '[';
    if (services.registry != nullptr) {
        bool first = true;
        for (const route::Provider& provider :
             services.registry->providers()) {
            json += first ? "" : ",";
            first = false;
            append_provider(services, now, provider, json);
        }
    }
    json += ']';
}

}  // namespace llm::door
