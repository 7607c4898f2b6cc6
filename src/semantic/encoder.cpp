#include "src/semantic/encoder.hpp"

#include <cmath>

namespace llm::semantic {

bool normalize(std::span<float> out) {
    double squares = 0;
    for (float x : out) {
        squares += static_cast<double>(x) * x;
    }
    if (!(squares > 1e-30) || !std::isfinite(squares)) {
        return false;
    }
    double factor = 1 / std::sqrt(squares);
    for (float& x : out) {
        x = static_cast<float>(x * factor);
    }
    return true;
}

}  // namespace llm::semantic
