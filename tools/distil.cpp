// distil MODEL OUT [DIMS]: a static encoder out of the BERT-type one in the
// directory MODEL, into the directory OUT, as `llm_embedder static` reads it.
// `./run model static` runs it. Exit status 1, with a word on stderr, for a
// model that cannot be read or files that cannot be written.
//
// Method (model2vec, Minish Lab): each piece of the vocabulary goes through
// MODEL alone, [CLS] piece [SEP]; the vectors are centred and turned onto
// their DIMS (256) principal axes; each is scaled by how rare its piece is,
// s / (s + p) with s = 0.0001 and p of Zipf's law, BERT's vocabulary being
// sorted by frequency. The same vectors
// on each machine with the same kernels.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <vector>

#include "src/semantic/bert_encoder.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;

constexpr double kRarity = 1e-4;

struct Table {  // rows of `dims` numbers
    size_t dims = 0;
    std::vector<double> value;

    size_t rows() const { return value.size() / dims; }
    double* row(size_t i) { return value.data() + i * dims; }
    const double* row(size_t i) const { return value.data() + i * dims; }
};

bool is_text(const std::string& piece) {
    return !piece.empty() && (piece.front() != '[' || piece.back() != ']');
}

Table vectors_of(const BertEncoder& encoder) {
    const TokenizerSpec& spec = encoder.tokenizer().spec();
    Table table{encoder.dims(), {}};
    table.value.resize(spec.pieces.size() * table.dims);
    Workspace space;
    encoder.prepare(space);
    std::vector<float> out(table.dims);
    for (uint32_t id = 0; id < spec.pieces.size(); id++) {
        if (id % 1000 == 0) {
            std::fprintf(stderr, "\r  piece %u of %zu", id,
                         spec.pieces.size());
        }
        if (!is_text(spec.pieces[id])) {
            continue;
        }
        uint32_t ids[] = {spec.begin, id, spec.end};
        std::span<const uint32_t> piece(ids);
        encoder.model().forward(
            encoder.tokenizer().has_special() ? piece : piece.subspan(1, 1),
            *kernels().front(), space, out);
        std::copy(out.begin(), out.end(), table.row(id));
    }
    std::fprintf(stderr, "\n");
    return table;
}

// Only rows that stand for text count, and are moved.
void centre(Table& table, const std::vector<std::string>& pieces) {
    std::vector<double> mean(table.dims);
    double count = 0;
    for (size_t i = 0; i < table.rows(); i++) {
        if (is_text(pieces[i])) {
            count++;
            for (size_t d = 0; d < table.dims; d++) {
                mean[d] += table.row(i)[d];
            }
        }
    }
    for (size_t i = 0; i < table.rows(); i++) {
        for (size_t d = 0; is_text(pieces[i]) && d < table.dims; d++) {
            table.row(i)[d] -= mean[d] / count;
        }
    }
}

Table covariance(const Table& table) {
    Table out{table.dims, std::vector<double>(table.dims * table.dims)};
    for (size_t i = 0; i < table.rows(); i++) {
        const double* row = table.row(i);
        for (size_t a = 0; a < table.dims; a++) {
            for (size_t b = 0; b < table.dims; b++) {
                out.row(a)[b] += row[a] * row[b];
            }
        }
    }
    return out;
}

// One rotation of Jacobi's method, that makes m[p][q] zero; `axes` turn with
// it. m is symmetric.
void rotate(Table& m, Table& axes, size_t p, size_t q) {
    double off = m.row(p)[q];
    double theta = (m.row(q)[q] - m.row(p)[p]) / (2 * off);
    double t = (theta < 0 ? -1 : 1)
               / (std::fabs(theta) + std::sqrt(theta * theta + 1));
    double c = 1 / std::sqrt(t * t + 1);
    double s = t * c;
    auto turn = [c, s](double& x, double& y) {
        double old = x;
        x = c * old - s * y;
        y = s * old + c * y;
    };
    for (size_t k = 0; k < m.dims; k++) {
        turn(m.row(k)[p], m.row(k)[q]);
    }
    for (size_t k = 0; k < m.dims; k++) {
        turn(m.row(p)[k], m.row(q)[k]);
        turn(axes.row(p)[k], axes.row(q)[k]);
    }
}

