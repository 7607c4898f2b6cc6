#include "src/route/provider.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "src/route/provider_key.hpp"

namespace llm::route {
namespace {

TEST(Origin, IsReadWhole) {
    auto origin = parse_origin("HTTPS://API.OpenAI.com/v1/");
    ASSERT_TRUE(origin.ok());
    EXPECT_EQ(origin->scheme, "https");
    EXPECT_EQ(origin->host, "api.openai.com");
    EXPECT_EQ(origin->port, 443);
    EXPECT_EQ(origin->base, "/v1");
    EXPECT_EQ(origin->authority(), "api.openai.com");
    EXPECT_EQ(origin->host_header(), "api.openai.com");
    EXPECT_EQ(origin->server_name(), "api.openai.com");
}

TEST(Origin, PortsAndAddresses) {
    struct {
        const char* url;
        const char* authority;
        const char* server_name;
        int port;
        const char* base;
    } cases[] = {
        {"http://127.0.0.1:11434", "127.0.0.1:11434", "127.0.0.1", 11434,
         "/v1"},
        {"http://localhost", "localhost", "localhost", 80, "/v1"},
        {"http://a_b-c.d:80/", "a_b-c.d", "a_b-c.d", 80, ""},
        {"https://x:80/a/b.c/~d_-", "x:80", "x", 80, "/a/b.c/~d_-"},
        {"http://[::1]:8000/v1", "[::1]:8000", "::1", 8000, "/v1"},
        {"https://[2001:db8::1]", "[2001:db8::1]", "2001:db8::1", 443, "/v1"},
        {"https://h:443///", "h", "h", 443, ""},
        {"http://h/a=1,b:2/@c+d", "h", "h", 80, "/a=1,b:2/@c+d"},
    };
    for (const auto& c : cases) {
        auto origin = parse_origin(c.url);
        ASSERT_TRUE(origin.ok()) << c.url << origin.error().message;
        EXPECT_EQ(origin->authority(), c.authority) << c.url;
        EXPECT_EQ(origin->server_name(), c.server_name) << c.url;
        EXPECT_EQ(origin->port, c.port) << c.url;
        EXPECT_EQ(origin->base, c.base) << c.url;
    }
}

TEST(Origin, RefusesWhatIsNotPlain) {
    for (Bytes url :
         {"", "api.openai.com", "ftp://x/", "https:/x", "https://",
          "https:///v1", "https://user@x/", "https://user:pw@x/",
          "https://x?y", "https://x/?y", "https://x/#y", "https://x#y",
          "https://x:0/", "https://x:65536/", "https://x:/", "https://x:1a",
          "https://x:-1", "https://x/a b", "https://x/%61", "https://x/../y",
          "https://x/.", "https://x/a//b", "https://x\\y", "https://x\ty",
          "https://[::1", "https://::1/", "https://[]/", "https://[x]/",
          "https://[::1]x/", "https://-x/", "https://.x/", "https://x..y/",
          "https://$host/v1", "https://x/$uri", "https://x/\xc3\xa9",
          "unix:/tmp/x", "http://unix:/tmp/x", "https://["}) {
        auto origin = parse_origin(url);
        EXPECT_FALSE(origin.ok()) << url;
    }
    std::string long_host = "https://" + std::string(254, 'a');
    EXPECT_FALSE(parse_origin(long_host).ok());
    EXPECT_FALSE(parse_origin("https://x/" + std::string(300, 'a')).ok());
}

TEST(Origin, OfAnUpstream) {
    auto origin = upstream_origin("vllm", "http", "/v1", "");
    ASSERT_TRUE(origin.ok());
    EXPECT_EQ(origin->authority(), "vllm");
    EXPECT_EQ(origin->host_header(), "vllm");
    auto named = upstream_origin("pool", "https", "", "API.example.com");
    ASSERT_TRUE(named.ok());
    EXPECT_EQ(named->authority(), "pool");
    EXPECT_EQ(named->host_header(), "api.example.com");
    EXPECT_EQ(named->server_name(), "api.example.com");
    EXPECT_FALSE(upstream_origin("a/b", "http", "", "").ok());
    EXPECT_FALSE(upstream_origin("", "http", "", "").ok());
    EXPECT_FALSE(upstream_origin("a", "ftp", "", "").ok());
    EXPECT_FALSE(upstream_origin("a", "http", "v1", "").ok());
    EXPECT_FALSE(upstream_origin("a", "http", "/v1", "a b").ok());
}

TEST(Origin, BehindAnUpstreamOfOurs) {
    auto port = behind_upstream(*parse_origin("https://[::1]:8443/v1"), "Up");
    EXPECT_EQ(port.authority(), "up");
    EXPECT_EQ(port.host_header(), "[::1]:8443");
    EXPECT_EQ(port.server_name(), "::1");
    EXPECT_EQ(port.base, "/v1");
    auto name = behind_upstream(*parse_origin("https://a.b:8443"), "up");
    EXPECT_EQ(name.host_header(), "a.b:8443");
    EXPECT_EQ(name.server_name(), "a.b");
}

Provider at(Bytes url) {
    Provider provider;
    provider.name = "p";
    auto origin = parse_origin(url);
    EXPECT_TRUE(origin.ok()) << url;
    provider.origin = *origin;
    provider.models = {"gpt-*"};
    return provider;
}

std::string asked(Bytes url, Bytes path) {
    Provider provider = at(url);
    auto out = provider_path(provider, path);
    return out ? provider_url(provider, *out) : "none";
}

TEST(ProviderPath, IsBaseAndWhatFollowsTheVersion) {
    Bytes base = "https://h/v1";
    EXPECT_EQ(asked(base, "/v1/chat/completions"),
              "https://h/v1/chat/completions");
    EXPECT_EQ(asked(base, "/openai/v1/chat/completions"),
              "https://h/v1/chat/completions");
    EXPECT_EQ(asked("http://h:81/api/v3", "/v1/responses/resp_1/cancel"),
              "http://h:81/api/v3/responses/resp_1/cancel");
    EXPECT_EQ(asked("http://h/", "/v1/messages/count_tokens"),
              "http://h/messages/count_tokens");
    EXPECT_EQ(asked("http://h", "/v1/messages/count_tokens"),
              "http://h/v1/messages/count_tokens");
    // The first one; what comes behind it is the client's.
    EXPECT_EQ(asked(base, "/v1/models/v1/x"), "https://h/v1/models/v1/x");
    EXPECT_EQ(asked(base, "/v10/v1/embeddings"), "https://h/v1/embeddings");
}

TEST(ProviderPath, WithoutVersionTheEndpointCounts) {
    EXPECT_EQ(asked("https://h/v1", "/llm/chat/completions"),
              "https://h/v1/chat/completions");
    for (Bytes path : {"/messages", "/completions", "/embeddings",
                       "/responses"}) {
        EXPECT_EQ(asked("https://h/v1", "/a" + std::string(path)),
                  "https://h/v1" + std::string(path));
    }
    EXPECT_EQ(asked("https://h/v1", "/files"), "none");
    EXPECT_EQ(asked("https://h/v1", ""), "none");
    EXPECT_EQ(asked("https://h/v1", "/v1"), "none");
    EXPECT_EQ(asked("https://h/v1", "/v1/"), "none");
}

// A host, a scheme or a way out of the base from the client's bytes.
TEST(ProviderPath, NothingElseComesFromTheClient) {
    Bytes base = "https://h/v1";
    EXPECT_EQ(asked(base, "/v1/../admin"), "none");
    EXPECT_EQ(asked(base, "/v1/models/.."), "none");
    EXPECT_EQ(asked(base, "/v1/./x"), "none");
    EXPECT_EQ(asked(base, "/v1/models/%2e%2e/x"),
              "https://h/v1/models/%252e%252e/x");
    EXPECT_EQ(asked(base, "/v1/a?b#c d\r\nHost: evil"),
              "https://h/v1/a%3fb%23c%20d%0d%0aHost:%20evil");
    EXPECT_EQ(asked(base, "/v1//evil.example/"),
              "https://h/v1//evil.example/");
    EXPECT_EQ(asked(base, "/v1/@evil.example"), "https://h/v1/@evil.example");
    EXPECT_EQ(asked("https://h", "/v1@evil.example/"), "none");
    EXPECT_EQ(asked(base, "/v1/m\xc3\xa9\\"), "https://h/v1/m%c3%a9%5c");
    EXPECT_EQ(asked(base, Bytes("/v1/a\0b", 7)), "https://h/v1/a%00b");
    EXPECT_EQ(asked(base, "/v1/" + std::string(5000, 'a')), "none");
}

TEST(Provider, ServesByGlobs) {
    Provider provider = at("http://h");
    provider.models = {"gpt-4o*", "o3"};
    EXPECT_TRUE(provider.serves("gpt-4o-mini"));
    EXPECT_TRUE(provider.serves("o3"));
    EXPECT_FALSE(provider.serves("o3-mini"));
    EXPECT_FALSE(provider.serves(""));
    EXPECT_TRUE(is_literal_model("o3"));
    EXPECT_FALSE(is_literal_model("o?"));
}

TEST(Provider, IsChecked) {
    EXPECT_TRUE(check_provider(at("http://h")).ok());
    Provider none = at("http://h");
    none.models.clear();
    EXPECT_FALSE(check_provider(none).ok());
    Provider nowhere = at("http://h");
    nowhere.origin = Origin{};
    EXPECT_FALSE(check_provider(nowhere).ok());
    for (Bytes name : {"", "a b", "a\"b", "a/b", "\xc3\xa9"}) {
        EXPECT_FALSE(check_provider_name(name).ok()) << name;
    }
    EXPECT_TRUE(check_provider_name("open-ai_2.eu").ok());
    for (Bytes glob : {"", "a b", "a\nb", "\x7f", "\xff"}) {
        EXPECT_FALSE(check_model_glob(glob).ok()) << glob;
    }
    EXPECT_TRUE(check_model_glob("org/model:7b-*").ok());
}

TEST(Provider, HeadersThatItMaySet) {
    EXPECT_TRUE(check_provider_header("OpenAI-Organization", "org-1").ok());
    EXPECT_TRUE(check_provider_header("X-A", "").ok());
    for (Bytes name : {"", "a b", "a:b", "Host", "host", "content-length",
                       "Transfer-Encoding", "connection", "a\r\nb",
                       "authorization", "x-api-key"}) {
        EXPECT_FALSE(check_provider_header(name, "x").ok()) << name;
    }
    for (Bytes value : {Bytes("a\r\nX: y"), Bytes("a\nb"), Bytes("\x7f"),
                        Bytes("a\0b", 3)}) {
        EXPECT_FALSE(check_provider_header("X-A", value).ok()) << value;
    }
}

TEST(ProviderKey, IsTrimmedAndSafe) {
    auto key = parse_provider_key("\n sk-abc123 \r\n\n");
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(key->secret, "sk-abc123");
    EXPECT_EQ(key->bearer(), "Bearer sk-abc123");
    for (Bytes bad : {Bytes(""), Bytes(" \n"), Bytes("sk-se cret"),
                      Bytes("sk-secret\nsk-secret"), Bytes("sk-secret\x01"),
                      Bytes("sk-secret\0", 10), Bytes("sk-secret\xc3\xa9")}) {
        auto refused = parse_provider_key(bad);
        ASSERT_FALSE(refused.ok()) << bad;
        EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
    }
    EXPECT_FALSE(parse_provider_key(std::string(4097, 'a')).ok());
}

class KeyFile : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/provider_key_XXXXXX";
        dir_ = mkdtemp(name);
    }
    void TearDown() override {
        for (Bytes name : {"a", "b", "link", "next"}) {
            unlink(path(name).c_str());
        }
        rmdir(dir_.c_str());
    }
    std::string path(Bytes name) const {
        return dir_ + "/" + std::string(name);
    }
    void write(Bytes name, Bytes text) {
        std::ofstream(path(name)) << text;
        chmod(path(name).c_str(), 0600);
    }
    static Now at_second(int64_t s) {
        Now now = read_clock();
        now.mono_ns += s * 1000000000;
        now.wall_ns += s * 1000000000;
        return now;
    }

