#include "src/route/task.hpp"

#include <gtest/gtest.h>

#include "src/route/complexity_builder.hpp"

namespace llm::route {
namespace {

Task task(Bytes text) {
    static const auto complexity = ComplexityBuilder().build().value();
    Complexity::Scratch scratch;
    return complexity->assess(text, {}, scratch).task;
}

struct Case {
    Task task;
    Bytes text;
};

constexpr Case kCases[] = {
    {Task::kTranslation, "Translate \"see you tomorrow\" into German."},
    {Task::kTranslation, "¿Cómo se dice \"gato\" en inglés?"},
    {Task::kTranslation, "Переведи на французский: спасибо"},
    {Task::kTranslation, "Tradu în franceză: mulțumesc"},
    {Task::kSummarization, "Summarize this article in three points."},
    {Task::kSummarization, "Resume este texto: el tren llega tarde."},
    {Task::kSummarization, "Изложи кратко эту статью."},
    {Task::kSummarization, "Fă un rezumat al articolului."},
    {Task::kExtraction, "Extract all phone numbers from the text below."},
    {Task::kExtraction, "Extrae los nombres de las personas."},
    {Task::kExtraction, "Извлеки даты из письма."},
    {Task::kExtraction, "Extrage datele din scrisoare."},
    {Task::kClassification, "Classify this ticket as bug or question."},
    {Task::kClassification, "Clasifica el sentimiento de este comentario."},
    {Task::kClassification, "К какой категории относится этот отзыв?"},
    {Task::kClassification, "Clasifică mesajul: spam sau nu."},
    {Task::kCode, "Write a bash script that renames files."},
    {Task::kCode, "Escribe un script en Python que ordene archivos."},
    {Task::kCode, "Напиши скрипт, который переименует файлы."},
    {Task::kCode, "Scrie un program în Java care sortează fișiere."},
    {Task::kReasoning, "Solve the puzzle step by step."},
    {Task::kReasoning, "Demuestra que hay infinitos números primos."},
    {Task::kReasoning, "Докажи, что простых чисел бесконечно много."},
    {Task::kReasoning, "Demonstrează că există infinit de multe prime."},
    {Task::kQa, "Who discovered penicillin?"},
    {Task::kQa, "¿Dónde está Machu Picchu?"},
    {Task::kQa, "Где находится Байкал?"},
    {Task::kQa, "Unde se află Delta Dunării?"},
    {Task::kChat, "Hello there!"},
    {Task::kChat, "Buenos días"},
    {Task::kChat, "Привет!"},
    {Task::kChat, "Salut!"},
    {Task::kChat, ""},
};

TEST(Task, IsTold) {
    for (const Case& one : kCases) {
        EXPECT_EQ(name_of(task(one.text)), name_of(one.task)) << one.text;
    }
}

TEST(Task, NamesAreReadAndWritten) {
    for (size_t i = 0; i < kTasks; i++) {
        auto one = static_cast<Task>(i);
        EXPECT_EQ(task_of(name_of(one)), one);
    }
    EXPECT_FALSE(task_of("sing").has_value());
}

TEST(Task, TheEarlierOfEqualsWins) {
    TaskPoints points{};
    points[static_cast<size_t>(Task::kQa)] = 5;
    points[static_cast<size_t>(Task::kCode)] = 5;
    EXPECT_EQ(choose(points), Task::kCode);
}

}  // namespace
}  // namespace llm::route
