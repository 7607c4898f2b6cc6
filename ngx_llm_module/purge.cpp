#include "ngx_llm_module/purge.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "ngx_llm_module/body.hpp"
#include "ngx_llm_module/reply.hpp"
#include "ngx_llm_module/zone.hpp"
#include "src/json/document.hpp"
#include "src/metrics/families.hpp"

namespace llm::door {
namespace {

constexpr Bytes kNames[] = {"id", "tag", "tenant", "model", "all"};

constexpr uint32_t kSliceChunks = 8192;
constexpr ngx_msec_t kDeadline = 60000;

struct Command {
    Bytes name;
    std::string value;
};

ngx_int_t complain_to_client(ngx_http_request_t* r, Bytes what) {
    std::string body = "{\"error\":";
    append_json_string(body, what);
    body += "}\n";
    return send_body(r, NGX_HTTP_BAD_REQUEST, "application/json", body);
}

// %XX and nothing else: a plus sign stands for itself in tags and models.
std::string unescape(ngx_http_request_t* r, Bytes text) {
    ngx_str_t copy = copy_to(r->pool, text);
    if (copy.data == nullptr) {
        return {};
    }
    u_char* dst = copy.data;
    u_char* src = copy.data;
    ngx_unescape_uri(&dst, &src, copy.len, 0);
    return std::string(reinterpret_cast<char*>(copy.data),
                       static_cast<size_t>(dst - copy.data));
}

// `all` is for itself and for a truth, not for all=0, and never for the empty
// value of a script's variable that was not set.
std::optional<bool> truth_of(Bytes value) {
    if (value == "1" || value == "true" || value == "on") {
        return true;
    }
    if (value == "0" || value == "false" || value == "off") {
        return false;
    }
    return std::nullopt;
}

// Each argument counts, those of one name too. Errors are words for the
// client.
Result<std::vector<Command>> commands_of_query(ngx_http_request_t* r) {
    std::vector<Command> commands;
    Bytes rest = view(r->args);
    while (!rest.empty()) {
        Bytes piece = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
        piece = piece == "all" ? "all=1" : piece;
        size_t equals = piece.find('=');
        for (Bytes name : kNames) {
            if (equals == Bytes::npos || piece.substr(0, equals) != name) {
                continue;
            }
            std::string value = unescape(r, piece.substr(equals + 1));
            if (name == "all" && !truth_of(value)) {
                return Error{Errc::kInvalid, "all must be 1 or 0"};
            }
            commands.push_back({name, std::move(value)});
        }
    }
    return commands;
}

Result<std::vector<Command>> commands_of_body(Bytes body) {
    json::Document doc;
    if (auto parsed = doc.parse(body); !parsed.ok()) {
        return parsed.error();
    }
    if (!doc.is(json::kRoot, json::Type::kObject)) {
        return Error{Errc::kInvalid, "the body must be a JSON object"};
    }
    std::vector<Command> commands;
    for (json::NodeId id : doc.children(json::kRoot)) {
        std::optional<Bytes> known;
        for (Bytes name : kNames) {
            if (doc.key(id) == name) {
                known = name;
            }
        }
        if (!known) {
            return Error{Errc::kInvalid,
                         "known members are id, tag, tenant, model, all"};
        }
        std::string scratch;
        if (*known == "all") {
            if (!truth_of(doc.raw(id))) {
                return Error{Errc::kInvalid, "all must be true or false"};
            }
            commands.push_back({*known, std::string(doc.raw(id))});
        } else if (doc.is(id, json::Type::kString)) {
            commands.push_back({*known, std::string(doc.string(id, scratch))});
        } else {
            return Error{Errc::kInvalid,
                         "id, tag, tenant and model must be strings"};
        }
    }
    return commands;
}

Result<cache::Sweep> begin(cache::Store& store, const Command& command) {
    using cache::PurgeBy;
    if (command.name == "all") {
        if (truth_of(command.value).value_or(false)) {
            return store.begin_purge(PurgeBy::kAll, "");
        }
        return cache::Sweep{.done = true};
    }
    if (command.name == "tag") {
        return store.begin_purge(PurgeBy::kTag, command.value);
    }
    if (command.name == "tenant") {
        return store.begin_purge(PurgeBy::kTenant, command.value);
    }
    if (command.name == "model") {
        return store.begin_purge(PurgeBy::kModel, command.value);
    }
    if (store.parse_id(command.value).ok()) {
        return store.begin_purge(PurgeBy::kEntry, command.value);
    }
    return store.begin_purge(PurgeBy::kAnswer, command.value);
}

struct Job;

// Of the purges that a worker has under way one sweeps and the others wait:
// when it is through, the next one does for all that wait by then. So many at
// once neither make a turn of the event loop long nor go over the zone each.
const Job*& sweeper() {
    static const Job* instance = nullptr;
    return instance;
}

// Purges have their effect at once; freeing and counting what went takes the
// event loop a slice at a time.
struct Job {
    explicit Job(ngx_http_request_t* request) : r(request) {
        ngx_memzero(&event, sizeof(event));
    }
    ~Job() { leave(); }
    void leave() const {
        if (sweeper() == this) {
            sweeper() = nullptr;
        }
    }