    std::string dir_;
};

TEST_F(KeyFile, IsReadAgainWhenItsLinkIsSwapped) {
    write("a", "first\n");
    write("b", "second\n");
    ASSERT_EQ(symlink("a", path("link").c_str()), 0);
    ProviderKeyFile file({path("link"), kMaxProviderKeyFile},
                         parse_provider_key);
    ASSERT_TRUE(file.open(at_second(0)).ok());
    EXPECT_EQ(file.value()->secret, "first");
    ASSERT_EQ(symlink("b", path("next").c_str()), 0);
    ASSERT_EQ(rename(path("next").c_str(), path("link").c_str()), 0);
    EXPECT_TRUE(file.poll(at_second(5)));
    EXPECT_EQ(file.value()->secret, "second");
    // A broken one leaves what is there.
    write("b", "");
    EXPECT_FALSE(file.poll(at_second(10)));
    EXPECT_EQ(file.value()->secret, "second");
    EXPECT_TRUE(file.error().has_value());
}

TEST_F(KeyFile, ThatEverybodyReadsIsToldOf) {
    write("a", "secret-key\n");
    EXPECT_FALSE(key_file_warning(path("a")).has_value());
    chmod(path("a").c_str(), 0640);
    EXPECT_FALSE(key_file_warning(path("a")).has_value());
    chmod(path("a").c_str(), 0644);
    auto warning = key_file_warning(path("a"));
    ASSERT_TRUE(warning.has_value());
    EXPECT_NE(warning->find(path("a")), std::string::npos);
    EXPECT_EQ(warning->find("secret-key"), std::string::npos);
    EXPECT_FALSE(key_file_warning(path("none")).has_value());
}

TEST(Provider, WordsOfItsHeadersAreSecrets) {
    Provider provider;
    provider.headers = {{"Api-Key", "sk-0123456789"},
                        {"X-Auth", "Bearer  abc,def;ghi\t"},
                        {"Anthropic-Beta", "prompt-caching-2024-07-31"},
                        {"X-Empty", ""}};
    EXPECT_EQ(secrets_in_headers(provider),
              (std::vector<Bytes>{"sk-0123456789", "Bearer", "abc", "def",
                                  "ghi"}));
}

}  // namespace
}  // namespace llm::route
