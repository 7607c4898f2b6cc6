// mock_upstream: an upstream that speaks OpenAI's and Anthropic's protocols
// deterministically and fails on request. See tests/mock/README.md.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/mock/server.hpp"

namespace {

volatile int stopped = 0;

void on_signal(int) { stopped = 1; }

struct Options {
    std::uint16_t port = 0;
    bool has_port = false;
    std::string log;
    int workers = 1;
    std::string knobs;
    bool record = true;
    bool with_parent = false;
};

int usage() {
    fputs("usage: mock_upstream --port P [--workers N] [--log FILE]\n"
          "           [--latency-ms N] [--gap-ms N] [--knobs k=v,...]\n"
          "           [--no-record] [--with-parent]\n",
          stderr);
    return 2;
}

bool number(const char* text, long most, long& value) {
    char* end = nullptr;
    value = strtol(text, &end, 10);
    return end != text && *end == '\0' && value >= 0 && value <= most;
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        std::string name = argv[i];
        long value = 0;
        if (name == "--no-record") {
            options.record = false;
            continue;
        }
        if (name == "--with-parent") {
            options.with_parent = true;
            continue;
        }
        if (++i >= argc) {
            return false;
        }
        if (name == "--log") {
            options.log = argv[i];
        } else if (name == "--knobs") {
            options.knobs += std::string(",") + argv[i];
        } else if (name == "--port" && number(argv[i], 65535, value)) {
            options.port = static_cast<std::uint16_t>(value);
            options.has_port = true;
        } else if (name == "--workers" && number(argv[i], 64, value)) {
            options.workers = value < 1 ? 1 : static_cast<int>(value);
        } else if (name == "--latency-ms" && number(argv[i], 86400000, value)) {
            options.knobs += ",delay=" + std::to_string(value);
        } else if (name == "--gap-ms" && number(argv[i], 86400000, value)) {
            options.knobs += ",gap=" + std::to_string(value);
        } else {
            return false;
        }
    }
    return options.has_port;
}

void handle_signals() {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

int serve(const Options& options, const llm::mock::Knobs& knobs, int listener) {
    llm::mock::Router router(knobs);
    router.log().record(options.record);
    if (!options.log.empty() && !router.log().open(options.log)) {
        perror(options.log.c_str());
        return 1;
    }
    llm::mock::Server server(router, listener);
    if (!server.start()) {
        perror("epoll");
        return 1;
    }
    server.run(stopped);
    return 0;
}

// The parent only waits; its workers end with it.
int serve_forked(const Options& options, const llm::mock::Knobs& knobs,
                 const std::vector<int>& listeners) {
    std::vector<pid_t> workers;
    for (int listener : listeners) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            for (int other : listeners) {
                if (other != listener) {
                    close(other);
                }
            }
            _exit(serve(options, knobs, listener));
        }
        workers.push_back(pid);
    }
    for (int listener : listeners) {
        close(listener);
    }
    while (stopped == 0) {
        pause();
    }
    for (pid_t pid : workers) {
        kill(pid, SIGTERM);
        waitpid(pid, nullptr, 0);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    llm::mock::Knobs knobs;
    if (!parse(argc, argv, options)) {
        return usage();
    }
    std::string wrong = knobs.apply(options.knobs);
    if (!wrong.empty()) {
        fprintf(stderr, "mock_upstream: unknown knob %s\n", wrong.c_str());
        return 2;
    }
    if (options.with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    }
    handle_signals();
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    std::vector<int> listeners;
    std::uint16_t port = options.port;
    for (int i = 0; i < options.workers; ++i) {
        int listener = llm::mock::listen_on(port, options.workers > 1);
        if (listener < 0) {
            fprintf(stderr, "mock_upstream: 127.0.0.1:%u: %s\n",
                    static_cast<unsigned>(port), strerror(errno));
            return 1;
        }
        listeners.push_back(listener);
    }
    printf("mock upstream on 127.0.0.1:%u\n", static_cast<unsigned>(port));
    fflush(stdout);
    return options.workers == 1 ? serve(options, knobs, listeners[0])
                                : serve_forked(options, knobs, listeners);
}
