// The operator's own words to the model: llm_system.
//
//   prepend, append   beside what the client says, a blank line between
//   replace           instead of it: every system text of the client goes
//
// Where the words go:
//   chat       the messages of role system or developer that stand at the
//              start: before the first one's content, behind the last one's;
//              none there: a message of role system is put in front
//   responses  `instructions`
//   messages   `system`; to an array of blocks a block is added, the client's
//              (with their cache_control) stay as they are
//   completions, embeddings   have no such place: nothing is done
// replace also takes out the messages or input items of role system or
// developer, wherever they stand.
//
// Ownership: a SystemText owns its text and is read-only once made. Threads:
// plain functions and values.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/route/edits.hpp"

namespace llm::route {

enum class SystemMode : uint8_t { kPrepend, kAppend, kReplace };

// prepend, append, replace; nullopt for any other word.
std::optional<SystemMode> system_mode_of(Bytes word);

struct SystemText {
    static constexpr size_t kMaxSize = size_t{1} << 20;

    SystemMode mode = SystemMode::kPrepend;
    std::string content;  // as the inside of a JSON string, escaped
    std::string digest;   // SHA-256 of the text, hexadecimal

    // What metrics and logs call this text: 8 hexadecimal digits.
    Bytes version() const { return Bytes(digest).substr(0, 8); }
};

// From a file's bytes; a BOM and the line ends at its end are not part of the
// text. Errc::kInvalid: not UTF-8, a NUL, nothing in it. Errc::kTooLarge: more
// than kMaxSize.
Result<SystemText> system_text(SystemMode mode, Bytes file);

// Applies the texts in their order. To `effective` (if given) goes a text that
// tells any two outcomes apart; nothing where nothing is done. Returns the
// JSON string that now stands for the whole of `system` (messages), "" where
// something of the client's is still in it.
// Errc::kInvalid: the client's value has a wrong type; `why` says which.
Result<std::string> apply_system(const json::Document& doc,
                                 const api::Request& request,
                                 std::span<const SystemText* const> texts,
                                 Edits& edits, std::string* effective,
                                 api::ApiError* why = nullptr);

}  // namespace llm::route
