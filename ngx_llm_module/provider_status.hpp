// The state of all providers, for llm_metrics and llm_status.
#pragma once

#include <string>
#include <vector>

#include "src/base/clock.hpp"
#include "src/exchange/services.hpp"
#include "src/metrics/snapshot.hpp"

namespace llm::door {

// llm_provider_state and its kin; nothing where there is no llm_provider.
void append_provider_samples(exchange::Services& services, Now now,
                             std::vector<metrics::Sample>& samples);

// [{"name":"a","state":"open","retry_ms":1500,
//   "models":[{"name":"m","state":"open","retry_ms":1500}]}]
// retry_ms stands where it is not closed: when somebody may ask again.
void append_provider_status(exchange::Services& services, Now now,
                            std::string& json);

}  // namespace llm::door
