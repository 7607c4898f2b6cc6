#include "ngx_llm_module/embedding.hpp"

#include "ngx_llm_module/embedding_endpoint.hpp"

namespace llm::door {
namespace {

// By Embedder::index; of this worker.
std::vector<std::unique_ptr<EmbeddingEndpoint>>& endpoints() {
    static std::vector<std::unique_ptr<EmbeddingEndpoint>> all;
    return all;
}

}  // namespace

bool embed(const Embedder& embedder,
           const std::shared_ptr<exchange::NearJob>& job,
           std::function<void()> done) {
    auto& all = endpoints();
    if (all.size() <= embedder.index) {
        all.resize(embedder.index + 1);
    }
    auto& endpoint = all[embedder.index];
    if (endpoint == nullptr) {
        endpoint = std::make_unique<EmbeddingEndpoint>(embedder);
    }
    return endpoint->embed(job, std::move(done));
}

void close_embeddings() {
    endpoints().clear();
}

}  // namespace llm::door
