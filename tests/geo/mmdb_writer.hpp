// A writer of tiny MaxMind DB files for tests. Format:
// https://maxmind.github.io/MaxMind-DB/ (2.0), records of 24, 28 or 32 bits.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace llm::geo {

class MmdbWriter {
public:
    explicit MmdbWriter(int ip_version = 6, int record_size = 24)
        : ip_version_(ip_version), record_size_(record_size) {}

    // Values of the data format.
    static std::string text(const std::string& s) {
        return control(2, s.size()) + s;
    }
    static std::string number(uint32_t n, int type = 6) {
        std::string bytes;
        for (; n > 0; n >>= 8) {
            bytes.insert(bytes.begin(), static_cast<char>(n & 0xff));
        }
        return control(type, bytes.size()) + bytes;
    }
    using Members = std::vector<std::pair<std::string, std::string>>;
    static std::string map(const Members& members) {
        std::string out = control(7, members.size());
        for (const auto& [name, value] : members) {
            out += text(name) + value;
        }
        return out;
    }
    // As GeoLite2-Country has it.
    static std::string country(const std::string& iso,
                               const std::string& continent) {
        return map({{"continent", map({{"code", text(continent)},
                                       {"names", map({{"en", text("x")}})}})},
                    {"country", map({{"geoname_id", number(2921044)},
                                     {"iso_code", text(iso)}})}});
    }

    // "192.0.2.0", 24 or "2001:db8::", 32; IPv4 in an IPv6 base is ::/96.
    void add(const std::string& address, int bits, const std::string& value) {
        std::array<unsigned char, 16> bytes{};
        if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
            bytes = {};
            bool in_6 = ip_version_ == 6;
            inet_pton(AF_INET, address.c_str(), bytes.data() + (in_6 ? 12 : 0));
            bits += in_6 ? 96 : 0;
        }
        uint32_t node = 0;
        for (int i = 0; i < bits; i++) {
            bool right = (bytes[i / 8] >> (7 - i % 8)) & 1;
            if (i == bits - 1) {
                tree_[node][right] = {kData, place(value)};
                return;
            }
            Record record = tree_[node][right];
            if (record.kind != kNode) {
                record = {kNode, static_cast<uint32_t>(tree_.size())};
                tree_[node][right] = record;
                tree_.emplace_back();
            }
            node = record.value;
        }
    }

    std::string type = "Test-Country";

    std::string write() const {
        std::string out;
        for (const auto& node : tree_) {
            out += pair(record(node[0]), record(node[1]));
        }
        out += std::string(16, '\0') + data_;
        out += "\xab\xcd\xefMaxMind.com";
        return out + map({{"node_count", number(count())},
                          {"record_size", number(record_size_, 5)},
                          {"ip_version", number(ip_version_, 5)},
                          {"database_type", text(type)},
                          {"languages", control(11, 0)},
                          {"binary_format_major_version", number(2, 5)},
                          {"binary_format_minor_version", number(0, 5)},
                          {"build_epoch", number(1700000000, 9)},
                          {"description", map({})}});
    }
    uint32_t count() const { return static_cast<uint32_t>(tree_.size()); }

private:
    enum Kind { kEmpty, kNode, kData };
    struct Record {
        Kind kind = kEmpty;
        uint32_t value = 0;
    };

    static std::string control(int type, size_t size) {
        std::string out(1, static_cast<char>(type > 7 ? 0 : type << 5));
        if (type > 7) {
            out += static_cast<char>(type - 7);
        }
        if (size < 29) {
            out[0] = static_cast<char>(out[0] | static_cast<char>(size));
            return out;
        }
        out[0] = static_cast<char>(out[0] | 29);
        return out + static_cast<char>(size - 29);
    }
    uint32_t place(const std::string& value) {
        auto [at, fresh] =
            places_.try_emplace(value, static_cast<uint32_t>(data_.size()));
        if (fresh) {
            data_ += value;
        }
        return at->second;
    }
    uint32_t record(const Record& record) const {
        switch (record.kind) {
        case kNode:
            return record.value;
        case kData:
            return count() + 16 + record.value;
        case kEmpty:
            break;
        }
        return count();
    }
    static std::string low_bytes(uint32_t value, int bytes) {
        std::string out;
        for (int i = bytes - 1; i >= 0; i--) {
            out += static_cast<char>((value >> (8 * i)) & 0xff);
        }
        return out;
    }
    std::string pair(uint32_t left, uint32_t right) const {
        if (record_size_ != 28) {
            return low_bytes(left, record_size_ / 8)
                   + low_bytes(right, record_size_ / 8);
        }
        return low_bytes(left, 3)
               + static_cast<char>(((left >> 20) & 0xf0) | (right >> 24))
               + low_bytes(right, 3);
    }

    int ip_version_;
    int record_size_;
    std::vector<std::array<Record, 2>> tree_{1};
    std::string data_;
    std::map<std::string, uint32_t> places_;
};

}  // namespace llm::geo