// The eigenvectors of a symmetric matrix as rows, those of the greatest
// eigenvalues first.
Table principal_axes(Table m) {
    Table axes{m.dims, std::vector<double>(m.dims * m.dims)};
    for (size_t i = 0; i < m.dims; i++) {
        axes.row(i)[i] = 1;
    }
    for (int sweep = 0; sweep < 12; sweep++) {
        std::fprintf(stderr, "\r  axes, sweep %d of 12", sweep + 1);
        for (size_t p = 0; p < m.dims; p++) {
            for (size_t q = p + 1; q < m.dims; q++) {
                double scale = std::fabs(m.row(p)[p] * m.row(q)[q]);
                if (m.row(p)[q] * m.row(p)[q] > 1e-24 * scale) {
                    rotate(m, axes, p, q);
                }
            }
        }
    }
    std::fprintf(stderr, "\n");
    std::vector<size_t> order(m.dims);
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&m](size_t a, size_t b) {
        return m.row(a)[a] > m.row(b)[b];
    });
    Table sorted{m.dims, {}};
    for (size_t i : order) {
        sorted.value.insert(sorted.value.end(), axes.row(i),
                            axes.row(i) + m.dims);
    }
    return sorted;
}

std::vector<float> project(const Table& table, const Table& axes,
                           size_t dims) {
    double harmonic = 0;
    for (size_t i = 1; i <= table.rows(); i++) {
        harmonic += 1 / static_cast<double>(i);
    }
    std::vector<float> out;
    out.reserve(table.rows() * dims);
    for (size_t i = 0; i < table.rows(); i++) {
        double p = 1 / (static_cast<double>(i + 1) * harmonic);
        double weight = kRarity / (kRarity + p);
        for (size_t d = 0; d < dims; d++) {
            double dot =
                std::inner_product(table.row(i), table.row(i) + table.dims,
                                   axes.row(d), 0.0);
            out.push_back(static_cast<float>(weight * dot));
        }
    }
    return out;
}

bool write(const std::string& path, const std::vector<float>& rows,
           size_t dims) {
    size_t bytes = rows.size() * sizeof(float);
    std::string header = "{\"embeddings\":{\"dtype\":\"F32\",\"shape\":["
                         + std::to_string(rows.size() / dims) + ","
                         + std::to_string(dims) + "],\"data_offsets\":[0,"
                         + std::to_string(bytes) + "]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    uint64_t size = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file << header;
    file.write(reinterpret_cast<const char*>(rows.data()),
               static_cast<std::streamsize>(bytes));
    return static_cast<bool>(file.flush());
}

int distil(const std::string& model, const std::string& out, size_t dims) {
    auto encoder = BertEncoder::load(model, Precision::kInt8);
    if (!encoder) {
        std::fprintf(stderr, "%s\n", encoder.error().message.c_str());
        return 1;
    }
    Table table = vectors_of(*encoder);
    centre(table, encoder->tokenizer().spec().pieces);
    Table axes = principal_axes(covariance(table));
    dims = std::min(dims, table.dims);
    std::error_code error;
    std::filesystem::create_directories(out, error);
    bool copied = false;
    for (const char* name : {"tokenizer.json", "vocab.txt",
                             "tokenizer_config.json"}) {
        copied |= std::filesystem::copy_file(
            model + "/" + name, out + "/" + name,
            std::filesystem::copy_options::overwrite_existing, error);
    }
    if (!copied
        || !write(out + "/model.safetensors", project(table, axes, dims),
                  dims)) {
        std::fprintf(stderr, "%s: cannot be written\n", out.c_str());
        return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: distil MODEL OUT [DIMS]\n");
        return 2;
    }
    long dims = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 256;
    if (dims < 8 || dims > 4096) {
        std::fprintf(stderr, "DIMS must be 8 to 4096\n");
        return 2;
    }
    return distil(argv[1], argv[2], static_cast<size_t>(dims));
}
