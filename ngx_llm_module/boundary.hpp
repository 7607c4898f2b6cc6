// What every callback of the door needs: views over nginx strings and the
// guard that keeps C++ exceptions out of nginx's frames.
#pragma once

#include <algorithm>
#include <exception>

#include "ngx_llm_module/ngx.hpp"
#include "src/base/bytes.hpp"
#include "src/base/clock.hpp"

namespace llm::door {

inline Bytes view(const ngx_str_t& s) {
    return {reinterpret_cast<const char*>(s.data), s.len};
}

// A literal or otherwise immortal text as nginx's type. nginx does not write
// through it.
inline ngx_str_t immortal(Bytes s) {
    return {s.size(), reinterpret_cast<u_char*>(const_cast<char*>(s.data()))};
}

// A copy in the pool; data is nullptr when memory is out.
inline ngx_str_t copy_to(ngx_pool_t* pool, Bytes s) {
    auto data = static_cast<u_char*>(ngx_pnalloc(pool, s.size() + 1));
    if (data == nullptr) {
        return {0, nullptr};
    }
    *std::copy(s.begin(), s.end(), data) = '\0';
    return {s.size(), data};
}

// The time, of the event loop's thread alone. The calendar is looked at once
// a second of nginx's own clock, intervals are measured from there: one
// reading of a clock instead of two.
inline Now now() {
    static time_t second = -1;
    static int64_t between = 0;
    if (second != ngx_time()) {
        second = ngx_time();
        Now both = read_clock();
        between = both.wall_ns - both.mono_ns;
        return both;
    }
    int64_t mono_ns = read_clock_ns(CLOCK_MONOTONIC);
    return {mono_ns, mono_ns + between};
}

// Runs `body`; an exception becomes one log line and `fallback`.
template <typename R, typename F>
R guard(ngx_log_t* log, R fallback, F&& body) noexcept {
    try {
        return body();
    } catch (const std::exception& e) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: unexpected failure: %s",
                      e.what());
    } catch (...) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: unexpected failure");
    }
    return fallback;
}

template <typename F>
void guard(ngx_log_t* log, F&& body) noexcept {
    guard(log, 0, [&] {
        body();
        return 0;
    });
}

}  // namespace llm::door
