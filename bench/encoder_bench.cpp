// One text into one vector, at 8 to 64 tokens: each encoder's whole encode(),
// then all-MiniLM-L6-v2 with every kernel of the machine, and its parts.
// LLM_MINILM names the model's directory; ./run model fetches it. Without
// it, random weights of the same shape take as long.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "src/semantic/bert_encoder.hpp"
#include "src/semantic/lexical_encoder.hpp"
#include "src/semantic/remote_answer.hpp"
#include "src/semantic/static_encoder.hpp"
#include "tests/semantic/random_model.hpp"

namespace {

using namespace llm;
using namespace llm::semantic;
namespace fs = std::filesystem;

fs::path model_path() {
    const char* named = std::getenv("LLM_MINILM");
    return named != nullptr
               ? fs::path(named)
               : fs::path(__FILE__).parent_path().parent_path() / "models"
                     / "all-MiniLM-L6-v2";
}

BertEncoder random_encoder(Precision precision) {
    BertConfig config;
    config.hidden = 384;
    config.layers = 6;
    config.heads = 12;
    config.inner = 1536;
    config.vocabulary = 2000;
    config.positions = 512;
    config.types = 2;
    config.max_tokens = 256;
    test::RandomModel model(config);
    std::string file = model.file();
    auto weights = Safetensors::parse(file);
    auto made = BertEncoder::create(
        config, test::small_vocabulary({"a", "b"}), *weights, precision);
    return std::move(*made);
}

const BertEncoder& encoder(Precision precision) {
    auto make = [](Precision wanted) {
        auto made = BertEncoder::load(model_path(), wanted);
        return made ? std::move(*made) : random_encoder(wanted);
    };
    static const BertEncoder bytes = make(Precision::kInt8);
    static const BertEncoder floats = make(Precision::kFloat);
    return precision == Precision::kInt8 ? bytes : floats;
}

void forward(benchmark::State& state, Precision precision,
             const Kernels& kernel) {
    const BertEncoder& subject = encoder(precision);
    Workspace space;
    subject.prepare(space);
    std::vector<float> out(subject.dims());
    std::vector<uint32_t> ids;
    for (uint32_t i = 0; i < state.range(0); i++) {
        ids.push_back(5 + i * 37 % 1500);
    }
    for (auto _ : state) {
        subject.model().forward(ids, kernel, space, out);
        benchmark::DoNotOptimize(out.data());
    }
}

// So many tokens, the two special ones included: each word is one.
std::string text_of(size_t tokens) {
    constexpr const char* kWords[] = {"when", "does", "the",  "shop",
                                      "open", "on",   "this", "day"};
    std::string text;
    for (size_t i = 2; i < tokens; i++) {
        text += kWords[i % std::size(kWords)];
        text += ' ';
    }
    return text;
}

// The whole of encode(), tokenizer included.
void encode(benchmark::State& state, const Encoder& subject) {
    Workspace space;
    subject.prepare(space);
    std::vector<float> out(subject.dims());
    std::string text = text_of(static_cast<size_t>(state.range(0)));
    for (auto _ : state) {
        auto done = subject.encode(text, space, out);
        benchmark::DoNotOptimize(done);
    }
}

// As many rows and columns as the published tables of 30 MB have.
StaticEncoder random_static() {
    constexpr size_t kRows = 29528;
    constexpr size_t kDims = 256;
    std::vector<std::string> pieces = {"when", "does", "the",  "shop",
                                       "open", "on",   "this", "day"};
    for (size_t i = pieces.size(); i < kRows - 5; i++) {
        pieces.push_back("x" + std::to_string(i));
    }
    test::TestTensor table{{kRows, kDims}, std::vector<float>(kRows * kDims)};
    for (size_t i = 0; i < table.values.size(); i++) {
        table.values[i] = static_cast<float>(i * 2654435761u % 1000) - 500;
    }
    std::string file = test::safetensors_file({{"embeddings", table}});
    auto weights = Safetensors::parse(file);
    auto made = StaticEncoder::create(test::small_vocabulary(pieces),
                                      *weights);
    return std::move(*made);
}

void BM_EncodeInt8(benchmark::State& state) {
    encode(state, encoder(Precision::kInt8));
}
void BM_EncodeFp32(benchmark::State& state) {
    encode(state, encoder(Precision::kFloat));
}
void BM_EncodeStatic(benchmark::State& state) {
    static const StaticEncoder subject = random_static();
    encode(state, subject);
}
void BM_EncodeLexical(benchmark::State& state) {
    static const LexicalEncoder subject;
    encode(state, subject);
}
void lengths(benchmark::internal::Benchmark* bench) {
    bench->Arg(8)->Arg(16)->Arg(32)->Arg(64)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(BM_EncodeInt8)->Apply(lengths);
BENCHMARK(BM_EncodeFp32)->Apply(lengths);
BENCHMARK(BM_EncodeStatic)->Apply(lengths);
BENCHMARK(BM_EncodeLexical)->Apply(lengths);

void BM_Tokenize(benchmark::State& state) {
    const Tokenizer& tokenizer = encoder(Precision::kInt8).tokenizer();
    TokenSpace space;
    std::string text;
    while (text.size() < static_cast<size_t>(state.range(0))) {
        text += "Can I still get my money back when the parcel is late? ";
    }
    for (auto _ : state) {
        tokenizer.tokenize(text, {.limit = 100000}, space);
        benchmark::DoNotOptimize(space.ids.data());
    }
    state.SetBytesProcessed(static_cast<int64_t>(text.size())
                            * state.iterations());
}
BENCHMARK(BM_Tokenize)->Arg(64)->Arg(4096)->Unit(benchmark::kMicrosecond);

// An endpoint's answer with one vector: dims, and whether in base64.
void BM_RemoteAnswer(benchmark::State& state) {
    auto dims = static_cast<size_t>(state.range(0));
    std::string embedding;
    if (state.range(1) != 0) {
        while (embedding.size() < dims * 16 / 3) {
            embedding += "zczMPc3MzD3NzMw9";  // 0.1 three times
        }
        embedding = '"' + embedding.substr(0, dims * 16 / 3) + '"';
    } else {
        for (size_t i = 0; i < dims; i++) {
            embedding += i == 0 ? '[' : ',';
            embedding += std::to_string(0.01 * static_cast<double>(i) - 1);
        }
        embedding += ']';
    }
    std::string answer =
        R"({"object":"list","data":[{"object":"embedding","index":0,)"
        R"("embedding":)" + embedding + "}]}";
    for (auto _ : state) {
        auto read = RemoteVectors::parse(answer, 1, dims);
        if (!read) {
            state.SkipWithError(read.error().message.c_str());
            return;
        }
        benchmark::DoNotOptimize(read);
    }
}
BENCHMARK(BM_RemoteAnswer)
    ->ArgNames({"dims", "base64"})
    ->Args({384, 0})
    ->Args({384, 1})
    ->Args({1536, 0})
    ->Args({1536, 1})
    ->Unit(benchmark::kMicrosecond);

// The linear layers alone: what the rest of forward() is compared with.
void products(benchmark::State& state, const Kernels& kernel) {
    constexpr size_t kShapes[][2] = {
        {1152, 384}, {384, 384}, {1536, 384}, {384, 1536}};
    auto rows = static_cast<size_t>(state.range(0));
    std::vector<Matrix> matrices;
    for (int layer = 0; layer < 6; layer++) {
        for (const auto& shape : kShapes) {
            matrices.emplace_back(DenseLayer(shape[0], shape[1]),
                                  Precision::kInt8);
        }
    }
    AlignedArray<uint8_t> bytes(rows * 1536);
    AlignedArray<float> out(rows * 1536);
    std::vector<float> scale(rows, 1);
    std::vector<int32_t> zero(rows);
    for (auto _ : state) {
        for (const Matrix& matrix : matrices) {
            kernel.product_bytes({bytes.data(), scale.data(), zero.data(),
                                  rows, matrix.view().inputs},
                                 matrix.view(), out.data());
        }
        benchmark::DoNotOptimize(out.data());
    }
}

[[maybe_unused]] const bool registered = [] {
    for (const Kernels* kernel : kernels()) {
        bool slow = std::strcmp(kernel->name, "portable") == 0;
        for (bool bytes : {true, false}) {
            Precision precision =
                bytes ? Precision::kInt8 : Precision::kFloat;
            std::string name = std::string("BM_Forward/")
                               + (bytes ? "int8/" : "fp32/") + kernel->name;
            auto* bench = benchmark::RegisterBenchmark(
                name.c_str(), [precision, kernel](benchmark::State& state) {
                    forward(state, precision, *kernel);
                });
            lengths(bench);
        }
        if (!slow) {
            std::string name =
                std::string("BM_ProductsAlone/int8/") + kernel->name;
            auto* bench = benchmark::RegisterBenchmark(
                name.c_str(), [kernel](benchmark::State& state) {
                    products(state, *kernel);
                });
            lengths(bench);
        }
    }
    return true;
}();

}  // namespace
