#include "src/cache/purge_log.hpp"

#include <algorithm>
#include <cstring>

namespace llm::cache {

Result<void> PurgeLog::format(PurgeHead* head) {
    std::memset(static_cast<void*>(head), 0, sizeof(*head));
    head->sequence = 1;
    head->swept = 1;
    return head->mutex.init();
}

Result<uint64_t> PurgeLog::begin(PurgeBy by, uint64_t value) {
    shm::RobustMutex::Guard guard(head_->mutex);
    if (!guard.locked()) {
        return Error{Errc::kIo, "the purge log's lock is broken"};
    }
    if (guard.owner_died()) {
        // It may have taken the number of a purge of all without saying that
        // it is one. A number that is said to be one is taken.
        store(head_->sequence, std::max(sequence(), all()));
        PurgeRecord last;
        if (read(sequence(), last)
            && last.by == static_cast<uint32_t>(PurgeBy::kAll)) {
            store(head_->all, last.sequence);
        }
        guard.repaired();
    }
    if (sequence() - swept() >= kPurgeRecords / 2) {
        return Error{Errc::kNoSpace, "too many purges wait for their sweep"};
    }
    uint64_t next = sequence() + 1;
    PurgeRecord& record = head_->ring[next % kPurgeRecords];
    store(record.sequence, 0);
    store(record.value, value);
    store(record.count, 0);
    __atomic_store_n(&record.by, static_cast<uint32_t>(by), __ATOMIC_RELEASE);
    store(record.sequence, next);
    // In this order: whoever empties a shard for the sake of `all` must find
    // the record, too, or stores into it what was born before.
    store(head_->sequence, next);
    if (by == PurgeBy::kAll) {
        store(head_->all, next);
    }
    return next;
}

void PurgeLog::finish(uint64_t sequence) {
    uint64_t seen = swept();
    while (seen < sequence
           && !__atomic_compare_exchange_n(&head_->swept, &seen, sequence,
                                           false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_ACQUIRE)) {
    }
}

void PurgeLog::add(uint64_t sequence, uint64_t n) {
    PurgeRecord& record = head_->ring[sequence % kPurgeRecords];
    if (load(record.sequence) == sequence) {
        __atomic_fetch_add(&record.count, n, __ATOMIC_RELAXED);
    }
}

uint64_t PurgeLog::count(uint64_t sequence) const {
    const PurgeRecord& record = head_->ring[sequence % kPurgeRecords];
    uint64_t count = load(record.count);
    return load(record.sequence) == sequence ? count : 0;
}

bool PurgeLog::read(uint64_t sequence, PurgeRecord& out) const {
    const PurgeRecord& record = head_->ring[sequence % kPurgeRecords];
    out.value = load(record.value);
    out.by = __atomic_load_n(&record.by, __ATOMIC_ACQUIRE);
    out.sequence = load(record.sequence);
    return out.sequence == sequence;
}

bool PurgeLog::has(const uint64_t* tags, uint32_t count, uint64_t value) {
    return std::find(tags, tags + count, value) != tags + count;
}

bool PurgeLog::matches(const PurgeRecord& record, const Marks& marks) {
    uint32_t value = filter(record.value);
    switch (static_cast<PurgeBy>(record.by)) {
    case PurgeBy::kAll:
        return true;
    case PurgeBy::kTenant:
        return marks.tenant == value;
    case PurgeBy::kModel:
        return marks.model == value;
    case PurgeBy::kAnswer:
        return marks.answer == value;
    default:
        return false;
    }
}

}  // namespace llm::cache
