#include "src/semantic/tokenizer.hpp"

#include <gtest/gtest.h>

#include "src/semantic/tokenizer_file.hpp"
#include "tests/semantic/random_model.hpp"

namespace llm::semantic {
namespace {

// Pieces enough for the cases below; anything else is [UNK].
TokenizerSpec spec() {
    return test::small_vocabulary(
        {"un",  "##aff", "##able", "aff", "hello", "world", "!",
         ",",   "a",     "b",      "##b", "##a",   "##ab",  "e",
         "cafe", "##s",  "\u4e00", "\u4e8c", "i",  "\u0307", "##\u0307",
         "\u1112", "##\u1161", "##\u11ab", "[",    "]",     "cls",
         "sep", "\u00e9", "A",     "\u3002", "\u00bf", "o",  "##\u0903",
         "##\u302e", "##\u302f", "x", "##x", "\u03c3", "##\u03c3"});
}

std::string tokens(Bytes text, TokenizerSpec wanted = spec(),
                   Tokenizer::Options options = {}) {
    auto tokenizer = Tokenizer::create(wanted);
    if (!tokenizer) {
        return tokenizer.error().message;
    }
    TokenSpace space;
    tokenizer->tokenize(text, options, space);
    std::string out;
    for (uint32_t id : space.ids) {
        out += (out.empty() ? "" : " ") + wanted.pieces[id];
    }
    return out;
}

// Without [CLS] and [SEP], which each of these has.
std::string inner(Bytes text, TokenizerSpec wanted = spec()) {
    return tokens(text, std::move(wanted), {.special = false});
}

TEST(Tokenizer, GreedyLongestMatch) {
    EXPECT_EQ(tokens("unaffable"), "[CLS] un ##aff ##able [SEP]");
    EXPECT_EQ(inner("hello world"), "hello world");
    EXPECT_EQ(inner("bab"), "b ##ab");
    // one part unknown: the whole word is
    EXPECT_EQ(inner("unaffq hello"), "[UNK] hello");
    EXPECT_EQ(inner("##aff"), "[UNK] [UNK] aff");
}

TEST(Tokenizer, WhiteSpaceAndPunctuation) {
    EXPECT_EQ(inner(" hello,world!\t\n!"), "hello , world ! !");
    EXPECT_EQ(inner("hello\u3000world\u2003a\u00a0b"), "hello world a b");
    EXPECT_EQ(inner("hello\u3002\u00bfa"), "hello \u3002 \u00bf a");
    EXPECT_EQ(inner("a$b^a`b"), "a [UNK] b [UNK] a [UNK] b");
    EXPECT_EQ(inner(""), "");
    EXPECT_EQ(tokens(" \n "), "[CLS] [SEP]");
}

TEST(Tokenizer, ControlsVanishWithoutEndingTheWord) {
    EXPECT_EQ(inner(Bytes("he\0llo", 6)), "hello");
    EXPECT_EQ(inner("he\u200bl\u00adl\ufeffo wor\x0bld"), "hello world");
    EXPECT_EQ(inner("he\u0085llo"), "hello");
    EXPECT_EQ(inner("he\ufffdllo"), "hello");
    // bytes that are no UTF-8: overlong, half a surrogate pair, a lone tail
    EXPECT_EQ(inner("he\xc0\xafllo"), "hello");
    EXPECT_EQ(inner("he\xed\xa0\x80llo\x80"), "hello");
    EXPECT_EQ(inner("hello\xe4\xb8"), "hello");
}

TEST(Tokenizer, CaseAndAccents) {
    EXPECT_EQ(inner("HeLLo CAF\u00c9s"), "hello cafe ##s");
    EXPECT_EQ(inner("cafe\u0301s"), "cafe ##s");
    EXPECT_EQ(inner("\u0130"), "i");
    EXPECT_EQ(inner("\u03a3\u03a3"), "\u03c3 ##\u03c3");
    // Hangul falls apart into jamo and stays so
    EXPECT_EQ(inner("\ud55c"), "\u1112 ##\u1161 ##\u11ab");
    TokenizerSpec cased = spec();
    cased.rules.lower = cased.rules.strip_accents = false;
    EXPECT_EQ(inner("A \u00e9 hello", cased), "A \u00e9 hello");
    TokenizerSpec accents = spec();
    accents.rules.strip_accents = false;
    EXPECT_EQ(inner("\u0130", accents), "i ##\u0307");
    EXPECT_EQ(inner("\u00c9", accents), "\u00e9");
}

TEST(Tokenizer, MarksInCanonicalOrder) {
    // U+302E and U+302F (class 224), a spacing mark (class 0) between
    EXPECT_EQ(inner("a\u302e\u302f"), "a ##\u302e ##\u302f");
    EXPECT_EQ(inner("a\u302f\u0301\u302e"), "a ##\u302f ##\u302e");
    EXPECT_EQ(inner("a\u0903\u302e"), "a ##\u0903 ##\u302e");
    // more marks than a word may have
    std::string many = "a";
    for (int i = 0; i < 2000; i++) {
        many += i % 2 == 0 ? "\u302e" : "\u302f";
    }
    EXPECT_EQ(inner(many + " hello"), "[UNK] hello");
}

TEST(Tokenizer, IdeographsStandAlone) {
    EXPECT_EQ(inner("hello\u4e00\u4e8cworld"), "hello \u4e00 \u4e8c world");
    TokenizerSpec joined = spec();
    joined.rules.cjk = false;
    EXPECT_EQ(inner("\u4e00 \u4e00\u4e8c", joined), "\u4e00 [UNK]");
    // kana is not padded; U+2B820 is not in the list, U+2B920 is
    EXPECT_EQ(inner("a\u3042a"), "[UNK]");
    EXPECT_EQ(inner("a\U0002b820a"), "[UNK]");
    EXPECT_EQ(inner("a\U0002b920a"), "a [UNK] a");
}

TEST(Tokenizer, LongWords) {
    EXPECT_EQ(inner(std::string(100, 'x') + " a").substr(0, 5), "x ##x");
    EXPECT_EQ(inner(std::string(101, 'x') + " a"), "[UNK] a");
    EXPECT_EQ(inner(std::string(1 << 20, 'x') + " a"), "[UNK] a");
    // code points count, not bytes
    std::string accents;
    for (int i = 0; i < 100; i++) {
        accents += "\u03c3";
    }
    EXPECT_EQ(inner(accents).substr(0, 8), "\u03c3 ##\u03c3 ");
    EXPECT_EQ(inner(accents + "\u03c3"), "[UNK]");
}

TEST(Tokenizer, Truncation) {
    EXPECT_EQ(tokens("a b a b a b", spec(), {.limit = 5}),
              "[CLS] a b a [SEP]");
    EXPECT_EQ(tokens("unaffable", spec(), {.limit = 4}),
              "[CLS] un ##aff [SEP]");
    EXPECT_EQ(tokens("a q b", spec(),
                     {.limit = 2, .special = false, .skip_unknown = true}),
              "a b");
    EXPECT_EQ(tokens("a b", spec(), {.limit = 2}), "[CLS] [SEP]");
}

TEST(Tokenizer, SpecialTokensInTheTextAreWords) {
    EXPECT_EQ(tokens("a [SEP] b[CLS]"),
              "[CLS] a [ sep ] b [ cls ] [SEP]");
}

TEST(Tokenizer, NothingIsAllocatedAfterTheFirstText) {
    auto tokenizer = Tokenizer::create(spec());
    ASSERT_TRUE(tokenizer);
    TokenSpace space;
    EXPECT_EQ(tokenizer->tokenize("", {.limit = 64}, space), 0u);
    const uint32_t* where = space.ids.data();
    std::string text;
    for (int i = 0; i < 1000; i++) {
        text += "unaffable " + std::string(100, 'x') + " q ";
        tokenizer->tokenize(text, {.limit = 64}, space);
        ASSERT_EQ(space.ids.data(), where);
        ASSERT_LE(space.ids.size(), 64u);
    }
}

TEST(Tokenizer, RefusesWhatItCannotDo) {
    TokenizerSpec none;
    EXPECT_FALSE(Tokenizer::create(none));
    TokenizerSpec unknown = spec();
    unknown.unknown = 10000;
    EXPECT_FALSE(Tokenizer::create(unknown));
    TokenizerSpec half = spec();
    half.end = kNoToken;
    EXPECT_FALSE(Tokenizer::create(half));
    TokenizerSpec words = spec();
    words.max_word_chars = 1000;
    auto refused = Tokenizer::create(words);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kUnsupported);
}

// A whole tokenizer.json in which one part can be replaced.
std::string json(const std::string& part = "", const std::string& by = "") {
    std::string out =
        R"({"version":"1.0","truncation":{"max_length":128,"stride":0},)"
        R"("padding":{"strategy":{"Fixed":128}},"added_tokens":[],)"
        R"("normalizer":{"type":"BertNormalizer","clean_text":true,)"
        R"("handle_chinese_chars":true,"strip_accents":null,)"
        R"("lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},)"
        R"("post_processor":{"type":"TemplateProcessing","single":[)"
        R"({"SpecialToken":{"id":"[CLS]","type_id":0}},)"
        R"({"Sequence":{"id":"A","type_id":0}},)"
        R"({"SpecialToken":{"id":"[SEP]","type_id":0}}]},)"
        R"("model":{"type":"WordPiece","unk_token":"[UNK]",)"
        R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
        R"("vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"caf\u00e9":5,)"
        R"("hi":4}}})";
    size_t at = part.empty() ? std::string::npos : out.find(part);
    if (at != std::string::npos) {
        out.replace(at, part.size(), by);
    }
    return out;
}

