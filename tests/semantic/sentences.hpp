// 1,000 sentences for tests: questions to a support desk in two wordings
// each, with places, names, amounts and days filled in.
#pragma once

#include <string>
#include <vector>

namespace llm::semantic::test {

struct Sentence {
    std::string text;
    size_t intent;  // sentences of one intent ask the same thing
};

namespace sentences_detail {

// "*" is where a word of kFillings goes.
inline constexpr const char* kWordings[][2] = {
    {"When does the shop in * open on Saturdays?",
     "What are the Saturday opening hours of your * store?"},
    {"How much is the Pro plan for a team in *?",
     "Price of the Pro plan, we are a team from *"},
    {"I want my money back, the parcel from * never came.",
     "Can I get a refund for an order from * that did not arrive?"},
    {"How do I reset the password of my * account?",
     "I forgot my password for the * account, what now?"},
    {"Do you ship fragile goods to *?",
     "Is delivery to * possible for things that break easily?"},
    {"Please explain how tides work near *.",
     "Why does the sea rise and fall near *, in simple words?"},
    {"Write a short poem about autumn in *.",
     "Compose a few verses on * in autumn"},
    {"Which documents do I need to rent a car in *?",
     "Renting a car in *: what papers must I bring?"},
    {"What is the average temperature of * in March?",
     "How warm is it in * in March, on average?"},
    {"Translate 'where is the station in *?' into French.",
     "How do you say 'where is the station in *?' in French?"},
    {"My card was declined twice at a shop in *, why?",
     "Two payments in * were refused, what is wrong with my card?"},
    {"Can my dog travel with me on the train to *?",
     "Are dogs allowed on trains going to *?"},
    {"The app crashes when I open the map of *.",
     "Opening the * map makes the application close itself."},
    {"How many people lived in * in the year 1900?",
     "Population of * in 1900"},
    {"Suggest three vegetarian restaurants around *.",
     "Where can one eat well without meat in *? Name three places."},
    {"Who founded the city of * and when?",
     "Tell me the founder and the founding date of *."},
    {"Is the invoice for our office in * already paid?",
     "Has somebody paid the bill of the * office yet?"},
    {"Change the delivery address of my order to *.",
     "I moved, please send the order to * instead."},
    {"What does the warranty cover for bikes bought in *?",
     "My bike is from your * shop: which repairs are under warranty?"},
    {"Give me a packing list for a winter week in *.",
     "What should I pack for seven cold days in *?"},
    {"How long is the flight from London to *?",
     "Flying time between London and *"},
    {"Could you summarise the history of * in two sentences?",
     "* - its history, in no more than two sentences please"},
    {"Does the museum in * have free entry for students?",
     "As a student, do I pay at the * museum?"},
    {"Why is my internet so slow in * tonight?",
     "The connection here in * crawls this evening, any outage?"},
    {"What is the best way to learn the language spoken in *?",
     "I would like to speak the language of *, how do I start?"}};

inline constexpr const char* kFillings[] = {
    "Berlin",     "Oslo",       "Porto",   "Chi\u0219in\u0103u",
    "New York",   "Zürich",     "Nairobi", "São Paulo",
    "Leeds",      "Kyoto",      "Cork",    "Tbilisi",
    "Gdańsk",     "Seville",    "Bergen",  "Hanoi",
    "Wellington", "Casablanca", "Quito",   "Reykjavík"};

}  // namespace sentences_detail

inline std::vector<Sentence> sentences() {
    using namespace sentences_detail;
    std::vector<Sentence> out;
    size_t intent = 0;
    for (const auto& wordings : kWordings) {
        for (const char* wording : wordings) {
            for (const char* filling : kFillings) {
                std::string text = wording;
                text.replace(text.find('*'), 1, filling);
                out.push_back({std::move(text), intent});
            }
        }
        intent++;
    }
    return out;
}

}  // namespace llm::semantic::test
