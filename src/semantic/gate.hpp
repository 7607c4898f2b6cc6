// gate: which requests may be answered by a near match at all. Those that
// may not stay exact-only: what is not one text question, what asks for
// something fresh or of the user's own, and what asks to change something.
//
// Threads: pure functions.
#pragma once

#include "src/api/request.hpp"
#include "src/json/document.hpp"
#include "src/semantic/lists.hpp"

namespace llm::semantic {

struct GateOptions {
    uint32_t max_chars = 2000;     // bytes of the text; 0: no bound
    double max_temperature = 2.0;  // above: exact only
    bool freshness = true;         // gate:freshness is on
    bool action = true;            // gate:action is on
    bool personal = true;          // gate:personal is on
    bool tools = false;            // requests with tools may pass
};

// "" when the request may pass, else the first that applies of: gate:kind,
// gate:n, gate:media, gate:tools, gate:tools_pending, gate:side_effect,
// gate:temperature, gate:no_text, gate:long, gate:personal, gate:freshness,
// gate:action.
// Static storage.
Bytes gate(const api::Request& request, const json::Document& doc,
           const GateOptions& options, const Lists& lists);

// The part that reads the text: gate:no_text, gate:long, gate:personal,
// gate:freshness, gate:action or "".
Bytes gate_text(Bytes text, const GateOptions& options, const Lists& lists);

}  // namespace llm::semantic
