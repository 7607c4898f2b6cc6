#include "src/semantic/index_store.hpp"

namespace llm::semantic {

namespace {

// kNoPlace is 0 there.
uint32_t vector_of(Place place) { return place + 1; }

void vector_gone(void* context, const cache::EntryId& id, uint32_t vector) {
    static_cast<Index*>(context)->erase(vector - 1, id);
}

bool may_stand(void* context, const cache::EntryId& id) {
    return static_cast<cache::Store*>(context)->may_stand(id);
}

}  // namespace

void join(cache::Store& store, Index& index) {
    store.on_vector_gone({vector_gone, &index});
    index.ask_alive({may_stand, &store});
}

InsertResult insert_for_entry(cache::Store& store, Index& index,
                              const NewVector& vector, const Code& code,
                              Now now) {
    InsertResult made = index.insert(vector, code, now);
    if (made.status == Insert::kStored
        && !store.set_vector(vector.entry, vector_of(made.place))) {
        index.erase(made.place, vector.entry);
        return {Insert::kDead, kNoPlace};
    }
    return made;
}

}  // namespace llm::semantic
