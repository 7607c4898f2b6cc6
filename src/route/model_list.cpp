#include "src/route/model_list.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace llm::route {
namespace {

namespace chrono = std::chrono;

bool is_listed(std::span<const ListedModel> models, Bytes id) {
    return std::any_of(models.begin(), models.end(),
                       [id](const ListedModel& model) {
                           return model.id == id;
                       });
}

bool is_allowed(const limit::Key* key, const ListedModel& model) {
    return key == nullptr || key->allows(model.id)
           || (!model.routed.empty() && key->allows(model.routed));
}

// Whose the model is that this name comes out as; nullptr: nobody's.
const Provider* owner_of(const Registry* registry, const ListedModel& model,
                         api::Family family) {
    if (registry == nullptr) {
        return nullptr;
    }
    Bytes name = model.routed.empty() ? model.id : model.routed;
    for (const Provider* provider : registry->candidates(name, family)) {
        if (provider->weight > 0) {
            return provider;
        }
    }
    return nullptr;
}

void append_rfc3339(std::string& out, int64_t utc_s) {
    chrono::sys_seconds instant{chrono::seconds(utc_s)};
    auto day = chrono::floor<chrono::days>(instant);
    chrono::year_month_day date(day);
    chrono::hh_mm_ss time(instant - day);
    char text[64];
    std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                  static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()),
                  static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    append_json_string(out, text);
}

void append_model(std::string& out, api::Family form,
                  const ListedModel& model, int64_t created_s) {
    if (form == api::Family::kAnthropic) {
        out += "{\"type\":\"model\",\"id\":";
        append_json_string(out, model.id);
        out += ",\"display_name\":";
        append_json_string(out, model.id);
        out += ",\"created_at\":";
        append_rfc3339(out, created_s);
    } else {
        out += "{\"id\":";
        append_json_string(out, model.id);
        out += ",\"object\":\"model\",\"created\":";
        append_number(out, created_s);
        out += ",\"owned_by\":";
        append_json_string(out, model.owner.empty() ? "alias" : model.owner);
    }
    out += '}';
}

void append_id(std::string& out, const ListedModel* model) {
    if (model == nullptr) {
        out += "null";
    } else {
        append_json_string(out, model->id);
    }
}

void add_literals(const Registry& registry, api::Family family,
                  std::vector<ListedModel>& out) {
    for (const Provider& provider : registry.providers()) {
        for (const std::string& glob : provider.models) {
            if (provider.weight > 0 && provider.api == family
                && is_literal_model(glob) && !is_listed(out, glob)) {
                out.push_back({glob, provider.name, {}});
            }
        }
    }
}

}  // namespace

std::vector<ListedModel> listed_models(const Registry* registry,
                                       std::span<const ListedModel> further,
                                       api::Family family, bool required) {
    std::vector<ListedModel> out;
    if (registry != nullptr) {
        add_literals(*registry, family, out);
    }
    for (const ListedModel& model : further) {
        const Provider* owner = owner_of(registry, model, family);
        if ((owner == nullptr && required) || is_listed(out, model.id)) {
            continue;
        }
        out.push_back(model);
        if (owner != nullptr && model.routed.empty()) {
            out.back().owner = owner->name;
        }
    }
    return out;
}

std::string model_list(api::Family form, std::span<const ListedModel> models,
                       const limit::Key* key, int64_t created_s) {
    std::string data;
    const ListedModel* first = nullptr;
    const ListedModel* last = nullptr;
    for (const ListedModel& model : models) {
        if (!is_allowed(key, model)) {
            continue;
        }
        data += first == nullptr ? "" : ",";
        first = first == nullptr ? &model : first;
        last = &model;
        append_model(data, form, model, created_s);
    }
    if (form != api::Family::kAnthropic) {
        return "{\"object\":\"list\",\"data\":[" + data + "]}";
    }
    std::string out = "{\"data\":[" + data + "],\"has_more\":false";
    out += ",\"first_id\":";
    append_id(out, first);
    out += ",\"last_id\":";
    append_id(out, last);
    return out + "}";
}

std::optional<std::string> model_entry(api::Family form,
                                       std::span<const ListedModel> models,
                                       Bytes id, const limit::Key* key,
                                       int64_t created_s) {
    for (const ListedModel& model : models) {
        if (model.id == id && is_allowed(key, model)) {
            std::string out;
            append_model(out, form, model, created_s);
            return out;
        }
    }
    return std::nullopt;
}

}  // namespace llm::route
