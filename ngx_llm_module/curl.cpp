#include "ngx_llm_module/curl.hpp"

#include <curl/curl.h>
#include <openssl/err.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <unordered_map>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/curl_sockets.hpp"
#include "ngx_llm_module/version.hpp"

namespace llm::door {
namespace {

constexpr size_t kMaxRunning = 64;
constexpr size_t kMaxWaiting = 1024;
constexpr long kMaxIdle = 16;  // connections kept for the next fetch
constexpr size_t kMaxErrorText = 200;

struct FreeEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One fetch from fetch() to its end.
struct Job {
    uint64_t id = 0;
    FetchRequest request;
    FetchDone done;
    std::string answer;
    ngx_event_t guard;  // the deadline
    std::unique_ptr<CURL, FreeEasy> easy;  // while it runs
    std::unique_ptr<curl_slist, FreeList> headers;
    char error[CURL_ERROR_SIZE] = {};

    Job() { ngx_memzero(&guard, sizeof(guard)); }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() {
        if (guard.timer_set) {
            ngx_del_timer(&guard);
        }
    }
};

struct Client {
    CURLM* multi = nullptr;
    bool closed = false;
    uint64_t last_id = 0;
    size_t running = 0;
    std::deque<uint64_t> waiting;
    std::unordered_map<uint64_t, std::unique_ptr<Job>> jobs;
};

Client& client() {
    static Client instance;
    return instance;
}

void collect();
void call_off();

bool open(Client& self) {
    if (self.multi != nullptr) {
        return true;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return false;
    }
    self.multi = curl_multi_init();
    if (self.multi == nullptr) {
        return false;
    }
    curl_multi_setopt(self.multi, CURLMOPT_MAXCONNECTS, kMaxIdle);
    attach_sockets(self.multi, collect, call_off);
    return true;
}

size_t on_answer(char* data, size_t size, size_t count, void* user) {
    auto* job = static_cast<Job*>(user);
    size_t bytes = size * count;
    if (bytes > job->request.max_response - job->answer.size()) {
        return 0;
    }
    return guard(ngx_cycle->log, size_t{0}, [&] {
        job->answer.append(data, bytes);
        return bytes;
    });
}

// curl's words may hold text of a certificate.
std::string log_text(Bytes text) {
    std::string out(text.substr(0, kMaxErrorText));
    for (char& c : out) {
        c = c >= ' ' && c <= '~' ? c : '?';
    }
    return out;
}

// The long words of some errors name host, port and certificate, and nothing
// else; of the others the short ones do.
std::string describe(const Job& job, CURLcode code) {
    switch (code) {
    case CURLE_WRITE_ERROR:
        return "the answer is larger than "
               + std::to_string(job.request.max_response) + " bytes";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return log_text(job.error[0] != '\0' ? job.error
                                             : curl_easy_strerror(code));
    default:
        return curl_easy_strerror(code);
    }
}

bool set_headers(Job& job) {
    // Without this curl would wait a second for "100 Continue".
    curl_slist* list = curl_slist_append(nullptr, "Expect:");
    for (const std::string& header : job.request.headers) {
        curl_slist* longer = curl_slist_append(list, header.c_str());
        if (longer == nullptr) {
            curl_slist_free_all(list);
            return false;
        }
        list = longer;
    }
    job.headers.reset(list);
    return list != nullptr;
}

void set_manners(CURL* easy) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    std::string name = "ngx_llm_module/" + std::string(kVersion);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, name.c_str());
    // Else the end of a fetch would wait for the thread that resolves.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

// The easy handle with everything set, or nullptr when memory is out.
CURL* prepare(Job& job) {
    CURL* easy = curl_easy_init();
    job.easy.reset(easy);
    if (easy == nullptr || !set_headers(job)) {
        return nullptr;
    }
    const FetchRequest& request = job.request;
    set_manners(easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &job);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job.error);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job.headers.get());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &job);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(request.connect_timeout));
    if (request.post) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request.body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    if (!request.ca_file.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
    bool set = curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str())
               == CURLE_OK;
    return set ? easy : nullptr;
}

// Forgets the job; its `done` is the caller's to call.
std::unique_ptr<Job> take(Client& self, uint64_t id) {
    auto at = self.jobs.find(id);
    if (at == self.jobs.end()) {
        return nullptr;
    }
    std::unique_ptr<Job> job = std::move(at->second);
    self.jobs.erase(at);
    if (job->easy != nullptr) {
        curl_multi_remove_handle(self.multi, job->easy.get());
        forget_starved(job->easy.get());
        job->easy.reset();
        ERR_clear_error();  // as in act(): it may have ended a connection
        self.running--;
    } else {
        std::erase(self.waiting, id);
    }
    return job;
}

void end(uint64_t id, FetchResult result) {
    std::unique_ptr<Job> job = take(client(), id);
    if (job != nullptr) {
        guard(ngx_cycle->log, [&] { job->done(std::move(result)); });
    }
}

// Hands the job to curl, which does nothing yet but ask for its timer.
bool run(Client& self, Job& job) {
    CURL* easy = prepare(job);
    if (easy == nullptr
        || curl_multi_add_handle(self.multi, easy) != CURLM_OK) {
        job.easy.reset();
        return false;
    }
    self.running++;
    return true;
}

