#include "tests/mock/server.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace llm::mock {

namespace {

constexpr std::size_t kReadSize = 65536;
constexpr std::size_t kMaxAhead = 1U << 20;  // pipelined bytes held back
constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kMaxWaitMs = 86400000;
constexpr int kIdleMs = 1000;  // bounds the race of a signal with the wait

std::uint64_t monotonic_us() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000
           + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

struct Server::Connection {
    std::uint64_t id = 0;
    int fd = -1;
    RequestReader reader;
    Exchange exchange;  // producer set: an answer is under way
    std::string out;
    std::size_t out_at = 0;
    std::uint64_t sent = 0;  // of this answer
    std::uint32_t watched = 0;
    bool blocked = false;    // the socket takes no more
    bool eof = false;
    bool timed = false;
    bool holding = false;
    Producer::Next last = Producer::Next::kMore;
    Timers::iterator timer;
};

int listen_on(std::uint16_t& port, bool shared) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd, generic, size) != 0 || listen(fd, 4096) != 0
        || getsockname(fd, generic, &size) != 0) {
        int error = errno;
        ::close(fd);
        errno = error;
        return -1;
    }
    port = ntohs(address.sin_port);
    return fd;
}

Server::Server(Router& router, int listener)
    : router_(router), listener_(listener) {}

Server::~Server() {
    while (!connections_.empty()) {
        close(*connections_.begin()->second, false);
    }
    if (epoll_ >= 0) {
        ::close(epoll_);
    }
}

bool Server::start() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kListener;
    return epoll_ >= 0
           && epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) == 0;
}

void Server::run(const volatile int& stop) {
    while (stop == 0) {
        now_us_ = monotonic_us();
        turn(next_timeout());
        now_us_ = monotonic_us();
        fire_timers();
    }
}

int Server::next_timeout() const {
    if (timers_.empty()) {
        return kIdleMs;
    }
    std::uint64_t due = timers_.begin()->first;
    std::uint64_t left = due <= now_us_ ? 0 : (due - now_us_ + 999) / 1000;
    return static_cast<int>(std::min<std::uint64_t>(left, kIdleMs));
}

void Server::turn(int timeout_ms) {
    epoll_event events[256];
    int count = epoll_wait(epoll_, events, 256, timeout_ms);
    now_us_ = monotonic_us();
    for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == kListener) {
            accept_all();
        } else {
            handle(events[i].data.u64, events[i].events);
        }
    }
}

void Server::accept_all() {
    for (;;) {
        int fd = accept4(listener_, nullptr, nullptr,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        auto connection = std::make_unique<Connection>();
        connection->id = next_id_++;
        connection->fd = fd;
        connection->watched = EPOLLIN;
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = connection->id;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            ::close(fd);
            continue;
        }
        connections_.emplace(connection->id, std::move(connection));
    }
}

void Server::handle(std::uint64_t id, std::uint32_t events) {
    auto found = connections_.find(id);
    if (found == connections_.end()) {
        return;
    }
    Connection& connection = *found->second;
    if ((events & EPOLLOUT) != 0) {
        connection.blocked = false;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0
        && !receive(connection)) {
        finish_log(connection, true);
        close(connection, false);
        return;
    }
    proceed(connection);
}

// Reads what is there, a bounded amount. False: the peer is gone.
bool Server::receive(Connection& connection) {
    char buffer[kReadSize];
    for (int round = 0; round < 4; ++round) {
        ssize_t got = recv(connection.fd, buffer, sizeof(buffer), 0);
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (got == 0) {
            connection.eof = true;
            return true;
        }
        connection.reader.add(buffer, static_cast<std::size_t>(got));
        if (static_cast<std::size_t>(got) < sizeof(buffer)
            || (connection.exchange.producer
                && connection.reader.buffered() > kMaxAhead)) {
            return true;
        }
    }
    return true;
}

// Answers as many requests as can be answered now.
void Server::proceed(Connection& connection) {
    for (;;) {
        if (connection.exchange.producer) {
            if (!pump(connection)) {
                return;  // closed
            }
            if (connection.exchange.producer) {
                break;  // waits for time or the socket
            }
        } else if (!take_request(connection)) {
            break;
        }
    }
    // An end of file under an answer means that the client has gone; else
    // nothing more will come.
    if (connection.eof) {
        finish_log(connection, true);
        close(connection, false);
        return;
    }
    watch(connection);
}

