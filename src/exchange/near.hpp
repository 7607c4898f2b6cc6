// Near matches: the stop between a miss of the exact cache and the upstream.
//
// NearPolicy is what llm_semantic says for one request. NearJob is the part
// of the work that may run on a thread, apart from the request: text into
// vector, vector into candidates. Near is what a request keeps of it until
// its answer is stored.
//
// Scope: the partition is the fingerprint of the whole request with its last
// user text left open, under the encoder's id; a search never leaves it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/exchange/cache_control.hpp"
#include "src/semantic/decision.hpp"
#include "src/semantic/encoder.hpp"
#include "src/semantic/gate.hpp"
#include "src/semantic/index_search.hpp"

namespace llm::exchange {

struct NearPolicy {
    const semantic::Judge* judge = nullptr;
    const semantic::Encoder* encoder = nullptr;  // nullptr: an endpoint
    semantic::EncoderKind kind = semantic::EncoderKind::kRemote;
    Digest encoder_id;
    double threshold = 1;           // floor on the cosine
    uint32_t precision_ppm = semantic::kDefaultPrecisionPpm;
    semantic::GateOptions gate;
    bool normalise = true;
};

// Shared by the request and who works for it; whoever is last lets go. Each
// step by one thread at a time. `index` and `encoder` outlive it.
class NearJob {
public:
    // Without `search` the vector is wanted alone, to be kept with the
    // answer.
    NearJob(std::string text, const Digest& partition, double floor,
            semantic::Index& index, const semantic::Encoder* encoder,
            bool search)
        : text_(std::move(text)),
          partition_(partition),
          floor_(static_cast<float>(floor)),
          index_(index),
          encoder_(encoder),
          wants_search_(search) {}

    const std::string& text() const { return text_; }
    // nullptr: an endpoint is asked.
    const semantic::Encoder* encoder() const { return encoder_; }
    bool wants_search() const { return wants_search_; }

    // The vector, by the encoder or from an endpoint. False: there is none.
    bool encode(semantic::Workspace& space);
    bool take(std::span<const float> vector);
    // All of the search, with the vector.
    void search(Now now);

    // Vectors that a search would look at.
    uint64_t expected();

    bool has_code() const { return has_code_; }
    const semantic::Code& code() const { return code_; }
    const Digest& partition() const { return partition_; }
    std::span<const semantic::Candidate> candidates() const {
        return {candidates_.data(), candidates_.size()};
    }
    int64_t encode_ns = -1;  // by who measured it; -1: nobody
    // Set on the event loop once nobody works on it any more; before that
    // the request must not look at the rest.
    bool finished = false;
    // What the vector is to stand for once it is there: an answer that was
    // stored before. Event loop.
    struct Stored {
        cache::EntryId entry;
        int64_t ttl_s = 0;
    };
    std::optional<Stored> stored;

private:
    std::string text_;
    Digest partition_;
    float floor_;
    semantic::Index& index_;
    const semantic::Encoder* encoder_;
    bool wants_search_;
    semantic::Code code_;
    bool has_code_ = false;
    std::vector<semantic::Candidate> candidates_;
};

struct Services;

// The job has finished: its vector goes with the answer that was stored while
// it was under way, if any was. Event loop.
void store_late(Services& services, NearJob& job, Now now);

struct Near {
    NearPolicy policy;
    ClientControl control;
    std::shared_ptr<NearJob> job;
    std::optional<Digest> normalised_key;  // of the step before the encoder
    std::string text;

    // What the answer is stored under: all that normalise alike share it.
    const Digest& key(const Digest& exact) const {
        return normalised_key ? *normalised_key : exact;
    }
    // What it is an alias under, by this encoder: that of another has measured
    // in another measure how near the two are.
    Digest alias_key(const Digest& exact) const;
};

}  // namespace llm::exchange
