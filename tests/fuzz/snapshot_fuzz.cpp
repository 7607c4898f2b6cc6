// A ledger's snapshot and a time zone file, as a broken disk may hand them
// over. Of the snapshot: what is read is what was written, and a ledger
// takes it and stays sound. Each input is tried as it is, and once as the
// payload of a record whose frame is right.
#include <cstdint>
#include <memory>
#include <string>

#include "src/base/digest.hpp"
#include "src/limit/calendar.hpp"
#include "src/limit/snapshot.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::fuzz::check;
namespace limit = llm::limit;

struct alignas(64) Memory {
    char bytes[64 << 10];
};

void restore(const limit::Snapshot& snapshot) {
    static auto memory = std::make_unique<Memory>();
    auto ledger = limit::Ledger::attach(
        {memory->bytes, sizeof(Memory), true}, {64, 4, nullptr});
    check(ledger.ok(), "a ledger");
    llm::Now now{int64_t{1} << 50, int64_t{1} << 60};
    auto taken = ledger->restore(snapshot.keys, snapshot.accounts,
                                 snapshot.wall_ns, true, now);
    check(taken.ok() && *taken <= snapshot.accounts.size(), "restored");
    check(ledger->check().ok(), "sound");
}

void try_file(Bytes file) {
    auto read = limit::read_snapshot(file);
    if (!read.ok()) {
        return;
    }
    restore(*read);
    std::string again;
    limit::append_snapshot_head(again, read->wall_ns, read->keys, read->secret);
    limit::append_snapshot_accounts(again, read->accounts);
    auto second = limit::read_snapshot(again);
    check(second.ok() && second->accounts == read->accounts
              && second->ignored_bytes == 0,
          "written and read again");
}

void append_u32(std::string& out, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<char>(value >> shift & 0xff));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes input(reinterpret_cast<const char*>(data), size);
    try_file(input);
    std::string framed;
    limit::append_snapshot_head(framed, 1, {}, {});
    append_u32(framed, static_cast<uint32_t>(size));
    append_u32(framed, llm::crc32c(input));
    framed += input;
    try_file(framed);

    limit::parse_footer(input);
    auto zone = limit::TimeZone::parse(input);
    if (zone.ok()) {
        for (int64_t t : {INT64_MIN, int64_t{0}, int64_t{1800000000},
                          INT64_MAX}) {
            for (auto period : {limit::Period::kHour, limit::Period::kDay,
                                limit::Period::kMonth}) {
                limit::window_at(period, *zone, t);
            }
        }
    }
    return 0;
}
