// Exchange: one request and its answer, from the client's body to the
// settlement, without nginx. The door calls the stops in this order:
//
//   read()       the body: which protocol, which model, is it well formed
//   look_up()    the exact cache: forward, reply from memory, or refuse
//   reserve()    tokens and money of what goes upstream
//   start_ladder()  who is asked, and who else when that fails; reserves anew
//                where that is not the model that reserve() has held for
//   forward()    what has to change in the body on its way upstream
//   release()    the body is no longer needed
//   rung_failed(), forward_again()  another attempt with the same body, as
//                long as nothing of an answer has come
//   on_head()    what comes back
//   on_json() / on_stream()   its bytes; the stream may be edited
//   on_eof()     the upstream's end, clean or not
//   end()        once, at the latest when the request is logged: settles
//                usage, stores the answer, counts
//
// Each stop reads and writes named parts; none is entered twice. Ownership:
// the door keeps one Exchange a request in the request's pool; Services
// belong to the worker and outlive it. Threads: one.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/api/request.hpp"
#include "src/base/clock.hpp"
#include "src/cache/entry.hpp"
#include "src/cache/fingerprint.hpp"
#include "src/exchange/audit.hpp"
#include "src/exchange/near.hpp"
#include "src/exchange/policy.hpp"
#include "src/exchange/readings.hpp"
#include "src/exchange/response.hpp"
#include "src/exchange/rungs.hpp"
#include "src/exchange/services.hpp"
#include "src/exchange/spending.hpp"
#include "src/exchange/words.hpp"
#include "src/route/edits.hpp"
#include "src/route/model_name.hpp"
#include "src/route/model_name_body.hpp"
#include "src/route/plan.hpp"
#include "src/route/secret_mask.hpp"
#include "src/sse/editor.hpp"
#include "src/tokens/media.hpp"

namespace llm::exchange {

// Memory for an answer out of the cache: lives as long as the request.
struct Allocator {
    void* context;
    char* (*allocate)(void* context, size_t size);  // nullptr: out of memory
};

enum class Step : uint8_t { kForward, kReply, kRefuse };

// An answer out of the cache, ready to be sent. Views live as long as the
// Exchange and the Allocator's memory.
struct Reply {
    Bytes content_type;
    Bytes body;
    int64_t age_s = 0;
    int64_t ttl_s = 0;
    std::string entry_id;
    Bytes detail;  // of Cache-Status: SEMANTIC, NORMALIZED or ""
};

class Exchange {
public:
    Exchange(Services& services, api::Endpoint endpoint, bool observe,
             size_t event_max_size, Now start);
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // The body must live until release(). An error is for the client; with
    // `observe` it is remembered as the reason and the request passes. A body
    // without a model is one unless route() may say which. One that is known
    // from before is parsed only when somebody wants its document().
    std::optional<api::ApiError> read(Bytes body, bool model_required = true);

    // Limits that apply to this request, before the first stop; and on whose
    // account it goes.
    void limit_by(std::unique_ptr<Spending> spending) {
        spending_ = std::move(spending);
    }
    Spending* spending() { return spending_.get(); }
    // Request rates, before the body is read; an error is for the client.
    std::optional<api::ApiError> admit(Now now);
    void charge_to(Account account) { account_ = std::move(account); }
    const Account& account() const { return account_; }
    // After charge_to(): which side of an experiment it is on.
    void belong_to(Bytes variant) { account_.variant = variant; }

    // What the upstream is asked for instead of the client's words: plan()
    // is filled first, then route() applies it for `model` ("": the client's
    // own). Once more with another model when a budget degrades. An error is
    // for the client. document() may be looked at until release().
    const json::Document& document();
    bool has_document() const {
        return document_ ? !document_->empty() : !bytes_.empty();
    }
    route::Plan& plan() { return plan_; }
    std::optional<api::ApiError> route(Bytes model);
    Bytes asked_model() const { return asked_model_; }
    // What route() came to, with `observe` what it would have come to.
    Bytes routed_model() const {
        return asked_model_.empty() ? Bytes(request_.model)
                                    : Bytes(asked_model_);
    }
    // The answer's model is to read `name`, whoever made it.
    void answer_as(Bytes name) {
        answer_model_.emplace(endpoint_, name);
        answer_name_ = name;
    }

