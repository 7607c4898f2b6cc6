// Processes of this machine by their ids, which may be used again: who must be
// sure keeps more than the id.
//
// One system call; any thread.
#pragma once

#include <sys/types.h>

namespace llm {

constexpr int kPidBits = 22;  // Linux has no greater ids: PID_MAX_LIMIT

bool is_running(pid_t pid);

}  // namespace llm
