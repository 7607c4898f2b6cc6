// oneDNN's products of the same shapes, the yardstick for our kernels: run
// beside BM_ProductsAlone, on one core. Built where libdnnl-dev is; the
// module never links it. DNNL_MAX_CPU_ISA=AVX512_CORE_VNNI in the
// environment keeps it from the tiles of AMX.
#if defined(LLM_BENCH_DNNL)

#include <benchmark/benchmark.h>
#include <dlfcn.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;

constexpr memory::dim kShapes[][2] = {  // outputs, inputs
    {1152, 384}, {384, 384}, {1536, 384}, {384, 1536}};

// oneDNN's threads are OpenMP's, which is linked through it alone.
void use_one_thread() {
    using SetThreads = void (*)(int);
    auto set = reinterpret_cast<SetThreads>(
        dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    if (set != nullptr) {
        set(1);
    }
}

// One linear layer: unsigned bytes times signed ones packed as oneDNN likes,
// a scale for each output, a bias, floats out.
class Product {
public:
    Product(const dnnl::engine& engine, dnnl::stream& stream,
            memory::dim rows, memory::dim outputs, memory::dim inputs) {
        using Type = memory::data_type;
        using Tag = memory::format_tag;
        memory::desc source({rows, inputs}, Type::u8, Tag::ab);
        memory::desc plain({inputs, outputs}, Type::s8, Tag::ab);
        memory::desc packed({inputs, outputs}, Type::s8, Tag::any);
        memory::desc bias({1, outputs}, Type::f32, Tag::ab);
        memory::desc result({rows, outputs}, Type::f32, Tag::ab);
        dnnl::primitive_attr attributes;
        attributes.set_output_scales(
            1 << 1, std::vector<float>(static_cast<size_t>(outputs), 0.5f));
        dnnl::matmul::primitive_desc made(
            dnnl::matmul::desc(source, packed, bias, result), attributes,
            engine);
        memory weights(made.weights_desc(), engine);
        memory unpacked(plain, engine);
        dnnl::reorder(unpacked, weights).execute(stream, unpacked, weights);
        matmul_ = dnnl::matmul(made);
        arguments_ = {{DNNL_ARG_SRC, memory(source, engine)},
                      {DNNL_ARG_WEIGHTS, weights},
                      {DNNL_ARG_BIAS, memory(bias, engine)},
                      {DNNL_ARG_DST, memory(result, engine)}};
    }

    void run(dnnl::stream& stream) { matmul_.execute(stream, arguments_); }

private:
    dnnl::matmul matmul_;
    std::unordered_map<int, memory> arguments_;
};

void BM_ProductsAlone_oneDNN(benchmark::State& state) {
    use_one_thread();
    dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(engine);
    std::vector<Product> products;
    for (int layer = 0; layer < 6; layer++) {
        for (const auto& shape : kShapes) {
            products.emplace_back(engine, stream, state.range(0), shape[0],
                                  shape[1]);
        }
    }
    for (auto _ : state) {
        for (Product& product : products) {
            product.run(stream);
        }
        stream.wait();
    }
}
BENCHMARK(BM_ProductsAlone_oneDNN)
    ->Name("BM_ProductsAlone/int8/oneDNN")
    ->Arg(8)
    ->Arg(16)
    ->Arg(32)
    ->Arg(64)
    ->Unit(benchmark::kMicrosecond);

}  // namespace

#endif
