// Which label values may be printed.
#pragma once

#include "src/metrics/family.hpp"

namespace llm::metrics {

// UTF-8 as Prometheus asks for (RFC 3629: no overlong form, no surrogate),
// without control characters, at most kMaxLabelBytes.
bool is_clean_value(Bytes value);

// Bytes of the sequence that `text` begins with, 0 when it is not valid.
size_t utf8_length(Bytes text);

// `value` when it is clean and in the label's closed set; else kOther.
Bytes admitted(const Label& label, Bytes value);

}  // namespace llm::metrics