    // After read() gave no error. `policy` must live until release().
    Step look_up(const Policy& policy, Now now, const Allocator& memory);
    // After look_up() gave kForward: the job of a near match, whose vector is
    // then made and searched for, here or on a thread; near() judges what it
    // found. Empty: none is wanted.
    std::shared_ptr<NearJob> near_job() const {
        return near_ ? near_->job : nullptr;
    }
    Step near(Now now, const Allocator& memory);
    // Nothing in memory answered. False: the client wants nothing else,
    // refusal() says so.
    bool may_leave();
    // The vector did not come in time.
    void near_too_late();
    float similarity() const { return similarity_; }  // < -1: none was found
    // The semantic hit as a question for the upstream; empty when its answer
    // has nothing to compare. `body`: the client's.
    std::optional<Audit> audit(Bytes body);
    const Reply& reply() const { return reply_; }
    const api::ApiError& refusal() const { return refusal_; }

    // Who is asked. False: nobody has the model, all that have it are in
    // cooldown, or who is left cannot be paid for (then denial() says so,
    // too); refusal() says why.
    bool start_ladder(Ladder ladder, Now now);
    // Before forward(): tokens and money for the model that is asked.
    // kRefuse: denial() says why. A Step of kReply does not occur. When
    // degrade_to() names a model afterwards, nothing is held: the door goes
    // back to the route with it, once.
    Step reserve(Now now);
    const std::optional<Denial>& denial() const { return denial_; }
    Bytes degrade_to() const {
        return spending_ ? spending_->degrade_to() : Bytes{};
    }

    // The edits for the upstream; empty when the body passes as it is.
    const route::Edits& forward(Now now);
    void release();

    // An attempt failed before anything of its answer went on. kSameRung and
    // kRung: another one is to be sent out, forward_again() says how.
    route::LadderStep rung_failed(route::Fault fault, int status,
                                  std::optional<int64_t> wait_ns, Now now);
    // The edits of the next attempt. `body`: the client's, as it was read.
    // Errc::kNoSpace: no limit has room for any that is left, denial() says
    // why.
    Result<const route::Edits*> forward_again(Bytes body, Now now);
    // Of the ladder; before what ends because of it is told.
    void deadline_passed(Now now) { rungs_.expire(now); }
    const Rungs& rungs() const { return rungs_; }

    // The request went to another location after it was looked up: what
    // comes back must not be stored under this key.
    void reroute();

    void on_head(const ResponseHead& head, Now now);
    Form form() const { return response_.form(); }
    // True when on_stream() may send other bytes than it is given.
    bool edits_stream() const {
        // Who did not ask for a stream could not read what we would add.
        return form() == Form::kStream && request_.stream && !observe_
               && response_.is_plain();
    }

    // True when a JSON answer gets another model's name.
    bool renames_json() const {
        return form() == Form::kJson && answer_model_ && !observe_
               && response_.is_plain();
    }
    // Before on_head(): the upstream was asked with this credential, which
    // must not be seen in an error of its.
    void conceal(Bytes secret) {
        if (!mask_) {
            mask_.emplace();
        }
        mask_->add(secret);
    }
    bool conceals() const { return mask_.has_value(); }
    // True when edit_body()'s pieces go on instead of bytes that are no
    // events of edits_stream().
    bool edits_body() const { return renames_json() || masks_body(); }
    // After on_json() or on_stream() have seen `bytes`; `last`: nothing comes
    // behind them. Views that live until the next call or as long as `bytes`.
    const std::vector<Bytes>& edit_body(Bytes bytes, bool last);
    // A line of an error's head, masked in place.
    void mask_line(char* text, size_t size) const {
        if (mask_ && !response_.is_answer()) {
            (void) mask_->mask(text, size);
        }
    }

    void on_json(Bytes bytes, Now now);
    // So many bytes of an answer that is not read.
    void on_unread(uint64_t size, Now now) {
        response_.receive(size);
        keep(now);
    }
    // All that came of the answer: more than was handed in where nginx brought
    // to its end what it keeps, after the client had left.
    void came_in_all(uint64_t size) { response_.receive_in_all(size); }
    // The upstream is at work: what is held for this stays held. Of itself
    // whenever bytes are handed in.
    void keep(Now now) {
        if (spending_) {
            spending_->keep(now);
        }
    }
    // What goes to the client instead of `bytes`, as views that live until
    // the next call or as long as `bytes`. Without edits_stream() the bytes
    // pass and the list stays empty.
    const std::vector<Bytes>& on_stream(Bytes bytes, Now now);
    // The upstream's end. `clean`: it ended as its protocol says. Returns
    // what has still to be sent; broken() tells whether the connection must
    // then be broken off because the answer is not whole.
    Bytes on_eof(bool clean, End how, Now now);
    bool broken() const { return broken_; }

    // Before end(): no upstream was reached that could have had the prompt.
    void never_sent() { unsent_ = true; }
    void end(End how, Now now);
    bool ended() const { return ended_; }
    // After end(), when the request is logged with this HTTP status.
    void log(int status);
    void add_overhead(int64_t ns) { overhead_ns_ += ns; }

