#include "src/limit/tenant_names.hpp"

#include <gtest/gtest.h>

namespace llm::limit {
namespace {

std::string expected(Bytes secret, Bytes credential) {
    return hmac_sha256(secret, credential).hex().substr(0, 32);
}

TEST(TenantNames, AreTheFirstHalfOfTheHmac) {
    TenantNames names("secret");
    EXPECT_EQ(names.of("sk-1"), expected("secret", "sk-1"));
    EXPECT_EQ(names.of("sk-1"), expected("secret", "sk-1"));
    EXPECT_EQ(names.of(""), expected("secret", ""));
    TenantNames others("another");
    EXPECT_NE(others.of("sk-1"), names.of("sk-1"));
}

// Far more credentials than there are places, twice, in another order.
TEST(TenantNames, NeverTakeOneForAnother) {
    TenantNames names("secret");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            int n = round == 0 ? i : i * 7 % 3000;
            std::string credential = "sk-" + std::to_string(n);
            ASSERT_EQ(names.of(credential), expected("secret", credential));
        }
    }
}

TEST(TenantNames, ALongCredentialIsNotKept) {
    TenantNames names("secret");
    std::string credential(TenantNames::kMaxCredential + 1, 'k');
    EXPECT_EQ(names.of(credential), expected("secret", credential));
    EXPECT_EQ(names.of(credential), expected("secret", credential));
}

}  // namespace
}  // namespace llm::limit
