// Table: the prices of one file, LiteLLM's model_prices_and_context_window
// .json as it is (https://github.com/BerriAI/litellm), or an operator's own
// file of the same form. Book: an own file before LiteLLM's.
//
// Form: one object, a member a model, USD a token. `sample_spec` is
// documentation and members that are no objects (a time stamp) are notes;
// both are skipped. Read: {input,output}_cost_per_token, cache_read_input_
// token_cost (or input_cost_per_token_cache_hit), cache_creation_input_
// token_cost, the same with _above_1hr or _above_12hr,
// output_cost_per_reasoning_token, {input,output}_cost_per_{audio,image}_token,
// each also with _above_<n>k_tokens, and with _priority, _flex, _ultrafast or
// _balanced behind it for what is served so; fast and us of
// provider_specific_entry (what is served so costs times as much);
// tiered_pricing (a list of the same members, each with the `range` of
// prompt tokens it is for); max_input_tokens, max_output_tokens, and
// max_tokens for whichever is missing. Other members, those for batches among
// them, are not.
//
// Rates are read digit by digit from the text, never through a float, and
// rounded half up to pico-dollars (model_price.hpp).
//
// Errors: a rate that is not a number, is negative or above 1000 USD a token
// fails the file with the model, the member and the line, and so does a
// model that stands there twice; an object in which no model has a price or a
// window is another file. Whoever watches it keeps the table that it has.
// kInvalid, kTooLarge.
//
// A value for watch::Watched<Table>; const use from any thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "src/base/bytes.hpp"
#include "src/base/result.hpp"
#include "src/price/model_price.hpp"

namespace llm::price {

class Table {
public:
    static constexpr size_t kMaxModels = 100000;
    static constexpr size_t kMaxModelBytes = 256;

    static Result<Table> parse(Bytes text);

    // The very name, nothing else. Lives as long as the table.
    const ModelPrice* find(Bytes model) const;

    size_t size() const { return models_.size(); }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(Bytes name) const {
            return std::hash<Bytes>()(name);
        }
    };

    std::unordered_map<std::string, ModelPrice, Hash, std::equal_to<>>
        models_;
};

// Looks a model up in both files, the own one first, under these names:
//     provider/model    when a provider is given
//     model
//     model without what stands before its first slash, and so on
//     ft:base           for a fine-tuned "ft:base:organisation:…"
// nullptr: unknown, and the caller says what that means (deny, or no price).
struct Book {
    std::shared_ptr<const Table> own;
    std::shared_ptr<const Table> common;

    const ModelPrice* find(Bytes model, Bytes provider = {}) const;
    // This very name stands in one of the files.
    bool has(Bytes model) const { return find_name(model) != nullptr; }

private:
    const ModelPrice* find_name(Bytes name) const;
};

}  // namespace llm::price