std::string refusal(const std::string& part, const std::string& by) {
    auto read = read_tokenizer_json(json(part, by));
    return read ? "read" : read.error().message;
}

TEST(TokenizerFile, ReadsJson) {
    auto read = read_tokenizer_json(json());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->pieces,
              (std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                        "hi", "caf\u00e9"}));
    EXPECT_EQ(read->unknown, 1u);
    EXPECT_EQ(read->begin, 2u);
    EXPECT_EQ(read->end, 3u);
    EXPECT_EQ(read->max_tokens, 128u);
    EXPECT_EQ(read->max_word_chars, 100u);
    EXPECT_EQ(read->rules, SplitRules{});
}

TEST(TokenizerFile, OtherForms) {
    auto bert = read_tokenizer_json(
        json(R"({"type":"TemplateProcessing",)",
             R"({"type":"BertProcessing","sep":["[SEP]",3],)"
             R"("cls":["[CLS]",2],)"));
    ASSERT_TRUE(bert) << bert.error().message;
    EXPECT_EQ(bert->begin, 2u);
    EXPECT_EQ(bert->end, 3u);
    auto cased = read_tokenizer_json(
        json("\"lowercase\":true", "\"lowercase\":false"));
    ASSERT_TRUE(cased);
    EXPECT_FALSE(cased->rules.strip_accents);
    EXPECT_TRUE(read_tokenizer_json(
        json(R"("truncation":{"max_length":128,"stride":0})",
             R"("truncation":null)")));
}

