#include "src/route/task.hpp"

#include <algorithm>

namespace llm::route {
namespace {

constexpr std::array<Bytes, kTasks> kNames = {
    "translation", "summarization", "extraction", "classification",
    "code",        "reasoning",     "qa",         "chat",
};

}  // namespace

Bytes name_of(Task task) {
    return kNames[static_cast<size_t>(task)];
}

std::optional<Task> task_of(Bytes name) {
    auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end()) {
        return std::nullopt;
    }
    return static_cast<Task>(found - kNames.begin());
}

Task choose(const TaskPoints& points) {
    auto most = std::max_element(points.begin(), points.end());
    return static_cast<Task>(most - points.begin());
}

bool works_on_material(Task task) {
    return task <= Task::kClassification;
}

}  // namespace llm::route
