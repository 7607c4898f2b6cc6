// Services: what a worker process has for all its exchanges. Filled by the
// door when the worker starts; a feature that is not there is empty and its
// stop does nothing. One worker, one thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/cache/store.hpp"
#include "src/exchange/billing.hpp"
#include "src/exchange/counting.hpp"
#include "src/exchange/readings.hpp"
#include "src/exchange/request_series.hpp"
#include "src/exchange/spending.hpp"
#include "src/exchange/upstream_series.hpp"
#include "src/json/document.hpp"
#include "src/limit/ledger.hpp"
#include "src/limit/tenant_names.hpp"
#include "src/limit/worker_list.hpp"
#include "src/metrics/table.hpp"
#include "src/route/registry.hpp"
#include "src/semantic/index.hpp"
#include "src/semantic/word_counts.hpp"
#include "src/tokens/estimator.hpp"

namespace llm::exchange {

// Documents keep their memory from one request to the next.
class Documents {
public:
    std::unique_ptr<json::Document> take() {
        if (spare_.empty()) {
            return std::make_unique<json::Document>();
        }
        std::unique_ptr<json::Document> document = std::move(spare_.back());
        spare_.pop_back();
        return document;
    }

    void give_back(std::unique_ptr<json::Document> document) {
        if (spare_.size() < kMax) {
            spare_.push_back(std::move(document));
        }
    }

private:
    static constexpr size_t kMax = 4;
    std::vector<std::unique_ptr<json::Document>> spare_;
};

// What somebody may want to be told at once; llm_alert.
struct Alert {
    Bytes event;  // soft, hard; key_invalid; provider
    Bytes rule;   // the budget's name; why the key, the provider was refused
    Bytes key;    // whose budget; the key's, the provider's name
    Bytes tenant;
    int64_t limit_nano = 0;
    int64_t window_start_s = 0;
    int64_t window_end_s = 0;
};

struct Services {
    cache::Store* store = nullptr;
    semantic::Index* index = nullptr;  // of its entries' vectors
    semantic::WordCounts words;        // of its prompts; empty: not counted
    tokens::Estimator* estimator = nullptr;
    Counting counting;  // llm_tokens; where it knows the model, not estimated
    metrics::Table metrics;
    const route::Registry* registry = nullptr;  // llm_provider
    route::Cooldown cooldown;  // of its providers; empty: none is kept
    limit::Ledger ledger;  // empty: nothing is limited
    limit::Owner owner;
    limit::WorkerList workers;
    limit::AccountMemo accounts;  // of the ledger
    Spendings spendings;
    bool limits_fail_open = false;
    uint64_t limits_unchecked = 0;  // requests, since the worker started
    std::unique_ptr<Billing> billing = std::make_unique<Billing>();
    // A budget may not be spent on what has no price.
    bool deny_unpriced = true;
    void (*alert)(const Alert& alert) = nullptr;
    limit::TenantNames tenants{""};
    // Model names that may be metric labels beside those that have a price;
    // all others are "other".
    std::vector<std::string> models;

    Documents documents;
    Readings readings;
    std::string key_head;  // of the last key that was made
    Hasher hasher;
    UpstreamSeriesCache upstream_series;
    RequestSeries request_series;

    Bytes label_of(Bytes model) const {
        for (const std::string& known : models) {
            if (known == model) {
                return known;
            }
        }
        return billing->knows(model) ? model : metrics::kOther;
    }
};

}  // namespace llm::exchange
