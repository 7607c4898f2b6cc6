// The public JSON parsing suite, where it lies beside the repository:
// y_ must be accepted, n_ refused, i_ decided the same way each time.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/json/canonical.hpp"

namespace llm::json {
namespace {

namespace fs = std::filesystem;

fs::path suite() {
    const char* given = std::getenv("LLM_FIXTURES");
    fs::path base = given != nullptr
                        ? fs::path(given)
                        : fs::path(__FILE__).parent_path() / "../../.."
                              / "shared/fixtures";
    return base / "nst-JSONTestSuite/test_parsing";
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

TEST(JsonSuite, EveryFileIsDecidedAsItsNameSays) {
    std::error_code error;
    fs::directory_iterator files(suite(), error);
    if (error) {
        GTEST_SKIP() << "no recorded suite at " << suite();
    }
    int seen = 0;
    for (const auto& file : files) {
        std::string name = file.path().filename();
        std::string text = read(file.path());
        Document doc;
        bool first = doc.parse(text).ok();
        bool again = doc.parse(text).ok();
        EXPECT_EQ(first, again) << name;
        if (name[0] == 'y' && name.find("duplicated_key") == name.npos) {
            EXPECT_TRUE(first) << name;
        }
        if (name[0] == 'n') {
            EXPECT_FALSE(first) << name;
        }
        if (first) {
            std::string form;
            append_canonical(doc, {}, form);
            Document second;
            ASSERT_TRUE(second.parse(form).ok()) << name;
            std::string twice;
            append_canonical(second, {}, twice);
            EXPECT_EQ(form, twice) << name;
        } else if (name.find("duplicated_key") != name.npos) {
            EXPECT_EQ(name[0], 'y');
        }
        seen++;
    }
    EXPECT_GT(seen, 300);
}

}  // namespace
}  // namespace llm::json