void run_waiting(Client& self) {
    while (self.running < kMaxRunning && !self.waiting.empty()
           && !self.closed) {
        uint64_t id = self.waiting.front();
        self.waiting.pop_front();
        Job& job = *self.jobs.find(id)->second;
        if (!run(self, job)) {
            end(id, {0, {}, "out of memory"});
        }
    }
}

FetchResult result_of(Job& job, CURLcode code) {
    if (code != CURLE_OK) {
        return {0, {}, describe(job, code)};
    }
    long status = 0;
    curl_easy_getinfo(job.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    return {static_cast<int>(status), std::move(job.answer), {}};
}

// Ends what curl has done; after each time that curl was called.
void collect() {
    Client& self = client();
    int left = 0;
    while (CURLMsg* message = self.closed
                                  ? nullptr
                                  : curl_multi_info_read(self.multi, &left)) {
        Job* job = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
        if (message->msg == CURLMSG_DONE && job != nullptr) {
            end(job->id, result_of(*job, message->data.result));
        }
    }
    while (CURL* easy = self.closed ? nullptr : take_starved()) {
        Job* job = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &job);
        end(job->id, {0, {}, "worker_connections are not enough"});
    }
    run_waiting(self);
}

// worker_shutdown_timeout is over.
void call_off() {
    Client& self = client();
    self.closed = true;
    while (!self.jobs.empty()) {
        end(self.jobs.begin()->first, {0, {}, "the worker process ends"});
    }
}

void on_deadline(ngx_event_t* event) {
    guard(event->log, [event] {
        auto* job = static_cast<Job*>(event->data);
        Bytes what = job->easy != nullptr ? "timed out"
                                          : "timed out before its turn";
        end(job->id, {0, {}, std::string(what)});
        run_waiting(client());
    });
}

bool are_headers(const std::vector<std::string>& headers) {
    return std::all_of(headers.begin(), headers.end(), [](const auto& h) {
        return h.find(':') != std::string::npos
               && h.find_first_of(Bytes("\r\n\0", 3)) == std::string::npos;
    });
}

void start_guard(Job& job) {
    job.guard.handler = on_deadline;
    job.guard.data = &job;
    job.guard.log = ngx_cycle->log;
    ngx_add_timer(&job.guard, job.request.timeout);
}

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) {
        return {};
    }
    std::string out(text);
    curl_free(text);
    return out;
}

}  // namespace

Result<Fetch> fetch(FetchRequest request, FetchDone done) {
    Client& self = client();
    if (auto url = check_url(request.url); !url) {
        return url.error();
    }
    if (!are_headers(request.headers)) {
        return Error{Errc::kInvalid, "a header that is none"};
    }
    if (self.closed || !open(self) || self.waiting.size() >= kMaxWaiting) {
        return Error{Errc::kNoSpace, self.closed
                                         ? "the worker process ends"
                                         : "too many calls are waiting"};
    }
    auto job = std::make_unique<Job>();
    job->id = ++self.last_id;
    job->request = std::move(request);
    job->done = std::move(done);
    start_guard(*job);
    uint64_t id = job->id;
    Job& kept = *self.jobs.emplace(id, std::move(job)).first->second;
    if (self.running >= kMaxRunning || !self.waiting.empty()) {
        self.waiting.push_back(id);
    } else if (!run(self, kept)) {
        take(self, id);
        return Error{Errc::kNoSpace, "out of memory"};
    }
    return Fetch(id);
}

void Fetch::cancel() {
    if (id_ == 0) {
        return;
    }
    // What waits gets its turn from collect(), later: this may be a
    // destructor in the middle of anything.
    std::unique_ptr<Job> job = take(client(), id_);
    id_ = 0;
    if (job != nullptr && !client().waiting.empty()) {
        wake_sockets();
    }
}

Result<std::string> check_url(const std::string& url) {
    std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
    if (parsed == nullptr) {
        return Error{Errc::kIo, "out of memory"};
    }
    for (char c : url) {
        if (c <= ' ' || c == '\x7f') {
            return Error{Errc::kInvalid, "white space or a control character"};
        }
    }
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                     CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        return Error{Errc::kInvalid, "not a URL"};
    }
    std::string scheme = part(parsed.get(), CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https") {
        return Error{Errc::kInvalid, "neither http:// nor https://"};
    }
    if (!part(parsed.get(), CURLUPART_USER).empty()
        || !part(parsed.get(), CURLUPART_PASSWORD).empty()) {
        return Error{Errc::kInvalid, "a user or a password in the URL"};
    }
    if (!part(parsed.get(), CURLUPART_FRAGMENT).empty()) {
        return Error{Errc::kInvalid, "a fragment in the URL"};
    }
    return part(parsed.get(), CURLUPART_HOST) + ":"
           + part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

void close_fetches() {
    Client& self = client();
    self.closed = true;
    self.waiting.clear();
    while (!self.jobs.empty()) {
        take(self, self.jobs.begin()->first);
    }
    if (self.multi != nullptr) {
        curl_multi_cleanup(self.multi);
        self.multi = nullptr;
        detach_sockets();
        curl_global_cleanup();
    }
}

}  // namespace llm::door
