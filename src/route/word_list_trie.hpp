// WordTrie: finds the terms of word lists in a folded text.
//
// A trie over the bytes of the terms, walked from the first letter of each
// word (a second one, over words written backwards, for *suffix). No walk is
// longer than the longest term, so time is linear in the text. Children of a
// node lie side by side, their letters in one array; a node knows by one bit
// for each of 64 classes of letters which there cannot be: most words begin
// no term, and end there. A node costs 25 bytes.
// A * inside a phrase makes a walk fork; at most kMaxForks wait at a time,
// which no text can pass that the lists do not invite.
//
// Threads: immutable once built.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/route/word_list.hpp"

namespace llm::route {

class WordTrie {
public:
    static constexpr size_t kMaxForks = 32;

    struct Term {
        std::string text;  // as in WordListEntry
        uint32_t id = 0;
    };

    // Ids may repeat; a text may stand for several ids.
    static WordTrie build(std::vector<Term> terms);

    // Calls found(id, word) for each term and place in `folded` (see
    // FoldedText::text); `word` counts from 0.
    template <typename Found>
    void match(Bytes folded, Found&& found) const;

    size_t nodes() const { return forward_.nodes.size(); }

private:
    // A letter's class: its low six bits, which keep the letters of one case
    // of one alphabet apart.
    static constexpr uint64_t class_of(char letter) {
        return uint64_t{1} << (static_cast<unsigned char>(letter) & 63);
    }

    // So many letters are looked through sooner than a call is made.
    static constexpr unsigned kFew = 6;

    struct Node {
        uint64_t classes = 0;  // of the children's letters
        uint32_t child = 0;    // the first; the others follow
        uint32_t id = 0;       // the first in ids
        uint16_t children = 0;
        uint16_t ids = 0;
    };

    struct Tree {
        std::vector<Node> nodes;
        std::string letters;  // by node: the letter that leads to it
        std::vector<uint32_t> ids;
        std::array<uint32_t, 256> roots{};  // by letter

        static Tree build(std::vector<Term> terms);
        // The node behind `letter`; 0 when there is none.
        uint32_t step(uint32_t node, char letter) const {
            if (node == 0) {
                return roots[static_cast<unsigned char>(letter)];
            }
            const Node& from = nodes[node];
            if ((from.classes & class_of(letter)) == 0) {
                return 0;
            }
            const char* first = letters.data() + from.child;
            if (from.children > kFew) {
                const void* at = std::memchr(first, letter, from.children);
                return at == nullptr
                           ? 0
                           : from.child
                                 + static_cast<uint32_t>(
                                     static_cast<const char*>(at) - first);
            }
            for (unsigned i = 0; i < from.children; i++) {
                if (first[i] == letter) {
                    return from.child + i;
                }
            }
            return 0;
        }
        // The node behind a *, which is the least of letters.
        uint32_t star(uint32_t node) const {
            const Node& from = nodes[node];
            return from.children > 0 && letters[from.child] == kStar
                       ? from.child
                       : 0;
        }
        template <typename Found>
        void give(uint32_t node, uint32_t word, Found& found) const {
            const Node& at = nodes[node];
            for (unsigned i = 0; i < at.ids; i++) {
                found(ids[at.id + i], word);
            }
        }
    };

    struct Fork {
        uint32_t node;
        const char* p;
    };

    template <typename Found>
    void walk(const char* p, const char* end, uint32_t word,
              Found& found) const;

    Tree forward_;
    Tree backward_;
};

template <typename Found>
void WordTrie::walk(const char* p, const char* end, uint32_t word,
                    Found& found) const {
    Fork forks[kMaxForks];
    size_t waiting = 0;
    uint32_t node = 0;
    for (;;) {
        node = p < end ? forward_.step(node, *p) : 0;
        if (node == 0) {
            if (waiting == 0) {
                return;
            }
            waiting--;
            node = forks[waiting].node;
            p = forks[waiting].p;
            continue;
        }
        p++;
        if (p < end && *p == ' ') {
            forward_.give(node, word, found);
        }
        uint32_t star = forward_.star(node);
        if (star != 0) {
            forward_.give(star, word, found);
            const void* space =
                std::memchr(p, ' ', static_cast<size_t>(end - p));
            if (space != nullptr && waiting < kMaxForks) {
                forks[waiting++] = {star, static_cast<const char*>(space)};
            }
        }
    }
}

template <typename Found>
void WordTrie::match(Bytes folded, Found&& found) const {
    const char* begin = folded.data();
    const char* end = begin + folded.size();
    uint32_t word = 0;
    for (const char* p = begin; p + 1 < end; word++) {
        const char* first = p + 1;
        if (forward_.roots[static_cast<unsigned char>(*first)] != 0) {
            walk(first, end, word, found);
        }
        p = static_cast<const char*>(
            std::memchr(first, ' ', static_cast<size_t>(end - first)));
        const char* q = p;
        for (uint32_t node = backward_.step(0, *--q); node != 0;
             node = backward_.step(node, *--q)) {
            backward_.give(node, word, found);
        }
    }
}

}  // namespace llm::route
