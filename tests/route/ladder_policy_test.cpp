#include "src/route/ladder_policy.hpp"

#include <gtest/gtest.h>

#include <array>

namespace llm::route {
namespace {

constexpr std::array<int64_t, 3> kContexts = {8000, 4000, 128000};

struct Case {
    Case() {
        state.on = default_fallback_on();
        state.contexts = kContexts;
    }

    LadderStep step(int status, Fault fault) {
        return move(status, fault).step;
    }
    LadderMove move(int status, Fault fault) {
        Attempt attempt{fault, status, client_credential};
        return next_move(attempt, state, now);
    }

    LadderState state;
    bool client_credential = false;
    Now now{1000, 0};
};

TEST(FallbackWords, AreThoseOfNginxAndOurs) {
    for (Bytes word :
         {"error", "timeout", "invalid_header", "http_401", "http_402",
          "http_403", "http_404", "http_429", "http_500", "http_502",
          "http_503", "http_504", "http_529", "http_5xx", "error_in_200"}) {
        ASSERT_TRUE(fallback_word(word).has_value()) << word;
        EXPECT_NE(*fallback_word(word), 0u) << word;
    }
    EXPECT_EQ(fallback_word("off"), FallbackOn{0});
    EXPECT_FALSE(fallback_word("http_418").has_value());
    EXPECT_FALSE(fallback_word("").has_value());
    EXPECT_EQ(parse_fallback_on("error,timeout"),
              *fallback_word("error") | *fallback_word("timeout"));
    EXPECT_EQ(parse_fallback_on("off"), FallbackOn{0});
    EXPECT_EQ(parse_fallback_on("http_5xx,http_500"),
              fallback_word("http_5xx"));
    for (Bytes bad : {"", ",", "error,", ",error", "off,error", "error,off",
                      "error timeout", "ERROR"}) {
        EXPECT_FALSE(parse_fallback_on(bad).has_value()) << bad;
    }
}

TEST(LadderPolicy, AGoodAnswerIsDelivered) {
    Case c;
    EXPECT_EQ(c.step(200, Fault::kNone), LadderStep::kDeliver);
    c.state.content_sent = true;
    c.state.deadline_ns = 1;
    EXPECT_EQ(c.step(200, Fault::kNone), LadderStep::kDeliver);
}

TEST(LadderPolicy, FaultsGoToTheNextRung) {
    struct {
        int status;
        Fault fault;
    } cases[] = {
        {0, Fault::kConnect},      {0, Fault::kTimeout},
        {0, Fault::kCut},          {0, Fault::kInvalid},
        {401, Fault::kAuth},       {403, Fault::kAuth},
        {402, Fault::kQuota},      {429, Fault::kQuota},
        {429, Fault::kRateLimit},  {500, Fault::kServer},
        {502, Fault::kServer},     {503, Fault::kOverloaded},
        {529, Fault::kOverloaded}, {504, Fault::kServer},
        {520, Fault::kServer},     {200, Fault::kErrorIn200},
        {408, Fault::kTimeout},    {200, Fault::kOverloaded},
        {200, Fault::kRateLimit},
    };
    for (const auto& with : cases) {
        Case c;
        LadderMove move = c.move(with.status, with.fault);
        EXPECT_EQ(move.step, LadderStep::kRung)
            << with.status << name_of(with.fault);
        EXPECT_EQ(move.rung, 1u);
        // Another provider of the same model comes first.
        c.state.more_providers = true;
        EXPECT_EQ(c.step(with.status, with.fault), LadderStep::kSameRung);
        // After content nothing is spliced.
        c.state.content_sent = true;
        EXPECT_EQ(c.step(with.status, with.fault), LadderStep::kBreakOff);
        c.state.deadline_ns = c.now.mono_ns;
        EXPECT_EQ(c.step(with.status, with.fault), LadderStep::kDeadline);
        c.state.client_gone = true;
        EXPECT_EQ(c.step(with.status, with.fault), LadderStep::kStop);
    }
}

TEST(LadderPolicy, OnlyWhatIsAskedForIsTriedAgain) {
    Case c;
    c.state.on = *parse_fallback_on("http_429,http_503");
    EXPECT_EQ(c.step(429, Fault::kRateLimit), LadderStep::kRung);
    EXPECT_EQ(c.step(503, Fault::kOverloaded), LadderStep::kRung);
    EXPECT_EQ(c.step(529, Fault::kOverloaded), LadderStep::kDeliver);
    EXPECT_EQ(c.step(500, Fault::kServer), LadderStep::kDeliver);
    EXPECT_EQ(c.step(0, Fault::kConnect), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(0, Fault::kTimeout), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(200, Fault::kErrorIn200), LadderStep::kDeliver);
    c.state.on = 0;
    EXPECT_EQ(c.step(429, Fault::kRateLimit), LadderStep::kDeliver);
    EXPECT_EQ(c.step(404, Fault::kModel), LadderStep::kDeliver);
    EXPECT_EQ(c.step(413, Fault::kModel), LadderStep::kDeliver);
    c.state.on = *fallback_word("http_404");
    EXPECT_EQ(c.step(404, Fault::kModel), LadderStep::kRung);
    EXPECT_EQ(c.step(413, Fault::kModel), LadderStep::kDeliver);
    c.state.on = *fallback_word("http_429");
    EXPECT_EQ(c.step(413, Fault::kModel), LadderStep::kRung);
    EXPECT_EQ(c.step(413, Fault::kRateLimit), LadderStep::kRung);
}

TEST(LadderPolicy, TheClientsOwnErrorsAreNotTriedAgain) {
    Case c;
    c.state.more_providers = true;
    for (int status : {400, 409, 413, 422}) {
        EXPECT_EQ(c.step(status, Fault::kRequest), LadderStep::kDeliver);
    }
    EXPECT_EQ(c.step(400, Fault::kContentFilter), LadderStep::kDeliver);
    EXPECT_EQ(c.step(200, Fault::kContentFilter), LadderStep::kDeliver);
    EXPECT_EQ(c.step(0, Fault::kClientGone), LadderStep::kStop);
}

TEST(LadderPolicy, TooLongGoesWhereThereIsMoreRoom) {
    Case c;
    c.state.on = 0;
    c.state.outgrown = c.state.contexts[0];
    LadderMove move = c.move(400, Fault::kContextLength);
    EXPECT_EQ(move.step, LadderStep::kRung);
    EXPECT_EQ(move.rung, 2u);
    c.state.more_providers = true;
    EXPECT_EQ(c.step(400, Fault::kContextLength), LadderStep::kSameRung);
    c.state.more_providers = false;
    c.state.rung = 2;
    c.state.outgrown = c.state.contexts[2];
    EXPECT_EQ(c.step(400, Fault::kContextLength), LadderStep::kDeliver);
    std::array<int64_t, 2> unknown = {0, 0};
    c.state.rung = 0;
    c.state.contexts = unknown;
    c.state.outgrown = 0;
    EXPECT_EQ(c.step(400, Fault::kContextLength), LadderStep::kDeliver);
    std::array<int64_t, 2> second_known = {0, 1000};
    c.state.contexts = second_known;
    EXPECT_EQ(c.step(400, Fault::kContextLength), LadderStep::kRung);
    c.state.content_sent = true;
    EXPECT_EQ(c.step(200, Fault::kContextLength), LadderStep::kBreakOff);
}

// Whatever fails there, and whoever cannot be asked.
TEST(LadderPolicy, BehindALargerOneNobodySmallerIsAsked) {
    Case c;
    c.state.outgrown = c.state.contexts[0];
    LadderMove move = c.move(500, Fault::kServer);
    EXPECT_EQ(move.step, LadderStep::kRung);
    EXPECT_EQ(move.rung, 2u);
    EXPECT_EQ(skip_rung(c.state, c.now).rung, 2u);
    c.state.outgrown = c.state.contexts[2];
    EXPECT_EQ(c.step(500, Fault::kServer), LadderStep::kDeliver);
    EXPECT_EQ(skip_rung(c.state, c.now).step, LadderStep::kGiveUp);
}

TEST(LadderPolicy, AtTheLastRung) {
    Case c;
    c.state.rung = 2;
    EXPECT_EQ(c.step(429, Fault::kRateLimit), LadderStep::kDeliver);
    EXPECT_EQ(c.step(500, Fault::kServer), LadderStep::kDeliver);
    EXPECT_EQ(c.step(200, Fault::kErrorIn200), LadderStep::kDeliver);
    EXPECT_EQ(c.step(0, Fault::kConnect), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(200, Fault::kCut), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(200, Fault::kInvalid), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(0, Fault::kTimeout), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(408, Fault::kTimeout), LadderStep::kDeliver);
}

// Fault case 41: what a provider says about our key is not for the client.
TEST(LadderPolicy, Case41OurCredentialIsOurs) {
    Case c;
    c.state.rung = 2;
    EXPECT_EQ(c.step(401, Fault::kAuth), LadderStep::kGiveUp);
    EXPECT_EQ(c.step(429, Fault::kQuota), LadderStep::kGiveUp);
    c.client_credential = true;
    EXPECT_EQ(c.step(401, Fault::kAuth), LadderStep::kDeliver);
    c.state.rung = 0;
    c.state.more_providers = true;
    EXPECT_EQ(c.step(401, Fault::kAuth), LadderStep::kDeliver);
    EXPECT_EQ(c.step(429, Fault::kQuota), LadderStep::kDeliver);
    EXPECT_EQ(c.step(429, Fault::kRateLimit), LadderStep::kSameRung);
}

TEST(LadderPolicy, WhatCountsForTheProvider) {
    for (Fault fault : {Fault::kAuth, Fault::kQuota, Fault::kRateLimit}) {
        EXPECT_EQ(fault_of_provider({fault, 429, false}), fault);
        EXPECT_EQ(fault_of_provider({fault, 429, true}), Fault::kRequest);
    }
    EXPECT_EQ(fault_of_provider({Fault::kServer, 500, true}),
              Fault::kServer);
}

TEST(LadderPolicy, ARungThatNobodyServesIsSkipped) {
    Case c;
    EXPECT_EQ(skip_rung(c.state, c.now).step, LadderStep::kRung);
    EXPECT_EQ(skip_rung(c.state, c.now).rung, 1u);
    c.state.rung = 2;
    EXPECT_EQ(skip_rung(c.state, c.now).step, LadderStep::kGiveUp);
    c.state.deadline_ns = 1000;
    EXPECT_EQ(skip_rung(c.state, c.now).step, LadderStep::kDeadline);
    c.state.client_gone = true;
    EXPECT_EQ(skip_rung(c.state, c.now).step, LadderStep::kStop);
}

TEST(Fault, OfOpenaiErrors) {
    auto of = [](int status, Bytes json) {
        return classify(status, read_error_words(json));
    };
    EXPECT_EQ(of(200, R"({"id":"x","choices":[]})"), Fault::kNone);
    EXPECT_EQ(of(200, R"({"error":null})"), Fault::kNone);
    EXPECT_EQ(of(200, R"({"error":{"message":"boom","type":"server_error",
        "param":null,"code":null}})"), Fault::kErrorIn200);
    EXPECT_EQ(of(200, R"({"error":"boom"})"), Fault::kErrorIn200);
    EXPECT_EQ(of(200, R"({"error":{}})"), Fault::kErrorIn200);
    EXPECT_EQ(of(200, R"({"error":{"code":503,"message":"x"}})"),
              Fault::kOverloaded);
    EXPECT_EQ(of(400, R"({"error":{"message":"x","type":
        "invalid_request_error","code":"context_length_exceeded"}})"),
              Fault::kContextLength);
    EXPECT_EQ(of(400, R"({"error":{"message":"x","type":
        "invalid_request_error","code":"content_filter"}})"),
              Fault::kContentFilter);
    EXPECT_EQ(of(400, R"({"error":{"message":"x","type":
        "invalid_request_error","code":"unsupported_parameter"}})"),
              Fault::kRequest);
    EXPECT_EQ(of(429, R"({"error":{"message":"x","type":
        "insufficient_quota","code":"insufficient_quota"}})"),
              Fault::kQuota);
    for (Bytes word : {"insufficient_quota", "billing_hard_limit_reached",
                       "enforced_spend_limit_reached", "billing_not_active",
                       "exceeded_current_quota_error"}) {
        for (Bytes member : {"type", "code"}) {
            std::string json = R"({"error":{"message":"x",")";
            json += std::string(member) + R"(":")" + std::string(word)
                    + R"("}})";
            EXPECT_EQ(of(429, json), Fault::kQuota) << json;
            EXPECT_EQ(of(403, json), Fault::kQuota) << json;
        }
    }
    EXPECT_EQ(of(429, R"({"code":"Some resource has been exhausted","error":
        "Your team 16f2151a-40f4-4a80-8ad0-cae00c27e8dd has either used all )"
        R"(available credits or reached its monthly spending limit."})"),
              Fault::kQuota);
    EXPECT_EQ(of(400, R"({"error":{"message":"Your team name: Acme has )"
        R"(been asked for, which is long and goes on and on and says that )"
        R"(it has either used all available credits"}})"),
              Fault::kRequest);
    EXPECT_EQ(of(400, R"({"error":{"message":"Bad text: it )"
        R"(has either used all available credits"}})"), Fault::kRequest);
    EXPECT_EQ(of(429, R"({"error":{"message":"x","type":"tokens",
        "code":"rate_limit_exceeded"}})"), Fault::kRateLimit);
    EXPECT_EQ(of(403, R"({"error":{"message":"no access to model",
        "code":"model_not_found"}})"), Fault::kModel);
    EXPECT_EQ(of(403, R"({"error":{"message":"region"}})"), Fault::kAuth);
    EXPECT_EQ(of(401, ""), Fault::kAuth);
    EXPECT_EQ(of(404, "not json"), Fault::kModel);
    EXPECT_EQ(of(408, ""), Fault::kTimeout);
    EXPECT_EQ(of(429, ""), Fault::kRateLimit);
    EXPECT_EQ(of(500, ""), Fault::kServer);
    EXPECT_EQ(of(503, ""), Fault::kOverloaded);
    EXPECT_EQ(of(302, ""), Fault::kInvalid);
}

