#include "src/tokens/rank_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/hash.hpp"

namespace llm::tokens {
namespace {

constexpr int kNoDigit = -1;

int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : kNoDigit;
}

// Standard base64 with its padding, appended to `out`.
bool decode_base64(Bytes text, std::string& out) {
    if (text.empty() || text.size() % 4 != 0) {
        return false;
    }
    size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    Bytes digits = text.substr(0, text.size() - padding);
    uint32_t bits = 0;
    int held = 0;
    for (char c : digits) {
        int digit = base64_digit(c);
        if (digit == kNoDigit) {
            return false;
        }
        bits = bits << 6 | static_cast<uint32_t>(digit);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out += static_cast<char>(bits >> held & 0xff);
        }
    }
    return (bits & ((1u << held) - 1)) == 0;
}

size_t pair_of(Bytes two) {
    return static_cast<size_t>(static_cast<unsigned char>(two[0])) << 8
           | static_cast<unsigned char>(two[1]);
}

uint32_t tag_of(uint64_t hash) {
    return static_cast<uint32_t>(hash >> 32);
}

Error at_line(size_t line, Bytes what) {
    std::string message = "line ";
    append_number(message, static_cast<int64_t>(line));
    message += ": ";
    message += what;
    return {Errc::kInvalid, std::move(message)};
}

}  // namespace

// Reads line by line into a table whose slots are there already.
class RankTable::Reader {
public:
    explicit Reader(RankTable& table)
        : table_(table), taken_(kMaxRank, false) {}

    // "" when the line is fine.
    Bytes add(Bytes line) {
        size_t space = line.find(' ');
        uint64_t rank = 0;
        if (space == Bytes::npos
            || !parse_decimal(line.substr(space + 1), rank)) {
            return "must be a token in base64, a space and its rank";
        }
        if (rank >= kMaxRank) {
            return "the rank is too large";
        }
        if (taken_[rank]) {
            return "the rank was given to a token before";
        }
        size_t offset = table_.bytes_.size();
        if (!decode_base64(line.substr(0, space), table_.bytes_)) {
            return "the token is not base64";
        }
        Bytes token = Bytes(table_.bytes_).substr(offset);
        if (token.size() > kMaxToken) {
            return "the token is too long";
        }
        Slot& slot = table_.slot_of(token);
        if (slot.size != 0) {
            return "the token has a rank already";
        }
        slot = {static_cast<uint32_t>(offset),
                static_cast<uint32_t>(token.size()),
                static_cast<uint32_t>(rank), tag_of(hash64(token))};
        if (token.size() == 2) {
            table_.pairs_[pair_of(token)] = slot.rank;
        }
        taken_[rank] = true;
        table_.longest_ = std::max(table_.longest_, token.size());
        table_.size_++;
        return "";
    }

private:
    RankTable& table_;
    std::vector<bool> taken_;
};

// Where the token is or has to go.
RankTable::Slot& RankTable::slot_of(Bytes token) {
    uint64_t hash = hash64(token);
    uint64_t at = hash & mask_;
    while (slots_[at].size != 0) {
        const Slot& slot = slots_[at];
        if (slot.tag == tag_of(hash)
            && Bytes(bytes_).substr(slot.offset, slot.size) == token) {
            break;
        }
        at = (at + 1) & mask_;
    }
    return slots_[at];
}

uint32_t RankTable::rank(Bytes token) const {
    if (token.size() > longest_ || token.empty()) {
        return kNone;
    }
    if (token.size() == 2) {
        return pairs_[pair_of(token)];
    }
    uint64_t hash = hash64(token);
    for (uint64_t at = hash & mask_; slots_[at].size != 0;
         at = (at + 1) & mask_) {
        const Slot& slot = slots_[at];
        if (slot.tag == tag_of(hash) && slot.size == token.size()
            && std::memcmp(bytes_.data() + slot.offset, token.data(),
                           token.size()) == 0) {
            return slot.rank;
        }
    }
    return kNone;
}

Result<RankTable> RankTable::parse(Bytes text) {
    if (text.size() > kMaxFile) {
        return Error{Errc::kTooLarge, "the file is too large"};
    }
    auto lines = static_cast<size_t>(
        std::count(text.begin(), text.end(), '\n') + 1);
    if (lines > kMaxTokens) {
        return Error{Errc::kTooLarge, "the file has too many lines"};
    }
    RankTable table;
    table.slots_.resize(std::bit_ceil(lines * 2));
    table.mask_ = table.slots_.size() - 1;
    table.pairs_.resize(size_t{1} << 16, kNone);
    table.bytes_.reserve(text.size() / 2);
    Reader reader(table);
    for (size_t number = 1; !text.empty(); number++) {
        size_t end = std::min(text.find('\n'), text.size());
        Bytes line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        Bytes wrong = line.empty() ? Bytes{} : reader.add(line);
        if (!wrong.empty()) {
            return at_line(number, wrong);
        }
    }
    for (int byte = 0; byte < 256; byte++) {
        char c = static_cast<char>(byte);
        if (table.rank({&c, 1}) == kNone) {
            return Error{Errc::kInvalid, "no rank file: the single byte 0x"
                                             + to_hex({&c, 1})
                                             + " has no rank"};
        }
    }
    table.bytes_.shrink_to_fit();
    return table;
}

}  // namespace llm::tokens
