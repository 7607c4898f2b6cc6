// RequestSeries: handles to the series that nearly every request counts on,
// kept so that it need not look each of them up.
//
// A handle is empty until its first number: a series without one is not
// printed.
//
// Ownership: the handles point into the metrics region, which outlives this.
// One thread.
#pragma once

#include <string>

#include "src/api/protocol.hpp"
#include "src/exchange/words.hpp"
#include "src/metrics/handle.hpp"

namespace llm::exchange {

struct RequestSeries {
    static constexpr size_t kEndpoints =
        static_cast<size_t>(api::Endpoint::kMessages) + 1;
    static constexpr size_t kClasses = 6;  // of HTTP statuses; 0: none
    static constexpr size_t kStatuses =
        static_cast<size_t>(CacheStatus::kSemantic) + 1;

    // Of one cache status, by the reason that came last.
    struct Outcome {
        std::string reason;
        metrics::Counter count;
    };

    // Of requests on no side of an experiment.
    metrics::Counter requests[kEndpoints][kClasses][kStatuses];
    Outcome outcomes[kStatuses];
    metrics::Counter stored;
    metrics::Counter saved_input;
    metrics::Counter saved_output;
    metrics::Histogram overhead;
    metrics::Histogram prompt_error;      // of the estimator
    metrics::Histogram completion_error;
};

}  // namespace llm::exchange
