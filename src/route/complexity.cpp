#include "src/route/complexity.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "src/json/text.hpp"

namespace llm::route {
namespace {

constexpr std::array<Bytes, 4> kLevels = {"simple", "medium", "complex",
                                          "specialized"};

// Where an answer is asked for in a given form; "" where the member itself
// says so.
struct FormMember {
    Bytes member;
    Bytes inner;
};

constexpr FormMember kForms[] = {
    {"response_format", "type"}, {"text", "format"},
    {"output_config", "format"}, {"output_format", "type"},
    {"structured_outputs", ""},  {"guided_json", ""},
};

bool is_structured(const json::Document& doc) {
    for (const FormMember& form : kForms) {
        json::NodeId node = doc.find(json::kRoot, form.member);
        if (node != json::kNoNode && form.inner == "format") {
            node = doc.find(doc.find(node, form.inner), "type");
        } else if (node != json::kNoNode && !form.inner.empty()) {
            node = doc.find(node, form.inner);
        }
        if (node != json::kNoNode && !doc.is(node, json::Type::kNull)
            && doc.raw(node) != "\"text\"") {
            return true;
        }
    }
    return false;
}

constexpr size_t kLongestEscape = 12;  // a surrogate pair
constexpr size_t kSearch = 256;

// Whether a string's content may be cut at `at`: neither inside a character
// nor inside an escape. Behind a space, or with no backslash near.
bool may_cut(Bytes content, size_t at) {
    if (at == 0 || at >= content.size() || content[at - 1] == ' ') {
        return true;
    }
    if ((static_cast<unsigned char>(content[at]) & 0xc0) == 0x80) {
        return false;
    }
    size_t from = at > kLongestEscape ? at - kLongestEscape : 0;
    return content.substr(from, at - from).find('\\') == Bytes::npos;
}

// The first and the last part of a long string's content; either may be
// empty when there is no place to cut it.
void append_ends(Bytes content, std::string& head, std::string& tail) {
    size_t end = Complexity::kMaxPart;
    size_t begin = content.size() - Complexity::kMaxPart;
    for (size_t i = 0; i < kSearch; i++) {
        if (may_cut(content, end - i)) {
            json::append_unescaped(head, content.substr(0, end - i));
            break;
        }
    }
    for (size_t i = 0; i < kSearch; i++) {
        if (may_cut(content, begin + i)) {
            json::append_unescaped(tail, content.substr(begin + i));
            break;
        }
    }
}

// Distinct numbers, the first kMax of them, without memory of its own.
class Seen {
public:
    static constexpr size_t kMax = 256;

    // True when `id` is new and there is room.
    bool add(uint32_t id) {
        size_t i = (id * 0x9e3779b1U) >> 23;
        while (slots_[i] != 0) {
            if (slots_[i] == id + 1) {
                return false;
            }
            i = (i + 1) % kSlots;
        }
        if (count_ == kMax) {
            return false;
        }
        count_++;
        slots_[i] = id + 1;
        return true;
    }

private:
    static constexpr size_t kSlots = 512;
    std::array<uint32_t, kSlots> slots_{};
    size_t count_ = 0;
};

// The part of the text, between two breaks, that a word stands in.
size_t part_of(const FoldedText& text, uint32_t word) {
    auto after =
        std::upper_bound(text.breaks.begin(), text.breaks.end(), word);
    return static_cast<size_t>(after - text.breaks.begin());
}

// A text that is not read as a whole is long, whatever was read of it.
constexpr uint32_t kWordsOfLong = 400;

constexpr size_t kCodeSignal = static_cast<size_t>(Signal::kCode);

}  // namespace

Bytes name_of(Level level) {
    return kLevels[static_cast<size_t>(level)];
}

Level Thresholds::level_of(int score) const {
    if (score < medium) {
        return Level::kSimple;
    }
    if (score < complex) {
        return Level::kMedium;
    }
    return score < specialized ? Level::kComplex : Level::kSpecialized;
}

// What was found in a text, each term once.
struct Complexity::Finding {
    struct Term {
        uint32_t id;
        uint32_t word;
    };

    Seen seen;
    std::array<Term, Seen::kMax> terms;
    size_t count = 0;
    Critical critical = Critical::kNone;

    std::span<const Term> all() const { return {terms.data(), count}; }
};

void Complexity::Scratch::clear() {
    head.clear();
    tail.clear();
    folded.clear();
    shape = {};
}

void Complexity::hear(const FoldedText& text, Finding& finding) const {
    trie_.match(text.text, [&](uint32_t id, uint32_t word) {
        const Voice& voice = voices_[id];
        if (voice.kind == Voice::kCritical) {
            finding.critical = std::min(
                finding.critical, static_cast<Critical>(voice.index));
        } else if (finding.seen.add(id)) {
            finding.terms[finding.count++] = {id, word};
        }
    });
}

// Points of the kinds of work, and the term that speaks loudest for each.
struct Complexity::Tally {
    TaskPoints points{};
    std::array<int, kTasks> best{};
    std::array<uint32_t, kTasks> where{};

