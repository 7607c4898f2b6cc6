// Vectors from an endpoint of /v1/embeddings: the texts of a worker that wait
// at the same time go out in one call, recent ones are remembered, an
// endpoint that fails is left alone for a while.
#pragma once

#include <functional>
#include <memory>

#include "ngx_llm_module/conf_semantic.hpp"
#include "src/exchange/near.hpp"

namespace llm::door {

// False: the endpoint is not asked now, and `done` is not called. Else the
// job has its vector, or none, when `done` is called, which may be at once.
// Event loop only.
bool embed(const Embedder& embedder,
           const std::shared_ptr<exchange::NearJob>& job,
           std::function<void()> done);

// For the end of a worker.
void close_embeddings();

}  // namespace llm::door
