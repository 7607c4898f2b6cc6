#include "src/cache/entry.hpp"

#include <gtest/gtest.h>

namespace llm::cache {
namespace {

Entry sample() {
    Entry entry;
    entry.endpoint = api::Endpoint::kMessages;
    entry.answer_id = "msg_01XFDUDYJgAACzvnptvVoYEL";
    entry.model = "claude-sonnet-4-5-20250929";
    entry.requested_model = "claude-sonnet-4-5";
    entry.finish_reason = "end_turn";
    entry.tenant = "acme/\xc3\xa9quipe";
    entry.usage.input = 2095;
    entry.usage.output = 503;
    entry.usage.cached_input = 1024;
    entry.usage.cache_write = 70000;
    entry.usage.cache_write_1h = 300;
    entry.usage.reasoning = 17;
    entry.usage.audio_input = 1;
    entry.usage.audio_output = api::Usage::kMax;
    entry.usage.image_input = 2;
    entry.usage.image_output = 3;
    entry.usage.absurd = true;
    entry.usage.service = api::Service::kUltrafast;
    entry.usage.fast = true;
    entry.usage.in_us = true;
    entry.created_wall_s = 1753357200;
    entry.tags = {"docs", "", "release:2.4"};
    entry.tenant_scoped = true;
    entry.content = R"({"id":"msg_01","content":[]})";
    return entry;
}

std::string stored(const Entry& entry) {
    std::string header;
    auto encoded = encode(entry, header);
    EXPECT_TRUE(encoded.ok());
    auto pieces = entry.pieces(header);
    return std::string(pieces[0]) + std::string(pieces[1]);
}

void expect_equal(const Entry& a, const Entry& b) {
    EXPECT_EQ(a.endpoint, b.endpoint);
    EXPECT_EQ(a.answer_id, b.answer_id);
    EXPECT_EQ(a.model, b.model);
    EXPECT_EQ(a.requested_model, b.requested_model);
    EXPECT_EQ(a.finish_reason, b.finish_reason);
    EXPECT_EQ(a.tenant, b.tenant);
    EXPECT_EQ(a.usage.input, b.usage.input);
    EXPECT_EQ(a.usage.output, b.usage.output);
    EXPECT_EQ(a.usage.cached_input, b.usage.cached_input);
    EXPECT_EQ(a.usage.cache_write, b.usage.cache_write);
    EXPECT_EQ(a.usage.cache_write_1h, b.usage.cache_write_1h);
    EXPECT_EQ(a.usage.reasoning, b.usage.reasoning);
    EXPECT_EQ(a.usage.audio_input, b.usage.audio_input);
    EXPECT_EQ(a.usage.audio_output, b.usage.audio_output);
    EXPECT_EQ(a.usage.image_input, b.usage.image_input);
    EXPECT_EQ(a.usage.image_output, b.usage.image_output);
    EXPECT_EQ(a.usage.absurd, b.usage.absurd);
    EXPECT_EQ(a.usage.fast, b.usage.fast);
    EXPECT_EQ(a.usage.in_us, b.usage.in_us);
    EXPECT_EQ(a.usage.service, b.usage.service);
    EXPECT_EQ(a.usage.estimated, b.usage.estimated);
    EXPECT_EQ(a.created_wall_s, b.created_wall_s);
    EXPECT_EQ(a.tags, b.tags);
    EXPECT_EQ(a.tenant_scoped, b.tenant_scoped);
    EXPECT_EQ(a.content, b.content);
}

TEST(Entry, ComesBackAsItWas) {
    std::string bytes = stored(sample());
    auto entry = decode(bytes);
    ASSERT_TRUE(entry.ok()) << entry.error().message;
    expect_equal(*entry, sample());
    // Nothing was copied.
    EXPECT_EQ(entry->content.data() + entry->content.size(),
              bytes.data() + bytes.size());
    EXPECT_GE(entry->model.data(), bytes.data());
    EXPECT_LE(entry->model.data(), bytes.data() + bytes.size());
}

TEST(Entry, SmallestAndNegative) {
    Entry entry;
    entry.endpoint = api::Endpoint::kEmbeddings;
    entry.created_wall_s = -5;
    std::string bytes = stored(entry);
    EXPECT_LT(bytes.size(), 48u);
    auto back = decode(bytes);
    ASSERT_TRUE(back.ok());
    expect_equal(*back, entry);
    EXPECT_EQ(back->usage.input, api::Usage::kUnknown);
    EXPECT_FALSE(back->usage.known());
}

TEST(Entry, ContentOfAnyKind) {
    Entry entry = sample();
    std::string content(1 << 20, '\xc1');  // no msgpack value at all
    entry.content = content;
    auto back = decode(stored(entry));
    ASSERT_TRUE(back.ok());
    entry.content = "";
    ASSERT_TRUE(decode(stored(entry)).ok());
}

TEST(Entry, RequestedModelThatIsTheServedOne) {
    Entry entry = sample();
    entry.requested_model = entry.model;
    std::string same = stored(entry);
    EXPECT_EQ(decode(same)->requested_model, entry.model);
    entry.requested_model = "";
    EXPECT_EQ(decode(stored(entry))->requested_model, "");
}

TEST(Entry, EncodeRefuses) {
    std::string header;
    Entry entry = sample();
    entry.endpoint = api::Endpoint::kNone;
    EXPECT_EQ(encode(entry, header).error().code, Errc::kInvalid);
    entry = sample();
    entry.tags.assign(17, "t");
    EXPECT_EQ(encode(entry, header).error().code, Errc::kTooLarge);
    entry = sample();
    std::string huge(Entry::kMaxHeader, 'x');
    entry.model = huge;
    EXPECT_EQ(encode(entry, header).error().code, Errc::kTooLarge);
    std::string most(Entry::kMaxHeader - 1024, 'x');
    entry.model = most;
    auto back = decode(stored(entry));
    ASSERT_TRUE(back.ok());
}

// Fault cases 77 and 81: truncated, flipped, of another kind.
TEST(Entry, EveryTruncationIsCorrupt) {
    std::string bytes = stored(sample());
    for (size_t size = 0; size < bytes.size(); size++) {
        // A copy of that very size, so that ASan sees a read past its end.
        std::string part(bytes, 0, size);
        part.shrink_to_fit();
        auto entry = decode(part);
        ASSERT_FALSE(entry.ok()) << size;
        EXPECT_EQ(entry.error().code, Errc::kCorrupt);
    }
    EXPECT_FALSE(decode(bytes + "x").ok());
}

TEST(Entry, EveryFlippedBitIsSurvived) {
    std::string bytes = stored(sample());
    for (size_t bit = 0; bit < bytes.size() * 8; bit++) {
        std::string other = bytes;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
        auto entry = decode(other);
        if (entry.ok()) {
            EXPECT_EQ(entry->content.size(), sample().content.size());
        }
    }
}

TEST(Entry, ClaimsOfGreatSizeCostNothing) {
    using namespace std::string_literals;
    for (const std::string& bytes : {
             "\xdd\xff\xff\xff\xff"s,                  // array of 2^32-1
             "\xdf\xff\xff\xff\xff"s,                  // map of 2^32-1
             "\xdb\xff\xff\xff\xff"s,                  // str
             "\xc6\xff\xff\xff\xff"s,                  // bin
             "\xc9\xff\xff\xff\xff\x01"s,              // ext
             "\x92\x01\xdf\x80\x00\x00\x00"s,          // in the second place
             "\xdc\xff\xff"s + std::string(1000, '\x90'),
             std::string(60000, '\x91') + "\x01",      // deep
             "\xc1"s, "\x92\x01\xc1"s, ""s, "\x01"s, "\x92"s}) {
        auto entry = decode(bytes);
        ASSERT_FALSE(entry.ok());
        EXPECT_EQ(entry.error().code, Errc::kCorrupt);
    }
}

TEST(Entry, VersionsAndUnknownFields) {
    std::string bytes = stored(sample());
    ASSERT_EQ(bytes[0], '\x92');
    ASSERT_EQ(bytes[1], '\x01');
    std::string newer = bytes;
    newer[1] = '\x02';
    EXPECT_EQ(decode(newer).error().code, Errc::kUnsupported);
    // Two more fields, one of them nested: skipped.
    ASSERT_EQ(bytes[2], '\x8b');  // map of 11
    std::string more = bytes;
    more[2] = '\x8d';
    more.insert(3, std::string("\x63\x82\x01\x93\xc0\xc2\xcb"
                               "12345678\xa1x\xd6\x01"
                               "abcd"
                               "\xcd\x12\x34\xc4\x02hi",
                               30));
    auto entry = decode(more);
    ASSERT_TRUE(entry.ok()) << entry.error().message;
    expect_equal(*entry, sample());
}

std::string chat_document() {
    return R"({"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":)"
           R"("chat.completion","created":1725134567,)"
           R"("model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":)"
           R"({"role":"assistant","content":"Pay at the till.","refusal":)"
           R"(null,"annotations":[]},"logprobs":null,"finish_reason":)"
           R"("stop"}],"usage":{"prompt_tokens":19,"completion_tokens":7,)"
           R"("total_tokens":26}})";
}

Entry near_sample(const std::string& document) {
    Entry entry = sample();
    entry.endpoint = api::Endpoint::kChat;
    entry.answer_id = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT";
    entry.model = "gpt-4o-2024-08-06";
    entry.requested_model = "gpt-4o";
    entry.finish_reason = "stop";
    entry.content = document;
    entry.prompt = "How do I pay?";
    return entry;
}

TEST(Entry, WithAPromptIsUnpacked) {
    std::string document = chat_document();
    Entry entry = near_sample(document);
    std::string bytes = stored(entry);
    auto back = decode(bytes);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->prompt, entry.prompt);
    EXPECT_EQ(back->endpoint, entry.endpoint);
    EXPECT_FALSE(back->alias_of);
    ASSERT_EQ(back->packed.size, document.size());
    std::string room(document.size(), '\0');
    ASSERT_TRUE(unpack(*back, room.data()).ok());
    expect_equal(*back, entry);
    EXPECT_EQ(back->packed.size, 0u);
}

TEST(Entry, WithAPromptOfAnyTexts) {
    std::string document = chat_document();
    for (Bytes model : {"", "gpt", "gpt-4o-2024-08-06", "no such name here",
                        "stop"}) {
        for (bool same : {false, true}) {
            Entry entry = near_sample(document);
            entry.model = model;
            entry.requested_model = same ? model : Bytes("other");
            entry.tags.clear();
            entry.tenant_scoped = false;
            std::string bytes = stored(entry);
            auto back = decode(bytes);
            ASSERT_TRUE(back.ok());
            std::string room(back->packed.size, '\0');
            ASSERT_TRUE(unpack(*back, room.data()).ok());
            expect_equal(*back, entry);
        }
    }
}

TEST(Entry, WithAPromptAndNoContent) {
    Entry entry = near_sample("");
    std::string bytes = stored(entry);
    auto back = decode(bytes);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->packed.size, 0u);
    EXPECT_EQ(back->prompt, entry.prompt);
}

