// Denial: why a request is turned away, in the client's words.
//
// Pure functions; any thread.
#pragma once

#include <string>

#include "src/api/protocol.hpp"
#include "src/limit/demand.hpp"
#include "src/limit/ratelimit_headers.hpp"

namespace llm::exchange {

struct Denial {
    api::ApiError error;
    limit::RetryHeaders retry;
    bool budget = false;
    std::string rule;  // its name
};

// The rule of this name has no room for what was asked.
Denial denial_by(Bytes rule, limit::Kind kind,
                 const limit::Refusal& refusal);

// The ledger cannot say.
Denial denial_by_ledger();

}  // namespace llm::exchange
