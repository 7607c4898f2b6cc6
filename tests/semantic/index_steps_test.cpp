// What the index does for one vector is the same work among a thousand as
// among two hundred thousand: counted in instructions, so that a walk of a
// chain, a list or a table shows however fast the machine is.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/count_steps.hpp"
#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

constexpr uint64_t kFew = 1000;
constexpr uint64_t kMany = 200000;
constexpr size_t kDims = 8;  // the least; a slot is 112 bytes
constexpr int64_t kHour = 3600;  // what add() gives a vector
constexpr int kOperations = 5;

// An index of so many vectors, `each` in a partition (0: all in one), in room
// for `room` of them at most.
class Filled {
public:
    Filled(uint64_t vectors, uint64_t each, uint64_t room)
        : zone_(Index::size_for(room, kDims)), each_(each) {
        std::mt19937 random(3);
        for (int i = 0; i < 64; i++) {
            codes_.push_back(code_of(random_vector(random, kDims)));
        }
        while (places_.size() < vectors) {
            insert();
        }
    }

    void insert() {
        uint64_t n = places_.size();
        auto made = add(*zone_, each_ == 0 ? 0 : n / each_,
                        codes_[n % codes_.size()], n);
        EXPECT_EQ(made.status, Insert::kStored) << n;
        places_.push_back(made.place);
    }
    // The next one is the first of its partition.
    void fill_partition() {
        do {
            insert();
        } while (each_ != 0 && places_.size() % each_ != 0);
    }
    // Vectors spread over all of them.
    uint64_t some(int i) const {
        return places_.size() / kOperations * static_cast<uint64_t>(i)
               + static_cast<uint64_t>(i) * 7 % 41;
    }
    Place place(uint64_t n) const { return places_[n]; }
    Index& index() { return *zone_; }

private:
    IndexZone zone_;
    uint64_t each_;
    std::vector<Code> codes_;
    std::vector<Place> places_;
};

struct Steps {
    uint64_t median = 0;
    uint64_t most = 0;
};

// Of the call with 0, 1, 2, …, each once, after ready().
template <typename Call>
Steps steps_of(Call&& call, const std::function<void()>& ready = [] {}) {
    std::vector<uint64_t> all;
    for (int i = 0; i < kOperations; i++) {
        ready();
        all.push_back(count_steps([&] { call(i); }).value_or(0));
    }
    std::sort(all.begin(), all.end());
    EXPECT_GT(all.front(), 0u);
    return {all[all.size() / 2], all.back()};
}

struct Work {
    Steps insert, touch, erase, sweep, evict;
};

Work work_of(uint64_t vectors, uint64_t each) {
    // Small partitions take more than a full block does.
    Filled filled(vectors, each, 4 * kMany);
    Index& index = filled.index();
    Work work;
    // The child's vector is in the index, its place is lost.
    work.insert = steps_of([&](int) { filled.insert(); });
    index.touch(filled.place(5), entry_of(5));
    work.touch = steps_of([&](int i) {
        uint64_t n = filled.some(i);
        index.touch(filled.place(n), entry_of(n));
    });
    index.erase(filled.place(5), entry_of(5));
    work.erase = steps_of([&](int i) {
        uint64_t n = filled.some(i);
        EXPECT_TRUE(index.erase(filled.place(n), entry_of(n)));
    });
    // The hand begins where nothing stands.
    while (index.sweep(4, seconds_later(2 * kHour)) == 0) {
    }
    uint64_t before = index.stats().vectors;
    work.sweep = steps_of([&](int) {
        index.sweep(4, seconds_later(2 * kHour));
    });
    EXPECT_LT(index.stats().vectors, before);
    EXPECT_TRUE(index.check().ok()) << index.check().error().message;

    Filled full(vectors, each, vectors);
    while (full.index().stats().evictions < 300) {
        full.insert();
    }
    work.evict = steps_of([&](int) { full.insert(); },
                          [&] { full.fill_partition(); });
    return work;
}

void compare(const char* what, const Steps& few, const Steps& many) {
    std::printf("%s among 1,000: %llu, %llu at most; among 200,000: %llu, "
                "%llu at most\n",
                what, static_cast<unsigned long long>(few.median),
                static_cast<unsigned long long>(few.most),
                static_cast<unsigned long long>(many.median),
                static_cast<unsigned long long>(many.most));
    EXPECT_LE(many.median, few.median * 5 / 4) << what;
    EXPECT_LE(many.most, few.most * 2) << what;
}

class IndexSteps : public testing::TestWithParam<uint64_t> {};

TEST_P(IndexSteps, AreThoseOfASmallOne) {
    if (!count_steps([] {})) {
        GTEST_SKIP() << "this system lets no process trace its child";
    }
    Work few = work_of(kFew, GetParam());
    Work many = work_of(kMany, GetParam());
    compare("insert", few.insert, many.insert);
    compare("insert into a full one", few.evict, many.evict);
    compare("touch", few.touch, many.touch);
    compare("erase", few.erase, many.erase);
    compare("4 slots swept", few.sweep, many.sweep);
}

// 0: all in one; else so many vectors in each.
INSTANTIATE_TEST_SUITE_P(Partitions, IndexSteps, testing::Values(0, 10));

}  // namespace
}  // namespace llm::semantic
