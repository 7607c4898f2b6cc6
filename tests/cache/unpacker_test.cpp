#include "src/cache/unpacker.hpp"

#include <gtest/gtest.h>
#include <msgpack.h>

#include <limits>
#include <string>

namespace llm::cache {
namespace {

// The library writes, we read.
struct Written {
    Written() { msgpack_sbuffer_init(&buffer); }
    ~Written() { msgpack_sbuffer_destroy(&buffer); }
    Written(const Written&) = delete;
    Written& operator=(const Written&) = delete;
    msgpack_packer* packer() {
        msgpack_packer_init(&state, &buffer, msgpack_sbuffer_write);
        return &state;
    }
    Bytes bytes() const { return {buffer.data, buffer.size}; }

    msgpack_sbuffer buffer;
    msgpack_packer state;
};

TEST(Unpacker, IntegersOfEveryWidth) {
    for (int shift = 0; shift < 64; shift++) {
        for (int64_t off : {-1, 0, 1}) {
            for (int sign : {1, -1}) {
                auto value = static_cast<int64_t>(
                    static_cast<uint64_t>(sign)
                    * ((uint64_t{1} << shift) + static_cast<uint64_t>(off)));
                Written w;
                msgpack_pack_int64(w.packer(), value);
                Unpacker in(w.bytes());
                EXPECT_EQ(in.integer(), value);
                EXPECT_TRUE(in.ok());
                EXPECT_EQ(in.at(), w.bytes().size());
            }
        }
    }
    Written w;
    msgpack_pack_uint64(w.packer(), uint64_t{1} << 63);
    Unpacker in(w.bytes());
    EXPECT_EQ(in.integer(), 0);
    EXPECT_FALSE(in.ok());
}

TEST(Unpacker, TextOfEveryLengthForm) {
    for (size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536}) {
        std::string text(size, 't');
        Written w;
        msgpack_pack_str(w.packer(), size);
        msgpack_pack_str_body(&w.state, text.data(), size);
        Unpacker in(w.bytes());
        EXPECT_EQ(in.text(), text);
        EXPECT_TRUE(in.ok());
        Unpacker cut(w.bytes().substr(0, w.bytes().size() - 1));
        EXPECT_EQ(cut.text(), "");
        EXPECT_FALSE(cut.ok());
    }
}

TEST(Unpacker, CountsThatCannotBeThereAreRefused) {
    for (size_t n : {15, 16, 65535, 65536}) {
        Written w;
        msgpack_pack_array(w.packer(), n);
        Unpacker in(w.bytes());
        EXPECT_EQ(in.array(), 0u);
        EXPECT_FALSE(in.ok());
        std::string whole(w.bytes());
        whole.append(n, '\x01');
        Unpacker full(whole);
        EXPECT_EQ(full.array(), n);
        EXPECT_TRUE(full.ok());
        Written m;
        msgpack_pack_map(m.packer(), n);
        std::string pairs(m.bytes());
        pairs.append(2 * n - 1, '\x01');
        Unpacker lacking(pairs);
        EXPECT_EQ(lacking.map(), 0u);
        EXPECT_FALSE(lacking.ok());
    }
}

void pack_one_of_each(msgpack_packer* p) {
    msgpack_pack_map(p, 2);
    msgpack_pack_nil(p);
    msgpack_pack_array(p, 3);
    msgpack_pack_float(p, 1.5f);
    msgpack_pack_double(p, 2.5);
    msgpack_pack_bin(p, 300);
    msgpack_pack_bin_body(p, std::string(300, 'b').data(), 300);
    msgpack_pack_true(p);
    msgpack_pack_ext(p, 8, 1);
    msgpack_pack_ext_body(p, "12345678", 8);
    msgpack_pack_ext(p, 5, 1);
    msgpack_pack_ext_body(p, "12345", 5);
}

TEST(Unpacker, SkipsAnyValueWhole) {
    Written w;
    pack_one_of_each(w.packer());
    size_t map_size = w.bytes().size() - 5 - 3;  // the last one stands alone
    msgpack_pack_int64(&w.state, 42);
    Unpacker in(w.bytes());
    in.skip();
    EXPECT_EQ(in.at(), map_size);
    in.skip();
    EXPECT_EQ(in.integer(), 42);
    EXPECT_TRUE(in.ok());
    for (size_t size = 0; size < map_size; size++) {
        Unpacker cut(w.bytes().substr(0, size));
        cut.skip();
        EXPECT_FALSE(cut.ok()) << size;
    }
}

TEST(Unpacker, DeepAndEndlessNestingEnds) {
    std::string deep(1 << 20, '\x91');  // an array in an array in …
    Unpacker in(deep);
    in.skip();
    EXPECT_FALSE(in.ok());
    deep += '\x01';
    Unpacker whole(deep);
    whole.skip();
    EXPECT_TRUE(whole.ok());
    Unpacker reserved("\xc1");
    reserved.skip();
    EXPECT_FALSE(reserved.ok());
}

TEST(Unpacker, WrongKindsAreNotOk) {
    for (Bytes bytes : {Bytes("\xc0"), Bytes("\xca\x00\x00\x00\x00", 5)}) {
        Unpacker a(bytes), b(bytes), c(bytes), d(bytes), e(bytes);
        a.integer();
        b.text();
        c.array();
        d.map();
        e.boolean();
        EXPECT_FALSE(a.ok() || b.ok() || c.ok() || d.ok() || e.ok());
    }
    Unpacker yes("\xc3");
    EXPECT_TRUE(yes.boolean());
    Unpacker no("\xc2");
    EXPECT_FALSE(no.boolean());
    EXPECT_TRUE(no.ok());
}

}  // namespace
}  // namespace llm::cache
