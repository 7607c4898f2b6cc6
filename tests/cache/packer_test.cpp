#include "src/cache/packer.hpp"

#include <gtest/gtest.h>
#include <msgpack.h>

#include <cstdint>
#include <string>

namespace llm::cache {
namespace {

// What the library writes.
class Reference {
public:
    Reference() { msgpack_packer_init(&packer, &out, append); }

    std::string out;
    msgpack_packer packer;

private:
    static int append(void* to, const char* bytes, size_t size) {
        static_cast<std::string*>(to)->append(bytes, size);
        return 0;
    }
};

std::string number(int64_t n) {
    char room[9];
    Packer to(room);
    to.number(n);
    return {room, static_cast<size_t>(to.at() - room)};
}

std::string text(const std::string& value) {
    std::string room(value.size() + 5, '\0');
    Packer to(room.data());
    to.text(value);
    return room.substr(0, static_cast<size_t>(to.at() - room.data()));
}

TEST(Packer, NumbersAreAsShortAsTheLibrarys) {
    for (int bit = 0; bit < 64; bit++) {
        for (int64_t beside : {-2, -1, 0, 1, 2}) {
            auto n = static_cast<int64_t>((uint64_t{1} << bit)
                                          + static_cast<uint64_t>(beside));
            Reference library;
            msgpack_pack_int64(&library.packer, n);
            EXPECT_EQ(number(n), library.out) << n;
            Reference negative;
            int64_t minus = n == INT64_MIN ? n : -n;
            msgpack_pack_int64(&negative.packer, minus);
            EXPECT_EQ(number(minus), negative.out) << minus;
        }
    }
}

TEST(Packer, TextsAreAsTheLibrarys) {
    for (size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536}) {
        std::string value(size, 'x');
        Reference library;
        msgpack_pack_str(&library.packer, size);
        msgpack_pack_str_body(&library.packer, value.data(), size);
        EXPECT_EQ(text(value), library.out) << size;
    }
}

TEST(Packer, ArraysMapsAndTruthAreAsTheLibrarys) {
    for (size_t n : {0, 1, 15, 16, 65535, 65536}) {
        Reference library;
        msgpack_pack_array(&library.packer, n);
        msgpack_pack_map(&library.packer, n);
        msgpack_pack_true(&library.packer);
        msgpack_pack_false(&library.packer);
        char room[12];
        Packer to(room);
        to.array(n);
        to.map(n);
        to.boolean(true);
        to.boolean(false);
        EXPECT_EQ(std::string(room, to.at()), library.out) << n;
    }
}

}  // namespace
}  // namespace llm::cache
