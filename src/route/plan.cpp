#include "src/route/plan.hpp"

#include "src/route/model_name.hpp"
#include "src/route/provider_cache.hpp"

namespace llm::route {

std::string Plan::system_version() const {
    std::string out;
    for (const SystemText* text : texts) {
        out += out.empty() ? "" : ",";
        out += text->version();
    }
    return out;
}

Result<Parameters> apply(const Plan& plan, const json::Document& doc,
                         const api::Request& request, Bytes model,
                         Edits& edits, std::string* effective,
                         api::ApiError* why) {
    Result<std::string> system =
        apply_system(doc, request, plan.texts, edits, effective, why);
    if (!system.ok()) {
        return system.error();
    }
    if (plan.provider_cache) {
        (void) mark_stable_prefix(doc, request, edits, *system);
        if (!plan.cache_key.empty()) {
            (void) set_prompt_cache_key(doc, request, plan.cache_key, edits);
        }
    }
    if (!model.empty()) {
        Result<void> set = set_model(doc, request, model, edits, why);
        if (!set.ok()) {
            return set.error();
        }
    }
    Parameters parameters(doc, request,
                          model.empty() ? Bytes(request.model) : model);
    for (const Plan::Setting& setting : plan.settings) {
        parameters.set(*setting.path, setting.value, setting.mode);
    }
    Result<void> written = parameters.write(edits, effective, why);
    if (!written.ok()) {
        return written.error();
    }
    return parameters;
}

}  // namespace llm::route
