// The event loop of the mock upstream: one thread, epoll, connections with
// keep-alive and pipelining. Time is microseconds of the monotonic clock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "tests/mock/http.hpp"
#include "tests/mock/router.hpp"

namespace llm::mock {

class Server {
public:
    Server(Router& router, int listener);
    ~Server();

    bool start();
    // Until `stop` becomes non-zero (a signal handler's flag).
    void run(const volatile int& stop);

private:
    struct Connection;
    using Timers = std::multimap<std::uint64_t, std::uint64_t>;

    void accept_all();
    void turn(int timeout_ms);
    void handle(std::uint64_t id, std::uint32_t events);
    bool receive(Connection& connection);
    void proceed(Connection& connection);
    bool take_request(Connection& connection);
    bool pump(Connection& connection);
    bool flush(Connection& connection);
    bool conclude(Connection& connection);
    bool send_some(Connection& connection, std::size_t limit);
    void finish_log(Connection& connection, bool closed_early);
    void watch(Connection& connection);
    void arm(Connection& connection, std::uint64_t after_ms);
    void fire_timers();
    void close(Connection& connection, bool reset);
    int next_timeout() const;

    Router& router_;
    int listener_;
    int epoll_ = -1;
    std::uint64_t next_id_ = 1;
    std::uint64_t now_us_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>>
        connections_;
    Timers timers_;
};

// A listening socket on 127.0.0.1; `port` 0 is replaced by the one chosen.
// Answers -1 on failure, errno says why.
int listen_on(std::uint16_t& port, bool shared);

}  // namespace llm::mock
