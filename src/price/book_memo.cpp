#include "src/price/book_memo.hpp"

#include "src/base/hash.hpp"

namespace llm::price {

// nullptr: it is not kept.
const BookMemo::Place* BookMemo::place_of(const Book& book, Bytes model,
                                          Bytes provider) {
    if (model.empty() || model.size() > kMaxBytes
        || provider.size() > kMaxBytes) {
        return nullptr;
    }
    uint64_t seed = provider.empty() ? 0 : hash64(provider);
    Place& place = places_[hash64(model, seed) % kPlaces];
    if (place.model != model || place.provider != provider) {
        place.model = model;
        place.provider = provider;
        place.price = book.find(model, provider);
        place.has = book.has(model);
    }
    return &place;
}

const ModelPrice* BookMemo::find(const Book& book, Bytes model,
                                 Bytes provider) {
    const Place* place = place_of(book, model, provider);
    return place != nullptr ? place->price : book.find(model, provider);
}

bool BookMemo::has(const Book& book, Bytes model) {
    const Place* place = place_of(book, model, {});
    return place != nullptr ? place->has : book.has(model);
}

}  // namespace llm::price
