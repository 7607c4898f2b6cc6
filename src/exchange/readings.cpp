#include "src/exchange/readings.hpp"

#include <algorithm>
#include <utility>

namespace llm::exchange {
namespace {

// Questions differ at the end of their body more often than at its head.
constexpr size_t kHashed = 256;

}  // namespace

size_t Readings::slot_of(Bytes body) {
    size_t tail = body.size() - std::min(body.size(), kHashed);
    return crc32c(body.substr(tail), static_cast<uint32_t>(body.size()))
           % kSlots;
}

Reading* Readings::find(api::Endpoint endpoint, bool model_required,
                        Bytes body) {
    if (bytes_ == 0 || body.size() > kMaxBody) {
        return nullptr;
    }
    Reading* known = slots_[slot_of(body)].get();
    bool same = known != nullptr && known->request.endpoint == endpoint
                && known->model_required == model_required
                && known->body == body;
    return same ? known : nullptr;
}

void Readings::drop(size_t slot) {
    if (slots_[slot] != nullptr) {
        bytes_ -= slots_[slot]->bytes();
        slots_[slot].reset();
    }
}

void Readings::make_room(size_t size, const Reading* spared) {
    while (bytes_ + size > kMaxBytes) {
        if (spared == nullptr || slots_[hand_].get() != spared) {
            drop(hand_);
        }
        hand_ = (hand_ + 1) % kSlots;
    }
}

Reading* Readings::keep(Reading reading) {
    size_t size = reading.bytes();
    if (reading.body.empty() || size > kMaxBody) {
        return nullptr;
    }
    slots_.resize(kSlots);
    size_t slot = slot_of(reading.body);
    drop(slot);
    make_room(size, nullptr);
    slots_[slot] = std::make_unique<Reading>(std::move(reading));
    bytes_ += size;
    return slots_[slot].get();
}

void Readings::keep_stream(Reading& of, const cache::EntryId& entry,
                           Bytes model, Bytes text) {
    bytes_ -= of.stream.text.size();
    of.stream = {};
    if (text.size() > kMaxBody) {
        return;
    }
    make_room(text.size(), &of);
    of.stream = {entry, std::string(model), std::string(text)};
    bytes_ += text.size();
}

}  // namespace llm::exchange
