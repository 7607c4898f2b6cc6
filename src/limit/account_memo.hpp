// AccountMemo: the accounts of the names and values that came last, so that
// a request need not hash each of them twice under the ledger's keys.
//
// A fixed number of places, each for whoever came last and compared byte by
// byte: whoever chooses values that meet here costs look-ups, no more.
// Long ones are not kept.
//
// A worker's own, beside its ledger, whose keys never change once requests
// come. One thread.
#pragma once

#include <array>
#include <string>

#include "src/limit/ledger.hpp"

namespace llm::limit {

class AccountMemo {
public:
    // What ledger.key() says.
    AccountKey key(const Ledger& ledger, Kind kind, Bytes name, Bytes value,
                   int64_t window_start_s = 0);

private:
    static constexpr size_t kPlaces = 1024;
    static constexpr size_t kMaxBytes = 128;  // of a name, of a value

    struct Place {
        std::string name;
        std::string value;
        int64_t window_start_s = 0;
        AccountKey key;
        Kind kind = Kind::kRequests;
    };

    std::array<Place, kPlaces> places_;
};

}  // namespace llm::limit
