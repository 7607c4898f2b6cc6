#include "src/metrics/prometheus.hpp"

namespace llm::metrics {

namespace {

void append_escaped(std::string& out, Bytes text, bool quote) {
    for (char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && quote) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
}

// a="x",b="y"; labels without a value are not there.
std::string labels_of(const Family& family, const Series& series) {
    std::string out;
    for (size_t at = 0; at < family.labels.size(); ++at) {
        if (series.values[at].empty()) {
            continue;
        }
        if (!out.empty()) {
            out += ',';
        }
        out.append(family.labels[at].name);
        out += "=\"";
        append_escaped(out, series.values[at], true);
        out += '"';
    }
    return out;
}

// name + suffix {labels,le="bound"} and a space.
void append_name(std::string& out, const Family& family, Bytes suffix,
                 const std::string& labels, Bytes bound = {}) {
    out.append(family.name);
    out.append(suffix);
    if (!labels.empty() || !bound.empty()) {
        out += '{';
        out += labels;
        if (!bound.empty()) {
            out += labels.empty() ? "le=\"" : ",le=\"";
            out.append(bound);
            out += '"';
        }
        out += '}';
    }
    out += ' ';
}

void append_histogram(std::string& out, const Family& family,
                      const Series& series) {
    std::string labels = labels_of(family, series);
    std::string bound;
    uint64_t count = 0;
    for (size_t at = 0; at <= family.buckets.size(); ++at) {
        count += series.cells[at];
        bound.clear();
        if (at < family.buckets.size()) {
            append_scaled_signed(bound, family.buckets[at], family.decimals);
        } else {
            bound = "+Inf";
        }
        append_name(out, family, "_bucket", labels, bound);
        append_scaled(out, count, 0);
        out += '\n';
    }
    append_name(out, family, "_sum", labels);
    append_scaled(out, series.histogram_sum(), family.decimals);
    out += '\n';
    append_name(out, family, "_count", labels);
    append_scaled(out, count, 0);
    out += '\n';
}

void append_head(std::string& out, const Family& family) {
    out += "# HELP ";
    out.append(family.name);
    out += ' ';
    append_escaped(out, family.help, false);
    out += "\n# TYPE ";
    out.append(family.name);
    out += ' ';
    out.append(name_of(family.type));
    out += '\n';
}

}  // namespace

void append_prometheus(std::string& out, const Snapshot& snapshot) {
    for (const Group& group : snapshot.groups) {
        const Family& family = *group.family;
        append_head(out, family);
        for (const Series& series : group.series) {
            if (family.type == Type::kHistogram) {
                append_histogram(out, family, series);
                continue;
            }
            append_name(out, family, "", labels_of(family, series));
            append_single(out, family, series);
            out += '\n';
        }
    }
}

}  // namespace llm::metrics