// What stands beside a prompt and the bytes of an answer that are its own is
// about as much as two lines of text.
TEST(Entry, WithAPromptIsSmall) {
    std::string document = chat_document();
    Entry entry = near_sample(document);
    entry.usage = {};
    entry.tenant = "acme";
    entry.tags.clear();
    entry.tenant_scoped = false;
    size_t own = entry.prompt.size() + entry.answer_id.size()
                 + entry.model.size() + Bytes("Pay at the till.").size();
    EXPECT_LT(stored(entry).size(), own + 128);
}

TEST(Entry, EveryDamageToAPackedOneIsSurvived) {
    std::string document = chat_document();
    std::string bytes = stored(near_sample(document));
    for (size_t size = 0; size < bytes.size(); size++) {
        std::string part(bytes, 0, size);
        part.shrink_to_fit();
        auto entry = decode(part);
        if (entry.ok()) {
            std::string room(entry->packed.size, '\0');
            EXPECT_FALSE(unpack(*entry, room.data()).ok()) << size;
        }
    }
    for (size_t bit = 0; bit < bytes.size() * 8; bit++) {
        std::string other = bytes;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
        auto entry = decode(other);
        if (entry.ok() && entry->packed.size != 0) {
            std::string room(entry->packed.size, '\0');
            (void) unpack(*entry, room.data());
        }
    }
}

