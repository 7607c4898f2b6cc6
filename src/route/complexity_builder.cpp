#include "src/route/complexity_builder.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace llm::route {
namespace {

constexpr uint8_t kCustom = static_cast<uint8_t>(Critical::kCustom);
constexpr Bytes kTaskPrefix = "task.";
constexpr Bytes kCriticalPrefix = "critical.";

Error invalid(std::string message) {
    return {Errc::kInvalid, std::move(message)};
}

bool is_name(Bytes name) {
    auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
               || c == '-';
    };
    return !name.empty() && name.size() <= ComplexityBuilder::kMaxName
           && std::all_of(name.begin(), name.end(), fits);
}

bool has_terms(size_t signal) {
    return signal >= kSignals
           || (signal >= static_cast<size_t>(Signal::kReasoning)
               && signal <= static_cast<size_t>(Signal::kDepth));
}

bool starts_with(Bytes text, Bytes prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

bool is_built_in_section(Bytes section) {
    if (starts_with(section, kTaskPrefix)) {
        return task_of(section.substr(kTaskPrefix.size())).has_value();
    }
    if (starts_with(section, kCriticalPrefix)) {
        return critical_of(section.substr(kCriticalPrefix.size()))
            .has_value();
    }
    auto signal = signal_of(section);
    return signal && has_terms(static_cast<size_t>(*signal));
}

}  // namespace

ComplexityBuilder::ComplexityBuilder() {
    for (size_t i = 0; i < kSignals; i++) {
        names_.emplace_back(name_of(static_cast<Signal>(i)));
        weights_[i] = default_weight(static_cast<Signal>(i));
    }
}

Result<size_t> ComplexityBuilder::signal(Bytes name) {
    auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) {
        return static_cast<size_t>(found - names_.begin());
    }
    if (!is_name(name)) {
        return invalid("the name of a signal is made of a-z, 0-9, _ and -, "
                       "at most "
                       + std::to_string(kMaxName));
    }
    if (names_.size() == kMaxSignals) {
        return invalid("more than " + std::to_string(kMaxSignals - kSignals)
                       + " signals beside the built-in ones");
    }
    names_.emplace_back(name);
    return names_.size() - 1;
}

Result<void> ComplexityBuilder::set_weight(size_t signal, int thousandths) {
    if (thousandths < 0 || thousandths > kFull) {
        return invalid("a weight is a number from 0 to 1");
    }
    weights_[signal] = thousandths;
    return {};
}

Result<void> ComplexityBuilder::check_terms(size_t signal) const {
    if (has_terms(signal)) {
        return {};
    }
    return invalid("the signal \"" + names_[signal]
                   + "\" is measured, it has no terms; only its weight can "
                     "be set");
}

Result<void> ComplexityBuilder::replace_terms(size_t signal) {
    auto done = check_terms(signal);
    replaced_[signal] = done.ok();
    return done;
}

std::vector<ComplexityBuilder::Own>& ComplexityBuilder::own_of(
    Complexity::Voice voice) {
    return voice.kind == Complexity::Voice::kCritical ? own_criticals_
                                                      : own_signals_;
}

Result<void> ComplexityBuilder::add_one(Bytes pattern,
                                        Complexity::Voice voice) {
    std::vector<Own>& own = own_of(voice);
    if (own.size() == WordList::kMaxTerms) {
        return Error{Errc::kTooLarge,
                     "more than " + std::to_string(WordList::kMaxTerms)
                         + " terms"};
    }
    auto term = WordList::fold_term(pattern);
    if (!term) {
        return term.error();
    }
    own.push_back({{"", voice.strength, std::move(term.value())}, voice});
    return {};
}

Result<void> ComplexityBuilder::add_entries(Bytes file, Bytes bytes,
                                            Complexity::Voice voice) {
    auto entries = WordList::parse(file, bytes, nullptr);
    if (!entries) {
        return entries.error();
    }
    if (entries->empty()) {
        return invalid(std::string(file) + ": no terms in it");
    }
    std::vector<Own>& own = own_of(voice);
    if (own.size() + entries->size() > WordList::kMaxTerms) {
        return Error{Errc::kTooLarge,
                     std::string(file) + ": more than "
                         + std::to_string(WordList::kMaxTerms)
                         + " terms in all"};
    }
    for (WordListEntry& entry : entries.value()) {
        voice.strength = static_cast<int16_t>(entry.strength);
        own.push_back({std::move(entry), voice});
    }
    return {};
}

Result<void> ComplexityBuilder::add_pattern(size_t signal, Bytes pattern) {
    auto done = check_terms(signal);
    if (done) {
        done = add_one(pattern, {Complexity::Voice::kSignal,
                                 static_cast<uint8_t>(signal), kFull});
    }
    has_own_[signal] = has_own_[signal] || done.ok();
    return done;
}

Result<void> ComplexityBuilder::add_file(size_t signal, Bytes name,
                                         Bytes bytes) {
    auto done = check_terms(signal);
    if (done) {
        done = add_entries(name, bytes,
                           {Complexity::Voice::kSignal,
                            static_cast<uint8_t>(signal), kFull});
    }
    has_own_[signal] = has_own_[signal] || done.ok();
    return done;
}

void ComplexityBuilder::add_critical(Critical built_in) {
    criticals_.set(static_cast<size_t>(built_in));
}

Result<void> ComplexityBuilder::add_critical_pattern(Bytes pattern) {
    criticals_.set(kCustom);
    return add_one(pattern, {Complexity::Voice::kCritical, kCustom, kFull});
}

