// Database: a MaxMind DB file that says where addresses are.
//
// Format: MaxMind DB 2.0 (https://maxmind.github.io/MaxMind-DB/), read by
// libmaxminddb. Records as in GeoLite2 and GeoIP2 Country and City and DB-IP
// Lite: country.iso_code, else registered_country.iso_code, and
// continent.code; or flat, as IPinfo's: country_code or country, and
// continent_code or continent, of two letters.
//
// The bytes are copied into memory of our own (memfd_create(2)) and mapped
// from there: libmaxminddb maps whatever it opens, and a file that is cut
// short while it is mapped kills the process with SIGBUS. What is opened
// before fork() is shared with the children; what a worker opens later is
// that worker's own.
//
// parse() walks the whole search tree, so a file that is cut, or damaged in
// the tree, is refused. Damage in a record shows when that record is met:
// it says nothing.
//
// Threads: immutable; lookup() from any. Ownership: owns its memory; the
// bytes handed to parse() are not needed afterwards.
#pragma once

#include <memory>

#include "src/base/result.hpp"
#include "src/geo/location.hpp"

struct MMDB_s;

namespace llm::geo {

class Database {
public:
    // A GeoIP2 City base has 120 MB; node_count() is 32 bits anyway.
    static constexpr size_t kMaxSize = size_t{512} << 20;

    // kCorrupt: no MaxMind DB, or a damaged one. kUnsupported: whole, but it
    // says nothing about countries (an ASN base). kIo: no memory for it.
    static Result<Database> parse(Bytes content);

    // `address`: 4 or 16 bytes in network order, as in sin_addr and
    // sin6_addr; an IPv4 address inside IPv6 (::ffff:0:0/96) is taken as the
    // IPv4 address. Anything else, an unknown address, and IPv6 in a base of
    // IPv4 alone: an empty Location.
    Location lookup(Bytes address) const;

    // The file's own words and the seconds since 1970 when it was made.
    Bytes type() const;
    uint64_t build_epoch() const;

private:
    struct Close {
        void operator()(MMDB_s* base) const;
    };
    using Base = std::unique_ptr<MMDB_s, Close>;

    explicit Database(Base base) : base_(std::move(base)) {}

    Base base_;
};

}  // namespace llm::geo