// What the client has caused is his to mend, whatever the status said.
TEST(Fault, OfErrorsInA200) {
    auto of = [](Bytes json) {
        return classify(200, read_error_words(json));
    };
    auto with = [&of](Bytes members) {
        return of(R"({"error":{"message":"x",)" + std::string(members)
                  + "}}");
    };
    struct {
        Bytes members;
        Fault fault;
    } cases[] = {
        // OpenRouter: the status is the code.
        {R"("code":400)", Fault::kRequest},
        {R"("code":"422")", Fault::kRequest},
        {R"("code":401)", Fault::kAuth},
        {R"("code":402)", Fault::kQuota},
        {R"("code":403)", Fault::kAuth},
        {R"("code":404)", Fault::kModel},
        {R"("code":408)", Fault::kErrorIn200},
        {R"("code":429)", Fault::kRateLimit},
        {R"("code":429,"type":"insufficient_quota")", Fault::kQuota},
        {R"("code":"enforced_spend_limit_reached")", Fault::kQuota},
        {R"("code":500)", Fault::kErrorIn200},
        {R"("code":502)", Fault::kErrorIn200},
        {R"("code":503)", Fault::kOverloaded},
        {R"("code":399)", Fault::kErrorIn200},
        {R"("code":4000)", Fault::kErrorIn200},
        {R"("code":4e2)", Fault::kErrorIn200},
        {R"("code":-400)", Fault::kErrorIn200},
        // vLLM, OpenAI, Anthropic.
        {R"("type":"BadRequestError","code":400)", Fault::kRequest},
        {R"("type":"BadRequestError")", Fault::kRequest},
        {R"("type":"NotFoundError","code":404)", Fault::kModel},
        {R"("type":"InternalServerError","code":500)", Fault::kErrorIn200},
        {R"("type":"invalid_request_error","code":null)", Fault::kRequest},
        {R"("type":"invalid_request_error","code":"invalid_api_key")",
         Fault::kAuth},
        {R"("type":"invalid_request_error","code":"model_not_found")",
         Fault::kModel},
        {R"("type":"invalid_request_error",)"
         R"("code":"context_length_exceeded")", Fault::kContextLength},
        {R"("type":"request_too_large")", Fault::kRequest},
        {R"("type":"authentication_error")", Fault::kAuth},
        {R"("type":"api_error")", Fault::kErrorIn200},
        {R"("type":"server_error")", Fault::kErrorIn200},
        // A Response that failed.
        {R"("code":"server_error")", Fault::kErrorIn200},
        {R"("code":"vector_store_timeout")", Fault::kErrorIn200},
        {R"("code":"rate_limit_exceeded")", Fault::kRateLimit},
        {R"("code":"invalid_prompt")", Fault::kRequest},
        {R"("code":"invalid_image_url")", Fault::kRequest},
        {R"("code":"image_too_large")", Fault::kRequest},
        {R"("code":"failed_to_download_image")", Fault::kRequest},
        {R"("code":"image_content_policy_violation")",
         Fault::kContentFilter},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(name_of(with(c.members)), name_of(c.fault)) << c.members;
    }
    EXPECT_EQ(of(R"({"error":{"code":400,"message":"This model's maximum )"
                 R"(context length is 8192 tokens"}})"),
              Fault::kContextLength);
    EXPECT_EQ(of(R"({"object":"error","message":"x","code":400,)"
                 R"("type":"BadRequestError"})"), Fault::kRequest);
}

