// An index and the store whose entries its vectors stand for: a vector goes
// when its entry goes, O(1), by the place that the entry keeps. What a death
// or a purge of all leaves behind is dropped when it is met.
//
// Locks: the store's shard, then the index's. Threads: any.
#pragma once

#include "src/cache/store.hpp"
#include "src/semantic/index.hpp"

namespace llm::semantic {

// Once in each process that uses both; they stay where they are as long as
// either is used.
void join(cache::Store& store, Index& index);

// Puts the vector in and its place into the entry. kDead: the entry went
// meanwhile, or its ttl_s is none. Precondition: the entry has no vector.
InsertResult insert_for_entry(cache::Store& store, Index& index,
                              const NewVector& vector, const Code& code,
                              Now now);

}  // namespace llm::semantic
