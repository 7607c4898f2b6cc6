// Cooldown: which providers are left alone for a while, shared by all workers
// in one region. A key is a provider with a model, or a whole provider.
//
//     closed     all is well
//     open       nobody asks until its time is over
//     half_open  that time is over: one request of all workers may try (the
//                probe); its success closes, its failure opens for longer
//
// What opens: `failures` more failures than successes within `window_ns`;
// one 429 or 503/529 that says how long to wait; a 429 that does not; 401,
// 403 and a spent quota for the whole provider at once. How long: what the
// provider said, else base_ns, doubled each time it opens again before it
// was closed for as long as it was last open (at least kCalm), at most
// cap_ns. What a provider says again and again without calm is not taken at
// its word below a sixteenth of that. What a client caused (its request, its
// leaving) is no failure. Connect errors count for the whole provider.
//
// A request asks admit() before it goes out and hands its Pass back in
// report() at the first content (Fault::kNone), or when it has failed, or
// left without a verdict (kClientGone). A stream that breaks later reports
// once more. The probe of a process that died is free, as is any after
// lease_ns.
//
// Bounds: `entries` are fixed when the region is formatted. Only failures
// make an entry; the one that is nearest to nothing makes room. Keys are
// hashed under a secret of the region.
//
// Crash: an entry that was being written when its writer died is forgotten;
// that one provider and model counts as closed.
//
// Time is the monotonic clock's, which is one for all processes. Threads and
// processes: any, all methods; about 0.1 µs. While nothing is open and no
// failure is counted nobody takes the lock but who reports one. A Cooldown is
// a view: copies are the same region, which must outlive it. Without a region
// (default constructed) everything is closed and nothing is remembered.
#pragma once

#include <optional>

#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"
#include "src/base/result.hpp"
#include "src/route/fault.hpp"
#include "src/shm/region.hpp"

namespace llm::route {

enum class CooldownState : uint8_t { kClosed, kOpen, kHalfOpen };

Bytes name_of(CooldownState state);  // closed open half_open

struct CooldownOptions {
    uint32_t entries = 1024;  // of the region; the rest may change with it
    uint32_t failures = 5;
    int64_t window_ns = int64_t{10000000000};
    int64_t base_ns = int64_t{10000000000};
    int64_t cap_ns = int64_t{300000000000};
    int64_t asked_cap_ns = int64_t{3600000000000};  // when a provider says
    int64_t lease_ns = int64_t{120000000000};
    void (*probe)() = nullptr;  // for tests: inside the critical sections
};

// One request's leave to ask a provider. A plain value.
struct CooldownPass {
    uint64_t provider_key = 0;  // 0: none was given
    uint64_t model_key = 0;
    uint64_t provider_probe = 0;  // the probe that it is, or 0
    uint64_t model_probe = 0;

    bool is_probe() const { return provider_probe != 0 || model_probe != 0; }
};

struct CooldownAnswer {
    bool allowed = true;
    CooldownState state = CooldownState::kClosed;  // the worse of the two
    int64_t retry_ns = 0;  // not allowed: when to ask again
    CooldownPass pass;     // allowed
};

// What a report changed, for counters and one log line.
struct CooldownChange {
    bool opened = false;
    bool closed = false;
    bool whole_provider = false;
    int64_t open_ns = 0;  // opened: for how long
};

struct CooldownStats {
    uint32_t entries = 0;
    uint32_t in_use = 0;
    uint32_t open = 0;
    uint32_t half_open = 0;
    uint64_t opened = 0;   // since the region was formatted
    uint64_t closed = 0;
    uint64_t refused = 0;  // admit() said no
    uint64_t probes = 0;
    uint64_t evicted = 0;
    uint64_t repairs = 0;
};

class Cooldown {
public:
    static constexpr uint32_t kVersion = 1;
    static constexpr int64_t kCalm = int64_t{60000000000};
    static uint32_t layout();

    static uint64_t size_needed(const CooldownOptions& options);
    // Formats a fresh region, else attaches with the size that it has.
    static Result<Cooldown> attach(const shm::Region& region,
                                   const CooldownOptions& options);

    Cooldown() = default;
    explicit operator bool() const { return head_ != nullptr; }

    // May this request ask? Takes the probe where it is the one.
    CooldownAnswer admit(Bytes provider, Bytes model, Now now);
    // The same without taking anything; for status and variables. An empty
    // model: the provider alone.
    CooldownAnswer look(Bytes provider, Bytes model, Now now);

    // What came of it. `wait_ns`: what the provider asked for (ResetTimes).
    CooldownChange report(const CooldownPass& pass, Fault fault,
                          std::optional<int64_t> wait_ns, Now now);

    // Forgets all about a provider as a whole: its key was replaced.
    void forget(Bytes provider);

    CooldownStats stats(Now now);
    // kCorrupt says what does not agree.
    Result<void> check();

private:
    struct Head;
    struct Entry;
    struct Edit;
    class Entered;
    // What was told is doubled too, from this share of base_ns on.
    static constexpr int64_t kSoonShare = 16;

    static CooldownState state_of(const Entry* entry, Now now);
    static int64_t wait_for(const Entry* entry, Now now);
    static CooldownAnswer judge(const Entry* whole, const Entry* one,
                                Now now);

    Entry* entries() const;
    void call_probe() const;
    uint64_t key(Bytes provider, Bytes model) const;
    Entry* find(uint64_t key) const;
    Entry* make(uint64_t key, Now now);
    void repair();
    uint32_t count_troubled() const;
    bool is_quiet() const;  // nobody has failed lately

    int64_t backoff(unsigned trips) const;
    uint64_t take_probe(Entry* entry, Now now);
    void release_probe(uint64_t key, uint64_t serial);
    void succeed(uint64_t key, uint64_t probe, bool good, Now now,
                 CooldownChange& change);
    void fail(uint64_t key, uint64_t probe, bool at_once,
              std::optional<int64_t> wait_ns, Now now,
              CooldownChange& change);
    void open(Entry& entry, std::optional<int64_t> wait_ns, Now now,
              CooldownChange& change);

    Head* head_ = nullptr;
    CooldownOptions options_;
};

}  // namespace llm::route
