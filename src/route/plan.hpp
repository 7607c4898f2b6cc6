// Plan: everything that the configuration says of one request's body, with
// every variable already evaluated. It is applied for each attempt anew: which
// model is asked decides what the parameters are called.
//
// Ownership: points to paths and texts of the configuration, which outlive
// the request; owns the values. One thread.
#pragma once

#include <string>
#include <vector>

#include "src/route/parameters.hpp"
#include "src/route/system_text.hpp"

namespace llm::route {

struct Plan {
    struct Setting {
        const ParameterPath* path;
        std::string value;  // JSON text out of parameter_value()
        SetMode mode;
    };

    std::vector<const SystemText*> texts;  // llm_system, in their order
    std::vector<Setting> settings;         // llm_set
    bool provider_cache = false;           // llm_provider_cache
    std::string cache_key;                 // OpenAI's prompt_cache_key

    // The body goes as it came, but for the model's name.
    bool empty() const {
        return texts.empty() && settings.empty() && !provider_cache;
    }
    // The versions of the texts, joined by commas; "" without any.
    std::string system_version() const;
};

// Adds the plan's splices to `edits`, in this order: system texts, marks for
// the provider's cache, the model, parameters with their caps. `model` is the
// upstream's, "" leaves the client's. What tells two outcomes apart (beyond
// the model) is appended to `effective`, if given.
//
// Returns the parameters, for caps that come later: set() and write() again.
// They refer to `doc`, `request` and `model`. Errc::kInvalid: the client's
// body has a wrong type somewhere; `why` is for the client.
Result<Parameters> apply(const Plan& plan, const json::Document& doc,
                         const api::Request& request, Bytes model,
                         Edits& edits, std::string* effective,
                         api::ApiError* why = nullptr);

}  // namespace llm::route
