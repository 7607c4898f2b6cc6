// Billing: what answers cost and what was saved, into variables and metrics.
//
// Cost is that of the true usage at the price of the model that was asked
// (where the table does not know that, of the model that answered). Saved is
// against the baseline: the configured model, else the one that the client
// asked for. A hit saves all of the baseline's cost, routing the difference,
// edits what the prompt tokens that they took out would have cost at the
// baseline (those that they put in cost more).
//
// The families of money have labels of their own for each llm_tag, so they
// are made when a worker starts and not in metrics/families.
//
// Units: nano-dollars. Threads: one. Ownership: Billing is the worker's, an
// Account the request's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/api/usage.hpp"
#include "src/metrics/table.hpp"
#include "src/price/book_memo.hpp"
#include "src/price/table.hpp"

namespace llm::exchange {

// On whose account a request goes.
struct Account {
    std::string tenant;             // as a label: a configured name, or ""
    std::string baseline;           // llm_baseline; "": the requested model
    std::vector<std::string> tags;  // values, in the order of the names
    std::string variant;            // llm_variant: a label, one of few
};

// What is known of one answer's money; kUnknown without a price.
struct Bill {
    static constexpr int64_t kUnknown = INT64_MIN;

    int64_t cost = kUnknown;
    int64_t saved = kUnknown;  // negative: dearer than the baseline
    int64_t by_edits = 0;      // that part of it
    bool watched = false;      // nothing is saved yet, it would have been

    bool known() const { return cost != kUnknown; }
};

class Billing {
public:
    static constexpr size_t kMaxTags = 5;
    // Series of one family at the most; the rest is "other".
    static constexpr uint32_t kMaxSeries = 4096;

    // Names of llm_tag, sorted and unique; at most kMaxTags.
    explicit Billing(std::vector<std::string> tag_names = {});
    Billing(const Billing&) = delete;  // labels point into it
    Billing& operator=(const Billing&) = delete;

    void use(price::Book book) {
        book_ = std::make_shared<const price::Book>(std::move(book));
        memo_.clear();
    }
    bool has_prices() const { return book_->own || book_->common; }
    // A name out of a price file, not a client's.
    bool knows(Bytes model) const {
        return has_prices() && memo_.has(*book_, model);
    }
    // Stays good when other prices come; empty when there is none.
    std::shared_ptr<const price::ModelPrice> find(Bytes model,
                                                  Bytes provider = {}) const {
        return {book_, price_of(model, provider)};
    }

    // Whose answer it was.
    struct Models {
        Bytes requested;  // the client's word
        Bytes asked;      // went upstream
        Bytes served;     // the answer's word
        Bytes provider;
        Bytes baseline_provider = {};  // who has the baseline
    };

    // `taken_out`: prompt tokens that edits have spared, negative: added. A
    // hit has bought nothing.
    Bill bill(const Account& account, const Models& models,
              const api::Usage& usage, int64_t taken_out, bool hit) const;

    // With llm observe: the answer has been paid for; saved is what `on` would
    // have saved, by a hit or by asking `routed`.
    Bill foresee(const Account& account, const Models& models,
                 const api::Usage& usage, Bytes routed, bool hit) const;

    // `model` is a label already. A tag that is named "variant" stands for
    // the account's.
    void count(metrics::Table& table, const Account& account, Bytes model,
               const Bill& bill, bool hit) const;

    // For the page of metrics.
    std::vector<const metrics::Family*> families() const {
        return {&cost_, &saved_, &observed_};
    }

private:
    const price::ModelPrice* price_of(Bytes model, Bytes provider) const {
        return has_prices() ? memo_.find(*book_, model, provider) : nullptr;
    }
    std::shared_ptr<const price::Book> book_ =
        std::make_shared<const price::Book>();
    mutable price::BookMemo memo_;
    std::deque<std::string> names_;
    std::vector<metrics::Label> cost_labels_;
    std::vector<metrics::Label> saved_labels_;
    metrics::Family cost_;
    metrics::Family saved_;
    metrics::Family observed_;
};

}  // namespace llm::exchange
