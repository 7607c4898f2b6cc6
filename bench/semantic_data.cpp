#include "bench/semantic_data.hpp"

#include <jansson.h>
#include <zlib.h>

#include <functional>

namespace llm::bench {
namespace {

std::string slurp(const std::string& path) {
    std::string out;
    gzFile file = gzopen(path.c_str(), "rb");  // plain files too
    if (file == nullptr) {
        return out;
    }
    char block[1 << 16];
    for (int got; (got = gzread(file, block, sizeof(block))) > 0;) {
        out.append(block, static_cast<size_t>(got));
    }
    gzclose(file);
    return out;
}

std::string text_of(const json_t* object, const char* key) {
    const char* text = json_string_value(json_object_get(object, key));
    return text != nullptr ? text : "";
}

void each_line(const std::string& text,
               const std::function<void(const json_t*)>& take) {
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        json_t* value = json_loadb(text.data() + at, end - at, 0, nullptr);
        if (value != nullptr) {
            take(value);
            json_decref(value);
        }
        at = end + 1;
    }
}

void each_item(const std::string& text,
               const std::function<void(const json_t*)>& take) {
    json_t* list = json_loadb(text.data(), text.size(), 0, nullptr);
    for (size_t i = 0; i < json_array_size(list); i++) {
        take(json_array_get(list, i));
    }
    json_decref(list);
}

// RFC 4180 with two columns, the first line is a head.
std::vector<Labelled> read_csv(const std::string& text) {
    std::vector<Labelled> rows;
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (c == '"') {
            if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
                cells.back() += text[i++];
            } else {
                quoted = !quoted;
            }
        } else if (c == ',' && !quoted) {
            cells.emplace_back();
        } else if (c == '\n' && !quoted) {
            if (cells.size() == 2) {
                rows.push_back({cells[0], cells[1]});
            }
            cells.assign(1, "");
        } else if (c != '\r') {
            cells.back() += c;
        }
    }
    if (!rows.empty()) {
        rows.erase(rows.begin());
    }
    return rows;
}

void read_own(const std::string& text, std::vector<OwnPair>& out) {
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        std::vector<std::string> cells(1);
        for (char c : text.substr(at, end - at)) {
            if (c == '\t') {
                cells.emplace_back();
            } else {
                cells.back() += c;
            }
        }
        if (text[at] == '#') {
            // a comment
        } else if (cells.size() == 5) {
            out.push_back({cells[0],
                           {cells[3], cells[4], cells[1] == "same"},
                           cells[2] == "held"});
        } else if (cells.size() == 2) {
            out.push_back({"", {cells[0], cells[1], false}, false});
        }
        at = end + 1;
    }
}

void read_clinc(const std::string& text, SemanticData& data) {
    json_t* root = json_loadb(text.data(), text.size(), 0, nullptr);
    auto take = [&](const char* split, std::vector<Labelled>& out) {
        const json_t* rows = json_object_get(root, split);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t* row = json_array_get(rows, i);
            out.push_back({json_string_value(json_array_get(row, 0)),
                           json_string_value(json_array_get(row, 1))});
        }
    };
    take("train", data.clinc_train);
    take("test", data.clinc_test);
    json_decref(root);
}

}  // namespace

std::vector<OwnPair> read_pairs(const std::string& path) {
    std::vector<OwnPair> pairs;
    read_own(slurp(path), pairs);
    return pairs;
}

SemanticData SemanticData::read(const std::string& directory,
                                const std::string& own) {
    SemanticData data;
    read_own(slurp(own + "/near_pairs.tsv"), data.own);
    read_own(slurp(own + "/blind_pairs.tsv"), data.blind);
    read_own(slurp(own + "/language_pairs.tsv"), data.languages);
    auto file = [&](const char* name) { return slurp(directory + "/" + name); };
    each_item(file("gptcache/mock_data.json"), [&](const json_t* item) {
        data.published.push_back(
            {text_of(item, "origin"), text_of(item, "similar"), true});
    });
    each_line(file("gptcache/question_pairs_dev.jsonl.gz"),
              [&](const json_t* item) {
                  data.questions.push_back(
                      {text_of(item, "text_a"), text_of(item, "text_b"),
                       json_integer_value(json_object_get(item, "label"))
                           == 1});
              });
    each_item(file("trap_pairs/finance_adversarial_pairs.json"),
              [&](const json_t* item) {
                  const json_t* pairs = json_object_get(item, "pairs");
                  for (size_t i = 0; i < json_array_size(pairs); i++) {
                      const json_t* pair = json_array_get(pairs, i);
                      data.traps.push_back(
                          {text_of(pair, "a"), text_of(pair, "b"), false});
                  }
              });
    data.banking_train = read_csv(file("banking77/train.csv"));
    data.banking_test = read_csv(file("banking77/test.csv"));
    read_clinc(file("clinc150/data_small.json"), data);
    auto prompt = [&](const json_t* item) {
        const json_t* turns = json_object_get(item, "turns");
        const json_t* turn = json_array_get(turns, 0);
        const char* text = json_string_value(
            json_is_object(turn) ? json_object_get(turn, "content") : turn);
        data.prompts.emplace_back(text != nullptr ? text : "");
    };
    each_line(file("arena_hard/arena-hard-v0.1.question.jsonl"), prompt);
    each_line(file("mt_bench/question.jsonl"), prompt);
    each_line(file("mt_bench/vicuna_question.jsonl"), prompt);
    return data;
}

}  // namespace llm::bench
