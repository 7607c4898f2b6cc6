// Recorded traffic of chat, completions and embeddings: nothing is lost in
// either form, and the split of a stream does not matter.
#include <gtest/gtest.h>

#include "tests/api/chunks.hpp"

namespace llm::api {
namespace {

using namespace chunks;
namespace fs = std::filesystem;

// A body without "usage":null, which is dropped on purpose.
std::string without_null_usage(Bytes body) {
    json::Document doc;
    EXPECT_TRUE(doc.parse(body).ok()) << body;
    std::string out = "{";
    for (const json::NodeId member : doc.children(json::kRoot)) {
        if (doc.key(member) == "usage" &&
            doc.is(member, json::Type::kNull)) {
            continue;
        }
        out += out.size() > 1 ? "," : "";
        append_json_string(out, doc.key(member));
        out.append(":").append(doc.raw(member));
    }
    return out + "}";
}

void expect_survives(Endpoint endpoint, const std::string& recorded) {
    if (recorded.find("data:") < 3) {
        if (recorded.find("data: [DONE]") == std::string::npos) {
            EXPECT_FALSE(follow(endpoint, recorded).answer().complete);
        } else {
            expect_stream_survives(endpoint, recorded);
        }
        return;
    }
    const std::string body = without_null_usage(recorded);
    auto answer = read_json(endpoint, body);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(value_of(json_of(*answer)), value_of(body));
    // Without a message there is no role, and a stream has to have one.
    const bool spoken = answer->choices.empty() ||
                        !answer->choices[0].role.empty();
    if (answer->complete && endpoint != Endpoint::kEmbeddings && spoken) {
        expect_body_survives(endpoint, body);
    }
}

// Files of one folder whose names start so; "" when there is no folder.
std::vector<fs::path> files(const std::string& folder,
                            const std::string& prefix = "") {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry :
         fs::directory_iterator(replay::fixtures() + "/" + folder, error)) {
        const std::string name = entry.path().filename();
        if (name.compare(0, prefix.size(), prefix) == 0) {
            found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(OpenaiFixtures, Agentgateway) {
    const auto found = files(
        "agentgateway/crates/llm/src/tests/response/completions");
    if (found.empty()) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    int count = 0;
    for (const auto& path : found) {
        if (path.extension() == ".json") {
            SCOPED_TRACE(path.filename());
            expect_survives(Endpoint::kChat, contents(path));
            ++count;
        }
    }
    EXPECT_GT(count, 5);
}

TEST(OpenaiFixtures, Apisix) {
    const std::string root = "apache-apisix/t/fixtures/";
    struct {
        std::string folder;
        std::string prefix;
        Endpoint endpoint;
    } const groups[] = {
        {"openai", "chat-", Endpoint::kChat},
        {"openai", "null-", Endpoint::kChat},
        {"openai", "embeddings-", Endpoint::kEmbeddings},
        {"aws", "chat-", Endpoint::kChat},
        {"protocol-conversion", "", Endpoint::kChat},
    };
    int count = 0;
    for (const auto& [folder, prefix, endpoint] : groups) {
        for (const auto& path : files(root + folder, prefix)) {
            const std::string name = path.filename();
            if (name == "anthropic-mismatch.sse") {
                continue;  // another protocol
            }
            SCOPED_TRACE(name);
            expect_survives(endpoint, contents(path));
            ++count;
        }
    }
    if (count == 0) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    EXPECT_GT(count, 20);
}

// The answer's body in a recorded exchange: the second `body:` of the YAML,
// a quoted string or a literal block.
std::string body_of(const std::string& yaml) {
    size_t at = yaml.find("\n", yaml.find(" response:"));
    at = yaml.find(" body: ", at);
    if (at == std::string::npos) {
        return "";
    }
    const size_t start = yaml.rfind('\n', at) + 1;
    const size_t indent = yaml.find_first_not_of(' ', start) - start;
    at = yaml.find(": ", at) + 2;
    if (yaml[at] == '"') {
        json::Document doc;
        std::string text = yaml.substr(at, yaml.find('\n', at) - at);
        std::string scratch;
        return doc.parse(text) ? std::string(doc.string(json::kRoot, scratch))
                               : "";
    }
    std::istringstream lines(yaml.substr(yaml.find('\n', at) + 1));
    std::string out, line;
    size_t strip = 0;
    while (std::getline(lines, line)) {
        const size_t depth = line.find_first_not_of(' ');
        if (depth != std::string::npos && depth <= indent) {
            break;
        }
        strip = strip == 0 && depth != std::string::npos ? depth : strip;
        out += line.size() > strip ? line.substr(strip) + "\n" : "\n";
    }
    return out;
}

TEST(OpenaiFixtures, EnvoyCassettes) {
    const std::string folder =
        "envoyproxy-ai-gateway/tests/internal/testopenai/cassettes";
    struct {
        std::string prefix;
        Endpoint endpoint;
    } const groups[] = {
        {"chat-", Endpoint::kChat},
        {"azure-chat-", Endpoint::kChat},
        {"completion-", Endpoint::kCompletions},
        {"embeddings-", Endpoint::kEmbeddings},
    };
    int count = 0;
    for (const auto& [prefix, endpoint] : groups) {
        for (const auto& path : files(folder, prefix)) {
            SCOPED_TRACE(path.filename());
            const std::string body = body_of(contents(path));
            if (body.empty()) {
                ADD_FAILURE() << "no body found";
                continue;
            }
            expect_survives(endpoint, body);
            ++count;
        }
    }
    if (count == 0) {
        GTEST_SKIP() << "no recorded traffic in " << replay::fixtures();
    }
    EXPECT_GT(count, 35);
}

}  // namespace
}  // namespace llm::api
