#include "src/geo/database.hpp"

#include <gtest/gtest.h>

#include <random>

#include "src/watch/watched.hpp"
#include "tests/geo/mmdb_writer.hpp"

namespace llm::geo {
namespace {

std::string bytes_of(const std::string& text) {
    char out[16];
    if (inet_pton(AF_INET, text.c_str(), out) == 1) {
        return std::string(out, 4);
    }
    EXPECT_EQ(1, inet_pton(AF_INET6, text.c_str(), out)) << text;
    return std::string(out, 16);
}

// "DE/EU"; "-" for what is not known.
std::string where(const Database& base, const std::string& address) {
    Location found = base.lookup(bytes_of(address));
    auto word = [](const Code& code) {
        return code.empty() ? std::string("-") : std::string(code.view());
    };
    return word(found.country) + "/" + word(found.continent);
}

MmdbWriter sample(int ip_version, int record_size = 24) {
    MmdbWriter w(ip_version, record_size);
    w.add("192.0.2.0", 24, MmdbWriter::country("DE", "EU"));
    w.add("192.0.3.0", 25, MmdbWriter::country("US", "NA"));
    w.add("198.51.100.7", 32, MmdbWriter::country("BR", "SA"));
    if (ip_version == 6) {
        w.add("2001:db8::", 32, MmdbWriter::country("JP", "AS"));
    }
    return w;
}

class Records : public testing::TestWithParam<int> {};

TEST_P(Records, OfEverySize) {
    auto base = Database::parse(sample(6, GetParam()).write());
    ASSERT_TRUE(base) << base.error().message;
    EXPECT_EQ("DE/EU", where(*base, "192.0.2.0"));
    EXPECT_EQ("DE/EU", where(*base, "192.0.2.255"));
    EXPECT_EQ("US/NA", where(*base, "192.0.3.127"));
    EXPECT_EQ("-/-", where(*base, "192.0.3.128"));
    EXPECT_EQ("BR/SA", where(*base, "198.51.100.7"));
    EXPECT_EQ("-/-", where(*base, "198.51.100.8"));
    EXPECT_EQ("JP/AS", where(*base, "2001:db8:ffff::1"));
    EXPECT_EQ("-/-", where(*base, "2001:db9::1"));
    EXPECT_EQ("DE/EU", where(*base, "::ffff:192.0.2.9"));
    EXPECT_EQ("-/-", where(*base, "::ffff:127.0.0.1"));
    EXPECT_EQ("-/-", where(*base, "127.0.0.1"));
    EXPECT_EQ("-/-", where(*base, "::1"));
    EXPECT_EQ("Test-Country", base->type());
    EXPECT_EQ(1700000000u, base->build_epoch());
}

INSTANTIATE_TEST_SUITE_P(Sizes, Records, testing::Values(24, 28, 32));

TEST(Database, OfIpv4Alone) {
    auto base = Database::parse(sample(4).write());
    ASSERT_TRUE(base) << base.error().message;
    EXPECT_EQ("DE/EU", where(*base, "192.0.2.1"));
    EXPECT_EQ("DE/EU", where(*base, "::ffff:192.0.2.1"));
    EXPECT_EQ("-/-", where(*base, "2001:db8::1"));
}

TEST(Database, OtherSizesOfAddress) {
    auto base = Database::parse(sample(6).write());
    ASSERT_TRUE(base);
    for (size_t size : {0, 1, 3, 5, 15, 17, 28}) {
        Location found = base->lookup(std::string(size, '\x01'));
        EXPECT_TRUE(found.country.empty());
        EXPECT_TRUE(found.continent.empty());
    }
}

TEST(Database, FormsOfRecord) {
    using W = MmdbWriter;
    auto iso = [](const char* code) {
        return W::map({{"iso_code", W::text(code)}});
    };
    MmdbWriter w(4);
    w.add("1.0.0.0", 8, W::map({{"registered_country", iso("FR")}}));
    w.add("2.0.0.0", 8, W::map({{"country", iso("CH")},
                                {"registered_country", iso("FR")}}));
    w.add("3.0.0.0", 8, W::map({{"country", W::text("IT")},
                                {"continent", W::text("EU")}}));
    w.add("4.0.0.0", 8, W::map({{"country", W::text("Italy")},
                                {"country_code", W::text("IT")},
                                {"continent", W::text("Europe")},
                                {"continent_code", W::text("EU")}}));
    w.add("5.0.0.0", 8, W::map({{"country", iso("de")}}));
    w.add("6.0.0.0", 8, W::map({{"country", iso("D\n")}}));
    w.add("7.0.0.0", 8, W::map({{"country", W::map({{"iso_code",
                                                    W::number(7)}})}}));
    w.add("8.0.0.0", 8, W::text("DE"));
    w.add("9.0.0.0", 8, W::map({}));
    auto base = Database::parse(w.write());
    ASSERT_TRUE(base) << base.error().message;
    EXPECT_EQ("FR/-", where(*base, "1.1.1.1"));
    EXPECT_EQ("CH/-", where(*base, "2.1.1.1"));
    EXPECT_EQ("IT/EU", where(*base, "3.1.1.1"));
    EXPECT_EQ("IT/EU", where(*base, "4.1.1.1"));
    for (const char* odd : {"5.1.1.1", "6.1.1.1", "7.1.1.1", "8.1.1.1",
                            "9.1.1.1"}) {
        EXPECT_EQ("-/-", where(*base, odd)) << odd;
    }
}

TEST(Database, WithoutCountries) {
    MmdbWriter w(4);
    w.type = "Some-ASN\n";
    w.add("1.0.0.0", 8,
          MmdbWriter::map({{"autonomous_system_number",
                            MmdbWriter::number(64496)}}));
    auto base = Database::parse(w.write());
    ASSERT_FALSE(base);
    EXPECT_EQ(Errc::kUnsupported, base.error().code);
    EXPECT_EQ("a base of type \"Some-ASN?\" knows no countries",
              base.error().message);
}

TEST(Database, WhatIsNone) {
    for (const std::string& bytes :
         {std::string(), std::string("x"), std::string(5000, '\0'),
          std::string("\xab\xcd\xefMaxMind.com"),
          std::string("<html>Sign in to download</html>")}) {
        auto base = Database::parse(bytes);
        ASSERT_FALSE(base);
        EXPECT_NE("", base.error().message);
    }
}

// Fault case 83: a file that is cut anywhere is refused.
TEST(Database, CutAnywhere) {
    std::string whole = sample(6).write();
    for (size_t size = 0; size < whole.size(); size++) {
        EXPECT_FALSE(Database::parse(Bytes(whole).substr(0, size)))
            << size << " of " << whole.size();
    }
}

TEST(Database, DamagedTree) {
    std::string bytes = sample(6).write();
    bytes.replace(0, 6, 6, '\xff');  // a record that leads beyond the data
    auto base = Database::parse(bytes);
    ASSERT_FALSE(base);
    EXPECT_EQ(Errc::kCorrupt, base.error().code);
}

// Whatever happened to it: an error, or answers of two capital letters.
TEST(Database, DamagedAnywhere) {
    const std::string whole = sample(6).write();
    std::mt19937 random(7);
    int refused = 0;
    for (int round = 0; round < 4000; round++) {
        std::string bytes = whole;
        for (uint32_t n = random() % 4 + 1; n > 0; n--) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        auto base = Database::parse(bytes);
        refused += base ? 0 : 1;
        for (const char* address :
             {"192.0.2.1", "192.0.3.1", "198.51.100.7", "2001:db8::1"}) {
            if (base) {
                EXPECT_EQ(0u, base->lookup(bytes_of(address))
                                      .country.view().size() % 2);
            }
        }
    }
    EXPECT_GT(refused, 0);
}

// As the door keeps it: a bad successor leaves the old one in place.
TEST(Database, UnderWatch) {
    std::string path = testing::TempDir() + "/llm_geo_"
                       + std::to_string(getpid()) + ".mmdb";
    auto write = [&](const std::string& bytes) {
        FILE* file = fopen(path.c_str(), "wb");
        fwrite(bytes.data(), 1, bytes.size(), file);
        fclose(file);
    };
    write(sample(6).write());
    watch::Watched<Database> watched({path, Database::kMaxSize, 1},
                                     Database::parse);
    Now now{1000000000, read_clock().wall_ns + 3600000000000};
    ASSERT_TRUE(watched.open(now));
    write("no base");
    now.mono_ns += 1000000000;
    EXPECT_FALSE(watched.poll(now));
    ASSERT_TRUE(watched.take_error());
    EXPECT_EQ("DE/EU", where(*watched.value(), "192.0.2.1"));
    MmdbWriter other(4);
    other.add("192.0.2.0", 24, MmdbWriter::country("AT", "EU"));
    write(other.write());
    now.mono_ns += 1000000000;
    EXPECT_TRUE(watched.poll(now));
    EXPECT_EQ("AT/EU", where(*watched.value(), "192.0.2.1"));
    unlink(path.c_str());
}

}  // namespace
}  // namespace llm::geo
