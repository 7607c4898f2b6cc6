#include "src/exchange/denial.hpp"

namespace llm::exchange {
namespace {

using limit::Kind;

Bytes noun_of(Kind kind) {
    switch (kind) {
    case Kind::kRequests: return "requests";
    case Kind::kTokens: return "tokens";
    case Kind::kConcurrency: return "concurrent requests";
    case Kind::kBudget: break;
    }
    return "budget";
}

std::string retry_in(const limit::Refusal& refusal) {
    return "; try again in " + limit::go_duration(refusal.retry_ns) + ".";
}

}  // namespace

Denial denial_by(Bytes rule, Kind kind, const limit::Refusal& refusal) {
    Denial denial;
    denial.budget = kind == Kind::kBudget;
    denial.rule = rule;
    denial.retry = limit::retry_headers(refusal);
    denial.error.status = 429;
    std::string& text = denial.error.message;
    if (denial.budget) {
        text = "The budget \"" + denial.rule + "\" does not cover this "
               "request";
        denial.error.code = "insufficient_quota";
        denial.error.type = "insufficient_quota";
        text += refusal.hopeless
                    ? "; it will not before " + denial.retry.retry_after
                          + " seconds have passed."
                    : retry_in(refusal);
        return denial;
    }
    denial.error.code = "rate_limit_exceeded";
    text = "The limit \"" + denial.rule + "\" on ";
    text += noun_of(kind);
    text += refusal.hopeless
                ? " is less than this request may take, at any time."
                : " is reached" + retry_in(refusal);
    return denial;
}

Denial denial_by_ledger() {
    Denial denial;
    denial.error.status = 503;
    denial.error.message =
        "Limits cannot be checked at the moment, try again.";
    denial.error.code = "limits_unavailable";
    return denial;
}

}  // namespace llm::exchange
