#include "src/tokens/estimator.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/hash.hpp"

namespace llm::tokens {

namespace {

constexpr uint64_t kMagic = 0x6c6c6d746f6b6531;  // "llmtoke1"
constexpr uint64_t kLimit = uint64_t{1} << 40;
constexpr int kInputs = 3;

// A weight of 1 is the default ratio.
constexpr int kFraction = 14;
constexpr int64_t kOne = int64_t{1} << kFraction;
constexpr int kWeightBits = 17;
constexpr int64_t kWeightMask = (int64_t{1} << kWeightBits) - 1;
constexpr int kCountBits = 13;
constexpr uint64_t kMaxCount = (uint64_t{1} << kCountBits) - 1;

// Input in quarters of a token at the default ratios.
constexpr uint64_t kQuartersPerAscii = 1;
constexpr uint64_t kQuartersPerNonAscii = 2;
constexpr uint64_t kQuartersPerMessage = 16;

// 1/16 to 2 tokens a byte around 1/4 and 1/2; up to 32 a message.
constexpr int64_t kLowest[kInputs] = {kOne / 4, kOne / 8, 0};
constexpr int64_t kHighest[kInputs] = {kWeightMask, kOne * 4, kWeightMask};

constexpr uint64_t kPaceTokens = uint64_t{1} << 16;
constexpr uint64_t kMostTokens = uint64_t{1} << 30;  // of one answer
constexpr int kPaceShift = 16;  // nanoseconds to the unit of its time
constexpr int64_t kUsualPaceNs = 10'000'000;
constexpr int64_t kQuickestNs = 100'000;
constexpr int64_t kSlowestNs = 100'000'000;
constexpr int64_t kLongestNs = int64_t{86400} * 1'000'000'000;

constexpr int64_t kFirstShare = 4;
constexpr int64_t kLastShare = 64;

int64_t divide_rounded(int64_t value, int64_t by) {
    return (value < 0 ? value - by / 2 : value + by / 2) / by;
}

std::atomic_ref<uint64_t> atomic(uint64_t& word) {
    return std::atomic_ref(word);
}

}  // namespace

struct Estimator::Header {
    uint64_t magic;
    uint64_t layout;
    uint64_t tick;  // grows with every report learned
    uint64_t reserved[5];
};

struct Estimator::Entry {
    uint64_t key;
    uint64_t prompt;
    uint64_t completion;
    uint64_t pace;
    uint64_t used;  // the header's tick when last learned
};

struct Estimator::Input {
    Input(TextSize text, uint64_t messages)
        : quarters{std::min(text.ascii_bytes, kLimit) * kQuartersPerAscii,
                   std::min(text.other_bytes, kLimit)
                       * kQuartersPerNonAscii,
                   std::min(messages, kLimit) * kQuartersPerMessage} {}

    bool empty() const {
        return quarters[0] == 0 && quarters[1] == 0 && quarters[2] == 0;
    }

    uint64_t quarters[kInputs];
};

struct Estimator::Weights {
    static Weights unpack(uint64_t word) {
        Weights weights;
        if (word == 0) {
            return weights;
        }
        for (int i = 0; i < kInputs; ++i) {
            auto value = static_cast<int64_t>(word >> (i * kWeightBits))
                         & kWeightMask;
            weights.value[i] = std::clamp(value, kLowest[i], kHighest[i]);
        }
        weights.count = word >> (kInputs * kWeightBits);
        return weights;
    }

    uint64_t pack() const {
        uint64_t word = count << (kInputs * kWeightBits);
        for (int i = 0; i < kInputs; ++i) {
            word |= static_cast<uint64_t>(value[i]) << (i * kWeightBits);
        }
        return word;
    }

    // At most 3 * 2^17 * 2^44: fits.
    uint64_t quarters(const uint64_t (&input)[kInputs]) const {
        uint64_t sum = 0;
        for (int i = 0; i < kInputs; ++i) {
            sum += static_cast<uint64_t>(value[i]) * input[i];
        }
        return sum >> kFraction;
    }

