#include "ngx_llm_module/threads.hpp"

#include <memory>

#include "ngx_llm_module/boundary.hpp"

namespace llm::door {

#if (NGX_THREADS)

namespace {

ngx_str_t pool_name = ngx_string("default");

struct Job {
    ngx_thread_task_t task;
    ngx_log_t* log;
    std::function<void()> work;
    std::function<void()> done;
};

void on_thread(void* data, ngx_log_t* log) noexcept {
    auto* job = static_cast<Job*>(data);
    guard(log, [job] { job->work(); });
}

void on_loop(ngx_event_t* event) noexcept {
    std::unique_ptr<Job> job(static_cast<Job*>(event->data));
    guard(job->log, [&job] { job->done(); });
}

}  // namespace

char* add_threads(ngx_conf_t* cf) {
    return ngx_thread_pool_add(cf, &pool_name) == nullptr
               ? static_cast<char*>(NGX_CONF_ERROR)
               : NGX_CONF_OK;
}

bool run_in_thread(ngx_log_t* log, std::function<void()> work,
                   std::function<void()> done) {
    ngx_thread_pool_t* pool = ngx_thread_pool_get(
        const_cast<ngx_cycle_t*>(ngx_cycle), &pool_name);
    if (pool == nullptr) {
        work();
        done();
        return true;
    }
    auto job = std::make_unique<Job>();
    job->task = {};
    job->task.ctx = job.get();
    job->task.handler = on_thread;
    job->task.event.handler = on_loop;
    job->task.event.data = job.get();
    job->task.event.log = log;
    job->log = log;
    job->work = std::move(work);
    job->done = std::move(done);
    if (ngx_thread_task_post(pool, &job->task) != NGX_OK) {
        return false;
    }
    job.release();
    return true;
}

#else

char* add_threads(ngx_conf_t*) {
    return NGX_CONF_OK;
}

bool run_in_thread(ngx_log_t*, std::function<void()> work,
                   std::function<void()> done) {
    work();
    done();
    return true;
}

#endif

}  // namespace llm::door
