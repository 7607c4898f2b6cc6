// Anthropic Messages: what its readers and writers share. A stream and a
// body of one answer hold the same members in different places:
//
//   body               stream                               Answer
//   id type role model message_start.message                id object
//                                                           role model
//   stop_reason        message_delta.delta                  finish_reason
//   stop_sequence,     message_delta.delta                  choice.extra
//   stop_details,
//   container
//   context_management message_delta                        choice
//   and such                                                .message_extra
//   anything else      message_start.message                extra
//   usage              both, the later value wins           usage_raw
//
// A member of a known name that is not a string of at least one byte is kept
// in the list of its column, so that null, "" and absent stay three things.
//
// Source: Anthropic API reference (messages, streaming messages) and the
// accumulators of the official clients.
#pragma once

#include <string>

#include "src/api/reader.hpp"
#include "src/json/document.hpp"

namespace llm::api::messages {

// Whose input comes in fragments of a stream and is an object in a body.
bool is_tool_use(Bytes type);

// Members that message_start alone reports and that are no extras.
bool is_start_member(Bytes key);

// Members that a block of this kind has fields for.
bool is_block_field(Block::Kind kind, Bytes key);

// Members of message_delta.delta and of message_delta itself.
bool is_delta_member(Bytes key);
bool is_event_member(Bytes key);

// Fills id, model, object, role, extras, stop_reason and usage_raw. Leaves
// content and Usage alone. `answer` has one choice.
void read_message(const json::Document& doc, json::NodeId message,
                  Answer& answer);

// One element of content[], or content_block of a content_block_start.
// `start`: the text members may be absent, the input is provisional.
Block read_block(const json::Document& doc, json::NodeId node, bool start);

// Takes a usage object over into Usage. `provisional`: message_start, whose
// output_tokens counts what was generated before the first event and is no
// result.
void merge_usage(const json::Document& doc, json::NodeId node,
                 bool provisional, Usage& usage);

// {"type":…,"message":…}, the value of "error".
ApiError read_error(const json::Document& doc, json::NodeId node);

}  // namespace llm::api::messages
