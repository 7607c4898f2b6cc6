// ComplexityBuilder: collects the operator's rules and makes a Complexity.
//
// Starts with the built-in word lists and weights, without critical classes.
// Every call judges its words at once: Errc::kInvalid says what is wrong and
// names file and line where a file is read. build() may be called more than
// once; the builder is a plain value that can be copied, one thread.
//
// The form of a file and of a term: word_list.hpp. In a file for one signal
// or class, terms need no section; `[0.4]` sets the strength of those below.
#pragma once

#include <array>
#include <bitset>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.hpp"
#include "src/route/complexity.hpp"
#include "src/route/word_list.hpp"

namespace llm::route {

class ComplexityBuilder {
public:
    static constexpr size_t kMaxFile = size_t{4} << 20;
    static constexpr size_t kMaxName = 32;

    ComplexityBuilder();

    // The signal of this name, made when it is new (then with weight 0): an
    // index for the calls below. A name is a-z 0-9 _ -, at most kMaxName.
    Result<size_t> signal(Bytes name);
    Result<void> set_weight(size_t signal, int thousandths);  // 0 to 1000
    // Forgets the built-in terms of the signal. Only of one with terms.
    Result<void> replace_terms(size_t signal);
    Result<void> add_pattern(size_t signal, Bytes pattern);
    // `name` is the file's, for messages; `bytes` its content.
    Result<void> add_file(size_t signal, Bytes name, Bytes bytes);

    void add_critical(Critical built_in);
    Result<void> add_critical_pattern(Bytes pattern);
    Result<void> add_critical_file(Bytes name, Bytes bytes);

    // Rising, each from 1 to 1000.
    Result<void> set_thresholds(const Thresholds& thresholds);

    // Instead of its own: the signals, critical classes and patterns, or
    // thresholds of another one, for levels that inherit.
    void take_signals(const ComplexityBuilder& from);
    void take_criticals(const ComplexityBuilder& from);
    void take_thresholds(const ComplexityBuilder& from);

    // Errc::kInvalid when every weight is zero and nothing is critical, or
    // when a signal of the operator has no terms.
    Result<std::shared_ptr<const Complexity>> build() const;

private:
    struct Own {
        WordListEntry entry;
        Complexity::Voice voice;
    };

    Result<void> check_terms(size_t signal) const;
    Result<void> check() const;
    std::optional<Complexity::Voice> voice_of(
        const WordListEntry& entry) const;
    Result<void> add_entries(Bytes file, Bytes bytes,
                             Complexity::Voice voice);
    std::vector<Own>& own_of(Complexity::Voice voice);
    Result<void> add_one(Bytes pattern, Complexity::Voice voice);

    std::vector<std::string> names_;  // of signals; built-in ones first
    SignalValues weights_{};
    std::array<bool, kMaxSignals> replaced_{};
    std::array<bool, kMaxSignals> has_own_{};
    std::bitset<kCriticals> criticals_;
    std::vector<Own> own_signals_;
    std::vector<Own> own_criticals_;
    Thresholds thresholds_;
};

// "0.25", "1", ".5" as thousandths, 0 to 1000; at most three decimals.
Result<int> parse_thousandths(Bytes text);

}  // namespace llm::route
