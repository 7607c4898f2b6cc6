// The llm_provider blocks as C++ objects: made while the configuration is
// read, destroyed with its pool. Each worker has its own copy, made by the
// fork, and re-reads its key files by itself.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ngx_llm_module/boundary.hpp"
#include "ngx_llm_module/conf.hpp"
#include "src/route/provider_key.hpp"
#include "src/route/registry.hpp"

namespace llm::door {

struct ProviderSetup {
    std::vector<route::Provider> providers;
    std::vector<Place> places;
    // By the same index; nullptr: no key of ours.
    std::vector<std::unique_ptr<route::ProviderKeyFile>> keys;
    std::optional<route::Registry> registry;  // of `providers`, once whole

    // The credential for a provider of the registry; "" is none.
    Bytes secret_of(const route::Provider& provider) const;
};

// Keys that have changed are taken over; `changed` is told whose. For the
// tick of a worker.
template <typename Changed>
void poll_provider_keys(ProviderSetup& setup, ngx_log_t* log,
                        Changed changed) {
    for (size_t i = 0; i < setup.keys.size(); i++) {
        auto& file = setup.keys[i];
        if (file == nullptr) {
            continue;
        }
        if (file->poll(now())) {
            changed(setup.providers[i]);
        }
        if (auto error = file->take_error()) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "llm_provider \"%s\": key \"%s\": %s; the one "
                          "that was read before stays in use",
                          setup.providers[i].name.c_str(),
                          setup.providers[i].key_file.c_str(),
                          error->message.c_str());
        }
    }
}

}  // namespace llm::door
