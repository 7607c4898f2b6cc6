// Parameters of a request that the operator sets: llm_set.
//
//   default   where the client says nothing (absent or null)
//   force     whatever the client says
//   cap       a number is lowered to it, and inserted where there is none
//
// All settings of one member are folded before a byte is written: defaults
// and forces in their order, caps after them, whatever the order.
//
// A member is named by a path of at most kMaxDepth names joined by dots:
// thinking.budget_tokens. An object on the way that is absent or null is made
// by default and force; there is nothing to cap in it. Names that differ from
// protocol to protocol mean what the request's own has:
//
//                    chat                   completions responses  messages
//   max_tokens       see below              max_tokens  max_output max_tokens
//                                                       _tokens
//   reasoning_effort reasoning_effort       -           reasoning  -
//                                                       .effort
// max_completion_tokens and max_output_tokens are other words for max_tokens,
// and reasoning.effort is one for reasoning_effort. A chat's limit is
// whichever of max_tokens and max_completion_tokens the client sent (both,
// when it sent both); when it sent none, max_completion_tokens for the models
// that take no other (o1, o3, gpt-5, …) and max_tokens, which every server
// knows, for the rest. Nothing is done where a protocol has no such member:
// not for those words, nor for temperature, top_p, service_tier, stop, seed,
// the penalties, dimensions and encoding_format. Every other name is set in
// whatever request comes.
//
// Below zero a limit of tokens means "no limit" to some servers: a cap
// replaces it.
//
// Sources: OpenAI API reference, Anthropic API reference.
// Threads: plain values and one Parameters a request.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/route/edits.hpp"

namespace llm::route {

enum class SetMode : uint8_t { kDefault, kCap, kForce };

// default, cap, force; nullopt for any other word.
std::optional<SetMode> set_mode_of(Bytes word);

// Where a parameter stands, as the operator wrote it.
struct ParameterPath {
    static constexpr size_t kMaxDepth = 4;
    static constexpr size_t kMaxSize = 128;  // as written

    std::vector<std::string> names;

    // One of the words for the limit of output tokens, or for the effort.
    bool is_limit() const;
    bool is_effort() const;
};

// Errc::kInvalid: no name, an empty one or one too many, a character that is
// not printable ASCII, or a member that is not for llm_set because other parts
// of the module answer for it: model, messages, system, instructions, prompt,
// input, tools, stream, stream_options.
Result<ParameterPath> parameter_path(Bytes text);

// One of the two lies in the other: together they are a mistake.
bool nested(const ParameterPath& a, const ParameterPath& b);

// The JSON text of a value as the operator writes it: true, false, null, a
// number or a string in quotes is itself, any other word a string. Errc::
// kInvalid: empty, an object or an array, not UTF-8, control characters, for
// a cap anything but a number.
Result<std::string> parameter_value(Bytes text, SetMode mode);

// Empty: `value`, JSON text out of parameter_value(), is one that `path` can
// have: a limit of tokens is a number or null, a cap on it a whole number from
// 1 on.
Result<void> check_value(const ParameterPath& path, Bytes value,
                         SetMode mode);

// One of OpenAI's, which refuse max_tokens and reason where nobody sees it: o1,
// o3-mini, gpt-5.1, …
bool is_reasoning_model(Bytes model);

// What the operator says of one request, folded.
class Parameters {
public:
    // `model` is the upstream's. All three must outlive the object.
    Parameters(const json::Document& doc, const api::Request& request,
               Bytes model)
        : doc_(doc), request_(request), model_(model) {}

    // `value` is JSON text out of parameter_value(); `path` must outlive the
    // object.
    void set(const ParameterPath& path, Bytes value, SetMode mode);

    // Writes what changes; may be called again after further set(). To
    // `effective` (if given) goes a text that tells any two outcomes apart,
    // one line a member that is as the operator says, whether that changes
    // the request or not.
    // Errc::kInvalid: the client's value has a wrong type; `why` says which.
    Result<void> write(Edits& edits, std::string* effective,
                       api::ApiError* why = nullptr);

    // After write(), once: no more output than so many tokens, whoever named
    // a limit; one is put in where nobody has.
    Result<void> cap_output(int64_t tokens, Edits& edits);

    // After write() with `effective`: the client's members of the root that
    // stand in it.
    std::span<const json::NodeId> replaced() const { return replaced_; }

    // After write(): the members of the root to which set() has given another
    // value, or a part of one, limits of tokens aside. Views of this object.
    std::vector<api::SetMember> set_members() const;

    // After write() and cap_output(): the limit of output tokens that the
    // upstream is told.
    std::optional<int64_t> output_limit() const;

private:
    using Path = std::vector<std::string>;

    // What a name means here: nothing, one member, or both limits of a chat.
    struct Targets {
        std::array<const Path*, 2> paths{};
        size_t count = 0;

        void add(const Path& path) { paths[count++] = &path; }
    };

    // One member and what becomes of it.
    struct Slot {
        const Path* path = nullptr;
        bool limit = false;        // of output tokens
        std::string value;         // by default or force; "" = none
        bool forced = false;
        std::string cap;           // "" = none
        // Where it stands: the innermost object that is there, how many of
        // the names lead to it, and the value or kNoNode.
        json::NodeId object = json::kNoNode;
        size_t depth = 0;
        json::NodeId own = json::kNoNode;
        std::string outcome;       // "" = as the client wrote it
        bool ours = false;         // the client wrote what the operator says
    };

    Targets targets_of(const ParameterPath& path) const;
    Targets limits() const;
    Slot& slot_of(const Path& path, bool limit);
    Result<void> find(Slot& slot, api::ApiError& why) const;
    Result<void> decide(Slot& slot, api::ApiError& why) const;
    static std::string text_of(std::span<const Slot* const> slots,
                               size_t depth);
    Result<void> put(std::span<const Slot* const> sorted, Edits& edits) const;
    void tell(std::string& effective);

    const json::Document& doc_;
    const api::Request& request_;
    Bytes model_;
    std::vector<Slot> slots_;
    std::vector<json::NodeId> replaced_;
    std::optional<int64_t> put_in_;  // by cap_output() where nobody named one
};

}  // namespace llm::route