    void learn(const Input& input, uint64_t tokens) {
        // Shifted down so that the products below fit 63 bits:
        // error < 2^24, input < 2^20, fraction 2^14.
        uint64_t largest = *std::ranges::max_element(input.quarters);
        int shift = std::max(0, static_cast<int>(std::bit_width(largest)) - 20);
        uint64_t scaled[kInputs];
        int64_t square = 0;
        for (int i = 0; i < kInputs; ++i) {
            scaled[i] = input.quarters[i] >> shift;
            square += static_cast<int64_t>(scaled[i] * scaled[i]);
        }
        auto guess = static_cast<int64_t>(quarters(scaled));
        auto truth =
            static_cast<int64_t>((std::min(tokens, kLimit) * 4) >> shift);
        int64_t bound = guess / 2 + 1;
        int64_t error = std::clamp(truth - guess, -bound, bound);
        int64_t share = std::min(kLastShare,
                                 kFirstShare + static_cast<int64_t>(count));
        for (int i = 0; i < kInputs; ++i) {
            int64_t step = error * static_cast<int64_t>(scaled[i]) * kOne;
            value[i] += divide_rounded(step / share, square);
            value[i] = std::clamp(value[i], kLowest[i], kHighest[i]);
        }
        count = std::min(count + 1, kMaxCount);
    }

    int64_t value[kInputs] = {kOne, kOne, kOne};
    uint64_t count = 0;
};

struct Estimator::Pace {
    static Pace unpack(uint64_t word) {
        Pace pace;
        if (word != 0) {
            pace.time = std::max<uint64_t>(word >> 32, 1);
            pace.tokens = word & UINT32_MAX;
        }
        return pace;
    }

    uint64_t pack() const { return time << 32 | tokens; }

    void learn(int64_t elapsed_ns, uint64_t made) {
        made = std::min(made, kMostTokens);
        auto count = static_cast<int64_t>(made);
        int64_t bounded = std::clamp(elapsed_ns, count * kQuickestNs,
                                     count * kSlowestNs);
        time += static_cast<uint64_t>(bounded) >> kPaceShift;
        tokens += made;
        while (tokens > kPaceTokens) {
            time /= 2;
            tokens /= 2;
        }
    }