TEST(TokenizerFile, RefusesOtherTypesByName) {
    EXPECT_EQ(refusal("BertNormalizer", "Precompiled"),
              "tokenizer.json: a normalizer of type Precompiled is not "
              "supported");
    EXPECT_EQ(refusal("BertPreTokenizer", "Metaspace"),
              "tokenizer.json: a pre_tokenizer of type Metaspace is not "
              "supported");
    EXPECT_EQ(refusal("WordPiece", "Unigram"),
              "tokenizer.json: a model of type Unigram is not supported");
    EXPECT_EQ(refusal("TemplateProcessing", "Roberta\\nProcessing"),
              "tokenizer.json: a post_processor of type "
              "Roberta?Processing is not supported");
    EXPECT_EQ(refusal("\"##\"", "\"@@\""),
              "tokenizer.json: a prefix of type @@ is not supported");
}

TEST(TokenizerFile, RefusesDamage) {
    EXPECT_EQ(refusal("\"hi\":4", "\"hi\":-4"),
              "tokenizer.json: model.vocab holds an id out of bounds");
    EXPECT_EQ(refusal("\"hi\":4", "\"hi\":4000000000"),
              "tokenizer.json: model.vocab holds an id out of bounds");
    EXPECT_EQ(refusal("\"hi\":4", "\"hi\":3"),
              "tokenizer.json: model.vocab gives one id to two pieces");
    EXPECT_EQ(refusal("{\"id\":\"[CLS]\"", "{\"id\":\"[BOS]\""),
              "tokenizer.json: post_processor names a token that is no "
              "piece");
    EXPECT_EQ(refusal("\"max_length\":128", "\"max\":1"),
              "tokenizer.json: truncation.max_length is out of bounds");
    std::string whole = json();
    for (size_t size = 0; size < whole.size(); size++) {
        ASSERT_FALSE(read_tokenizer_json(Bytes(whole).substr(0, size)));
    }
    EXPECT_FALSE(read_tokenizer_json("[]"));
}

TEST(TokenizerFile, ReadsVocabTxt) {
    auto read = read_vocab_txt("[PAD]\r\n[UNK]\n[CLS]\n[SEP]\nhi\n##s", "");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->pieces.size(), 6u);
    EXPECT_EQ(read->pieces[0], "[PAD]");
    EXPECT_EQ(read->end, 3u);
    EXPECT_TRUE(read->rules.lower);
    auto cased = read_vocab_txt("[UNK]", R"({"do_lower_case":false})");
    ASSERT_TRUE(cased);
    EXPECT_FALSE(cased->rules.lower);
    EXPECT_FALSE(cased->rules.strip_accents);
    EXPECT_FALSE(read_vocab_txt("[UNK]", "{"));
}

}  // namespace
}  // namespace llm::semantic
