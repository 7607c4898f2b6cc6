// BookMemo: what a Book says of the models that came last, so that a request
// need not look its model up in both files for each thing that it wants to
// know of it.
//
// A fixed number of places, each for whatever came last and compared byte by
// byte: clients who choose names that meet here cost look-ups, no more. Long
// names are not kept.
//
// Ownership: the Book is the caller's and outlives what find() returns;
// clear() when it is another one. One thread.
#pragma once

#include <array>
#include <string>

#include "src/price/table.hpp"

namespace llm::price {

class BookMemo {
public:
    // What book.find() says.
    const ModelPrice* find(const Book& book, Bytes model, Bytes provider);
    // What book.has() says.
    bool has(const Book& book, Bytes model);
    void clear() { places_.fill({}); }

private:
    static constexpr size_t kPlaces = 64;
    static constexpr size_t kMaxBytes = 128;  // of a name

    struct Place {
        std::string model;  // "": nobody's
        std::string provider;
        const ModelPrice* price = nullptr;
        bool has = false;
    };

    const Place* place_of(const Book& book, Bytes model, Bytes provider);

    std::array<Place, kPlaces> places_;
};

}  // namespace llm::price
