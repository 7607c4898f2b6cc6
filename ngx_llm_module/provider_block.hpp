// The inside of one llm_provider block.
#pragma once

#include "ngx_llm_module/provider_setup.hpp"

namespace llm::door {

// Reads up to the closing brace, opens the key file, and gives a literal
// host an upstream{} block of its own, so that a proxy_pass with a variable
// finds its addresses without a resolver and keeps connections. Appends to
// `setup`. NGX_CONF_OK or an error that has been told.
char* read_provider_block(ngx_conf_t* cf, ProviderSetup& setup);

}  // namespace llm::door
