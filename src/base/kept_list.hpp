// KeptList: a list whose elements keep their memory when it is emptied, for
// what is filled anew for each request.
//
// add() returns an element as it was left; whoever adds sets all of it.
// References stay good until the list grows. One thread.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace llm {

template <typename T>
class KeptList {
public:
    T& add() {
        if (size_ == all_.size()) {
            all_.emplace_back();
        }
        return all_[size_++];
    }
    void clear() { size_ = 0; }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](size_t i) { return all_[i]; }
    const T& operator[](size_t i) const { return all_[i]; }
    auto begin() const { return view().begin(); }
    auto end() const { return view().end(); }
    std::span<const T> view() const { return {all_.data(), size_}; }
    operator std::span<const T>() const { return view(); }

private:
    std::vector<T> all_;
    size_t size_ = 0;
};

}  // namespace llm
