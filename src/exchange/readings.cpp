#include "src/exchange/readings.hpp"

#include <algorithm>
#include <utility>

namespace llm::exchange {
namespace {

// Questions differ at the end of their body more often than at its head.
constexpr size_t kHashed = 256;

}  // namespace

std::shared_ptr<Given> Given::of(const cache::EntryId& id, Bytes id_text,
                                 const cache::Entry& entry) {
    using cache::Entry;
    constexpr Bytes Entry::*kTexts[] = {
        &Entry::answer_id,     &Entry::model,  &Entry::requested_model,
        &Entry::finish_reason, &Entry::tenant, &Entry::prompt,
        &Entry::content};
    auto given = std::make_shared<Given>();
    given->id = id;
    given->id_text = id_text;
    given->entry = entry;
    given->entry.tags.clear();
    size_t size = 0;
    for (Bytes Entry::*text : kTexts) {
        size += (entry.*text).size();
    }
    given->texts.reserve(size);  // from here on it does not move
    for (Bytes Entry::*text : kTexts) {
        size_t at = given->texts.size();
        given->texts += entry.*text;
        given->entry.*text = Bytes(given->texts).substr(at);
    }
    return given;
}

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

void Readings::keep_given(Reading& of, const cache::EntryId& id,
                          Bytes id_text, const cache::Entry& entry) {
    bytes_ -= of.bytes();
    of.given = Given::of(id, id_text, entry);
    if (of.given->bytes() > kMaxBody) {
        of.given.reset();
    }
    size_t size = of.bytes();
    make_room(size, &of);
    bytes_ += size;
}

void Readings::keep_stream(Reading& of, Bytes model, Bytes stream) {
    if (!of.given || !of.given->stream.empty() || stream.size() > kMaxBody) {
        return;
    }
    make_room(stream.size(), &of);
    of.given->stream = stream;
    of.given->model = model;
    bytes_ += stream.size();
}

}  // namespace llm::exchange
