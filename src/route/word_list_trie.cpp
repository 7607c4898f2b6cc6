#include "src/route/word_list_trie.hpp"

#include <algorithm>
#include <deque>

namespace llm::route {
namespace {

// Terms [first, last) that have `depth` letters in common lead to `node`.
struct Range {
    uint32_t node;
    size_t first;
    size_t last;
    size_t depth;
};

bool by_text(const WordTrie::Term& a, const WordTrie::Term& b) {
    return a.text != b.text ? a.text < b.text : a.id < b.id;
}

bool same(const WordTrie::Term& a, const WordTrie::Term& b) {
    return a.text == b.text && a.id == b.id;
}

}  // namespace

WordTrie::Tree WordTrie::Tree::build(std::vector<Term> terms) {
    std::sort(terms.begin(), terms.end(), by_text);
    terms.erase(std::unique(terms.begin(), terms.end(), same), terms.end());
    Tree tree;
    tree.nodes.emplace_back();
    tree.letters.push_back(' ');
    std::deque<Range> open = {{0, 0, terms.size(), 0}};
    for (; !open.empty(); open.pop_front()) {
        Range range = open.front();
        size_t i = range.first;
        auto id = static_cast<uint32_t>(tree.ids.size());
        for (; i < range.last && terms[i].text.size() == range.depth; i++) {
            tree.ids.push_back(terms[i].id);
        }
        Node node;
        node.child = static_cast<uint32_t>(tree.nodes.size());
        node.id = id;
        node.ids = static_cast<uint16_t>(tree.ids.size() - id);
        while (i < range.last) {
            char letter = terms[i].text[range.depth];
            size_t first = i;
            while (i < range.last && terms[i].text[range.depth] == letter) {
                i++;
            }
            auto child = static_cast<uint32_t>(tree.nodes.size());
            open.push_back({child, first, i, range.depth + 1});
            tree.nodes.emplace_back();
            tree.letters.push_back(letter);
            node.children++;
            node.classes |= class_of(letter);
            if (range.node == 0) {
                tree.roots[static_cast<unsigned char>(letter)] = child;
            }
        }
        tree.nodes[range.node] = node;
    }
    return tree;
}

WordTrie WordTrie::build(std::vector<Term> terms) {
    std::vector<Term> forward;
    std::vector<Term> backward;
    for (Term& term : terms) {
        if (term.text.empty()) {
            continue;
        }
        if (term.text[0] == kStar) {
            backward.push_back(
                {std::string(term.text.rbegin(), term.text.rend() - 1),
                 term.id});
        } else {
            forward.push_back(std::move(term));
        }
    }
    WordTrie trie;
    trie.forward_ = Tree::build(std::move(forward));
    trie.backward_ = Tree::build(std::move(backward));
    return trie;
}

}  // namespace llm::route