    // For variables and the log.
    api::Endpoint endpoint() const { return endpoint_; }
    const api::Request& request() const { return request_; }
    const api::Usage& usage() const { return usage_; }
    const Bill& bill() const { return bill_; }
    Bytes provider() const {
        return rungs_.provider() != nullptr ? Bytes(rungs_.provider()->name)
                                            : Bytes{};
    }
    // Who has the model, or most often would be asked for it.
    Bytes provider_of(Bytes model) const;
    bool was_cut() const { return cut_; }
    CacheStatus cache_status() const { return status_; }
    Bytes cache_reason() const { return reason_; }
    bool will_store() const {
        return store_wanted_ && !rerouted_ && rungs_.may_store();
    }
    const std::optional<Digest>& key() const { return key_; }
    Bytes finish_reason() const;
    Bytes served_model() const;
    // The model that the upstream is asked for.
    Bytes upstream_model() const;
    int64_t ttft_ns() const { return ttft_ns_; }  // -1: nothing came
    int64_t overhead_ns() const { return overhead_ns_; }
    const Now& start() const { return start_; }
    bool observe() const { return observe_; }

private:
    // exchange.cpp
    std::optional<api::ApiError> parse();
    void give_back(std::unique_ptr<json::Document> document);

    // lookup.cpp
    bool gate(const Policy& policy);
    Digest key_of(const cache::KeyParts& parts, Reading*& known);
    bool no_hit(CacheStatus status, Bytes reason);
    bool find_answer(const Policy& policy, Reading*& known, Now now,
                     const Allocator& memory);
    bool find(const Digest& key, const Policy& policy, Now now,
              const Allocator& memory);
    Result<cache::Entry> follow(const cache::Entry& alias,
                                cache::Lookup& found, Now now,
                                const Allocator& memory);
    bool take(cache::Entry entry, const cache::Lookup& found,
              const ClientControl& control, const Allocator& memory);
    bool find_given(const Reading* known, const Policy& policy, Now now);
    Reading* remember(Reading* known);
    void hit_by(const cache::Lookup& found);
    bool replies_by_stream() const {
        return request_.stream && endpoint_ != api::Endpoint::kEmbeddings;
    }
    Step hit(Reading* known = nullptr);
    void name_hit();

    // near.cpp
    bool begin_near(const Policy& policy, const cache::KeyParts& parts,
                    bool search);
    bool find_normalised(const Policy& policy, Now now,
                         const Allocator& memory);
    bool find_as_stored_near(const Policy& policy,
                             const cache::KeyParts& parts, Now now,
                             const Allocator& memory);
    bool alias_stands(const Policy& policy, Bytes prompt, float cosine,
                      Now now);
    bool kept_apart(Bytes prompt, Bytes text, Now now);
    struct Best {
        const semantic::Candidate* candidate = nullptr;
        uint32_t probability = 0;
        cache::Entry entry;
        cache::Lookup found;
        size_t read = 0;  // bytes of all stored texts that were judged
    };
    std::optional<uint32_t> judge(const NearPolicy& policy,
                                  const semantic::Facts& query, Bytes prompt,
                                  float cosine, double floor);
    void consider(const semantic::Candidate& candidate,
                  const semantic::Facts& query, double floor, Now now,
                  const Allocator& memory, Best& best);
    void count_thresholds(float cosine);
    Step near_hit(const semantic::Candidate& candidate, Now now);
    void put_alias(const Digest& key, const semantic::Candidate& target,
                   int64_t ttl_s, Now now);
    void store_near(const cache::EntryId& entry, Now now);

    // attempts.cpp
    std::optional<api::ApiError> apply_plan(Bytes model);
    void assume_parameters();
    void measure_texts();
    void build_edits();
    Step reserve_again(Now now);
    bool reserve_for_rung(Now now);
    void judge_provider(End how, Now now);

    // follow.cpp
    bool masks_body() const {
        bool judged = form() != Form::kIgnored || !response_.is_answer();
        return mask_ && judged && !edits_stream() && !response_.is_encoded();
    }
    route::SecretMask::Verdict verdict() const;
    void rewrite(const sse::Event& event, bool answer, sse::Edit& edit);
    void first_token(Now now);
    void on_event(const sse::Event& event, sse::Edit& edit, Now now);
    void break_stream(End how);
    std::string named(Bytes events);

    // limits.cpp
    void count_prompt();
    void count_media();
    price::Rate cache_write(
        const std::shared_ptr<const price::ModelPrice>& price) const;
    api::Service reserved_service() const;
    void ask_factors(const price::ModelPrice& price,
                     price::Asked& asked) const;
    Need need() const;
    void check_ceiling(const sse::Event& event, sse::Edit& edit, Now now);
    void settle_spending(Now now);
    void report_limits();