bool Server::take_request(Connection& connection) {
    using State = RequestReader::State;
    State state = connection.reader.read();
    if (state == State::kContinue) {
        connection.out += "HTTP/1.1 100 Continue\r\n\r\n";
        flush(connection);
        state = connection.reader.read();
    }
    if (state == State::kReady) {
        connection.exchange =
            router_.answer(connection.reader.request(), connection.id);
        connection.reader.next();
    } else if (state == State::kBad) {
        connection.exchange = router_.refuse(connection.reader.status(),
                                             connection.reader.reason());
    } else {
        return false;
    }
    connection.sent = 0;
    connection.holding = false;
    connection.last = Producer::Next::kMore;
    return true;
}

// Sends and produces until the answer ends or must wait. False: closed.
bool Server::pump(Connection& connection) {
    using Next = Producer::Next;
    while (!connection.blocked && !connection.timed) {
        if (connection.out_at < connection.out.size()) {
            if (!flush(connection)) {
                finish_log(connection, true);
                close(connection, false);
                return false;
            }
            continue;
        }
        if (connection.last == Next::kWait) {
            connection.last = Next::kMore;
            arm(connection, connection.exchange.producer->wait_ms());
        } else if (connection.last == Next::kMore) {
            connection.last =
                connection.exchange.producer->next(connection.out);
        } else if (connection.last == Next::kHold) {
            return true;
        } else {
            return conclude(connection);
        }
    }
    return true;
}

bool Server::conclude(Connection& connection) {
    bool keep = connection.last == Producer::Next::kEnd;
    bool reset = connection.last == Producer::Next::kReset;
    finish_log(connection, false);
    connection.exchange.producer.reset();
    if (!keep) {
        close(connection, reset);
    }
    return keep;
}

bool Server::flush(Connection& connection) {
    const auto& producer = connection.exchange.producer;
    std::uint64_t split = producer ? producer->split() : 0;
    std::size_t left = connection.out.size() - connection.out_at;
    if (!send_some(connection, split == 0
                                   ? left
                                   : std::min<std::uint64_t>(split, left))) {
        return false;
    }
    if (connection.out_at == connection.out.size()) {
        connection.out.clear();
        connection.out_at = 0;
        if (connection.out.capacity() > kMaxAhead) {
            connection.out.shrink_to_fit();
        }
    }
    if (split > 0 && !connection.blocked) {
        arm(connection, producer->pause_ms());
    }
    return true;
}

bool Server::send_some(Connection& connection, std::size_t limit) {
    ssize_t count = send(connection.fd,
                         connection.out.data() + connection.out_at, limit,
                         MSG_NOSIGNAL);
    if (count < 0) {
        connection.blocked = errno == EAGAIN;
        return errno == EAGAIN || errno == EINTR;
    }
    connection.out_at += static_cast<std::size_t>(count);
    connection.sent += static_cast<std::uint64_t>(count);
    connection.blocked = static_cast<std::size_t>(count) < limit;
    return true;
}

void Server::finish_log(Connection& connection, bool closed_early) {
    const Exchange& exchange = connection.exchange;
    if (exchange.producer && exchange.logged) {
        router_.log().end(exchange.log_id, exchange.producer->status(),
                          connection.sent, closed_early);
    }
}

void Server::watch(Connection& connection) {
    bool full = connection.exchange.producer
                && connection.reader.buffered() > kMaxAhead;
    std::uint32_t wanted =
        (full ? static_cast<std::uint32_t>(EPOLLRDHUP)
              : static_cast<std::uint32_t>(EPOLLIN))
        | (connection.blocked ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    if (wanted == connection.watched) {
        return;
    }
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = connection.id;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    connection.watched = wanted;
}

void Server::arm(Connection& connection, std::uint64_t after_ms) {
    std::uint64_t after_us = std::min(after_ms, kMaxWaitMs) * 1000;
    connection.timer = timers_.emplace(now_us_ + after_us, connection.id);
    connection.timed = true;
}

// Only the timers due at the start: one that is armed again for "now" waits
// for the next turn, so that every connection gets its share.
void Server::fire_timers() {
    std::size_t due = 0;
    for (auto at = timers_.begin();
         at != timers_.end() && at->first <= now_us_; ++at) {
        ++due;
    }
    for (; due > 0 && !timers_.empty(); --due) {
        auto at = timers_.begin();
        if (at->first > now_us_) {
            return;
        }
        Connection& connection = *connections_.at(at->second);
        timers_.erase(at);
        connection.timed = false;
        proceed(connection);
    }
}

void Server::close(Connection& connection, bool reset) {
    if (connection.timed) {
        timers_.erase(connection.timer);
    }
    if (reset) {
        linger abort{1, 0};
        setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &abort,
                   sizeof(abort));
    } else {
        shutdown(connection.fd, SHUT_WR);
    }
    ::close(connection.fd);
    connections_.erase(connection.id);
}

}  // namespace llm::mock
