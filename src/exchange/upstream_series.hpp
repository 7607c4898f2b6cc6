// UpstreamSeries: the histograms of answers from upstreams, kept by endpoint,
// models and variant so that a request need not look each of them up.
//
// A few places, each for whoever came last: bounded, and a wrong guess costs
// look-ups. A handle is empty until its first number: a series without one is
// not printed.
//
// Ownership: the handles point into the metrics region, which outlives this.
// One thread.
#pragma once

#include <array>
#include <string>

#include "src/api/protocol.hpp"
#include "src/base/hash.hpp"
#include "src/metrics/table.hpp"

namespace llm::exchange {

struct UpstreamSeries {
    api::Endpoint endpoint = api::Endpoint::kNone;
    std::string asked;   // labels, as they are given
    std::string served;
    std::string variant;
    metrics::Histogram took;  // of answers without an error
    metrics::Histogram input;
    metrics::Histogram output;
    metrics::Histogram first_token;
    metrics::Histogram per_token;
};

class UpstreamSeriesCache {
public:
    UpstreamSeries& of(api::Endpoint endpoint, Bytes asked, Bytes served,
                       Bytes variant) {
        uint64_t hash = hash64(variant, hash64(served, hash64(asked)));
        UpstreamSeries& place =
            places_[(hash + static_cast<uint64_t>(endpoint)) % kPlaces];
        if (place.endpoint != endpoint || place.asked != asked
            || place.served != served || place.variant != variant) {
            place = {};
            place.endpoint = endpoint;
            place.asked = asked;
            place.served = served;
            place.variant = variant;
        }
        return place;
    }

private:
    static constexpr size_t kPlaces = 32;
    std::array<UpstreamSeries, kPlaces> places_;
};

}  // namespace llm::exchange
