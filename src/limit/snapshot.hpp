// Snapshot: the ledger's accounts as bytes, for a restart. Pure functions;
// whoever calls them reads and writes the file.
//
// Form: records, each
//     length u32 | CRC-32C of the payload u32 | payload
// little endian, the payload MessagePack (https://msgpack.org). First one
// head: ["llm-ledger", 2, wall_ns, high k0, high k1, low k0, low k1, and the
// secret that names tenants as four words], then one for each account: [kind,
// key high, key low, level, fraction, held, rate units, rate period_ns, window
// start_s, window end_s, crossed].
//
// A record that is cut short, fails its CRC or is not of this form is ignored
// up to the next good one, so damage costs the accounts that it hit and no
// others. kCorrupt when the head is not good, kUnsupported when it is of
// another version: then one starts empty.
//
// The keys are secret to the same degree as the zone; the file's mode is the
// caller's business.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/base/digest.hpp"
#include "src/limit/ledger.hpp"

namespace llm::limit {

struct Snapshot {
    static constexpr size_t kMaxAccounts = size_t{1} << 24;

    int64_t wall_ns = 0;  // when it was made
    LedgerKeys keys;
    Digest secret;
    std::vector<SavedAccount> accounts;
    size_t ignored_bytes = 0;  // read_snapshot: of bad records
};

// Both append, so that a large ledger is written piece by piece.
void append_snapshot_head(std::string& out, int64_t wall_ns,
                          const LedgerKeys& keys, const Digest& secret);
void append_snapshot_accounts(std::string& out,
                              std::span<const SavedAccount> accounts);

Result<Snapshot> read_snapshot(Bytes file);

}  // namespace llm::limit
