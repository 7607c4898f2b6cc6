#include "ngx_llm_module/embedding_endpoint.hpp"

#include <algorithm>

#include "ngx_llm_module/boundary.hpp"
#include "src/route/provider_key.hpp"
#include "src/semantic/remote_request.hpp"

namespace llm::door {
namespace {

// What the texts are to blame for, not the endpoint.
bool refuses_texts(int status) {
    return status == 400 || status == 413 || status == 422;
}

std::string reason_of(const FetchResult& result) {
    if (result.status == 0) {
        return result.error;
    }
    std::string why = "status ";
    append_number(why, result.status);
    return why;
}

}  // namespace

EmbeddingEndpoint::EmbeddingEndpoint(const Embedder& embedder)
    : embedder_(embedder) {
    for (ngx_event_t* event : {&gather_, &linger_}) {
        ngx_memzero(event, sizeof(*event));
        event->handler = on_gathered;
        event->data = this;
        event->log = ngx_cycle->log;
    }
}

EmbeddingEndpoint::~EmbeddingEndpoint() {
    if (gather_.posted) {
        ngx_delete_posted_event(&gather_);
    }
    if (linger_.timer_set) {
        ngx_del_timer(&linger_);
    }
}

// items.size() where none is.
size_t EmbeddingEndpoint::find_same(const std::vector<Item>& items,
                                    const Digest& key) {
    auto same = std::find_if(
        items.begin(), items.end(),
        [&key](const Item& item) { return item.key == key; });
    return static_cast<size_t>(same - items.begin());
}

bool EmbeddingEndpoint::embed(std::shared_ptr<exchange::NearJob> job,
                              std::function<void()> done) {
    Digest key = semantic::RemoteMemo::key_of(job->text());
    if (memo_) {
        if (auto vector = memo_->find(key); !vector.empty()) {
            (void) job->take(vector);
            done();
            return true;
        }
    }
    Item item = {key, std::move(job), std::move(done), ngx_current_msec,
                 read_clock_ns(CLOCK_MONOTONIC)};
    if (join(item)) {
        return true;
    }
    if (queue_.size() >= kMaxQueue || ngx_exiting) {
        return false;
    }
    if (breaker_.state() != semantic::RemoteBreaker::State::kClosed
        && !probe_) {
        if (!breaker_.allow(now())) {
            return false;
        }
        probe_ = true;
    }
    queue_.push_back(std::move(item));
    arm();
    return true;
}

// With a call under way that asks for the same text.
bool EmbeddingEndpoint::join(Item& item) {
    for (const std::unique_ptr<Call>& call : calls_) {
        size_t same = find_same(call->items, item.key);
        if (same < call->items.size()) {
            call->place.push_back(call->place[same]);
            call->items.push_back(std::move(item));
            return true;
        }
    }
    return false;
}

void EmbeddingEndpoint::arm() {
    if (calls_.empty()) {
        if (!gather_.posted) {
            ngx_post_event(&gather_, &ngx_posted_events);
        }
    } else if (calls_.size() < kMaxCalls && !linger_.timer_set) {
        ngx_add_timer(&linger_, kLinger);
    }
}

void EmbeddingEndpoint::on_gathered(ngx_event_t* event) noexcept {
    auto* self = static_cast<EmbeddingEndpoint*>(event->data);
    guard(event->log, [self] {
        self->send_all();
        self->tell_dropped();
    });
}

void EmbeddingEndpoint::send_all() {
    while (!queue_.empty() && calls_.size() < kMaxCalls) {
        calls_.push_back(std::make_unique<Call>());
        Call& call = *calls_.back();
        take_batch(call);
        if (call.items.empty() || !send(call)) {
            Call unsent = take_out(&call);
            for (Item& item : unsent.items) {
                drop(std::move(item));
            }
        }
    }
}

void EmbeddingEndpoint::take_batch(Call& call) {
    while (!queue_.empty() && call.texts < kMaxBatch) {
        Item& item = queue_.front();
        size_t same = find_same(call.items, item.key);
        bool known = same < call.items.size();
        if (!known && !call.items.empty()
            && (item.alone || call.items.front().alone)) {
            return;
        }
        if (ngx_current_msec - item.born >= embedder_.timeout) {
            drop(std::move(item));
            queue_.pop_front();
            continue;
        }
        call.place.push_back(known ? call.place[same] : call.texts++);
        call.items.push_back(std::move(item));
        queue_.pop_front();
    }
}

FetchRequest EmbeddingEndpoint::request_for(const Call& call) const {
    std::vector<Bytes> texts(call.texts);
    for (size_t i = 0; i < call.items.size(); i++) {
        texts[call.place[i]] = call.items[i].job->text();
    }
    FetchRequest request;
    request.url = view(embedder_.url);
    request.headers = {"Content-Type: application/json",
                       "Accept: application/json"};
    if (embedder_.key != nullptr && embedder_.key->value() != nullptr) {
        request.headers.push_back("Authorization: "
                                  + embedder_.key->value()->bearer());
    }
    request.body = semantic::remote_request(
        {view(embedder_.url), view(embedder_.model), embedder_.dims}, texts);
    request.timeout = embedder_.timeout;
    request.connect_timeout = embedder_.timeout;
    request.max_response =
        semantic::RemoteVectors::max_size(call.texts, embedder_.dims);
    request.ca_file = view(embedder_.ca_file);
    return request;
}

EmbeddingEndpoint::Call EmbeddingEndpoint::take_out(const Call* call) {
    auto place = std::find_if(
        calls_.begin(), calls_.end(),
        [call](const auto& other) { return other.get() == call; });
    Call out = std::move(**place);
    calls_.erase(place);
    return out;
}

bool EmbeddingEndpoint::send(Call& call) {
    if (!probe_ && !breaker_.allow(now())) {
        return false;
    }
    probe_ = false;
    auto started = fetch(request_for(call),
                         [this, call = &call](const FetchResult& result) {
                             on_result(call, result);
                         });
    if (!started) {
        failed(started.error().message);
        return false;
    }
    call.fetch = std::move(started).value();
    return true;
}

void EmbeddingEndpoint::on_result(Call* call, const FetchResult& result) {
    Call ended = take_out(call);
    ended.fetch.let_go();
    if (result.status == 200) {
        auto vectors = semantic::RemoteVectors::parse(
            result.body, ended.texts, embedder_.dims);
        if (vectors.ok()) {
            succeeded();
            give(ended, *vectors);
        } else {
            failed(vectors.error().message);
        }
    } else if (refuses_texts(result.status)) {
        breaker_.succeeded();
        ask_alone(ended);
    } else {
        failed(reason_of(result));
    }
    send_all();
    for (Item& item : ended.items) {
        drop(std::move(item));
    }
    tell_dropped();
}

void EmbeddingEndpoint::give(Call& call,
                             const semantic::RemoteVectors& vectors) {
    if (!memo_ || memo_->dims() != vectors.dims()) {
        memo_.emplace(kMemo, vectors.dims());
    }
    int64_t ended = read_clock_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < call.items.size(); i++) {
        Item& item = call.items[i];
        auto vector = vectors[call.place[i]];
        item.job->encode_ns = ended - item.born_ns;
        (void) item.job->take(vector);
        memo_->store(item.key, vector);
    }
}

void EmbeddingEndpoint::ask_alone(Call& call) {
    if (call.texts == 1) {
        return;
    }
    for (auto item = call.items.rbegin(); item != call.items.rend(); ++item) {
        item->alone = true;
        queue_.push_front(std::move(*item));
    }
    call.items.clear();
}

void EmbeddingEndpoint::failed(Bytes why) {
    breaker_.failed(now());
    if (!troubled_) {
        ngx_str_t reason = immortal(why);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "\"llm_embedder %V\" gives no vectors: %V",
                      &embedder_.name, &reason);
    }
    troubled_ = true;
}

void EmbeddingEndpoint::succeeded() {
    breaker_.succeeded();
    if (troubled_) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "\"llm_embedder %V\" gives vectors again",
                      &embedder_.name);
    }
    troubled_ = false;
}

void EmbeddingEndpoint::drop(Item item) {
    dropped_.push_back(std::move(item));
}

// What a request does then may come back here.
void EmbeddingEndpoint::tell_dropped() {
    std::vector<Item> items = std::move(dropped_);
    dropped_.clear();
    for (Item& item : items) {
        item.done();
    }
}

}  // namespace llm::door
