// The llm_provider blocks as C++ objects: made while the configuration is
// read, destroyed with its pool. Each worker has its own copy, made by the
// fork, and re-reads its key files by itself.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
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
    // Those that had another key, or none, before this reload.
    std::vector<std::string> rekeyed;
    // Of the locations that ask providers: whether one has a resolver, and
    // one that has none; line 0: all have one.
    bool resolver = false;
    Place no_resolver{};

    // The credential for a provider of the registry; nullptr is none.
    std::shared_ptr<const route::ProviderKey> key_of(
        const route::Provider& provider) const;
};

// A key that the master alone can read is the safe way to keep one: workers
// are not to read it anew.
inline bool is_masters_alone(const std::string& path) {
    return access(path.c_str(), R_OK) != 0 && errno == EACCES;
}

inline void tell_key_error(const route::Provider& provider,
                           const Error& error, ngx_log_t* log) {
    if (!is_masters_alone(provider.key_file)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_provider \"%s\": key \"%s\": %s; the one that "
                      "was read before stays in use",
                      provider.name.c_str(), provider.key_file.c_str(),
                      error.message.c_str());
    } else if (ngx_worker == 0) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "llm_provider \"%s\": key \"%s\" is not the workers' "
                      "to read: a new one is taken over at the next reload",
                      provider.name.c_str(), provider.key_file.c_str());
    }
}

// Keys that have changed are taken over; `changed` is told whose. For a
// worker's start and tick.
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
            tell_key_error(setup.providers[i], *error, log);
        }
    }
}

}  // namespace llm::door
