#include "bench/semantic_vectors.hpp"

#include <algorithm>
#include <cstdio>

#include "src/semantic/normalise.hpp"

namespace llm::bench {

Vectors::Vectors(const semantic::Encoder& encoder, const std::string& memo,
                 const semantic::Lists& lists)
    : encoder_(encoder), lists_(lists) {
    encoder_.prepare(space_);
    if (!memo.empty()) {
        path_ = memo + "/" + encoder.id().hex().substr(0, 16) + ".vectors";
        load();
    }
}

void Vectors::load() {
    std::FILE* file = std::fopen(path_.c_str(), "rb");
    if (file == nullptr) {
        return;
    }
    uint32_t size = 0;
    while (std::fread(&size, sizeof(size), 1, file) == 1) {
        std::string text(size, '\0');
        std::vector<float> row(dims());
        if (std::fread(text.data(), 1, size, file) != size
            || std::fread(row.data(), sizeof(float), row.size(), file)
                   != row.size()) {
            break;
        }
        rows_.emplace(std::move(text), data_.size());
        data_.push_back(std::move(row));
    }
    std::fclose(file);
    loaded_ = data_.size();
}

Vectors::~Vectors() {
    if (path_.empty() || data_.size() == loaded_) {
        return;
    }
    std::FILE* file = std::fopen(path_.c_str(), "ab");
    if (file == nullptr) {
        return;
    }
    for (const auto& [text, row] : rows_) {
        if (row >= loaded_) {
            auto size = static_cast<uint32_t>(text.size());
            std::fwrite(&size, sizeof(size), 1, file);
            std::fwrite(text.data(), 1, size, file);
            std::fwrite(data_[row].data(), sizeof(float), dims(), file);
        }
    }
    std::fclose(file);
}

const float* Vectors::of(const std::string& whole) {
    std::string text(semantic::normalise(whole, lists_).asking);
    auto [at, fresh] = rows_.try_emplace(text, data_.size());
    if (fresh) {
        std::vector<float> row(dims());
        if (!encoder_.encode(text, space_, row)) {
            std::fill(row.begin(), row.end(), 0.0f);
        }
        data_.push_back(std::move(row));
        if (data_.size() % 5000 == 0) {
            std::fprintf(stderr, "  %zu texts encoded\n", data_.size());
        }
    }
    return data_[at->second].data();
}

double Vectors::dot(const float* a, const float* b) const {
    // several sums, so that the compiler can use whole registers
    constexpr size_t kLanes = 16;
    float sums[kLanes] = {};
    size_t size = dims();
    size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
        for (size_t k = 0; k < kLanes; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    double sum = 0;
    for (float part : sums) {
        sum += part;
    }
    for (; i < size; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

double Vectors::cosine(const std::string& a, const std::string& b) {
    const float* left = of(a);
    return dot(left, of(b));
}

std::vector<Near> nearest(const Vectors& vectors,
                          const std::vector<const float*>& rows,
                          const float* query, size_t count) {
    std::vector<Near> best;
    for (size_t row = 0; row < rows.size(); row++) {
        double cosine = vectors.dot(query, rows[row]);
        if (best.size() == count && cosine <= best.back().cosine) {
            continue;
        }
        auto at = std::find_if(best.begin(), best.end(), [&](const Near& n) {
            return n.cosine < cosine;
        });
        best.insert(at, {row, cosine});
        best.resize(std::min(best.size(), count));
    }
    return best;
}

}  // namespace llm::bench
