// Each protocol's half of reader.hpp, one file a protocol; reader.cpp
// dispatches to them. Contracts as in reader.hpp.
#pragma once

#include <memory>
#include <string>

#include "src/api/reader.hpp"

namespace llm::api {

// chat.cpp
Result<Answer> read_json_chat(Bytes body);
std::unique_ptr<StreamReader> make_chat_reader(size_t max_bytes);
void write_json_chat(const Answer& answer, std::string& out);
void write_sse_chat(const Answer& answer, const StreamOptions& options,
                    std::string& out);

// completions.cpp
Result<Answer> read_json_completions(Bytes body);
std::unique_ptr<StreamReader> make_completions_reader(size_t max_bytes);
void write_json_completions(const Answer& answer, std::string& out);
void write_sse_completions(const Answer& answer, const StreamOptions& options,
                           std::string& out);

// embeddings.cpp: no stream
Result<Answer> read_json_embeddings(Bytes body);
void write_json_embeddings(const Answer& answer, std::string& out);

// responses.cpp
Result<Answer> read_json_responses(Bytes body);
std::unique_ptr<StreamReader> make_responses_reader(size_t max_bytes);
void write_json_responses(const Answer& answer, std::string& out);
void write_sse_responses(const Answer& answer, const StreamOptions& options,
                         std::string& out);

// messages.cpp
Result<Answer> read_json_messages(Bytes body);
std::unique_ptr<StreamReader> make_messages_reader(size_t max_bytes);
void write_json_messages(const Answer& answer, std::string& out);
void write_sse_messages(const Answer& answer, const StreamOptions& options,
                        std::string& out);

}  // namespace llm::api
