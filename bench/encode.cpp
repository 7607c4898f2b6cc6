// Encodes each line of the standard input: bench_encode MODEL fp32|int8.
// Writes the vectors to the standard output as 32-bit floats, one after the
// other. reference.py holds them against another implementation.
#include <cstdio>
#include <iostream>
#include <string>

#include "src/semantic/bert_encoder.hpp"

int main(int argc, char** argv) {
    using namespace llm::semantic;
    std::string precision = argc == 3 ? argv[2] : "";
    if (precision != "fp32" && precision != "int8") {
        std::fprintf(stderr, "usage: bench_encode MODEL fp32|int8 <TEXTS\n");
        return 2;
    }
    auto encoder = BertEncoder::load(
        argv[1], precision == "fp32" ? Precision::kFloat : Precision::kInt8);
    if (!encoder) {
        std::fprintf(stderr, "%s\n", encoder.error().message.c_str());
        return 1;
    }
    Workspace space;
    std::vector<float> vector(encoder->dims());
    for (std::string line; std::getline(std::cin, line);) {
        if (!encoder->encode(line, space, vector)) {
            std::fprintf(stderr, "not encoded: %s\n", line.c_str());
            return 1;
        }
        std::cout.write(reinterpret_cast<const char*>(vector.data()),
                        static_cast<long>(vector.size() * sizeof(float)));
    }
    return 0;
}
