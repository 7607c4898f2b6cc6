#include "ngx_llm_module/embedding.hpp"

namespace llm::door {

bool embed(const Embedder&, const std::shared_ptr<exchange::NearJob>&,
           std::function<void()>) {
    return false;
}

void close_embeddings() {}

}  // namespace llm::door
