// A price file: parsed or refused, and whatever was parsed gives costs that
// are not negative, never fall when more is used, and buy what they say.
#include <cstdint>
#include <string>

#include "src/price/decimal.hpp"
#include "src/price/table.hpp"
#include "tests/fuzz/check.hpp"

namespace {

using llm::Bytes;
using llm::fuzz::check;
namespace price = llm::price;

llm::api::Usage usage(int64_t input, int64_t output) {
    llm::api::Usage u;
    u.input = input;
    u.output = output;
    return u;
}

void check_model(const price::ModelPrice& model) {
    check(!model.tiers.empty(), "a base tier");
    for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{100000},
                      llm::api::Usage::kMax}) {
        auto less = price::cost_nano(model, usage(n, 1));
        auto more = price::cost_nano(model, usage(n, 1000));
        check(!less || *less >= 0, "not negative");
        check(!less || !more || *less <= *more, "more output costs more");
        auto out = price::affordable_output(model, n, 1000000000);
        if (out && *out > 0 && *out < llm::api::Usage::kMax) {
            check(*price::cost_nano(model, usage(n, *out)) <= 1000000000,
                  "bought within the money");
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Bytes text(reinterpret_cast<const char*>(data), size);
    auto scaled = price::parse_scaled(text, 9);
    if (scaled.ok()) {
        check(*price::parse_scaled(price::format_scaled(*scaled, 9), 9)
                  == *scaled,
              "formatted and read again");
    }
    auto table = price::Table::parse(text);
    if (!table.ok()) {
        return 0;
    }
    for (Bytes name : {"m", "a", "gpt-4o"}) {
        if (const price::ModelPrice* model = table->find(name)) {
            check_model(*model);
        }
    }
    return 0;
}
