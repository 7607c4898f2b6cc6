// The events by which a stream only says that an answer is going to come:
// response.created, response.queued, response.in_progress, message_start; of
// chat a delta of a role alone, and Azure's chunk without choices that tells of
// the prompt's filter. A provider that fails behind them has answered nothing.
//
// Pure; linear in the event.
#pragma once

#include "src/api/protocol.hpp"
#include "src/base/bytes.hpp"
#include "src/sse/parser.hpp"

namespace llm::api {

bool is_announcement(Endpoint endpoint, const sse::Event& event);

}  // namespace llm::api
