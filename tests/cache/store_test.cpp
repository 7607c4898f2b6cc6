#include "src/cache/store.hpp"

#include <gtest/gtest.h>

#include "tests/cache/store_zone.hpp"

namespace llm::cache {
namespace {

using Status = Lookup::Status;

TEST(Store, HitGivesTheVeryBytes) {
    Zone zone(4 << 20);
    EXPECT_EQ(get(zone.store(), key_of(1)).lookup.status, Status::kNone);
    // Every length around the borders of head chunk and chunks.
    for (size_t size : {0, 1, 31, 32, 33, 159, 160, 161, 288, 1000, 65536}) {
        std::string body = body_of(size, size);
        PutResult stored = put(zone.store(), key_of(size), body);
        ASSERT_EQ(stored.status, Put::kStored) << size;
        Got got = get(zone.store(), key_of(size));
        ASSERT_TRUE(got.hit()) << size;
        EXPECT_EQ(got.body, body) << size;
        EXPECT_EQ(got.lookup.size, size);
        EXPECT_EQ(got.lookup.id, stored.id);
        Got by_id = get(zone.store(), stored.id);
        ASSERT_TRUE(by_id.hit());
        EXPECT_EQ(by_id.body, body);
    }
    EXPECT_EQ(zone->stats().entries, 11u);
    ASSERT_TRUE(zone->check().ok());
}

TEST(Store, JoinsPiecesAndTagsDoNotShow) {
    Zone zone(4 << 20);
    for (size_t tag_count = 0; tag_count <= kMaxTags; tag_count++) {
        std::vector<std::string> names;
        std::vector<Bytes> tags;
        for (size_t i = 0; i < tag_count; i++) {
            names.push_back("tag" + std::to_string(i));
        }
        tags.assign(names.begin(), names.end());
        std::string a = body_of(1, 50);
        std::string b = body_of(2, 700);
        Bytes pieces[] = {a, "", b};
        EntryMeta meta;
        meta.tags = tags;
        meta.ttl_s = 60;
        meta.born = zone->sequence();
        ASSERT_EQ(zone->put(key_of(tag_count), meta, pieces, at(1)).status,
                  Put::kStored);
        Got got = get(zone.store(), key_of(tag_count), at(1));
        ASSERT_TRUE(got.hit());
        EXPECT_EQ(got.body, a + b);
    }
    EXPECT_TRUE(zone->check().ok());
}

TEST(Store, ReplacesAnEntryOfTheSameKey) {
    Zone zone(4 << 20);
    PutResult first = put(zone.store(), key_of(1), body_of(1, 5000));
    PutResult second = put(zone.store(), key_of(1), body_of(2, 300));
    EXPECT_NE(first.id, second.id);
    EXPECT_EQ(get(zone.store(), key_of(1)).body, body_of(2, 300));
    EXPECT_EQ(get(zone.store(), first.id).lookup.status, Status::kNone);
    StoreStats stats = zone->stats();
    EXPECT_EQ(stats.entries, 1u);
    EXPECT_EQ(stats.bytes, 300u);
    EXPECT_EQ(stats.evictions, 0u);
    EXPECT_TRUE(zone->check().ok());
}

// Fault case 92: the whole 256 bits decide.
TEST(Store, KeysThatDifferInOneBitAreTwo) {
    Zone zone(4 << 20);
    Digest key = key_of(1);
    ASSERT_EQ(put(zone.store(), key, "the answer").status, Put::kStored);
    for (size_t bit = 0; bit < 256; bit++) {
        Digest other = key;
        other.bytes[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
        EXPECT_EQ(get(zone.store(), other).lookup.status, Status::kNone);
    }
    // The same first 8 bytes: same shard, same bucket, still two entries.
    Digest twin = key;
    twin.bytes[31] ^= 1;
    ASSERT_EQ(put(zone.store(), twin, "another").status, Put::kStored);
    EXPECT_EQ(get(zone.store(), key).body, "the answer");
    EXPECT_EQ(get(zone.store(), twin).body, "another");
    EXPECT_TRUE(zone->check().ok());
}

TEST(Store, ConfirmsAnEntryUntilAnotherOneStandsThere) {
    Zone zone(4 << 20);
    Digest key = key_of(1);
    EntryMeta hour;
    EntryId one = put(zone.store(), key, "one", hour, at(100)).id;
    Lookup same = zone->confirm(key, one, at(110));
    EXPECT_TRUE(same.hit());
    EXPECT_EQ(same.id, one);
    EXPECT_EQ(same.age_s, 10);
    EXPECT_EQ(same.ttl_s, 3590);
    EXPECT_FALSE(zone->confirm(key_of(2), one, at(110)).hit());
    EntryId two = put(zone.store(), key, "two", hour, at(120)).id;
    EXPECT_FALSE(zone->confirm(key, one, at(120)).hit());
    EXPECT_TRUE(zone->confirm(key, two, at(120)).hit());
    EXPECT_FALSE(zone->confirm(key, two, at(120 + 3600)).hit());
    ASSERT_TRUE(zone->purge(PurgeBy::kAll, "").ok());
    EXPECT_FALSE(zone->confirm(key, two, at(130)).hit());
}

// Fault case 91: keys that somebody has chosen to meet in one bucket, which
// costs him a search for each, are spread again where the zone has another
// hash key, and he does not know this one. The same for digests in a row.
TEST(Store, BucketsCannotBeAimedAt) {
    constexpr size_t kBuckets = 256;
    auto bucket = [](const HashKey& key, const Digest& digest) {
        return uint64_t{key(digest).bucket} * kBuckets >> 32;
    };
    HashKey theirs{0x0123456789abcdef, 0x9e3779b97f4a7c15};
    std::vector<Digest> aimed;
    for (uint64_t n = 0; aimed.size() < 2 * kBuckets; n++) {
        if (Digest digest = key_of(n); bucket(theirs, digest) == 0) {
            aimed.push_back(digest);
        }
    }
    std::vector<Digest> rows[3];
    for (int i = 0; i < 3; i++) {
        for (uint64_t n = 0; n < 2 * kBuckets; n++) {
            uint64_t value = n << (24 * i);
            Digest digest{};
            std::memcpy(digest.bytes.data(), &value, sizeof(value));
            rows[i].push_back(digest);
        }
    }
    for (uint64_t seed = 1; seed <= 20; seed++) {
        Digest random = key_of(seed << 40);
        HashKey ours;
        std::memcpy(&ours, random.bytes.data(), sizeof(ours));
        ours.factor |= 1;
        for (const auto* keys : {&aimed, &rows[0], &rows[1], &rows[2]}) {
            size_t count[kBuckets] = {};
            for (const Digest& digest : *keys) {
                count[bucket(ours, digest)]++;
            }
            EXPECT_LT(*std::max_element(count, count + kBuckets), 24u)
                << "seed " << seed;
        }
    }
}

TEST(Store, RefusesAndCounts) {
    Zone zone(4 << 20, 10000);
    EXPECT_EQ(put(zone.store(), key_of(1), body_of(1, 10001)).status,
              Put::kTooLarge);
    EXPECT_EQ(put(zone.store(), key_of(1), body_of(1, 10000)).status,
              Put::kStored);
    Bytes pieces[] = {"x"};
    for (int64_t ttl : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
        EntryMeta meta;
        meta.ttl_s = ttl;
        EXPECT_EQ(zone->put(key_of(2), meta, pieces, at(1)).status,
                  Put::kDead);
    }
    std::vector<Bytes> tags(17, "t");
    EntryMeta meta;
    meta.tags = tags;
    EXPECT_EQ(put(zone.store(), key_of(2), "x", meta).status, Put::kInvalid);
    std::vector<Bytes> empty(100, "");  // no tags at all
    meta.tags = empty;
    EXPECT_EQ(put(zone.store(), key_of(3), "x", meta).status, Put::kStored);
    EXPECT_EQ(zone->stats().refusals, 5u);
    EXPECT_EQ(get(zone.store(), key_of(2)).lookup.status, Status::kNone);
}

TEST(Store, NoPlaceForTheCopyIsNoHit) {
    Zone zone(4 << 20);
    ASSERT_EQ(put(zone.store(), key_of(1), "x").status, Put::kStored);
    Lookup got = zone->lookup(key_of(1), at(100),
                              [](size_t) -> char* { return nullptr; });
    EXPECT_EQ(got.status, Status::kUnavailable);
    EXPECT_TRUE(get(zone.store(), key_of(1)).hit());
}

TEST(Store, ExpiresAndTellsAge) {
    Zone zone(4 << 20);
    EntryMeta meta;
    meta.ttl_s = 10;
    put(zone.store(), key_of(1), "x", meta, at(1000.5));
    Got got = get(zone.store(), key_of(1), at(1003.6));
    ASSERT_TRUE(got.hit());
    EXPECT_EQ(got.lookup.age_s, 3);
    EXPECT_EQ(got.lookup.ttl_s, 7);
    EXPECT_EQ(got.lookup.created_s, at(1003.6).wall_s() - 3);
    EXPECT_EQ(got.lookup.expires_s, at(1003.6).wall_s() + 7);
    EXPECT_TRUE(get(zone.store(), key_of(1), at(1010.4)).hit());
    got = get(zone.store(), key_of(1), at(1010.5));
    EXPECT_EQ(got.lookup.status, Status::kExpired);
    EXPECT_EQ(zone->stats().expired, 1u);
    // A new answer takes its place.
    put(zone.store(), key_of(1), "y", meta, at(1011));
    EXPECT_EQ(get(zone.store(), key_of(1), at(1012)).body, "y");
    EXPECT_EQ(zone->stats().entries, 1u);
}

// Fault case 72: the wall clock steps by a day, either way.
TEST(Store, StepsOfTheWallClockChangeNoLifetime) {
    Zone zone(4 << 20);
    constexpr int64_t kDay = 86400ll * 1000000000;
    EntryMeta meta;
    meta.ttl_s = 100;
    for (int64_t step : {-kDay, int64_t{0}, kDay}) {
        put(zone.store(), key_of(1), "x", meta, at(1000));
        Now alive = at(1099);
        Now dead = at(1101);
        alive.wall_ns += step;
        dead.wall_ns += step;
        Got got = get(zone.store(), key_of(1), alive);
        ASSERT_TRUE(got.hit());
        EXPECT_EQ(got.lookup.age_s, 99);
        EXPECT_EQ(got.lookup.ttl_s, 1);
        EXPECT_EQ(got.lookup.created_s, alive.wall_s() - 99);
        EXPECT_EQ(get(zone.store(), key_of(1), dead).lookup.status,
                  Status::kExpired);
    }
    // Even a monotonic clock that is behind gives no age below zero and no
    // more time than was given at first.
    put(zone.store(), key_of(2), "x", meta, at(1000));
    Got got = get(zone.store(), key_of(2), at(10));
    ASSERT_TRUE(got.hit());
    EXPECT_EQ(got.lookup.age_s, 0);
    EXPECT_EQ(got.lookup.ttl_s, 100);
}

TEST(Store, LongLivesSaturate) {
    Zone zone(4 << 20);
    EntryMeta meta;
    for (int64_t ttl : {int64_t{429496729}, int64_t{4294967296}, INT64_MAX}) {
        meta.ttl_s = ttl;
        ASSERT_EQ(put(zone.store(), key_of(1), "x", meta, at(1e6)).status,
                  Put::kStored);
        Got got = get(zone.store(), key_of(1), at(2e6));
        ASSERT_TRUE(got.hit());
        EXPECT_GT(got.lookup.ttl_s, 400000000);
    }
}

// Fault case 61: a full zone evicts, and the untouched go first.
TEST(Store, FullZoneKeepsWhatIsUsed) {
    Zone zone(1 << 20, 4096);
    size_t fit = zone->stats().bytes_capacity / (9 * kChunkSize);
    for (size_t i = 0; i < 20; i++) {
        put(zone.store(), key_of(i), body_of(i, 1024));
    }
    for (size_t i = 100; i < 100 + 10 * fit; i++) {
        ASSERT_EQ(put(zone.store(), key_of(i), body_of(i, 1024)).status,
                  Put::kStored);
        for (size_t hot = 0; hot < 20 && i % 16 == 0; hot++) {
            get(zone.store(), key_of(hot));
        }
    }
    for (size_t i = 0; i < 20; i++) {
        Got got = get(zone.store(), key_of(i));
        ASSERT_TRUE(got.hit()) << i;
        EXPECT_EQ(got.body, body_of(i, 1024));
    }
    StoreStats stats = zone->stats();
    EXPECT_GT(stats.evictions, 8 * fit);
    EXPECT_EQ(stats.refusals, 0u);
    EXPECT_LE(stats.bytes_used, stats.bytes_capacity);
    EXPECT_GT(stats.bytes_used, stats.bytes_capacity * 95 / 100);
    EXPECT_TRUE(zone->check().ok());
}

// Days of mixed sizes, sizes that change from time to time among them: what
// there is room for in the end is what there was room for at first. Fault
// case 62.
TEST(Store, RoomIsNotLostToFragments) {
    Zone zone(4 << 20, 64 << 10);
    uint64_t n = 0;
    auto fill = [&](uint64_t rounds, size_t least, size_t spread) {
        for (uint64_t i = 0; i < rounds; i++, n++) {
            auto sixteenths = static_cast<unsigned char>(body_of(n, 8)[0]) % 16;
            size_t size = least + static_cast<size_t>(sixteenths) * spread / 16;
            put(zone.store(), key_of(n), body_of(n, size));
        }
        return zone->stats();
    };
    StoreStats first = fill(4000, 500, 8000);
    for (int day = 0; day < 12; day++) {
        (void) fill(2000, day % 3 == 0 ? 20 : 200, 500);
        (void) fill(day % 4 == 0 ? 400 : 50, 20000, 40000);
    }
    StoreStats last = fill(4000, 500, 8000);
    EXPECT_GT(last.bytes, first.bytes * 95 / 100);
    EXPECT_GT(last.bytes_used, last.bytes_capacity * 95 / 100);
    EXPECT_TRUE(zone->check().ok());
}

TEST(Store, EvictionIsBoundedAndStillMakesProgress) {
    Zone zone(1 << 20, 200000);
    ASSERT_EQ(zone->shards(), 1u);
    for (size_t i = 0; i < 8000; i++) {  // one chunk each
        put(zone.store(), key_of(i), body_of(i, 20));
    }
    uint64_t before = zone->stats().evictions;
    std::string big = body_of(1, 200000);
    PutResult first = put(zone.store(), key_of(99999), big);
    EXPECT_EQ(first.status, Put::kNoRoom);
    uint64_t after = zone->stats().evictions;
    EXPECT_LE(after - before, 16 + 200000 / 1000);
    EXPECT_EQ(zone->stats().refusals, 1u);
    int tries = 1;
    while (put(zone.store(), key_of(99999), big).status != Put::kStored) {
        ASSERT_LT(tries++, 20);
    }
    EXPECT_EQ(get(zone.store(), key_of(99999)).body, big);
    EXPECT_TRUE(zone->check().ok());
}

// Fault case 63, and the words for it.
TEST(Store, ZoneTooSmallSaysHowMuch) {
    std::vector<char> raw((2 << 20) + 64);
    char* base = raw.data()
                 + (64 - reinterpret_cast<uintptr_t>(raw.data()) % 64);
    auto made = Store::attach({base, 100 << 10, true}, {1 << 20, nullptr});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, Errc::kNoSpace);
    uint64_t kb = (Store::min_size(1 << 20) + 1023) / 1024;
    EXPECT_NE(made.error().message.find(std::to_string(kb) + " KB"),
              std::string::npos)
        << made.error().message;
    ASSERT_LE(kb * 1024, raw.size() - 64);
    made = Store::attach({base, kb * 1024, true}, {1 << 20, nullptr});
    ASSERT_TRUE(made.ok()) << made.error().message;
    std::string body = body_of(1, 1 << 20);
    ASSERT_EQ(put(*made, key_of(1), body).status, Put::kStored);
    EXPECT_EQ(get(*made, key_of(1)).body, body);
}

// Whoever comes after a death repairs a whole shard before anything else.
TEST(Store, NoShardOfALargeZoneTakesLongToRepair) {
    constexpr size_t kLarge = size_t{4} << 30;
    void* memory = mmap(nullptr, kLarge, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    shm::Region region{static_cast<char*>(memory), kLarge, true};
    auto large = Store::attach(region, {1 << 20, nullptr});
    ASSERT_TRUE(large.ok()) << large.error().message;
    EXPECT_LE(kLarge / large->shards(), size_t{32} << 20);
    std::string body = body_of(1, 1 << 20);
    ASSERT_EQ(put(*large, key_of(1), body).status, Put::kStored);
    EXPECT_EQ(get(*large, key_of(1)).body, body);
    // Those that were large enough keep what balances their load.
    region.size = size_t{1} << 30;
    EXPECT_EQ(Store::attach(region, {1 << 20, nullptr})->shards(), 64u);
    munmap(memory, kLarge);
}

// Fault case 64: a reload finds the entries; other sizes in the
// configuration do not disturb them.
TEST(Store, AttachesToWhatStands) {
    Zone zone(8 << 20);
    put(zone.store(), key_of(1), "x");
    auto again =
        Store::attach({zone.memory(), zone.size(), false}, {1000, nullptr});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->shards(), zone->shards());
    EXPECT_EQ(again->max_entry(), 1000u);
    EXPECT_TRUE(get(*again, key_of(1)).hit());
    auto wrong = Store::attach({zone.memory(), zone.size() / 2, false}, {});
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().code, Errc::kCorrupt);
}

// Beside the rooms that come before it in the zone, by way of the directory.
TEST(Store, LivesInARegion) {
    constexpr size_t kSize = 4 << 20;
    std::vector<char> raw(kSize + 64, '\x5a');
    char* base = raw.data()
                 + (64 - reinterpret_cast<uintptr_t>(raw.data()) % 64);
    shm::RegionSpec spec{"cache", Store::kVersion, Store::layout(),
                         Store::min_size(64 << 10), true};
    for (int reload = 0; reload < 3; reload++) {
        auto dir = shm::Directory::attach(base, kSize);
        ASSERT_TRUE(dir.ok());
        ASSERT_TRUE(dir->open({"ledger", 1, 1, 4096}).ok());
        auto region = dir->open(spec);
        ASSERT_TRUE(region.ok());
        EXPECT_EQ(region->fresh, reload == 0);
        auto store = Store::attach(*region, {64 << 10, nullptr});
        ASSERT_TRUE(store.ok());
        ASSERT_TRUE(dir->ready("cache").ok());
        EXPECT_EQ(get(*store, key_of(1)).hit(), reload > 0);
        put(*store, key_of(1), "x");
        EXPECT_TRUE(store->check().ok());
    }
}

TEST(Store, BitFlipsAreNeverServed) {
    Zone zone(4 << 20);
    std::string body = body_of(7, 3000);
    PutResult stored = put(zone.store(), key_of(1), body);
    put(zone.store(), key_of(2), "neighbour");
    auto find = [&zone](Bytes needle) {
        Bytes all(zone.memory(), zone.size());
        return all.find(needle);
    };
    size_t at_byte = find(Bytes(body).substr(100, 20));
    ASSERT_NE(at_byte, Bytes::npos);
    zone.memory()[at_byte] ^= 0x10;
    Got got = get(zone.store(), key_of(1));
    EXPECT_EQ(got.lookup.status, Status::kCorrupt);
    EXPECT_EQ(zone->stats().corrupt, 1u);
    EXPECT_EQ(get(zone.store(), key_of(1)).lookup.status, Status::kNone);
    EXPECT_FALSE(zone->exists(stored.id));
    EXPECT_TRUE(get(zone.store(), key_of(2)).hit());
    EXPECT_TRUE(zone->check().ok());
}

TEST(Store, EntryIdsAreOpaqueAndExact) {
    Zone zone(4 << 20);
    PutResult stored = put(zone.store(), key_of(1), "x");
    std::string text = zone->id_text(stored.id);
    EXPECT_EQ(text.size(), 24u);
    ASSERT_TRUE(zone->parse_id(text).ok());
    EXPECT_EQ(*zone->parse_id(text), stored.id);
    EXPECT_TRUE(zone->exists(stored.id));
    for (Bytes bad : {"", "0", "zz", "000000000000000000000000",
                      "0000000000000000000000000"}) {
        EXPECT_FALSE(zone->parse_id(bad).ok()) << bad;
    }
    int guessed = 0;  // changing any digit leaves 1 chance in 65536
    for (size_t i = 0; i < text.size(); i++) {
        std::string other = text;
        other[i] = other[i] == '0' ? '1' : '0';
        guessed += zone->parse_id(other).ok() ? 1 : 0;
    }
    EXPECT_LE(guessed, 2);
    EXPECT_FALSE(zone->exists({999, 0, 0}));
    EXPECT_FALSE(zone->exists({0, 0xffffffff, 0}));
    EXPECT_EQ(get(zone.store(), EntryId{999, 0, 0}).lookup.status,
              Status::kNone);
    put(zone.store(), key_of(1), "y");
    EXPECT_FALSE(zone->exists(stored.id));
}

}  // namespace
}  // namespace llm::cache
