// What an answer that near matches can find takes beside its own bytes: all
// that the zone spends for it, in the store and in the index.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdio>

#include "src/cache/entry.hpp"
#include "src/cache/slot.hpp"
#include "src/semantic/index_store.hpp"
#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

constexpr uint32_t kDims = 384;

// Of the form that providers give an answer of so many bytes.
std::string document_of(size_t size, uint64_t n, bool messages) {
    std::string id = to_hex(sha256(std::to_string(n)).view()).substr(0, 29);
    std::string front =
        messages
            ? "{\"id\":\"msg_01" + id
                  + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                    "\"claude-haiku-4-5-20251001\",\"content\":[{\"type\":"
                    "\"text\",\"text\":\""
            : "{\"id\":\"chatcmpl-" + id
                  + "\",\"object\":\"chat.completion\",\"created\":1725134567,"
                    "\"model\":\"gpt-4.1-nano-2025-04-14\",\"choices\":[{"
                    "\"index\":0,\"message\":{\"role\":\"assistant\","
                    "\"content\":\"";
    std::string back =
        messages
            ? "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
              "\"usage\":{\"input_tokens\":19,\"cache_creation_input_tokens\""
              ":0,\"cache_read_input_tokens\":0,\"output_tokens\":227}}"
            : "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":"
              "\"stop\"}],\"usage\":{\"prompt_tokens\":19,"
              "\"completion_tokens\":227,\"total_tokens\":246}}";
    size_t frame = front.size() + back.size();
    std::mt19937 random(static_cast<uint32_t>(n));
    std::string text;
    while (text.size() + frame < size) {
        text += static_cast<char>('a' + random() % 26);
    }
    return front + text + back;
}

class Memory {
public:
    Memory() : store_memory_(kStore), index_memory_(kIndex) {
        store_ = std::make_unique<cache::Store>(
            *cache::Store::attach({store_memory_.data(), kStore, true}, {}));
        index_ = std::make_unique<Index>(
            *Index::attach({index_memory_.data(), kIndex, true}, {}));
        join(*store_, *index_);
    }

    // An answer to a question of its own.
    void add(size_t size, uint64_t n, uint64_t partition) {
        std::string document = document_of(size, n, n % 4 == 3);
        std::string prompt = "When do you open on day "
                             + std::to_string(n) + " of the season?";
        cache::Entry entry;
        entry.endpoint = n % 4 == 3 ? api::Endpoint::kMessages
                                    : api::Endpoint::kChat;
        entry.answer_id = Bytes(document).substr(7, 38);
        entry.model = n % 4 == 3 ? "claude-haiku-4-5-20251001"
                                 : "gpt-4.1-nano-2025-04-14";
        entry.requested_model = n % 4 == 3 ? "claude-haiku-4-5"
                                           : "gpt-4.1-nano";
        entry.finish_reason = n % 4 == 3 ? "end_turn" : "stop";
        entry.tenant = "acme";
        entry.usage.input = 19;
        entry.usage.output = 227;
        entry.created_wall_s = 1753357200;
        entry.content = document;
        entry.prompt = prompt;
        std::string header;
        ASSERT_TRUE(cache::encode(entry, header).ok());
        cache::EntryMeta meta;
        meta.tenant = entry.tenant;
        meta.model = entry.model;
        meta.answer_id = entry.answer_id;
        meta.ttl_s = 3600;
        meta.born = store_->sequence();
        auto put = store_->put(sha256(prompt), meta, entry.pieces(header),
                               kNow);
        ASSERT_EQ(put.status, cache::Put::kStored);
        NewVector vector;
        vector.partition = partition_of(partition);
        vector.entry = put.id;
        vector.ttl_s = 3600;
        Vector direction = random_vector(random_, kDims);
        ASSERT_EQ(insert_for_entry(*store_, *index_, vector,
                                   code_of(direction), kNow)
                      .status,
                  Insert::kStored);
        answers_ += document.size();
        headers_ += header.size();
        entries_++;
    }

    // Bytes an entry beside its answer; says where they go.
    double beside(const char* what) {
        cache::StoreStats store = store_->stats();
        IndexStats index = index_->stats();
        double n = static_cast<double>(entries_);
        double chunks = static_cast<double>(store.bytes_used
                                            / cache::kChunkSize);
        double answer = static_cast<double>(answers_) / n;
        double stored = static_cast<double>(headers_) / n;
        double slot = sizeof(cache::Slot);
        double slack = chunks * cache::kChunkSize / n - stored - slot;
        double links = chunks * sizeof(uint32_t) / n;
        double buckets =
            chunks * sizeof(cache::Bucket) / cache::kChunksPerBucket / n;
        double vector = static_cast<double>(index.bytes_used) / n;
        // Buckets and marks of the index's own units.
        double units = static_cast<double>(index.bytes_used / kUnitSize)
                       * (sizeof(uint32_t) / 2.0 + 1) / n;
        double all = stored - answer + slot + slack + links + buckets
                     + vector + units;
        std::printf("%-24s answer %5.0f | codec %+5.0f slot %3.0f slack "
                    "%3.0f links %3.0f buckets %2.0f index %3.0f units %.1f "
                    "| beside the answer %4.0f\n",
                    what, answer, stored - answer, slot, slack, links,
                    buckets, vector, units, all);
        return all;
    }

private:
    static constexpr size_t kStore = size_t{64} << 20;
    static constexpr size_t kIndex = size_t{16} << 20;

    struct Mapped {
        explicit Mapped(size_t size) : size(size) {
            at = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        }
        ~Mapped() { munmap(at, size); }
        Mapped(const Mapped&) = delete;
        Mapped& operator=(const Mapped&) = delete;
        char* data() const { return static_cast<char*>(at); }
        size_t size;
        void* at;
    };

    Mapped store_memory_;
    Mapped index_memory_;
    std::unique_ptr<cache::Store> store_;
    std::unique_ptr<Index> index_;
    std::mt19937 random_{7};
    uint64_t answers_ = 0;
    uint64_t headers_ = 0;
    uint64_t entries_ = 0;
};

constexpr double kMost = 640;

TEST(Memory, AnswersOfOneSize) {
    for (size_t size : {600, 1024, 1300, 2048, 4096, 8192}) {
        Memory memory;
        for (uint64_t n = 0; n < 2000; n++) {
            memory.add(size, n, 1);
        }
        std::string what = std::to_string(size) + " B";
        // Links grow with the answer: a 32nd of it.
        double links = size > 4096 ? static_cast<double>(size) / 32 : 0;
        EXPECT_LE(memory.beside(what.c_str()), kMost + links);
    }
}

TEST(Memory, AnswersOfMixedSizes) {
    Memory memory;
    std::mt19937 random(3);
    for (uint64_t n = 0; n < 8000; n++) {
        memory.add(256 + random() % (8192 - 255), n, 1);
    }
    EXPECT_LE(memory.beside("256 B to 8 KB"), kMost);
}

TEST(Memory, ManyPartitionsOfManySizes) {
    Memory memory;
    std::mt19937 random(5);
    uint64_t n = 0;
    for (uint64_t partition = 0; n < 6000; partition++) {
        for (uint32_t size = 8 + random() % 400; size > 0; size--) {
            memory.add(512 + random() % 3000, n++, partition);
        }
    }
    EXPECT_LE(memory.beside("partitions of 8 to 400"), kMost);
}

}  // namespace
}  // namespace llm::semantic