// 41: a 400 that is of the account, not of the request.
TEST(Fault, Case41OfAnEmptyPurse) {
    auto of = [](int status, Bytes members) {
        return name_of(classify(
            status, read_error_words(R"({"error":{"type":)"
                                     R"("invalid_request_error",)"
                                     + std::string(members) + "}}")));
    };
    constexpr Bytes kSpent =
        R"("message":"Your credit balance is too low to access the API.")";
    EXPECT_EQ(of(400, kSpent), "quota");
    EXPECT_EQ(of(200, kSpent), "quota");
    EXPECT_EQ(of(400, R"("message":"You have reached your specified API )"
                      R"(usage limits. You will regain access on x")"),
              "quota");
    EXPECT_EQ(of(400, R"("code":"billing_hard_limit_reached")"), "quota");
    EXPECT_EQ(of(400, R"("message":"wrong input 'Your credit balance is )"
                      R"(too low'")"),
              "request");
    Case c;
    EXPECT_EQ(c.step(400, Fault::kQuota), LadderStep::kRung);
    c.state.on = *parse_fallback_on("error");
    EXPECT_EQ(c.step(400, Fault::kQuota), LadderStep::kGiveUp);
}

TEST(Fault, Case41OfGoogleAndXai) {
    auto of = [](int status, Bytes error) {
        return name_of(classify(
            status, read_error_words("[{\n\"error\": " + std::string(error)
                                     + "\n}\n]\n")));
    };
    EXPECT_EQ(of(400, R"({"code":400,"message":"API key not valid. Please )"
                      R"(pass a valid API key.","status":"INVALID"})"),
              "auth");
    EXPECT_EQ(of(400, R"({"code":400,"message":"The input token count (9) )"
                      R"(exceeds the maximum number of tokens allowed (8)."})"),
              "context_length");
    EXPECT_EQ(name_of(classify(400, read_error_words(
                  R"({"code":"Client specified an invalid argument",)"
                  R"("error":"Incorrect API key provided: ab***yz."})"))),
              "auth")
        << "xAI";
    EXPECT_EQ(of(400, R"({"code":400,"message":"x"})"), "request");
    EXPECT_EQ(of(200, R"({"code":503,"message":"x"})"), "overloaded");
    for (Bytes odd : {"[", "[]", "[ ]", "[1]", "[{},{}]", "]", " ", ""}) {
        EXPECT_TRUE(read_error_words(odd).empty()) << odd;
    }
    Case c;
    EXPECT_EQ(c.step(400, Fault::kAuth), LadderStep::kRung);
    c.state.on = *parse_fallback_on("http_402");
    EXPECT_EQ(c.step(400, Fault::kAuth), LadderStep::kGiveUp);
}

