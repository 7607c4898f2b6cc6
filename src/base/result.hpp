// Result<T>: a value or an Error, the return type of everything in src/ that
// can fail. Nothing in src/ throws on purpose; std::bad_alloc is left to the
// door, whose guard() turns it into one log line and a fixed code.
//
// Threads: a plain value, no sharing. Ownership: owns what it holds.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace llm {

// What kind of failure; the door maps it to a status, a reader to an action.
enum class Errc {
    kInvalid,      // the input is wrong: tell whoever wrote it
    kUnsupported,  // the input is right but not for us
    kTooLarge,     // a stated bound was passed
    kNotFound,     // absent, and absence is an error here
    kCorrupt,      // stored bytes fail their checks
    kNoSpace,      // bounded memory is used up
    kIo,           // the system refused; message holds the reason
    kIncomplete,   // more bytes are needed to decide
};

struct Error {
    Errc code = Errc::kInvalid;
    std::string message;  // what, where, what to do; never client text
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // Precondition: ok().
    T& value() & { return *std::get_if<0>(&state_); }
    const T& value() const& { return *std::get_if<0>(&state_); }
    T&& value() && { return std::move(*std::get_if<0>(&state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }

    // Precondition: !ok().
    const Error& error() const { return *std::get_if<1>(&state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), ok_(false) {}

    bool ok() const { return ok_; }
    explicit operator bool() const { return ok_; }
    const Error& error() const { return error_; }

private:
    Error error_;
    bool ok_ = true;
};

}  // namespace llm
