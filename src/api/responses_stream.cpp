#include <memory>
#include <utility>

#include "src/api/protocols.hpp"
#include "src/api/raw_json.hpp"
#include "src/api/responses.hpp"
#include "src/api/responses_progress.hpp"
#include "src/api/typed_reader.hpp"

namespace llm::api {
namespace {

using json::kRoot;
using json::NodeId;
using json::Type;

bool is_terminal(Bytes type) {
    return type == "response.completed" || type == "response.incomplete" ||
           type == "response.failed" || type == "response.cancelled";
}

class ResponsesReader final : public TypedReader {
public:
    explicit ResponsesReader(size_t max_bytes)
        : TypedReader(Endpoint::kResponses, max_bytes),
          progress_(max_bytes) {
        answer_.choices.emplace_back();
    }

    EventInfo on_event(const sse::Event& event) override;
    const ResponsesProgress* progress() const override { return &progress_; }

private:
    void dispatch(Bytes type, EventInfo& info);
    void on_item_added(EventInfo& info);
    void on_item_done();
    void on_delta(Bytes type, EventInfo& info);
    void on_end(Bytes type, EventInfo& info);
    void on_error(EventInfo& info);

    void count(size_t bytes, EventInfo& info);
    bool keep_document(NodeId response);
    void overflow() {
        overflow_ = true;
        progress_.drop();
    }

    std::string scratch_;
    ResponsesProgress progress_;
};

EventInfo ResponsesReader::on_event(const sse::Event& event) {
    EventInfo info;
    // Some servers end this stream as they end those of chat.
    if (!event.has_data || event.data.empty() || is_done(event)) {
        return info;
    }
    const std::optional<std::string> named = read(event, event.data, info);
    if (!named) {
        return info;
    }
    const std::string& type = *named;
    if (!done_) {
        progress_.on_event(type, doc_);
    }
    if (is_terminal(type)) {
        on_end(type, info);
    } else if (is_error(type)) {
        on_error(info);
    } else if (!done_) {
        dispatch(type, info);
    }
    return info;
}

void ResponsesReader::dispatch(Bytes type, EventInfo& info) {
    if (type == "response.created" || type == "response.in_progress" ||
        type == "response.queued") {
        // Its usage, where a server fills it in, is no result yet.
        responses::read_head(doc_, doc_.find(kRoot, "response"), answer_);
    } else if (type == "response.output_item.added") {
        on_item_added(info);
    } else if (type == "response.output_item.done") {
        on_item_done();
    } else if (type.ends_with(".delta")) {
        on_delta(type, info);
    }
}

void ResponsesReader::count(size_t bytes, EventInfo& info) {
    content_bytes_ += bytes;
    info.content = info.content || bytes > 0;
    if (content_bytes_ > max_bytes_) {
        overflow();
    }
}

// A call's name is its first token, its arguments follow as deltas.
void ResponsesReader::on_item_added(EventInfo& info) {
    const NodeId item = doc_.find(kRoot, "item");
    const NodeId name = doc_.find(item, "name");
    if (doc_.is(name, Type::kString)) {
        count(doc_.string(name, scratch_).size(), info);
    }
}

void ResponsesReader::on_item_done() {
    if (!doc_.is(doc_.find(kRoot, "item"), Type::kObject)) {
        lossy_ = true;
    } else if (progress_.lost()) {
        overflow();
    }
}

void ResponsesReader::on_delta(Bytes type, EventInfo& info) {
    const NodeId delta = doc_.find(kRoot, "delta");
    if (!doc_.is(delta, Type::kString)) {
        return;
    }
    if (type == "response.audio.delta") {
        info.content = true;  // encoded sound says nothing about tokens
        return;
    }
    count(doc_.string(delta, scratch_).size(), info);
}

// Some servers leave the output out of the final response and have sent it
// before; the document gets it back. False when it is lost.
bool ResponsesReader::keep_document(NodeId response) {
    std::string& document = answer_.document;
    const NodeId output = doc_.find(response, "output");
    const bool empty =
        !doc_.is(output, Type::kArray) || doc_.size(output) == 0;
    if (!empty || (!progress_.has_items() && content_bytes_ == 0)) {
        document = raw::compact(doc_.raw(response));
        return true;
    }
    if (!progress_.has_items()) {
        return false;
    }
    raw::append_with(document, doc_, response, "output", progress_.output());
    return true;
}

void ResponsesReader::on_end(Bytes type, EventInfo& info) {
    info.terminal = true;
    const NodeId response = doc_.find(kRoot, "response");
    info.usage = doc_.is(doc_.find(response, "usage"), Type::kObject);
    const std::string reason = answer_.choices[0].finish_reason;
    responses::read_response(doc_, response, answer_);
    info.error = type == "response.failed" || answer_.error;
    if (std::exchange(done_, true)) {
        answer_.choices[0].finish_reason = reason;
        return;
    }
    if (answer_.choices[0].finish_reason.empty()) {
        answer_.choices[0].finish_reason =
            type.substr(Bytes("response.").size());
    }
    if (!doc_.is(response, Type::kObject)) {
        lossy_ = true;
    } else if (doc_.raw(response).size() > max_bytes_) {
        overflow();
    } else if (!overflow_ && !keep_document(response)) {
        lossy_ = true;
    }
    progress_.drop();
    answer_.complete = !lossy_ && !overflow_ && !answer_.error;
}

// {"type":"error","code":…,"message":…,"param":…} or all that in "error".
void ResponsesReader::on_error(EventInfo& info) {
    info.error = true;
    answer_.complete = false;
    const NodeId inner = doc_.find(kRoot, "error");
    if (doc_.is(inner, Type::kObject)) {
        answer_.error = responses::read_error(doc_, inner);
        return;
    }
    answer_.error = responses::read_error(doc_, kRoot);
    answer_.error->type.clear();  // the event's own
}

}  // namespace

std::unique_ptr<StreamReader> make_responses_reader(size_t max_bytes) {
    return std::make_unique<ResponsesReader>(max_bytes);
}

}  // namespace llm::api
