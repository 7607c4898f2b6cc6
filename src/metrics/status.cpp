#include "src/metrics/status.hpp"

namespace llm::metrics {

namespace {

void append_labels(std::string& out, const Family& family,
                   const Series& series) {
    out += "\"labels\":{";
    bool first = true;
    for (size_t at = 0; at < family.labels.size(); ++at) {
        if (series.values[at].empty()) {
            continue;
        }
        if (!first) {
            out += ',';
        }
        first = false;
        append_json_string(out, family.labels[at].name);
        out += ':';
        append_json_string(out, series.values[at]);
    }
    out += '}';
}

void append_bounds(std::string& out, const Family& family) {
    out += ",\"le\":[";
    for (size_t at = 0; at < family.buckets.size(); ++at) {
        if (at > 0) {
            out += ',';
        }
        append_scaled_signed(out, family.buckets[at], family.decimals);
    }
    out += ']';
}

void append_histogram(std::string& out, const Family& family,
                      const Series& series) {
    out += ",\"count\":";
    append_scaled(out, series.histogram_count(), 0);
    out += ",\"sum\":";
    append_scaled(out, series.histogram_sum(), family.decimals);
    out += ",\"buckets\":[";
    for (size_t at = 0; at <= family.buckets.size(); ++at) {
        if (at > 0) {
            out += ',';
        }
        append_scaled(out, series.cells[at], 0);
    }
    out += ']';
}

void append_group(std::string& out, const Group& group) {
    const Family& family = *group.family;
    append_json_string(out, family.name);
    out += ":{\"type\":";
    append_json_string(out, name_of(family.type));
    if (family.type == Type::kHistogram) {
        append_bounds(out, family);
    }
    out += ",\"series\":[";
    bool first = true;
    for (const Series& series : group.series) {
        out += first ? "{" : ",{";
        first = false;
        append_labels(out, family, series);
        if (family.type == Type::kHistogram) {
            append_histogram(out, family, series);
        } else {
            out += ",\"value\":";
            append_single(out, family, series);
        }
        out += '}';
    }
    out += "]}";
}

}  // namespace

void append_status_json(std::string& out, const Snapshot& snapshot) {
    out += '{';
    bool first = true;
    for (const Group& group : snapshot.groups) {
        if (!first) {
            out += ',';
        }
        first = false;
        append_group(out, group);
    }
    out += '}';
}

}  // namespace llm::metrics