Result<void> ComplexityBuilder::add_critical_file(Bytes name, Bytes bytes) {
    criticals_.set(kCustom);
    return add_entries(name, bytes,
                       {Complexity::Voice::kCritical, kCustom, kFull});
}

Result<void> ComplexityBuilder::set_thresholds(
    const Thresholds& thresholds) {
    if (thresholds.medium < 1 || thresholds.complex <= thresholds.medium
        || thresholds.specialized <= thresholds.complex
        || thresholds.specialized > kFull) {
        return invalid(
            "levels are three rising numbers above 0 and up to 1, e.g. "
            "0.3 0.6 0.8");
    }
    thresholds_ = thresholds;
    return {};
}

void ComplexityBuilder::take_signals(const ComplexityBuilder& from) {
    names_ = from.names_;
    weights_ = from.weights_;
    replaced_ = from.replaced_;
    has_own_ = from.has_own_;
    own_signals_ = from.own_signals_;
}

void ComplexityBuilder::take_criticals(const ComplexityBuilder& from) {
    criticals_ = from.criticals_;
    own_criticals_ = from.own_criticals_;
}

void ComplexityBuilder::take_thresholds(const ComplexityBuilder& from) {
    thresholds_ = from.thresholds_;
}

// Whether a term of the built-in lists speaks here, and for what.
std::optional<Complexity::Voice> ComplexityBuilder::voice_of(
    const WordListEntry& entry) const {
    Complexity::Voice voice{Complexity::Voice::kSignal, 0,
                            static_cast<int16_t>(entry.strength)};
    Bytes section = entry.section;
    if (starts_with(section, kTaskPrefix)) {
        voice.kind = Complexity::Voice::kTask;
        voice.index = static_cast<uint8_t>(
            *task_of(section.substr(kTaskPrefix.size())));
        return voice;
    }
    if (starts_with(section, kCriticalPrefix)) {
        voice.kind = Complexity::Voice::kCritical;
        voice.index = static_cast<uint8_t>(
            *critical_of(section.substr(kCriticalPrefix.size())));
        return criticals_[voice.index] ? std::optional(voice) : std::nullopt;
    }
    voice.index = static_cast<uint8_t>(*signal_of(section));
    return replaced_[voice.index] ? std::nullopt : std::optional(voice);
}

Result<void> ComplexityBuilder::check() const {
    bool any = criticals_.any();
    for (size_t i = 0; i < names_.size(); i++) {
        any = any || weights_[i] > 0;
        if (i >= kSignals && !has_own_[i]) {
            return invalid("the signal \"" + names_[i]
                           + "\" is new and has neither a pattern nor a file");
        }
        if (i >= kSignals && weights_[i] == 0) {
            return invalid("the signal \"" + names_[i]
                           + "\" is new and has no weight, so that it counts "
                             "for nothing: weight=0.2, say");
        }
        if (replaced_[i] && !has_own_[i]) {
            return invalid("the terms of the signal \"" + names_[i]
                           + "\" are replaced by none");
        }
    }
    if (!any) {
        return invalid("every signal has the weight 0: all requests would be "
                       "simple");
    }
    return {};
}

Result<std::shared_ptr<const Complexity>> ComplexityBuilder::build() const {
    if (auto fine = check(); !fine) {
        return fine.error();
    }
    std::shared_ptr<Complexity> made(new Complexity());
    made->weights_ = weights_;
    made->signals_ = names_.size();
    made->thresholds_ = thresholds_;
    std::vector<WordTrie::Term> terms;
    // A term that stands in several lists speaks once, at its loudest.
    std::map<std::tuple<std::string, int, int>, uint32_t> known;
    auto add = [&](const std::string& term, Complexity::Voice voice) {
        auto next = static_cast<uint32_t>(made->voices_.size());
        auto [at, fresh] =
            known.try_emplace({term, voice.kind, voice.index}, next);
        if (!fresh) {
            int16_t& strength = made->voices_[at->second].strength;
            strength = std::max(strength, voice.strength);
            return;
        }
        terms.push_back({term, next});
        made->voices_.push_back(voice);
    };
    for (const BuiltInList& list : built_in_lists()) {
        auto entries =
            WordList::parse(list.file, list.text, is_built_in_section);
        if (!entries) {
            return entries.error();
        }
        for (const WordListEntry& entry : entries.value()) {
            if (auto voice = voice_of(entry)) {
                add(entry.term, *voice);
            }
        }
    }
    for (const auto* list : {&own_signals_, &own_criticals_}) {
        for (const Own& own : *list) {
            add(own.entry.term, own.voice);
        }
    }
    made->trie_ = WordTrie::build(std::move(terms));
    return std::shared_ptr<const Complexity>(std::move(made));
}

Result<int> parse_thousandths(Bytes text) {
    Error wrong = invalid("a number from 0 to 1 with at most three decimals");
    size_t dot = text.find('.');
    Bytes whole = text.substr(0, dot);
    Bytes part = dot == Bytes::npos ? Bytes() : text.substr(dot + 1);
    uint64_t value = 0;
    uint64_t decimals = 0;
    if ((whole.empty() && part.empty()) || part.size() > 3
        || (dot != Bytes::npos && part.empty()) || whole.size() > 4
        || (!whole.empty() && !parse_decimal(whole, value))
        || (!part.empty() && !parse_decimal(part, decimals))) {
        return wrong;
    }
    for (size_t i = part.size(); i < 3; i++) {
        decimals *= 10;
    }
    value = value * 1000 + decimals;
    if (value > 1000) {
        return wrong;
    }
    return static_cast<int>(value);
}

}  // namespace llm::route
