// BERT as the paper has it, in doubles and plain loops: what the kernels are
// held against.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "src/semantic/bert_config.hpp"

namespace llm::semantic::test {

using Row = std::vector<double>;
using Rows = std::vector<Row>;
// A tensor's numbers by its name.
using Lookup =
    std::function<const std::vector<float>&(const std::string& name)>;

class NaiveBert {
public:
    NaiveBert(const BertConfig& config, Lookup lookup)
        : config_(config), lookup_(std::move(lookup)) {}

    // The mean over the tokens, divided by its length.
    std::vector<float> encode(const std::vector<uint32_t>& ids) const {
        Rows x = embed(ids);
        for (size_t i = 0; i < config_.layers; i++) {
            std::string name = "encoder.layer." + std::to_string(i) + ".";
            Rows mixed = attend(x, name + "attention.self.");
            add(mixed, name + "attention.output.dense", x,
                name + "attention.output.LayerNorm");
            x = mixed;
            Rows inner = linear(x, name + "intermediate.dense");
            for (Row& row : inner) {
                for (double& v : row) {
                    v *= 0.5 * (1 + std::erf(v / std::sqrt(2.0)));
                }
            }
            add(inner, name + "output.dense", x, name + "output.LayerNorm");
            x = inner;
        }
        Row mean(config_.hidden);
        double squares = 0;
        for (size_t d = 0; d < mean.size(); d++) {
            for (const Row& row : x) {
                mean[d] += row[d];
            }
            squares += mean[d] * mean[d];
        }
        std::vector<float> out;
        for (double v : mean) {
            out.push_back(static_cast<float>(v / std::sqrt(squares)));
        }
        return out;
    }

private:
    Rows embed(const std::vector<uint32_t>& ids) const {
        const auto& words = lookup_("embeddings.word_embeddings.weight");
        const auto& places = lookup_("embeddings.position_embeddings.weight");
        const auto& types =
            lookup_("embeddings.token_type_embeddings.weight");
        size_t width = config_.hidden;
        Rows x;
        for (size_t i = 0; i < ids.size(); i++) {
            Row row(width);
            for (size_t d = 0; d < width; d++) {
                row[d] = double{words[ids[i] * width + d]}
                         + double{places[i * width + d]} + double{types[d]};
            }
            norm(row, "embeddings.LayerNorm");
            x.push_back(row);
        }
        return x;
    }

    void norm(Row& row, const std::string& name) const {
        const auto& gamma = lookup_(name + ".weight");
        const auto& beta = lookup_(name + ".bias");
        auto count = static_cast<double>(row.size());
        double mean = 0;
        for (double v : row) {
            mean += v / count;
        }
        double variance = 0;
        for (double v : row) {
            variance += (v - mean) * (v - mean) / count;
        }
        for (size_t d = 0; d < row.size(); d++) {
            row[d] = (row[d] - mean)
                         / std::sqrt(variance + double{config_.epsilon})
                         * double{gamma[d]}
                     + double{beta[d]};
        }
    }

    Rows linear(const Rows& x, const std::string& name) const {
        const auto& weight = lookup_(name + ".weight");
        const auto& bias = lookup_(name + ".bias");
        Rows out;
        for (const Row& row : x) {
            Row to(bias.size());
            for (size_t n = 0; n < to.size(); n++) {
                to[n] = double{bias[n]};
                const float* w = weight.data() + n * row.size();
                for (size_t k = 0; k < row.size(); k++) {
                    to[n] += row[k] * double{w[k]};
                }
            }
            out.push_back(to);
        }
        return out;
    }

    // x = norm(dense(x) + rest)
    void add(Rows& x, const std::string& dense, const Rows& rest,
             const std::string& norm_name) const {
        x = linear(x, dense);
        for (size_t i = 0; i < x.size(); i++) {
            for (size_t d = 0; d < x[i].size(); d++) {
                x[i][d] += rest[i][d];
            }
            norm(x[i], norm_name);
        }
    }

    Rows attend(const Rows& x, const std::string& name) const {
        Rows q = linear(x, name + "query");
        Rows k = linear(x, name + "key");
        Rows v = linear(x, name + "value");
        size_t head = config_.head();
        Rows out(x.size(), Row(config_.hidden));
        for (size_t h = 0; h < config_.hidden; h += head) {
            for (size_t i = 0; i < x.size(); i++) {
                Row share(x.size());
                double total = 0;
                for (size_t j = 0; j < x.size(); j++) {
                    double score = 0;
                    for (size_t d = h; d < h + head; d++) {
                        score += q[i][d] * k[j][d];
                    }
                    share[j] =
                        std::exp(score / std::sqrt(double(head)));
                    total += share[j];
                }
                for (size_t j = 0; j < x.size(); j++) {
                    for (size_t d = h; d < h + head; d++) {
                        out[i][d] += share[j] / total * v[j][d];
                    }
                }
            }
        }
        return out;
    }

    BertConfig config_;
    Lookup lookup_;
};

}  // namespace llm::semantic::test
