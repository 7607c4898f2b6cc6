#include "ngx_llm_module/background.hpp"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {
namespace {

struct Job {
    ngx_log_t* log;
    std::function<void()> work;
    std::function<void()> done;
    std::atomic<bool> ended = false;
    std::thread thread;
};

std::vector<std::unique_ptr<Job>> jobs;
ngx_event_t look_event;
constexpr ngx_msec_t kLook = 10;  // ms until the loop looks for an end again

// Signals are for nginx's own thread: what is started while this stands gets
// none.
class NoSignals {
public:
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;

private:
    sigset_t before_;
};

// `done` may start another job.
void take_ended() {
    for (size_t i = 0; i < jobs.size();) {
        if (!jobs[i]->ended) {
            i++;
            continue;
        }
        std::unique_ptr<Job> job = std::move(jobs[i]);
        jobs.erase(jobs.begin() + static_cast<ptrdiff_t>(i));
        job->thread.join();
        guard(job->log, [&job] { job->done(); });
    }
}

void look(ngx_event_t* event) noexcept {
    take_ended();
    if (!jobs.empty() && !event->timer_set) {
        ngx_add_timer(event, kLook);
    }
}

// Cancelable: a worker that shuts down does not wait for it.
void look_soon(ngx_log_t* log) {
    if (look_event.timer_set) {
        return;
    }
    look_event = {};
    look_event.handler = look;
    look_event.data = &look_event;
    look_event.log = log;
    look_event.cancelable = 1;
    ngx_add_timer(&look_event, kLook);
}

}  // namespace

bool run_in_background(ngx_log_t* log, std::function<void()> work,
                       std::function<void()> done) {
    auto job = std::make_unique<Job>();
    job->log = log;
    job->work = std::move(work);
    job->done = std::move(done);
    jobs.reserve(jobs.size() + 1);
    try {
        NoSignals none;
        job->thread = std::thread([job = job.get()] {
            guard(job->log, [job] { job->work(); });
            job->ended = true;
        });
    } catch (const std::system_error&) {
        return false;
    }
    jobs.push_back(std::move(job));
    look_soon(log);
    return true;
}

void join_background() {
    for (std::unique_ptr<Job>& job : jobs) {
        job->thread.join();
    }
    jobs.clear();
}

}  // namespace llm::door
