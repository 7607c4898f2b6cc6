#include "src/limit/timezone.hpp"

#include <algorithm>
#include <chrono>

#include "src/watch/file.hpp"

namespace llm::limit {
namespace {

namespace chrono = std::chrono;

constexpr int64_t kDay = 86400;
constexpr size_t kHeader = 44;
constexpr int64_t kMaxOffset = 26 * 3600;
// What 64 bits of seconds can say beyond any calendar.
constexpr int64_t kFar = int64_t{1} << 40;

Error corrupt(const char* what) {
    return {Errc::kCorrupt, std::string("time zone file: ") + what};
}

int64_t big_endian(Bytes bytes, size_t at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    unsigned shift = static_cast<unsigned>(64 - 8 * size);
    return static_cast<int64_t>(value << shift) >> shift;
}

// The counts of a header and the place of what they count.
struct Block {
    size_t time_size = 4;
    size_t utc = 0;
    size_t standard = 0;
    size_t leaps = 0;
    size_t times = 0;
    size_t types = 0;
    size_t chars = 0;

    size_t size() const {
        return times * time_size + times + types * 6 + chars
               + leaps * (time_size + 4) + standard + utc;
    }
};

bool read_header(Bytes file, size_t at, size_t time_size, Block& out) {
    if (file.size() < at + kHeader || file.substr(at, 4) != "TZif") {
        return false;
    }
    size_t* counts[] = {&out.utc,   &out.standard, &out.leaps,
                        &out.times, &out.types,    &out.chars};
    for (size_t i = 0; i < std::size(counts); i++) {
        int64_t value = big_endian(file, at + 20 + i * 4, 4);
        if (value < 0 || value > static_cast<int64_t>(
                             TimeZone::kMaxBytes)) {
            return false;
        }
        *counts[i] = static_cast<size_t>(value);
    }
    out.time_size = time_size;
    return out.size() <= file.size() - at - kHeader && out.types > 0;
}

// The instant at which the rule holds in that year, where the clock then
// stands `offset_s` east.
int64_t instant(const ZoneRule& rule, int year, int32_t offset_s) {
    chrono::year y(year);
    int64_t first = chrono::sys_days(y / 1 / 1).time_since_epoch().count();
    int64_t day = 0;
    switch (rule.form) {
    case ZoneRule::Form::kJulian:
        day = first + rule.day - 1 + (y.is_leap() && rule.day >= 60 ? 1 : 0);
        break;
    case ZoneRule::Form::kDay:
        day = first + rule.day;
        break;
    case ZoneRule::Form::kWeekday: {
        chrono::weekday weekday(static_cast<unsigned>(rule.day));
        auto month = y / chrono::month(static_cast<unsigned>(rule.month));
        auto found = rule.week == 5
                         ? chrono::sys_days(month / weekday[chrono::last])
                         : chrono::sys_days(month
                                            / weekday[static_cast<unsigned>(
                                                rule.week)]);
        day = found.time_since_epoch().count();
        break;
    }
    }
    return day * kDay + rule.time_s - offset_s;
}

int32_t offset_by(const ZoneFooter& footer, int64_t utc_s) {
    if (!footer.has_summer) {
        return footer.standard_s;
    }
    int64_t local = std::clamp(utc_s, -kFar, kFar) + footer.standard_s;
    chrono::sys_days days(
        chrono::floor<chrono::days>(chrono::seconds(local)));
    int year = static_cast<int>(chrono::year_month_day(days).year());
    // chrono's years end at 32767, and the rules repeat every 400.
    int64_t shift = 0;
    if (year < 1970 || year > 9000) {
        constexpr int64_t kCycle = 146097 * kDay;
        int64_t cycles = local / kCycle - (local % kCycle < 0 ? 1 : 0);
        shift = cycles * kCycle;
        return offset_by(footer, utc_s - shift);
    }
    int64_t begin = instant(footer.begin, year, footer.standard_s);
    int64_t end = instant(footer.end, year, footer.summer_s);
    bool summer = begin < end ? utc_s >= begin && utc_s < end
                              : utc_s >= begin || utc_s < end;
    return summer ? footer.summer_s : footer.standard_s;
}

bool good_name(Bytes name) {
    auto good = [](char c) {
        char lower = ascii_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
               || c == '/' || c == '_' || c == '+' || c == '-';
    };
    return !name.empty() && name.size() <= 64 && name.front() != '/'
           && std::all_of(name.begin(), name.end(), good);
}

}  // namespace

Result<TimeZone> TimeZone::load(Bytes name, Bytes folder) {
    if (!good_name(name)) {
        return Error{Errc::kInvalid, "not a time zone's name"};
    }
    std::string path(folder);
    path += '/';
    path += name;
    auto file = watch::read_file(path, kMaxBytes);
    if (!file) {
        return Error{Errc::kNotFound, "unknown time zone "
                                          + std::string(name) + " ("
                                          + file.error().message + ")"};
    }
    return parse(file->bytes);
}

Result<TimeZone> TimeZone::parse(Bytes file) {
    Block block;
    if (file.size() > kMaxBytes || !read_header(file, 0, 4, block)) {
        return corrupt("not TZif");
    }
    size_t at = kHeader;
    if (file[4] >= '2') {  // the block of 32 bits is for older readers
        at += block.size() + kHeader;
        if (!read_header(file, at - kHeader, 8, block)) {
            return corrupt("second header");
        }
    }
    size_t indexes = at + block.times * block.time_size;
    size_t types = indexes + block.times;
    TimeZone zone;
    auto offset_of = [&](size_t type) {
        return big_endian(file, types + type * 6, 4);
    };
    for (size_t i = 0; i < block.types; i++) {
        if (offset_of(i) < -kMaxOffset || offset_of(i) > kMaxOffset) {
            return corrupt("offset");
        }
    }
    zone.first_s_ = static_cast<int32_t>(offset_of(0));
    for (size_t i = 0; i < block.times; i++) {
        auto type = static_cast<unsigned char>(file[indexes + i]);
        int64_t when = big_endian(file, at + i * block.time_size,
                                  block.time_size);
        if (type >= block.types
            || (i > 0 && when <= zone.changes_.back().at)) {
            return corrupt("transitions");
        }
        zone.changes_.push_back({when,
                                 static_cast<int32_t>(offset_of(type))});
    }
    if (block.time_size == 8) {
        Bytes rest = file.substr(at + block.size());
        size_t end = rest.size() > 1 ? rest.find('\n', 1) : Bytes::npos;
        if (rest.empty() || rest.front() != '\n' || end == Bytes::npos) {
            return corrupt("footer");
        }
        Bytes rule = rest.substr(1, end - 1);
        zone.footer_ = parse_footer(rule);
        if (!rule.empty() && !zone.footer_) {
            return corrupt("footer");
        }
    }
    return zone;
}

int32_t TimeZone::offset_at(int64_t utc_s) const {
    auto after = std::upper_bound(
        changes_.begin(), changes_.end(), utc_s,
        [](int64_t t, const Change& change) { return t < change.at; });
    if (after == changes_.end() && footer_) {
        return offset_by(*footer_, utc_s);
    }
    return after == changes_.begin() ? first_s_ : (after - 1)->offset_s;
}

int64_t TimeZone::utc_of(int64_t local_s) const {
    // No zone changes twice within two days.
    int32_t before = offset_at(local_s - kDay);
    int32_t after = offset_at(local_s + kDay);
    int64_t early = local_s - std::max(before, after);
    int64_t late = local_s - std::min(before, after);
    if (early + offset_at(early) == local_s) {
        return early;
    }
    if (late + offset_at(late) == local_s) {
        return late;
    }
    // Skipped: the change lies in [early, late], after which it is later.
    while (early < late) {
        int64_t middle = early + (late - early) / 2;
        if (middle + offset_at(middle) >= local_s) {
            late = middle;
        } else {
            early = middle + 1;
        }
    }
    return late;
}

}  // namespace llm::limit
