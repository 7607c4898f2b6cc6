// Cooldown: its region, the table in it, and its repair.
#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/digest.hpp"
#include "src/base/process.hpp"
#include "src/route/cooldown_entered.hpp"

namespace llm::route {
namespace {

constexpr uint32_t kMinEntries = 64;
constexpr uint32_t kMaxEntries = 1u << 20;

uint32_t rounded(uint32_t entries) {
    return std::bit_ceil(std::clamp(entries, kMinEntries, kMaxEntries));
}

}  // namespace

static_assert(std::is_trivially_copyable_v<Cooldown>);

uint32_t Cooldown::layout() {
    static_assert(std::is_trivially_copyable_v<Head>);
    static_assert(std::is_trivially_copyable_v<Entry>);
    static_assert(sizeof(Entry) == 64);
    return shm::layout_hash(
        {LLM_FIELD(Entry, key), LLM_FIELD(Entry, window_start_ns),
         LLM_FIELD(Entry, until_ns), LLM_FIELD(Entry, last_open_ns),
         LLM_FIELD(Entry, closed_at_ns), LLM_FIELD(Entry, probe),
         LLM_FIELD(Entry, probe_end_ns), LLM_FIELD(Entry, failures),
         LLM_FIELD(Entry, trips), LLM_FIELD(Entry, is_open),
         LLM_FIELD(Head, mutex), LLM_FIELD(Head, region_size),
         LLM_FIELD(Head, entries), LLM_FIELD(Head, editing),
         LLM_FIELD(Head, troubled), LLM_FIELD(Head, secret),
         LLM_FIELD(Head, serial),
         LLM_FIELD(Head, opened), LLM_FIELD(Head, closed),
         LLM_FIELD(Head, refused), LLM_FIELD(Head, probes),
         LLM_FIELD(Head, evicted), LLM_FIELD(Head, repairs)});
}

uint64_t Cooldown::size_needed(const CooldownOptions& options) {
    return sizeof(Head) + uint64_t{rounded(options.entries)} * sizeof(Entry);
}

Result<Cooldown> Cooldown::attach(const shm::Region& region,
                                  const CooldownOptions& options) {
    if (region.data == nullptr || region.size < sizeof(Head)) {
        return Error{Errc::kNoSpace, "no room for the cooldown"};
    }
    Cooldown cooldown;
    cooldown.options_ = options;
    cooldown.head_ = reinterpret_cast<Head*>(region.data);
    Head& head = *cooldown.head_;
    if (region.fresh) {
        uint32_t entries = rounded(options.entries);
        if (region.size < size_needed(options)) {
            return Error{Errc::kNoSpace, "no room for the cooldown"};
        }
        std::memset(region.data, 0, size_needed(options));
        if (!random_bytes(&head.secret, sizeof(head.secret))) {
            return Error{Errc::kIo, "the system has no random bytes"};
        }
        if (auto made = head.mutex.init(); !made.ok()) {
            return made.error();
        }
        head.region_size = region.size;
        head.entries = entries;
    }
    bool sound = head.region_size == region.size
                 && std::has_single_bit(head.entries)
                 && head.entries >= kMinEntries
                 && sizeof(Head) + uint64_t{head.entries} * sizeof(Entry)
                        <= region.size;
    if (!sound) {
        return Error{Errc::kCorrupt, "the cooldown's head is broken"};
    }
    return cooldown;
}

Cooldown::Entry* Cooldown::entries() const {
    return reinterpret_cast<Entry*>(head_ + 1);
}

void Cooldown::call_probe() const {
    if (options_.probe != nullptr) {
        options_.probe();
    }
}

uint64_t Cooldown::key(Bytes provider, Bytes model) const {
    // A provider's name holds no zero byte, so this splits one way only.
    char few[256];
    size_t size = provider.size() + 1 + model.size();
    std::string many(size > sizeof(few) ? size : 0, '\0');
    char* name = size > sizeof(few) ? many.data() : few;
    std::memcpy(name, provider.data(), provider.size());
    name[provider.size()] = '\0';
    if (!model.empty()) {
        std::memcpy(name + provider.size() + 1, model.data(), model.size());
    }
    uint64_t hash = siphash(head_->secret, {name, size});
    return hash == 0 ? 1 : hash;
}

Cooldown::Entry* Cooldown::find(uint64_t key) const {
    uint32_t mask = head_->entries - 1;
    for (uint32_t i = 0; i < kCooldownProbe; i++) {
        Entry& entry = entries()[(key + i) & mask];
        if (entry.key == key) {
            return &entry;
        }
    }
    return nullptr;
}

// In the place of whatever is worth least: free, closed with few failures,
// open for the shortest time.
Cooldown::Entry* Cooldown::make(uint64_t key, Now now) {
    uint32_t mask = head_->entries - 1;
    Entry* best = nullptr;
    int64_t best_worth = 0;
    for (uint32_t i = 0; i < kCooldownProbe; i++) {
        Entry& entry = entries()[(key + i) & mask];
        int64_t worth = 0;
        if (entry.key != 0) {
            worth = entry.is_open != 0
                        ? UINT16_MAX + 2
                              + std::max<int64_t>(
                                  entry.until_ns - now.mono_ns, 0)
                        : 1 + entry.failures;
        }
        if (best == nullptr || worth < best_worth) {
            best = &entry;
            best_worth = worth;
        }
    }
    head_->evicted += best_worth > 0 ? 1 : 0;
    Edit edit(*this, *best);
    *best = Entry{};
    best->key = key;
    best->window_start_ns = now.mono_ns;
    return best;
}

void Cooldown::repair() {
    uint32_t index = head_->editing;
    if (index > 0 && index <= head_->entries) {
        entries()[index - 1] = Entry{};
    }
    head_->editing = 0;
    head_->repairs++;
    std::atomic_ref(head_->troubled)
        .store(count_troubled(), std::memory_order_relaxed);
}

uint32_t Cooldown::count_troubled() const {
    return static_cast<uint32_t>(
        std::count_if(entries(), entries() + head_->entries,
                      [](const Entry& entry) { return entry.is_troubled(); }));
}

// One who looks while another one writes may see what was a moment before, as
// if he had come earlier.
bool Cooldown::is_quiet() const {
    return std::atomic_ref(head_->troubled).load(std::memory_order_relaxed)
           == 0;
}

CooldownStats Cooldown::stats(Now now) {
    CooldownStats out;
    if (head_ == nullptr) {
        return out;
    }
    Entered entered(*this);
    if (!entered.ok()) {
        return out;
    }
    out.entries = head_->entries;
    for (uint32_t i = 0; i < head_->entries; i++) {
        const Entry& entry = entries()[i];
        CooldownState state = state_of(&entry, now);
        out.in_use += entry.key != 0 ? 1 : 0;
        out.open += state == CooldownState::kOpen ? 1 : 0;
        out.half_open += state == CooldownState::kHalfOpen ? 1 : 0;
    }
    out.opened = head_->opened;
    out.closed = head_->closed;
    out.refused = head_->refused;
    out.probes = head_->probes;
    out.evicted = head_->evicted;
    out.repairs = head_->repairs;
    return out;
}

Result<void> Cooldown::check() {
    Entered entered(*this);
    if (!entered.ok() || head_->editing != 0) {
        return Error{Errc::kCorrupt, "the lock, or a mark left behind"};
    }
    if (head_->troubled != count_troubled()) {
        return Error{Errc::kCorrupt, "the count of those in trouble"};
    }
    for (uint32_t i = 0; i < head_->entries; i++) {
        const Entry& entry = entries()[i];
        if (entry.key == 0) {
            if (entry.is_open != 0 || entry.failures != 0) {
                return Error{Errc::kCorrupt, "a free entry that is not"};
            }
            continue;
        }
        uint32_t from = static_cast<uint32_t>(entry.key);
        bool placed = ((i - from) & (head_->entries - 1)) < kCooldownProbe;
        bool sane = entry.is_open <= 1
                    && entry.probe >> kPidBits <= head_->serial
                    && (entry.probe == 0 || entry.is_open == 1);
        if (!placed || !sane || find(entry.key) != &entry) {
            return Error{Errc::kCorrupt,
                         "entry " + std::to_string(i)
                             + " is misplaced, twice there, or impossible"};
        }
    }
    return {};
}

}  // namespace llm::route
