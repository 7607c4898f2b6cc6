// Policy: what the operator's configuration says for one request, with every
// variable already evaluated. Views must live until Exchange::release().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/bytes.hpp"
#include "src/exchange/cache_control.hpp"

namespace llm::exchange {

struct NearPolicy;  // near.hpp

struct Policy {
    // llm_semantic; nullptr: off. It outlives the request.
    const NearPolicy* near = nullptr;
    // Where answers may stand that were stored with llm_semantic; nullptr:
    // there are none.
    const semantic::Lists* lists = nullptr;
    bool cache = false;            // llm_cache names a zone
    Bytes tenant;                  // $llm_tenant
    std::string further_identity;  // of more credentials than the tenant's
    bool other_identity = false;   // no credential, but a cookie or a client
                                   // certificate: somebody, we cannot tell who
    std::vector<Bytes> scope;      // llm_cache_scope; empty = all share
    bool tenant_scoped = true;     // the scope holds the tenant
    Bytes version;                 // llm_cache_version
    int64_t ttl_s = 0;             // llm_cache_valid
    bool bypass = false;           // llm_cache_bypass
    bool no_store = false;         // llm_no_cache
    size_t max_size = 0;           // llm_cache_max_size
    // llm_cache_max_temperature in thousandths
    std::optional<int64_t> max_temperature;
    ClientControl control;
    std::vector<Bytes> tags;       // llm_cache_tag

    // Who is asked, and with which path and arguments.
    std::string upstream;
    Bytes target;
    std::string rewritten_target;  // its memory where it is not the client's

    // Request headers that are part of the key; a repeated one's values are
    // joined by commas, as HTTP means them.
    std::string anthropic_version;
    std::string anthropic_beta;
    std::string openai_organization;
    std::string openai_project;
    std::string openai_beta;
};

// What is needed of the policy until the answer has come: owned.
struct Storing {
    std::string tenant;
    std::vector<std::string> tags;
    std::string requested_model;
    int64_t ttl_s = 0;
    size_t max_size = 0;
    uint64_t born = 0;     // purge sequence when the request was looked up
    bool tenant_scoped = true;
};

}  // namespace llm::exchange