    uint64_t time = uint64_t{256 * kUsualPaceNs} >> kPaceShift;
    uint64_t tokens = 256;
};

uint64_t model_hash(Bytes model) { return hash64(model); }

uint64_t Estimator::layout_hash() {
    const uint64_t parts[] = {kVersion, kSets, kWays, sizeof(Header),
                              sizeof(Entry)};
    return hash64({reinterpret_cast<const char*>(parts), sizeof(parts)});
}

Result<Estimator> Estimator::attach(void* memory, size_t size, bool fresh) {
    static_assert(sizeof(Header) + kSets * kWays * sizeof(Entry) == kSize);
    if (memory == nullptr || size < kSize
        || reinterpret_cast<uintptr_t>(memory) % alignof(uint64_t) != 0) {
        return Error{Errc::kInvalid, "tokens: unusable memory region"};
    }
    Estimator estimator;
    estimator.memory_ = static_cast<char*>(memory);
    Header& head = estimator.header();
    if (fresh) {
        std::memset(memory, 0, kSize);
        head.layout = layout_hash();
        atomic(head.magic).store(kMagic, std::memory_order_release);
        return estimator;
    }
    if (atomic(head.magic).load() != kMagic || head.layout != layout_hash()) {
        return Error{Errc::kCorrupt, "tokens: no estimator of this layout"};
    }
    return estimator;
}

Estimator::Header& Estimator::header() const {
    return *reinterpret_cast<Header*>(memory_);
}

Estimator::Entry* Estimator::set_of(uint64_t model) const {
    auto* entries = reinterpret_cast<Entry*>(memory_ + sizeof(Header));
    return entries + model % kSets * kWays;
}

Estimator::Entry* Estimator::find(uint64_t model) const {
    Entry* set = set_of(model);
    for (size_t way = 0; way < kWays; ++way) {
        if (atomic(set[way].key).load(std::memory_order_acquire) == model) {
            return &set[way];
        }
    }
    return nullptr;
}

Estimator::Entry& Estimator::find_or_replace(uint64_t model) {
    if (Entry* entry = find(model)) {
        return *entry;
    }
    Entry* set = set_of(model);
    Entry* oldest = set;
    uint64_t oldest_used = UINT64_MAX;
    for (size_t way = 0; way < kWays; ++way) {
        uint64_t used = atomic(set[way].key).load() == 0
                            ? 0
                            : atomic(set[way].used).load();
        if (used < oldest_used) {
            oldest = &set[way];
            oldest_used = used;
        }
    }
    // Forgetting comes first: a worker killed in between leaves the old model
    // at the defaults instead of the new one with the old one's weights.
    atomic(oldest->prompt).store(0);
    atomic(oldest->completion).store(0);
    atomic(oldest->pace).store(0);
    atomic(oldest->key).store(model, std::memory_order_release);
    return *oldest;
}

Estimator::Entry& Estimator::learned(uint64_t model) {
    Entry& entry = find_or_replace(std::max(model, uint64_t{1}));
    uint64_t tick =
        atomic(header().tick).fetch_add(1, std::memory_order_relaxed) + 1;
    atomic(entry.used).store(tick, std::memory_order_relaxed);
    return entry;
}

// 0: nothing was learned of it.
uint64_t Estimator::load(uint64_t model, Word word) const {
    Entry* entry =
        memory_ == nullptr ? nullptr : find(std::max(model, uint64_t{1}));
    return entry == nullptr
               ? 0
               : atomic(entry->*word).load(std::memory_order_relaxed);
}

uint64_t Estimator::estimate(uint64_t model, Word word,
                             const Input& input) const {
    if (input.empty()) {
        return 0;
    }
    Weights weights = Weights::unpack(load(model, word));
    return std::max<uint64_t>(1, (weights.quarters(input.quarters) + 2) / 4);
}

std::optional<int64_t> Estimator::learn(uint64_t model, Word word,
                                        const Input& input, uint64_t tokens) {
    if (tokens == 0 || input.empty()) {
        return std::nullopt;
    }
    tokens = std::min(tokens, kLimit);
    auto guess = static_cast<int64_t>(estimate(model, word, input));
    int64_t off = std::abs(guess - static_cast<int64_t>(tokens)) * 1000
                  / static_cast<int64_t>(tokens);
    if (memory_ == nullptr) {
        return off;
    }
    Entry& entry = learned(model);
    uint64_t seen = atomic(entry.*word).load(std::memory_order_relaxed);
    Weights weights = Weights::unpack(seen);
    weights.learn(input, tokens);
    // When another worker was quicker its update stands and this one is lost.
    atomic(entry.*word).compare_exchange_strong(seen, weights.pack(),
                                                std::memory_order_relaxed);
    return off;
}

uint64_t Estimator::prompt(uint64_t model, TextSize text,
                           uint64_t messages) const {
    return estimate(model, &Entry::prompt, Input(text, messages));
}

uint64_t Estimator::completion(uint64_t model, TextSize text) const {
    return estimate(model, &Entry::completion, Input(text, 0));
}

std::optional<int64_t> Estimator::learn_prompt(uint64_t model, TextSize text,
                                               uint64_t messages,
                                               uint64_t tokens) {
    return learn(model, &Entry::prompt, Input(text, messages), tokens);
}

std::optional<int64_t> Estimator::learn_completion(uint64_t model,
                                                   TextSize text,
                                                   uint64_t tokens) {
    return learn(model, &Entry::completion, Input(text, 0), tokens);
}

uint64_t Estimator::made_in(uint64_t model, int64_t elapsed_ns) const {
    if (elapsed_ns <= 0) {
        return 0;
    }
    Pace pace = Pace::unpack(load(model, &Entry::pace));
    auto time = static_cast<uint64_t>(std::min(elapsed_ns, kLongestNs));
    return (time >> kPaceShift) * pace.tokens / pace.time;
}

void Estimator::learn_pace(uint64_t model, int64_t elapsed_ns,
                           uint64_t tokens) {
    if (memory_ == nullptr || tokens == 0 || elapsed_ns <= 0) {
        return;
    }
    Entry& entry = learned(model);
    uint64_t seen = atomic(entry.pace).load(std::memory_order_relaxed);
    Pace pace = Pace::unpack(seen);
    pace.learn(elapsed_ns, tokens);
    // As with the weights, the quicker worker's update stands.
    atomic(entry.pace).compare_exchange_strong(seen, pace.pack(),
                                               std::memory_order_relaxed);
}

size_t Estimator::models() const {
    if (memory_ == nullptr) {
        return 0;
    }
    Entry* entries = set_of(0);
    return static_cast<size_t>(
        std::count_if(entries, entries + kSets * kWays,
                      [](Entry& entry) { return atomic(entry.key) != 0; }));
}

}  // namespace llm::tokens
