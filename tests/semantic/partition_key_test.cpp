#include "src/semantic/partition_key.hpp"

#include <gtest/gtest.h>

#include "src/cache/fingerprint.hpp"

namespace llm::semantic {
namespace {

// Of a chat with that system prompt and question.
Digest request(Bytes system, Bytes question, Bytes tenant = "acme",
               Bytes rest = "",
               api::Endpoint endpoint = api::Endpoint::kChat) {
    std::string text = "{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
                       "\"content\":\"" + std::string(system)
                       + "\"},{\"role\":\"user\",\"content\":\""
                       + std::string(question) + "\"}]" + std::string(rest)
                       + "}";
    json::Document doc;
    EXPECT_TRUE(doc.parse(text).ok());
    cache::KeyParts parts;
    parts.endpoint = endpoint;
    parts.scope = {&tenant, 1};
    for (json::NodeId each :
         doc.children(doc.find(json::kRoot, "messages"))) {
        parts.placeholder = doc.find(each, "content");  // the last one's
    }
    EXPECT_NE(parts.placeholder, json::kNoNode);
    return cache::fingerprint(doc, parts);
}

// Fault cases 79, 88 and 89.
TEST(PartitionKey, DiffersInAllButTheText) {
    Digest encoder = sha256("encoder");
    Digest key = partition_key(request("be brief", "when?"), encoder);
    EXPECT_EQ(key, partition_key(request("be brief", "at what time?"),
                                 encoder));
    EXPECT_NE(key, partition_key(request("be long", "when?"), encoder));
    EXPECT_NE(key,
              partition_key(request("be brief", "when?", "other"), encoder));
    EXPECT_NE(key, partition_key(request("be brief", "when?", "acme",
                                         ",\"temperature\":1"),
                                 encoder));
    EXPECT_NE(key, partition_key(request("be brief", "when?"),
                                 sha256("another encoder")));
    EXPECT_NE(key, partition_key(request("be brief", "when?", "acme", "",
                                         api::Endpoint::kMessages),
                                 encoder));
}

}  // namespace
}  // namespace llm::semantic