    void add(size_t task, int worth, uint32_t word) {
        points[task] += worth;
        if (worth > best[task]) {
            best[task] = worth;
            where[task] = word;
        }
    }
};

// Of one part of the text, or of all of it.
Complexity::Tally Complexity::tally(const FoldedText& text,
                                    const Finding& finding,
                                    const TaskPoints& form,
                                    std::optional<size_t> part) const {
    Tally tally;
    tally.points = form;
    for (const Finding::Term& term : finding.all()) {
        const Voice& voice = voices_[term.id];
        if (part && part_of(text, term.word) != *part) {
            continue;
        }
        if (voice.kind == Voice::kTask) {
            tally.add(voice.index,
                      term.word < kOpeningWords ? 2 * voice.strength
                                                : int{voice.strength},
                      term.word);
        } else if (voice.kind == Voice::kSignal
                   && voice.index == kCodeSignal) {
            tally.points[static_cast<size_t>(Task::kCode)] += voice.strength;
        }
    }
    return tally;
}

// Also says in which word the term stands that speaks loudest for it. What
// the material says about work is not meant: where the part that asks for
// work on material asks for nothing louder, it has the last word.
Task Complexity::judge_task(const FoldedText& text, const Finding& finding,
                            const TaskPoints& form, uint32_t& word) const {
    Tally all = tally(text, finding, form, std::nullopt);
    Task task = choose(all.points);
    size_t loudest = 0;
    for (size_t i = 0; i < kTasks; i++) {
        bool louder = all.best[i] > all.best[loudest];
        if (works_on_material(static_cast<Task>(i)) && louder) {
            loudest = i;
        }
    }
    if (!works_on_material(task) && all.best[loudest] > 0) {
        Tally part = tally(text, finding, form,
                           part_of(text, all.where[loudest]));
        Task asked = choose(part.points);
        task = works_on_material(asked) ? asked : task;
    }
    word = all.where[static_cast<size_t>(task)];
    return task;
}

void Complexity::judge_terms(const FoldedText& text, const Finding& finding,
                             const Assessment& result, uint32_t word,
                             SignalValues& values) const {
    bool material = works_on_material(result.task);
    size_t instruction = part_of(text, word);
    SignalValues of_material{};
    for (const Finding::Term& term : finding.all()) {
        const Voice& voice = voices_[term.id];
        if (voice.kind != Voice::kSignal) {
            continue;
        }
        bool meant = !material || part_of(text, term.word) == instruction;
        int& value = (meant ? values : of_material)[voice.index];
        value = std::min(value + voice.strength, kFull);
    }
    for (size_t i = 0; i < signals_; i++) {
        int share = of_material[i] * kMaterialShare / kFull;
        values[i] = std::min(values[i] + share, kFull);
    }
}

Assessment Complexity::judge(const Circumstances& around,
                             const Scratch& scratch) const {
    Finding finding;
    hear(scratch.folded, finding);

    SignalValues form{};
    add_shape(scratch.shape, scratch.folded.words, form);
    TaskPoints points{};
    points[static_cast<size_t>(Task::kChat)] = kChatPoints;
    points[static_cast<size_t>(Task::kQa)] =
        scratch.shape.questions > 0 ? kQuestionPoints : 0;
    points[static_cast<size_t>(Task::kCode)] =
        form[static_cast<size_t>(Signal::kCode)];

    Assessment result;
    uint32_t word = 0;
    result.task = judge_task(scratch.folded, finding, points, word);
    if (works_on_material(result.task)) {
        for (Signal signal : {Signal::kReasoning, Signal::kCode}) {
            int& value = form[static_cast<size_t>(signal)];
            value = value * kMaterialShare / kFull;
        }
    }
    result.values = form;
    judge_terms(scratch.folded, finding, result, word, result.values);
    add_task(result.task, result.values);
    add_circumstances(around, result.values);
    result.critical = finding.critical;
    if (result.critical != Critical::kNone) {
        result.score = kFull;
        result.level = Level::kSpecialized;
        return result;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < signals_; i++) {
        sum += int64_t{weights_[i]} * result.values[i];
    }
    result.score = static_cast<int>(std::min<int64_t>(sum / kFull, kFull));
    result.level = thresholds_.level_of(result.score);
    return result;
}

void Complexity::read(Bytes text, Scratch& scratch) const {
    fold(text, scratch.folded);
    scratch.shape.add(text);
}

Assessment Complexity::assess(const api::Request& request,
                              const json::Document& doc,
                              Scratch& scratch) const {
    Circumstances around;
    around.messages = request.messages;
    around.tools = request.has_tools;
    around.tools_bytes = request.tools_bytes;
    around.media = request.media_bytes > 0;
    around.structured = is_structured(doc);
    scratch.clear();
    uint64_t size = 0;
    if (request.last_user_text != json::kNoNode) {
        Bytes raw = doc.raw(request.last_user_text);
        Bytes content = raw.substr(1, raw.size() - 2);
        size = content.size();
        if (size <= 2 * kMaxPart) {
            Bytes text = doc.string(request.last_user_text, scratch.head);
            size = text.size();
            read(text, scratch);
        } else {
            append_ends(content, scratch.head, scratch.tail);
            read(scratch.head, scratch);
            read(scratch.tail, scratch);
            scratch.folded.words += kWordsOfLong;
        }
    }
    uint64_t all = request.ascii_bytes + request.other_bytes;
    around.context_bytes = all > size ? all - size : 0;
    return judge(around, scratch);
}

Assessment Complexity::assess(Bytes text, const Circumstances& around,
                              Scratch& scratch) const {
    scratch.clear();
    if (text.size() <= 2 * kMaxPart) {
        read(text, scratch);
    } else {
        read(text.substr(0, kMaxPart), scratch);
        read(text.substr(text.size() - kMaxPart), scratch);
        scratch.folded.words += kWordsOfLong;
    }
    return judge(around, scratch);
}

}  // namespace llm::route
