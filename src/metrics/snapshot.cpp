#include "src/metrics/snapshot.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_map>

#include "src/metrics/label.hpp"

namespace llm::metrics {

namespace {

using ByValues = std::map<std::vector<std::string>, std::vector<uint64_t>>;

void add(ByValues& to, std::vector<std::string> values,
         const std::vector<uint64_t>& cells) {
    auto [place, fresh] = to.try_emplace(std::move(values), cells);
    if (!fresh) {
        for (size_t at = 0; at < cells.size(); ++at) {
            place->second[at] += cells[at];
        }
    }
}

void add_sample(ByValues& to, const Sample& sample) {
    const Family& family = *sample.family;
    std::vector<std::string> values(family.labels.size());
    for (size_t at = 0; at < values.size(); ++at) {
        if (at < sample.values.size()) {
            values[at] = admitted(family.labels[at], sample.values[at]);
        }
    }
    add(to, std::move(values), {static_cast<uint64_t>(sample.value)});
}

}  // namespace

uint64_t Series::histogram_count() const {
    uint64_t count = 0;
    for (size_t at = 0; at + 1 < cells.size(); ++at) {
        count += cells[at];
    }
    return count;
}

Snapshot collect(const Table& table, std::span<const Family* const> families,
                 std::span<const Sample> samples) {
    std::unordered_map<uint64_t, size_t> index;
    for (size_t at = 0; at < families.size(); ++at) {
        index.emplace(families[at]->id, at);
    }
    std::vector<ByValues> found(families.size());
    table.for_each([&](const SeriesView& view) {
        auto place = index.find(view.family);
        if (place == index.end()) {
            return;
        }
        const Family& family = *families[place->second];
        if (view.cell_count != family.cells()
            || view.value_count > family.labels.size()) {
            return;
        }
        // A build that knew fewer labels may have left it in the table.
        std::vector<std::string> values(
            view.values.begin(), view.values.begin() + view.value_count);
        values.resize(family.labels.size());
        std::vector<uint64_t> cells;
        for (size_t at = 0; at < view.cell_count; ++at) {
            cells.push_back(view.cell(at));
        }
        add(found[place->second], std::move(values), cells);
    });
    for (const Sample& sample : samples) {
        auto place = sample.family == nullptr
                         ? index.end()
                         : index.find(sample.family->id);
        if (place != index.end() && sample.family->cells() == 1) {
            add_sample(found[place->second], sample);
        }
    }
    Snapshot snapshot;
    for (size_t at = 0; at < families.size(); ++at) {
        const Family& family = *families[at];
        if (found[at].empty() && family.type == Type::kCounter
            && family.labels.empty()) {
            add(found[at], {}, {0});
        }
        if (found[at].empty()) {
            continue;
        }
        Group group{&family, {}};
        for (auto& [values, cells] : found[at]) {
            group.series.push_back({values, std::move(cells)});
        }
        snapshot.groups.push_back(std::move(group));
    }
    return snapshot;
}

void append_scaled(std::string& out, uint64_t stored, int decimals) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof(digits), stored).ptr;
    Bytes text(digits, static_cast<size_t>(end - digits));
    auto places = static_cast<size_t>(std::max(decimals, 0));
    size_t whole = text.size() > places ? text.size() - places : 0;
    if (whole == 0) {
        out += '0';
    }
    out.append(text.substr(0, whole));
    Bytes rest = text.substr(whole);
    size_t last = rest.find_last_not_of('0');
    if (last == Bytes::npos) {
        return;
    }
    out += '.';
    out.append(places - rest.size(), '0');
    out.append(rest.substr(0, last + 1));
}

void append_scaled_signed(std::string& out, int64_t stored, int decimals) {
    auto magnitude = static_cast<uint64_t>(stored);
    if (stored < 0) {
        out += '-';
        magnitude = 0 - magnitude;
    }
    append_scaled(out, magnitude, decimals);
}

void append_single(std::string& out, const Family& family,
                   const Series& series) {
    if (family.type == Type::kGauge) {
        append_scaled_signed(out, static_cast<int64_t>(series.cells[0]),
                             family.decimals);
    } else {
        append_scaled(out, series.cells[0], family.decimals);
    }
}

}  // namespace llm::metrics
