// TenantNames: what a tenant is called who is known by a credential alone:
// the first half of its HMAC-SHA-256, in hexadecimal. Whoever reads the name
// learns nothing of the credential.
//
// The last ones are remembered, since a credential comes with every request
// of its owner; compared in constant time, so that how long it takes tells
// nobody how far a guess is right. Bounded: kSlots credentials of
// kMaxCredential bytes; longer ones are worked out each time. One worker, one
// thread.
#pragma once

#include <string>
#include <vector>

#include "src/base/digest.hpp"

namespace llm::limit {

class TenantNames {
public:
    static constexpr size_t kSlots = 256;
    static constexpr size_t kMaxCredential = 512;
    static constexpr size_t kNameSize = 32;

    explicit TenantNames(Bytes secret) : mac_(secret) {}

    std::string of(Bytes credential);

    const Hmac& mac() const { return mac_; }

private:
    struct Slot {
        std::string credential;  // "": nobody's
        std::string name;
    };

    std::string make(Bytes credential) const;

    Hmac mac_;
    std::vector<Slot> slots_;
};

}  // namespace llm::limit