    // settle.cpp
    bool is_hit() const {
        return status_ == CacheStatus::kHit
               || status_ == CacheStatus::kSemantic;
    }
    bool served_from_memory() const { return is_hit() && !observe_; }
    Bill bill_answer() const;
    bool is_held() const { return spending_ && spending_->reserved(); }
    // Nobody has to pay for it.
    bool is_free() const {
        return served_from_memory() || response_.bought_before();
    }
    bool is_no_answer() const {
        return response_.is_no_answer() && !malformed_ && !rerouted_;
    }
    TextSize prompt_size() const;
    int64_t tokens_taken_out() const;
    TextSize completion_size() const {
        return response_.generated(is_held());
    }
    const tokens::Estimator& estimator() const;
    int64_t prompt_tokens() const;
    int64_t completion_tokens() const;
    void read_json_answer();
    void settle_usage(End how, Now now);
    void learn(Now now);
    void estimate(End how, Now now);
    int64_t made_unseen(Now now) const;
    void complete_usage(api::Usage& usage) const;

    // keep.cpp
    Bytes why_not_stored(End how) const;
    void store(End how, Now now);
    Bytes put(Now now);

    // record.cpp
    void count(End how, Now now);
    void count_on(metrics::Counter& kept, const metrics::Family& family,
                  std::initializer_list<Bytes> values, uint64_t by = 1);
    void count_outcome(Bytes reason);
    void count_saved();
    void count_observed();
    void count_texts();
    void count_upstream(Bytes kind, Now now);

    Services& services_;
    const api::Endpoint endpoint_;
    const bool observe_;
    const size_t event_max_size_;
    const Now start_;

    // read
    std::unique_ptr<json::Document> document_;
    Bytes bytes_;  // of the body, until release()
    bool model_required_ = true;
    Reading* reading_ = nullptr;  // from read() to look_up(), in one turn
    api::Request request_;
    bool malformed_ = false;

    // look_up
    CacheStatus status_ = CacheStatus::kNone;
    std::string reason_;
    bool only_memory_ = false;  // only-if-cached
    std::optional<Digest> key_;
    Storing storing_;
    bool store_wanted_ = false;
    std::string replay_;  // a hit's bytes when they are not the entry's own
    Reply reply_;
    api::ApiError refusal_;
    cache::Entry entry_;
    cache::EntryId entry_id_;
    std::shared_ptr<const Given> given_;  // holds what entry_ views
    route::Edits edits_;
    bool usage_injected_ = false;
    bool rerouted_ = false;
    Rungs rungs_;

    // near
    std::optional<Near> near_;
    float similarity_ = -2;
    semantic::Place near_place_ = semantic::kNoPlace;
    cache::EntryId near_entry_;
    cache::EntryId alias_entry_;  // the name under which it was a near hit

    // route and limits
    route::Plan plan_;
    std::string asked_model_;  // of the first rung; "": the client's
    std::string effective_;    // what the plan adds beyond the model
    TextSize put_in_;          // text of the plan's that the model reads
    TextSize taken_out_;       // and of the client's that it does not
    bool edited_ = false;       // edits_ are the plan's for this body
    std::string edited_model_;  // and this model; parameters_ looks at it
    std::optional<route::AnswerModel> answer_model_;
    std::optional<route::BodyModel> body_model_;
    std::string answer_name_;
    std::optional<route::SecretMask> mask_;
    std::optional<route::Parameters> parameters_;
    // What was read of the body, where parameters_ make request_ another.
    std::optional<api::Request> client_request_;
    std::optional<int64_t> cap_;  // output tokens of a choice, by limits
    std::unique_ptr<Spending> spending_;
    std::optional<Denial> denial_;
    const tokens::Counter* counter_ = nullptr;  // of prompt_count_
    tokens::TextCount prompt_count_;
    tokens::MediaTokens media_tokens_;  // what reserve() has guessed
    Account account_;
    Bill bill_;
    size_t next_ceiling_check_ = 0;  // bytes of content
    bool cut_ = false;               // ended by us at the ceiling

    // the answer
    std::optional<Now> asked_at_;  // when the attempt that stands went out
    bool unsent_ = false;
    Response response_;
    std::unique_ptr<sse::Editor> editor_;
    std::string last_words_;    // what on_eof() sends
    std::vector<Bytes> pieces_;  // when the editor's are not all
    bool broken_ = false;
    bool eof_ = false;

    // the end
    bool ended_ = false;
    bool refused_ = false;      // before it went upstream
    api::Usage usage_;
    int64_t ttft_ns_ = -1;
    int64_t last_token_ns_ = -1;
    int64_t overhead_ns_ = 0;
};

}  // namespace llm::exchange
