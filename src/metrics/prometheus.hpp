// Prometheus text exposition, format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
#pragma once

#include "src/metrics/snapshot.hpp"

namespace llm::metrics {

inline constexpr Bytes kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

void append_prometheus(std::string& out, const Snapshot& snapshot);

}  // namespace llm::metrics
