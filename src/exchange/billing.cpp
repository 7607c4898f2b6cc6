#include "src/exchange/billing.hpp"

#include <algorithm>

namespace llm::exchange {
namespace {

constexpr int kNanoDecimals = 9;
constexpr Bytes kHit = "hit";
constexpr Bytes kRoute = "route";
constexpr Bytes kEdit = "edit";
constexpr Bytes kVariant = "variant";
constexpr Bytes kKinds[] = {kHit, kRoute, kEdit};

metrics::Family money(Bytes name, Bytes help,
                      std::span<const metrics::Label> labels) {
    metrics::Family family;
    family.name = name;
    family.help = help;
    family.type = metrics::Type::kCounter;
    family.labels = labels;
    family.decimals = kNanoDecimals;
    family.max_series = Billing::kMaxSeries;
    // Other tags are other series, which must not meet these in the table.
    std::string identity(name);
    for (const metrics::Label& label : labels) {
        identity += ' ';
        identity += label.name;
    }
    family.id = metrics::family_id(identity);
    return family;
}

std::optional<int64_t> cost_by(const price::ModelPrice* price,
                               const api::Usage& usage) {
    return price == nullptr ? std::nullopt : price::cost_nano(*price, usage);
}

}  // namespace

Billing::Billing(std::vector<std::string> tag_names)
    : names_(tag_names.begin(), tag_names.end()),
      cost_labels_{{"tenant"}, {"model"}},
      saved_labels_{{"kind", kKinds}, {"tenant"}, {"model"}} {
    for (const std::string& name : names_) {
        cost_labels_.push_back({name});
        saved_labels_.push_back({name});
    }
    cost_ = money("llm_cost_usd_total", "Dollars that answers have cost.",
                  cost_labels_);
    saved_ = money("llm_saved_usd_total",
                   "Dollars not spent, against the baseline model.",
                   saved_labels_);
    observed_ = money("llm_observed_saved_usd_total",
                      "Dollars that would not have been spent.",
                      saved_labels_);
    if (std::ranges::find(names_, kVariant) == names_.end()) {
        cost_labels_.push_back({kVariant});
        saved_labels_.push_back({kVariant});
        cost_.labels = cost_labels_;
        saved_.labels = saved_labels_;
        observed_.labels = saved_labels_;
    }
}

Bill Billing::bill(const Account& account, const Models& models,
                   const api::Usage& usage, int64_t taken_out,
                   bool hit) const {
    Bill bill;
    if (!usage.known() || !has_prices()) {
        return bill;
    }
    const price::ModelPrice* price =
        price_of(models.asked, models.provider);
    auto cost = cost_by(price, usage);
    if (!cost) {
        price = price_of(models.served, models.provider);
        cost = cost_by(price, usage);
    }
    Bytes name = account.baseline.empty() ? models.requested
                                          : Bytes(account.baseline);
    const price::ModelPrice* baseline =
        price_of(name, models.baseline_provider);
    auto against = baseline == price ? cost : cost_by(baseline, usage);
    if (!against) {
        against = cost;
    }
    if (!cost && !hit) {
        return bill;
    }
    bill.cost = hit ? 0 : *cost;
    if (!against) {
        return bill;
    }
    bill.saved = *against - bill.cost;
    if (taken_out != 0 && !hit) {
        api::Usage unedited = usage;
        unedited.input = std::max<int64_t>(usage.input + taken_out, 0);
        auto whole = cost_by(baseline, unedited);
        if (!whole) {
            whole = cost_by(price, unedited);
        }
        bill.by_edits = whole.value_or(*against) - *against;
        bill.saved += bill.by_edits;
    }
    return bill;
}

Bill Billing::foresee(const Account& account, const Models& models,
                      const api::Usage& usage, Bytes routed,
                      bool hit) const {
    Bill paid = bill(account, models, usage, 0, false);
    Models other = models;
    if (!hit && routed != models.asked) {
        other = {models.requested, routed, routed, {},
                 models.baseline_provider};
    }
    paid.saved = bill(account, other, usage, 0, hit).saved;
    paid.watched = true;
    return paid;
}

void Billing::count(metrics::Table& table, const Account& account,
                    Bytes model, const Bill& bill, bool hit) const {
    std::array<Bytes, 4 + kMaxTags> all{
        {{}, account.tenant.empty() ? metrics::kOther : Bytes(account.tenant),
         model}};
    for (size_t i = 0; i < names_.size(); i++) {
        all[3 + i] = i < account.tags.size() ? Bytes(account.tags[i])
                                             : Bytes();
    }
    all[3 + names_.size()] = account.variant;
    metrics::Values values(all.data(), 4 + names_.size());
    if (bill.known() && bill.cost > 0) {
        table.counter(cost_, values.subspan(1))
            .add(static_cast<uint64_t>(bill.cost));
    }
    const metrics::Family& saved = bill.watched ? observed_ : saved_;
    auto count_saved = [&](Bytes kind, int64_t nano) {
        if (nano > 0) {
            all[0] = kind;
            table.counter(saved, values).add(static_cast<uint64_t>(nano));
        }
    };
    if (bill.saved != Bill::kUnknown) {
        count_saved(hit ? kHit : kRoute, bill.saved - bill.by_edits);
        count_saved(kEdit, bill.by_edits);
    }
}

}  // namespace llm::exchange
