#include "src/limit/rfc3339.hpp"

#include <chrono>

namespace llm::limit {
namespace {

namespace chrono = std::chrono;

// Reads from the front of a text; `good` stays false once something failed.
struct Reader {
    Bytes left;
    bool good = true;

    int number(size_t digits, int least, int most) {
        int value = 0;
        for (size_t i = 0; i < digits; i++) {
            bool digit = !left.empty() && left.front() >= '0'
                         && left.front() <= '9';
            good = good && digit;
            if (!good) {
                return 0;
            }
            value = value * 10 + (left.front() - '0');
            left.remove_prefix(1);
        }
        good = good && value >= least && value <= most;
        return value;
    }
    bool take(Bytes any) {
        if (left.empty() || any.find(left.front()) == Bytes::npos) {
            return false;
        }
        left.remove_prefix(1);
        return true;
    }
    void need(Bytes any) { good = take(any) && good; }
};

int64_t read_offset(Reader& in) {
    if (in.take("Zz")) {
        return 0;
    }
    bool west = !in.left.empty() && in.left.front() == '-';
    in.need("+-");
    int hours = in.number(2, 0, 23);
    in.need(":");
    int minutes = in.number(2, 0, 59);
    int64_t offset = hours * 3600 + minutes * 60;
    return west ? -offset : offset;
}

}  // namespace

std::optional<int64_t> parse_rfc3339(Bytes text) {
    Reader in{text};
    int year = in.number(4, 0, 9999);
    in.need("-");
    auto month = static_cast<unsigned>(in.number(2, 1, 12));
    in.need("-");
    auto day = static_cast<unsigned>(in.number(2, 1, 31));
    in.need("Tt ");
    int hour = in.number(2, 0, 23);
    in.need(":");
    int minute = in.number(2, 0, 59);
    in.need(":");
    int second = in.number(2, 0, 60);
    if (in.take(".")) {
        in.number(1, 0, 9);
        while (in.take("0123456789")) {
        }
    }
    int64_t offset = read_offset(in);
    chrono::year_month_day date{chrono::year(year), chrono::month(month),
                                chrono::day(day)};
    if (!in.good || !in.left.empty() || !date.ok()) {
        return std::nullopt;
    }
    auto days = chrono::sys_days(date).time_since_epoch().count();
    return int64_t{days} * 86400 + hour * 3600 + minute * 60 + second
           - offset;
}

}  // namespace llm::limit
