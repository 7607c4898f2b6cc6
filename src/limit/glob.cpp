#include "src/limit/glob.hpp"

namespace llm::limit {

bool glob_match(Bytes pattern, Bytes text) {
    size_t p = 0;
    size_t t = 0;
    size_t star = Bytes::npos;  // the last one seen
    size_t from = 0;            // where what follows it is tried
    while (t < text.size()) {
        bool same = p < pattern.size() && pattern[p] != '*'
                    && (pattern[p] == '?' || pattern[p] == text[t]);
        if (same) {
            p++;
            t++;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            from = t;
        } else if (star != Bytes::npos) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == Bytes::npos;
}

}  // namespace llm::limit
