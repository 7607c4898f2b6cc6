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

// {a="x",b="y"}; labels without a value are not there.
void append_labels(std::string& out, const Family& family,
                   const Series& series, Bytes bound) {
    char before = '{';
    auto append = [&](Bytes name, Bytes value) {
        out += before;
        out.append(name);
        out += "=\"";
        append_escaped(out, value, true);
        out += '"';
        before = ',';
    };
    for (size_t at = 0; at < family.labels.size(); ++at) {
        if (!series.values[at].empty()) {
            append(family.labels[at].name, series.values[at]);
        }
    }
    if (!bound.empty()) {
        append("le", bound);
    }
    if (before == ',') {
        out += '}';
    }
}

void append_histogram(std::string& out, const Family& family,
                      const Series& series) {
    uint64_t count = 0;
    for (size_t at = 0; at <= family.buckets.size(); ++at) {
        count += series.cells[at];
        std::string bound;
        if (at < family.buckets.size()) {
            append_scaled_signed(bound, family.buckets[at], family.decimals);
        } else {
            bound = "+Inf";
        }
        out.append(family.name);
        out += "_bucket";
        append_labels(out, family, series, bound);
        out += ' ';
        append_scaled(out, count, 0);
        out += '\n';
    }
    out.append(family.name);
    out += "_sum";
    append_labels(out, family, series, "");
    out += ' ';
    append_scaled(out, series.histogram_sum(), family.decimals);
    out += '\n';
    out.append(family.name);
    out += "_count";
    append_labels(out, family, series, "");
    out += ' ';
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
            out.append(family.name);
            append_labels(out, family, series, "");
            out += ' ';
            append_single(out, family, series);
            out += '\n';
        }
    }
}

}  // namespace llm::metrics