// Nobody writes such a one, and it could not be stored again.
TEST(Entry, AliasWithContentIsDamaged) {
    Entry entry;
    entry.endpoint = api::Endpoint::kChat;
    entry.alias_of = EntryId{1, 2, 3};
    std::string bytes = stored(entry);
    ASSERT_TRUE(decode(bytes).ok());
    ASSERT_EQ(bytes.back(), '\0');  // the size of its content
    bytes.back() = '\1';
    EXPECT_EQ(decode(bytes + "x").error().code, Errc::kCorrupt);
}

// An alias is little more than a name: beside a slot it takes one chunk.
TEST(Entry, Alias) {
    Entry entry;
    entry.endpoint = api::Endpoint::kChat;
    entry.alias_of = EntryId{7, UINT32_MAX, 70000};
    entry.alias_place = UINT32_MAX;
    entry.alias_cosine = 0.9346F;
    std::string bytes = stored(entry);
    EXPECT_LE(bytes.size(), 40U);
    auto back = decode(bytes);
    ASSERT_TRUE(back.ok()) << back.error().message;
    ASSERT_TRUE(back->alias_of);
    EXPECT_EQ(*back->alias_of, *entry.alias_of);
    EXPECT_EQ(back->alias_place, UINT32_MAX);
    EXPECT_NEAR(back->alias_cosine, 0.9346F, 0.000001F);
    for (size_t size = 0; size < bytes.size(); size++) {
        EXPECT_FALSE(decode(Bytes(bytes).substr(0, size)).ok());
    }
}

TEST(Entry, NumbersOutOfTheirBounds) {
    Entry entry = sample();
    for (int64_t bad : {int64_t{-2}, api::Usage::kMax + 1, INT64_MIN}) {
        entry.usage.output = bad;
        EXPECT_EQ(decode(stored(entry)).error().code, Errc::kCorrupt) << bad;
    }
}

}  // namespace
}  // namespace llm::cache
