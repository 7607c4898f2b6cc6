#include "tests/mock/router.hpp"

#include "tests/mock/text.hpp"

namespace llm::mock {

namespace {

Producer::Peer peer_of(const HttpRequest& request) {
    Producer::Peer peer;
    peer.http11 = request.http11;
    peer.keep_alive = request.keep_alive;
    peer.head_only = request.method == "HEAD";
    peer.accepts_gzip =
        request.header("accept-encoding").find("gzip")
        != std::string_view::npos;
    return peer;
}

Reply plain(std::string body) {
    Reply reply;
    reply.body = std::move(body);
    return reply;
}

Reply reply_of(const Ask& ask) {
    switch (ask.api) {
        case Api::kChat:
            return chat_reply(ask);
        case Api::kCompletions:
            return completions_reply(ask);
        case Api::kEmbeddings:
            return embeddings_reply(ask);
        case Api::kResponses:
            return responses_reply(ask);
        case Api::kMessages:
            return messages_reply(ask);
        case Api::kCountTokens:
            return count_tokens_reply(ask);
        case Api::kModels:
            return models_reply(ask);
        case Api::kNone:
            break;
    }
    return error_reply(ask, 404, "Unknown request URL.");
}

}  // namespace

bool Router::control(const HttpRequest& request, std::string_view path,
                     Reply& reply) {
    bool post = request.method == "POST";
    if (path == "/mock/log") {
        reply = plain(log_.json());
    } else if (path == "/mock/count") {
        reply = plain(text_of(log_.count()) + "\n");
    } else if (path == "/mock/reset" && post) {
        log_.reset();
        times_.clear();
        defaults_ = command_line_;
        reply = plain("{\"reset\":true}\n");
    } else if (path == "/mock/knobs" && post) {
        Knobs fresh = command_line_;
        std::string wrong = fresh.apply(request.body);
        if (wrong.empty()) {
            defaults_ = fresh;
        }
        reply = plain("{\"unknown\":" + quoted(wrong) + "}\n");
        reply.status = wrong.empty() ? 200 : 400;
    } else {
        return false;
    }
    return true;
}

// Takes the knobs out of the path and the header; answers what it does not
// understand, so that a test's typing error shows.
std::string Router::read_knobs(const HttpRequest& request, std::string& path,
                               Knobs& knobs) {
    std::string text;
    if (path.compare(0, 6, "/mock/") == 0) {
        std::size_t end = std::min(path.find('/', 6), path.size());
        text = percent_decoded(std::string_view(path).substr(6, end - 6));
        path.erase(0, end);
    }
    std::string_view header = request.header("x-mock");
    if (!header.empty()) {
        text.append(text.empty() ? "" : ",").append(header);
    }
    std::string wrong = knobs.apply(text);
    if (knobs.times == kUnset || !wrong.empty()) {
        return wrong;
    }
    if (times_.size() >= kMaxCounters && times_.find(text) == times_.end()) {
        times_.clear();
    }
    if (++times_[text] > knobs.times) {
        knobs = command_line_;
    }
    return {};
}

Reply Router::make(const HttpRequest& request, Ask& ask,
                   const std::string& wrong) {
    const Knobs& knobs = ask.knobs;
    if (!wrong.empty()) {
        return error_reply(ask, 400, "Mock: unknown knob " + wrong);
    }
    if (knobs.status != 200) {
        return error_reply(ask, static_cast<int>(knobs.status % 1000),
                           "The mock upstream was told to fail.");
    }
    bool get = request.method == "GET" || request.method == "HEAD";
    if (ask.api == Api::kNone) {
        return error_reply(ask, 404,
                           "Unknown request URL: " + request.method + " "
                               + ask.path + ".");
    }
    if (get != (ask.api == Api::kModels)
        || (!get && request.method != "POST")) {
        Reply reply = error_reply(ask, 405, "Not allowed.");
        reply.headers += get ? "Allow: POST\r\n" : "Allow: GET\r\n";
        return reply;
    }
    if (get) {
        return reply_of(ask);
    }
    if (!ask.root.is(Kind::kObject)) {
        return error_reply(ask, 400,
                           "We could not parse the JSON body of your "
                           "request.");
    }
    if (!ask.root.get("model").is(Kind::kString)) {
        return error_reply(ask, 400, "you must provide a model parameter");
    }
    bool talks = ask.api == Api::kChat || ask.api == Api::kMessages;
    if (talks && !ask.root.get("messages").first().present()) {
        return error_reply(ask, 400,
                           "Missing required parameter: 'messages'.");
    }
    return reply_of(ask);
}

Exchange Router::answer(const HttpRequest& request, std::uint64_t connection) {
    Exchange exchange;
    Reply reply;
    std::string path = request.target.substr(0, request.target.find('?'));
    Producer::Peer peer = peer_of(request);
    if (control(request, path, reply)) {
        exchange.producer = std::make_unique<Producer>(
            std::move(reply), Knobs(), Event(), peer);
        return exchange;
    }
    Knobs knobs = defaults_;
    std::string wrong = read_knobs(request, path, knobs);
    Api api = api_of(path);
    Value root;
    if (request.method == "POST" && json_.parse(request.body)) {
        root = json_.root();
    }
    exchange.logged = true;
    exchange.log_id = log_.begin(request, connection, api_name(api));
    Ask ask = make_ask(api, path, root, knobs);
    reply = make(request, ask, wrong);
    Event error = knobs.error200 || knobs.error_at != kUnset
                      ? error_event(ask)
                      : Event();
    if (knobs.error200 && !ask.stream) {
        error.data = error_body(ask, 500, "The mock upstream was told to "
                                          "fail.");
    }
    exchange.producer = std::make_unique<Producer>(
        std::move(reply), ask.knobs, std::move(error), peer);
    return exchange;
}

Exchange Router::refuse(int status, const char* reason) {
    Exchange exchange;
    Ask ask;
    Reply reply = error_reply(ask, status, reason);
    Producer::Peer peer;
    peer.keep_alive = false;
    exchange.producer = std::make_unique<Producer>(std::move(reply), Knobs(),
                                                   Event(), peer);
    return exchange;
}

}  // namespace llm::mock
