// The answer to GET …/v1/models and …/v1/models/NAME: the models that the
// operator has named and the caller's key may use. Globs name no model and
// are not listed; names of llm_model_list are, aliases above all.
//
// Forms: OpenAI's list {"object":"list","data":[{id, object, created,
// owned_by}]}; Anthropic's {"data":[{type, id, display_name, created_at}],
// has_more, first_id, last_id}, for requests with anthropic-version.
//
// Pure; any thread. Sources: OpenAI and Anthropic API references (models).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/limit/keys.hpp"
#include "src/route/registry.hpp"

namespace llm::route {

struct ListedModel {
    std::string id;
    std::string owner;   // the first provider that has it; "" of an alias
    std::string routed;  // what llm_model makes of it; "": itself
};

// Literal names of providers of the family that have a weight, in the
// operator's order, then the further names; each name once. `registry`
// nullptr: there are no providers. `required`: a further name that comes out
// as what no provider can be asked for is left out.
std::vector<ListedModel> listed_models(const Registry* registry,
                                       std::span<const ListedModel> further,
                                       api::Family family, bool required);

// `key` nullptr: no keys are configured, everything is listed. A key may use
// what it names, and what is made into a model that it names. `created_s`:
// an instant that stays the same, since no provider tells (0: 1970, as
// Anthropic does where the release is not known).
std::string model_list(api::Family form, std::span<const ListedModel> models,
                       const limit::Key* key, int64_t created_s);

// One of them; empty: not there, or not for this key (404).
std::optional<std::string> model_entry(api::Family form,
                                       std::span<const ListedModel> models,
                                       Bytes id, const limit::Key* key,
                                       int64_t created_s);

}  // namespace llm::route
