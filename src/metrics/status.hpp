// The same numbers as compact JSON, the "metrics" member of llm_status:
//   {"<family>":{"type":"counter","series":[
//        {"labels":{"a":"x"},"value":1}]},
//    "<family>":{"type":"histogram","le":[0.1,1],"series":[
//        {"labels":{},"count":3,"sum":1.5,"buckets":[1,2,0]}]}}
// `buckets` holds each bucket by itself, not cumulative; the last one is
// above every bound of `le`. Labels without a value are not there.
#pragma once

#include "src/metrics/snapshot.hpp"

namespace llm::metrics {

void append_status_json(std::string& out, const Snapshot& snapshot);

}  // namespace llm::metrics