// What one client says must not have all others turned away: that of an
// account would.
TEST(Fault, OfOneRequestIsNotOfTheAccount) {
    auto of = [](int status, Bytes json) {
        return name_of(classify(status, read_error_words(json)));
    };
    EXPECT_EQ(of(403, R"({"code":"The caller does not have permission to )"
                      R"(execute the specified operation","error":"Content )"
                      R"(violates usage guidelines. Failed check: X"})"),
              "content_filter");
    EXPECT_EQ(of(403, R"({"error":{"code":403,"message":"m requires )"
                      R"(moderation. Your input was flagged for \"x\"."}})"),
              "content_filter");
    EXPECT_EQ(of(403, R"({"error":{"message":"Country not supported"}})"),
              "auth");
    EXPECT_EQ(of(403, R"({"error":{"message":"Your account is closed, see )"
                      R"(our usage guidelines"}})"),
              "auth");
    constexpr Bytes kLarge =
        R"({"error":{"message":"Request too large for m on tokens per min: )"
        R"(Limit 30000, Requested 50000.","type":"tokens",)"
        R"("code":"rate_limit_exceeded"}})";
    EXPECT_EQ(of(429, kLarge), "model");
    EXPECT_EQ(of(200, kLarge), "model");
    // Groq's status for it.
    EXPECT_EQ(of(413, kLarge), "model");
    EXPECT_EQ(of(413, R"({"error":{"code":"rate_limit_exceeded"}})"),
              "rate_limit");
    EXPECT_EQ(of(413, R"({"error":{"message":"Request too large"}})"),
              "request");
    EXPECT_EQ(of(429, R"({"error":{"type":"rate_limit_error","message":)"
                      R"("Extra usage is required for long context )"
                      R"(requests."}})"),
              "model");
    EXPECT_EQ(of(429, R"({"error":{"message":"Rate limit reached for m"}})"),
              "rate_limit");
}

