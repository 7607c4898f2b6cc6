#include "src/base/process.hpp"

#include <cerrno>
#include <csignal>

namespace llm {

bool is_running(pid_t pid) {
    return kill(pid, 0) == 0 || errno != ESRCH;
}

}  // namespace llm
