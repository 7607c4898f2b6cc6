#include "src/limit/tenant_names.hpp"

namespace llm::limit {

std::string TenantNames::make(Bytes credential) const {
    return to_hex(mac_(credential).view().substr(0, kNameSize / 2));
}

std::string TenantNames::of(Bytes credential) {
    if (credential.empty() || credential.size() > kMaxCredential) {
        return make(credential);
    }
    slots_.resize(kSlots);
    Slot& slot = slots_[crc32c(credential) % kSlots];
    if (!equal_constant_time(slot.credential, credential)) {
        slot.name = make(credential);
        slot.credential = credential;
    }
    return slot.name;
}

}  // namespace llm::limit