    ngx_http_request_t* r;
    std::vector<cache::Sweep> sweeps;
    uint64_t purged = 0;
    ngx_event_t event;
    std::optional<Wait> wait;
};

void destroy_job(void* data) {
    static_cast<Job*>(data)->~Job();
}

Job* make_job(ngx_http_request_t* r) {
    void* memory = ngx_palloc(r->pool, sizeof(Job));
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (memory == nullptr || cleanup == nullptr) {
        return nullptr;
    }
    auto* job = new (memory) Job(r);
    cleanup->data = job;
    cleanup->handler = destroy_job;
    return job;
}

// The module's context slot is for Contexts alone.
Job& job_of(ngx_http_request_t* r) {
    ngx_pool_cleanup_t* cleanup = r->pool->cleanup;
    while (cleanup->handler != destroy_job) {
        cleanup = cleanup->next;
    }
    return *static_cast<Job*>(cleanup->data);
}

ngx_int_t report(ngx_http_request_t* r, const Job& job) {
    worker_services().metrics.counter(metrics::kPurgedEntries).add(
        job.purged);
    std::string body = "{\"purged\":";
    append_number(body, static_cast<int64_t>(job.purged));
    body += "}\n";
    return send_body(r, NGX_HTTP_OK, "application/json", body);
}

// One slice; true when nothing is left.
bool sweep_slice(Job& job) {
    cache::Store* store = worker_services().store;  // nullptr: no sweeps
    if (sweeper() == nullptr) {
        sweeper() = &job;
    }
    uint32_t chunks = sweeper() == &job ? kSliceChunks : 0;
    while (!job.sweeps.empty()) {
        cache::Sweep& sweep = job.sweeps.back();
        if (!sweep.done && !store->sweep(sweep, chunks)) {
            return false;
        }
        job.purged += sweep.count;
        job.sweeps.pop_back();
    }
    job.leave();
    return true;
}

void go_on(ngx_http_request_t* r);

void on_next_turn(ngx_event_t* event) {
    static_cast<Job*>(event->data)->wait->resume();
}

void call_off(void* data) {
    auto* job = static_cast<Job*>(data);
    if (job->event.posted) {
        ngx_delete_posted_event(&job->event);
    }
}

void suspend(ngx_http_request_t* r, Job& job) {
    job.wait.emplace(r, kDeadline, go_on, call_off, &job);
    job.event.handler = on_next_turn;
    job.event.data = &job;
    job.event.log = r->connection->log;
    ngx_post_event(&job.event, &ngx_posted_next_events);
}

// Past the deadline the count is of what was seen; the purge itself stands.
void go_on(ngx_http_request_t* r) {
    Job& job = job_of(r);
    bool timed_out = job.wait && job.wait->timed_out();
    ngx_int_t rc = guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [&] {
            if (!timed_out && !sweep_slice(job)) {
                return ngx_int_t{NGX_DONE};
            }
            job.leave();
            return report(r, job);
        });
    if (rc == NGX_DONE) {
        suspend(r, job);
        return;
    }
    ngx_http_finalize_request(r, rc);
}

// NGX_DONE: the request goes on by itself.
ngx_int_t purge(ngx_http_request_t* r,
                const Result<std::vector<Command>>& commands) {
    if (!commands.ok()) {
        return complain_to_client(r, commands.error().message);
    }
    if (commands->empty()) {
        return complain_to_client(
            r, "say what to purge: id, tag, tenant, model or all");
    }
    // All or nothing: who is told of an error has purged nothing.
    for (const Command& command : *commands) {
        if (command.value.empty()) {
            return complain_to_client(r, "what to purge is empty");
        }
    }
    Job* job = make_job(r);
    if (job == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    cache::Store* store = worker_services().store;
    for (const Command& command : *commands) {
        if (store == nullptr) {
            break;
        }
        auto sweep = begin(*store, command);
        if (sweep.ok()) {
            job->sweeps.push_back(*sweep);
        } else if (sweep.error().code != Errc::kNotFound) {
            return complain_to_client(r, sweep.error().message);
        }
    }
    go_on(r);
    return NGX_DONE;
}

void on_body(ngx_http_request_t* r) noexcept {
    ngx_int_t rc = guard(
        r->connection->log, ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [r] {
            std::string scratch;
            Result<Bytes> body = gather_body(body_of(r), scratch);
            if (!body.ok()) {
                return ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
            }
            return purge(r, body->empty() ? commands_of_query(r)
                                          : commands_of_body(*body));
        });
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

ngx_int_t handler(ngx_http_request_t* r) noexcept {
    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : ngx_int_t{NGX_DONE};
}

}  // namespace

char* set_purge(ngx_conf_t* cf, ngx_command_t*, void* conf) {
    return set_content_handler(cf, conf, handler);
}

}  // namespace llm::door
