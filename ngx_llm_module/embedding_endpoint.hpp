// EmbeddingEndpoint: one llm_embedder with url=, in one worker. Texts that
// come in the same turn of the event loop go out in one call; while calls are
// under way, those that come within a millisecond do. Equal texts are sent
// once, in one call and while it is under way.
//
// Bounds: kMaxCalls calls at a time, kMaxBatch texts in each, kMaxQueue that
// wait, kMemo vectors remembered. What has waited for the embedder's timeout
// is let go without a vector.
//
// Trouble: an endpoint that fails is left alone for a while (RemoteBreaker);
// the error log hears of the first failure and of the recovery. A batch that
// is refused as such (400, 413, 422) is asked for again text by text, so that
// one text spoils nothing for the others.
//
// Event loop only. Jobs are shared with their requests, which may be gone.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "ngx_llm_module/curl.hpp"
#include "ngx_llm_module/embedding.hpp"
#include "src/semantic/remote_answer.hpp"
#include "src/semantic/remote_breaker.hpp"
#include "src/semantic/remote_memo.hpp"

namespace llm::door {

class EmbeddingEndpoint {
public:
    explicit EmbeddingEndpoint(const Embedder& embedder);
    ~EmbeddingEndpoint();
    EmbeddingEndpoint(const EmbeddingEndpoint&) = delete;
    EmbeddingEndpoint& operator=(const EmbeddingEndpoint&) = delete;

    // As llm::door::embed().
    bool embed(std::shared_ptr<exchange::NearJob> job,
               std::function<void()> done);

private:
    static constexpr size_t kMaxCalls = 4;
    static constexpr size_t kMaxBatch = 64;
    static constexpr size_t kMaxQueue = 512;
    static constexpr size_t kMemo = 512;
    static constexpr ngx_msec_t kLinger = 1;

    struct Item {
        Digest key;
        std::shared_ptr<exchange::NearJob> job;
        std::function<void()> done;
        ngx_msec_t born = 0;
        int64_t born_ns = 0;
        bool alone = false;  // its batch was refused
    };
    // One vector for items[i] at place[i].
    struct Call {
        std::vector<Item> items;
        std::vector<size_t> place;
        size_t texts = 0;
        Fetch fetch;
    };

    static size_t find_same(const std::vector<Item>& items,
                            const Digest& key);
    static void on_gathered(ngx_event_t* event) noexcept;
    bool join(Item& item);
    void arm();
    void send_all();
    void take_batch(Call& call);
    bool send(Call& call);
    Call take_out(const Call* call);
    FetchRequest request_for(const Call& call) const;
    void on_result(Call* call, const FetchResult& result);
    void give(Call& call, const semantic::RemoteVectors& vectors);
    void ask_alone(Call& call);
    void failed(Bytes why);
    void succeeded();
    void drop(Item item);
    void tell_dropped();

    const Embedder& embedder_;
    semantic::RemoteBreaker breaker_;
    std::optional<semantic::RemoteMemo> memo_;
    std::deque<Item> queue_;
    std::vector<std::unique_ptr<Call>> calls_;  // under way
    std::vector<Item> dropped_;  // their requests go on at the end of a turn
    bool troubled_ = false;
    bool probe_ = false;         // the breaker has let the next call through
    ngx_event_t gather_;         // posted
    ngx_event_t linger_;         // a timer
};

}  // namespace llm::door