TEST(Fault, OfAnthropicAndVllmErrors) {
    auto of = [](int status, Bytes json) {
        return classify(status, read_error_words(json));
    };
    EXPECT_EQ(of(529, R"({"type":"error","error":{"type":"overloaded_error",
        "message":"Overloaded"}})"), Fault::kOverloaded);
    EXPECT_EQ(of(200, R"({"type":"error","error":{"type":"overloaded_error",
        "message":"Overloaded"}})"), Fault::kOverloaded);
    EXPECT_EQ(of(400, R"({"type":"error","error":{"type":
        "invalid_request_error","message":"prompt is too long: 210000 tokens
        > 200000 maximum"}})"), Fault::kRequest)
        << "a raw line feed is no JSON";
    EXPECT_EQ(of(400, R"({"type":"error","error":{"type":
        "invalid_request_error","message":"prompt is too long: 21 tokens"}})"),
              Fault::kContextLength);
    EXPECT_EQ(of(402, R"({"type":"error","error":{"type":"billing_error",
        "message":"x"}})"), Fault::kQuota);
    EXPECT_EQ(of(400, R"({"object":"error","message":"This model's maximum
 context length is 8192","type":"BadRequestError","code":400})"),
              Fault::kRequest);
    EXPECT_EQ(of(400, R"({"object":"error","message":"This model's maximum )"
                      R"(context length is 8192","type":"BadRequestError",)"
                      R"("code":400})"),
              Fault::kContextLength);
    // A message of an answer that happens to hold the words is no error.
    EXPECT_EQ(of(200, R"({"type":"message","content":"context window"})"),
              Fault::kNone);
    EXPECT_EQ(of(500, R"({"error":{"message":"maximum context length"}})"),
              Fault::kServer);
}

