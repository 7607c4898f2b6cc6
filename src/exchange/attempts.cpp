// The stops between the look-up and the answer: whom to ask, and whom next.
#include "src/exchange/exchange.hpp"
#include "src/exchange/opening.hpp"

namespace llm::exchange {
namespace {

api::ApiError all_cooling(int64_t retry_ns) {
    constexpr int64_t kSecond = 1000000000;
    api::ApiError error;
    error.status = 503;
    error.message = "Every upstream that has this model has failed lately "
                    "and is left alone for a while.";
    error.code = "upstream_cooldown";
    if (retry_ns > 0) {
        error.message += " The next attempt is made in ";
        append_number(error.message, (retry_ns + kSecond - 1) / kSecond);
        error.message += " s.";
    }
    return error;
}

// The name is the client's or the operator's: neither is repeated.
api::ApiError unknown_model() {
    api::ApiError error;
    error.status = 404;
    error.message = "The model does not exist here.";
    error.param = "model";
    error.code = "model_not_found";
    return error;
}

}  // namespace

bool Exchange::start_ladder(Ladder ladder, Now now) {
    if (malformed_) {
        return true;
    }
    std::string own = ladder.own_model;
    Bytes model = own.empty() ? Bytes(request_.model) : Bytes(own);
    std::string held(spending_ ? upstream_model() : Bytes());
    auto price = spending_
                     ? services_.billing->find(held, provider_of(held))
                     : nullptr;
    Rungs::Begun begun =
        rungs_.begin(std::move(ladder), model, request_.family, now);
    if (begun == Rungs::Begun::kGo) {
        // What reserve() holds is for the request's own model. That may be
        // left alone, or cost something else at the provider that has it.
        if (!spending_
            || (rungs_.model() == held
                && services_.billing->find(held, provider()) == price)) {
            return true;
        }
        return reserve_for_rung(now);
    }
    refusal_ = begun == Rungs::Begun::kUnknown
                   ? unknown_model()
                   : all_cooling(rungs_.retry_ns());
    store_wanted_ = false;
    return false;
}

// A rung that cannot be paid for is left out.
bool Exchange::reserve_for_rung(Now now) {
    while (reserve_again(now) == Step::kRefuse) {
        if (!rungs_.skip(now)) {
            refusal_ = denial_->error;
            return false;
        }
    }
    return true;
}

route::LadderStep Exchange::rung_failed(route::Fault fault, int status,
                                        std::optional<int64_t> wait_ns,
                                        Now now) {
    return rungs_.failed(fault, status, wait_ns, now);
}

// What the last attempt held is free, this one has its own price. The ladder
// has chosen its model, so a budget's smaller one is not asked instead.
Step Exchange::reserve_again(Now now) {
    if (!spending_) {
        return Step::kForward;
    }
    spending_->release(now);
    (void) apply_plan(rungs_.model());
    Step step = reserve(now);
    if (step == Step::kForward && !degrade_to().empty()) {
        step = reserve(now);
    }
    return step;
}

Result<const route::Edits*> Exchange::forward_again(Bytes body, Now now) {
    bytes_ = body;
    document_ = services_.documents.take();
    if (Result<void> parsed = document_->parse(body); !parsed.ok()) {
        release();
        return parsed.error();
    }
    usage_injected_ = false;
    edited_ = false;
    if (!reserve_for_rung(now)) {
        release();
        return Error{Errc::kNoSpace, "no further attempt is paid for"};
    }
    (void) forward(now);
    release();
    return &edits_;
}

std::optional<api::ApiError> Exchange::route(Bytes model) {
    asked_model_ = model;
    if (!observe_ && request_.model_missing && model.empty()) {
        return api::missing_model();
    }
    return apply_plan(asked_model_);
}

// What llm_system does to the prompt's size.
void Exchange::measure_texts() {
    if (plan_.texts.empty()) {
        return;
    }
    route::Edits texts;
    (void) route::apply_system(document(), request_, plan_.texts, texts,
                               nullptr);
    put_in_ = texts.put_in();
    taken_out_ = texts.taken_out(bytes_);
}

// What is decided on (cache, cost) is the request that the upstream gets.
void Exchange::assume_parameters() {
    std::vector<api::SetMember> members = parameters_->set_members();
    if (!members.empty()) {
        client_request_ = request_;
        api::assume(request_, document(), members);
    }
}

std::optional<api::ApiError> Exchange::apply_plan(Bytes model) {
    effective_.clear();
    edits_.clear();
    cap_.reset();
    parameters_.reset();
    edited_ = false;
    if (client_request_) {
        request_ = *client_request_;
        client_request_.reset();
    }
    put_in_ = {};
    taken_out_ = {};
    if (observe_ || malformed_) {
        return std::nullopt;
    }
    edited_model_ = upstream_model();
    if (plan_.empty() && model.empty() && !spending_) {
        edited_ = true;  // nothing to be done, nobody to ask for parameters
        return std::nullopt;
    }
    api::ApiError why;
    auto parameters = route::apply(plan_, document(), request_, model, edits_,
                                   &effective_, &why);
    if (!parameters.ok()) {
        return why;
    }
    parameters_.emplace(std::move(parameters).value());
    edited_ = true;
    assume_parameters();
    measure_texts();
    return std::nullopt;
}

// What route() has made is good as long as nobody else is asked. The plan
// was applied to the same body before, so it cannot fail now.
void Exchange::build_edits() {
    if (!edited_ || edited_model_ != upstream_model()) {
        std::optional<int64_t> cap = cap_;
        (void) apply_plan(upstream_model());
        cap_ = cap;
    }
    if (parameters_ && cap_) {
        (void) parameters_->cap_output(*cap_, edits_);
    }
}

Bytes Exchange::upstream_model() const {
    if (rungs_.begun()) {
        return rungs_.model();
    }
    return observe_ ? Bytes(request_.model) : routed_model();
}

// Without a ladder, as in `observe`, nobody is chosen.
Bytes Exchange::provider_of(Bytes model) const {
    if (rungs_.begun() && model == rungs_.model()) {
        return provider();
    }
    const route::Provider* likely =
        services_.registry == nullptr || observe_
            ? nullptr
            : services_.registry->likely(model, request_.family);
    return likely == nullptr ? Bytes() : Bytes(likely->name);
}

// What the end of an answer says about who gave it.
void Exchange::judge_provider(End how, Now now) {
    switch (how) {
    case End::kUpstreamCut: rungs_.broke(route::Fault::kCut, now); break;
    case End::kTimeout: rungs_.broke(route::Fault::kTimeout, now); break;
    case End::kUpstreamError:
        rungs_.broke(fault_of(response_.error()), now);
        break;
    default: rungs_.leave(); break;
    }
}

}  // namespace llm::exchange
