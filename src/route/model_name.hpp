// The model's name in the bytes: in a request on its way upstream, in an
// answer on its way to the client. Nothing but the name changes.
//
// Where an answer says who made it:
//   a whole body, every protocol          model
//   events of chat and completions        model
//   events of responses                   response.model
//   events of messages                    message.model (message_start)
//
// An answer that is no JSON, says no model or says another thing than a
// string there passes as it is.
//
// Ownership: results are copies or views of the caller's bytes. One
// AnswerModel a stream, one thread.
#pragma once

#include <optional>
#include <string>

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/route/edits.hpp"
#include "src/sse/parser.hpp"

namespace llm::route {

// What can be a model's name: what a client may send too, 1 to
// Request::kMaxModel bytes of UTF-8 without control characters.
bool is_model_name(Bytes name);

// The request asks for `model` (is_model_name): the value is replaced, or
// inserted where there is none. A request for a stored prompt without a model
// keeps what the prompt says. The same name changes no byte.
// Errc::kInvalid: what stands there is no string; `why` is for the client.
Result<void> set_model(const json::Document& doc, const api::Request& request,
                       Bytes model, Edits& edits,
                       api::ApiError* why = nullptr);

// Gives an answer the name that the client asked for.
class AnswerModel {
public:
    AnswerModel(api::Endpoint endpoint, Bytes name);

    // A whole body: one splice, or none.
    struct Splice {
        size_t offset = 0;
        size_t remove = 0;
        Bytes insert;  // lives as long as this AnswerModel
    };
    std::optional<Splice> in_body(Bytes body);

    // The same of one event's data.
    std::optional<Splice> in_data(Bytes data);

    // One event of the stream as it goes out, fields, comments and blank line
    // included; nullopt: as it came. The view lives until the next call.
    std::optional<Bytes> in_event(const sse::Event& event);

private:
    std::optional<Splice> find(Bytes text, Bytes parent);

    Bytes parent_;         // the member of an event that holds `model`
    std::string value_;    // the name as a JSON string
    std::string before_;   // the last event's data up to and with the name
    size_t name_size_ = 0;  // of the name's JSON string at its end
    json::Document doc_;
    std::string loose_;  // of api::read_event_json()
    std::string out_;
};

}  // namespace llm::route