TEST(Fault, TooLongInTheWordsOfMany) {
    for (Bytes message : {
             "input length and `max_tokens` exceed context limit: 199000 + "
             "20000 > 200000",
             "This model's maximum prompt length is 131072 but the request "
             "contains 537812 tokens.",
             "The input token count (1200000) exceeds the maximum number of "
             "tokens allowed (1048576).",
             "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
             "the request exceeds the available context size",
             "The decoder prompt (length 5000) is longer than the maximum "
             "model length of 4096.",
             "The input (5000 tokens) is longer than the model's context "
             "length (4096 tokens).",
             "Invalid request: Your request exceeded model token limit: "
             "262144 (requested: 269030)",
             "<400> InternalError.Algo.InvalidParameter: Range of input "
             "length should be [1, 983616]",
         }) {
        ErrorWords words;
        words.type = "invalid_request_error";
        words.message = message;
        EXPECT_EQ(classify(400, words), Fault::kContextLength) << message;
        EXPECT_EQ(classify(200, words), Fault::kContextLength) << message;
    }
    ErrorWords words;
    words.code = "tokens_limit_reached";
    EXPECT_EQ(classify(413, words), Fault::kContextLength);
    words = {"invalid_request_error", "", "context_length must be a number"};
    EXPECT_EQ(classify(400, words), Fault::kRequest);
}

