// The POSIX TZ rule at the end of a TZif file.
#include "src/limit/timezone.hpp"

namespace llm::limit {
namespace {

class Text {
public:
    explicit Text(Bytes text) : left_(text) {}

    bool empty() const { return left_.empty(); }
    char next() const { return left_.empty() ? '\0' : left_.front(); }
    bool skip(char c) {
        if (next() != c) {
            return false;
        }
        left_.remove_prefix(1);
        return true;
    }
    // At least three letters, or anything in < >.
    bool name() {
        if (skip('<')) {
            size_t end = left_.find('>');
            if (end == Bytes::npos || end == 0) {
                return false;
            }
            left_.remove_prefix(end + 1);
            return true;
        }
        size_t size = 0;
        while (size < left_.size() && ascii_lower(left_[size]) >= 'a'
               && ascii_lower(left_[size]) <= 'z') {
            size++;
        }
        left_.remove_prefix(size);
        return size >= 3;
    }
    bool number(int least, int most, int& out) {
        int value = 0;
        size_t size = 0;
        while (size < left_.size() && size < 4 && left_[size] >= '0'
               && left_[size] <= '9') {
            value = value * 10 + (left_[size] - '0');
            size++;
        }
        left_.remove_prefix(size);
        out = value;
        return size > 0 && value >= least && value <= most;
    }
    // [+-]hh[:mm[:ss]]
    bool time(int most_hours, int32_t& out) {
        bool negative = skip('-');
        if (!negative) {
            skip('+');
        }
        int hours = 0;
        int minutes = 0;
        int seconds = 0;
        if (!number(0, most_hours, hours)
            || (skip(':')
                && (!number(0, 59, minutes)
                    || (skip(':') && !number(0, 59, seconds))))) {
            return false;
        }
        int32_t value = hours * 3600 + minutes * 60 + seconds;
        out = negative ? -value : value;
        return true;
    }

private:
    Bytes left_;
};

bool read_rule(Text& text, ZoneRule& rule) {
    bool good = text.skip(',');
    if (text.skip('M')) {
        rule.form = ZoneRule::Form::kWeekday;
        good = good && text.number(1, 12, rule.month) && text.skip('.')
               && text.number(1, 5, rule.week) && text.skip('.')
               && text.number(0, 6, rule.day);
    } else if (text.skip('J')) {
        rule.form = ZoneRule::Form::kJulian;
        good = good && text.number(1, 365, rule.day);
    } else {
        rule.form = ZoneRule::Form::kDay;
        good = good && text.number(0, 365, rule.day);
    }
    return good && (!text.skip('/') || text.time(167, rule.time_s));
}

}  // namespace

std::optional<ZoneFooter> parse_footer(Bytes string) {
    Text text(string);
    ZoneFooter footer;
    if (!text.name() || !text.time(24, footer.standard_s)) {
        return std::nullopt;
    }
    // POSIX counts west of Greenwich.
    footer.standard_s = -footer.standard_s;
    if (text.empty()) {
        return footer;
    }
    footer.has_summer = true;
    footer.summer_s = footer.standard_s + 3600;
    if (!text.name()) {
        return std::nullopt;
    }
    if (text.next() != ',') {
        if (!text.time(24, footer.summer_s)) {
            return std::nullopt;
        }
        footer.summer_s = -footer.summer_s;
    }
    if (!read_rule(text, footer.begin) || !read_rule(text, footer.end)
        || !text.empty()) {
        return std::nullopt;
    }
    return footer;
}

}  // namespace llm::limit
