#include "src/limit/account.hpp"

#include <algorithm>

namespace llm::limit {
namespace {

constexpr int64_t kSecond = 1000000000;
// What is held comes back when others are done; nobody knows when.
constexpr int64_t kGuess = kSecond;
constexpr int64_t kPatience = 60 * kSecond;

int64_t window_left_ns(const Account& account, Now now) {
    constexpr int64_t kFar = int64_t{1} << 40;
    int64_t left_s = std::clamp(account.window.end_s, -kFar, kFar)
                     - now.wall_s();
    left_s = std::clamp<int64_t>(left_s, 0, int64_t{1} << 32);
    return std::max<int64_t>(
        0, left_s * kSecond - now.wall_ns % kSecond);
}

}  // namespace

bool is_lasting(const Demand& demand) {
    Bucket full{demand.limit, 0, 0};
    return demand.kind == Kind::kBudget
           || (is_rate(demand.kind)
               && full.wait_ns(demand.rate, 0) > kPatience);
}

Account new_account(const Demand& demand, Now now) {
    Account account{};
    account.key = demand.key;
    account.used = 1;
    account.kind = static_cast<uint8_t>(demand.kind);
    account.rate = is_rate(demand.kind) ? demand.rate : Rate{1, 1};
    account.bucket.stamp_ns = now.mono_ns;
    account.limit = demand.limit;
    account.soft = demand.soft;
    account.window = demand.window;
    return account;
}

void drain(Account& account, Now now) {
    if (is_rate(kind_of(account))) {
        account.bucket.drain(account.rate, now.mono_ns);
    }
}

void refresh(Account& account, const Demand& demand, Now now) {
    drain(account, now);
    if (is_rate(demand.kind) && account.rate != demand.rate) {
        account.bucket.rescale(account.rate, demand.rate);
        account.rate = demand.rate;
    }
    account.limit = demand.limit;
    account.soft = demand.soft;
    account.window = demand.window;
}

int64_t remaining(const Account& account) {
    // A started unit is still outstanding.
    int64_t level = account.bucket.level
                    + (account.bucket.fraction > 0 ? 1 : 0);
    return std::max<int64_t>(0, account.limit - level - account.held);
}

Refusal refusal_of(const Account& account, int64_t amount, Now now) {
    Refusal refusal;
    refusal.hopeless = amount > account.limit;
    switch (kind_of(account)) {
    case Kind::kRequests:
    case Kind::kTokens: {
        int64_t alone = account.limit - amount;
        refusal.retry_ns = account.bucket.wait_ns(account.rate, alone);
        if (account.held > 0) {
            refusal.retry_ns = std::max(
                {kGuess, refusal.retry_ns,
                 account.bucket.wait_ns(account.rate, alone - account.held)});
        }
        break;
    }
    case Kind::kConcurrency:
        refusal.retry_ns = kGuess;
        break;
    case Kind::kBudget: {
        bool spent = amount > account.limit - account.bucket.level;
        refusal.retry_ns = spent ? window_left_ns(account, now) : kGuess;
        refusal.hopeless |= spent && refusal.retry_ns > kPatience;
        break;
    }
    }
    return refusal;
}

Standing standing_of(const Account& account, Now now) {
    Standing standing;
    standing.limit = account.limit;
    standing.remaining = remaining(account);
    Kind kind = kind_of(account);
    if (is_rate(kind)) {
        standing.reset_ns = account.bucket.wait_ns(account.rate, 0);
    } else if (kind == Kind::kBudget) {
        standing.reset_ns = window_left_ns(account, now);
        standing.soft = account.bucket.level + account.held >= account.soft;
    }
    return standing;
}

bool is_idle(const Account& account, int64_t over_since_s, Now now) {
    if (account.refs != 0) {
        return false;
    }
    switch (kind_of(account)) {
    case Kind::kRequests:
    case Kind::kTokens:
        return account.bucket.drains_by(account.rate, now.mono_ns);
    case Kind::kConcurrency:
        return true;
    case Kind::kBudget:
        break;
    }
    return account.bucket.level == 0
           || account.window.end_s <= now.wall_s() - over_since_s;
}

}  // namespace llm::limit
