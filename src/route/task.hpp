// Task: what kind of work a request asks for, the value of $llm_task.
//
// Each kind collects points: the strengths of the distinct terms of its word
// list section that the text holds, doubled for those that begin among the
// first kOpeningWords words, where people say what they want. What the text
// looks like adds to three of them: code what the signal `code` has of form
// and terms, qa kQuestionPoints for a question mark, chat kChatPoints always,
// so that it is chat when nothing else speaks. The kind with most points wins,
// the earlier in the enumeration among equals. But when the part of the text
// in which work on material is asked for (see below) asks for nothing louder,
// that work it is, whatever the material says. Parts begin at a line break, a
// colon, a double quotation mark.
//
// Threads: no state. Points are thousandths.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "src/base/bytes.hpp"

namespace llm::route {

enum class Task : uint8_t {
    kTranslation,
    kSummarization,
    kExtraction,
    kClassification,
    kCode,
    kReasoning,
    kQa,
    kChat,
};

constexpr size_t kTasks = 8;
constexpr uint32_t kOpeningWords = 12;
constexpr int kQuestionPoints = 600;
constexpr int kChatPoints = 100;

using TaskPoints = std::array<int, kTasks>;

// "chat", "qa", "summarization", … Static storage.
Bytes name_of(Task task);
std::optional<Task> task_of(Bytes name);

Task choose(const TaskPoints& points);

// Translation, summarization, extraction and classification are done on
// material that the request brings along; what the material says makes the
// work no harder, so terms in other parts than the one that asks, and the
// form of reasoning and code, add kMaterialShare of what they would.
bool works_on_material(Task task);
constexpr int kMaterialShare = 250;  // thousandths

}  // namespace llm::route