TEST(Fault, AnErrorIn200ThatTheClientHasCausedIsNoFailure) {
    auto of = [](Bytes json) { return classify(200, read_error_words(json)); };
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "param":"top_p","code":null}})"), Fault::kRequest);
    EXPECT_EQ(of(R"({"type":"error","error":{"type":"invalid_request_error",
        "message":"x"}})"), Fault::kRequest);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"BadRequestError",
        "code":400}})"), Fault::kRequest);
    EXPECT_EQ(of(R"({"error":{"message":"x","code":422}})"), Fault::kRequest);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"server_error",
        "code":400000}})"), Fault::kErrorIn200);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "code":"invalid_api_key"}})"), Fault::kAuth);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "code":"billing_not_active"}})"), Fault::kQuota);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "code":"account_deactivated"}})"), Fault::kErrorIn200);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "code":"unsupported_parameter"}})"), Fault::kRequest);
    EXPECT_EQ(of(R"({"error":{"message":"x","type":"invalid_request_error",
        "code":"rate_limit_exceeded"}})"), Fault::kRateLimit);
}

TEST(Fault, WordsAreBounded) {
    std::string huge = R"({"error":{"message":")"
                       + std::string(kMaxErrorBody, 'a') + R"("}})";
    EXPECT_TRUE(read_error_words(huge).empty());
    std::string large =
        R"({"error":{"message":")" + std::string(5000, 'a') + R"("}})";
    EXPECT_EQ(read_error_words(large).message.size(), 512u);
    // A text that was cut within a pair is JSON to clients.
    EXPECT_EQ(read_error_words(R"({"error":{"code":"x","message":"\ud83d"}})")
                  .code, "x");
    EXPECT_TRUE(read_error_words("").empty());
    EXPECT_TRUE(read_error_words("[1]").empty());
    EXPECT_TRUE(read_error_words(R"({"error":{"message":"cut)").empty());
}

}  // namespace
}  // namespace llm::route
