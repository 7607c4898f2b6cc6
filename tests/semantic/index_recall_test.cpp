// Real vectors: questions of banking77 by all-MiniLM-L6-v2. The radii of
// sketches come from a theory of random directions; here is whether what lies
// above a floor is found where the vectors crowd.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "src/semantic/bert_encoder.hpp"
#include "tests/semantic/index_zone.hpp"

namespace llm::semantic {
namespace {

namespace fs = std::filesystem;

fs::path root() {
    return fs::path(__FILE__).parent_path().parent_path().parent_path();
}

fs::path from_environment(const char* name, const fs::path& otherwise) {
    const char* named = std::getenv(name);
    return named != nullptr ? fs::path(named) : otherwise;
}

class IndexRecall : public testing::Test {
protected:
    static constexpr size_t kTexts = 700;

    void SetUp() override {
        fs::path model = from_environment(
            "LLM_MINILM", root() / "models" / "all-MiniLM-L6-v2");
        fs::path data = from_environment("LLM_DATA",
                                         root() / ".." / "shared" / "data");
        std::ifstream file(data / "banking77" / "test.csv");
        if (!fs::exists(model / "model.safetensors")) {
            GTEST_SKIP() << "no model in " << model
                         << ": fetch it with ./run model";
        }
        if (!file) {
            GTEST_SKIP() << "no banking77/test.csv in " << data;
        }
        auto made = BertEncoder::load(model, Precision::kInt8);
        ASSERT_TRUE(made) << made.error().message;
        Workspace space;
        made->prepare(space);
        std::string line;
        std::getline(file, line);  // the columns' names
        while (vectors_.size() < kTexts && std::getline(file, line)) {
            // text,intent; every third, for neighbours are of one intent
            std::string text = line.substr(0, line.rfind(','));
            Vector vector(made->dims());
            if (vectors_.size() * 3 <= lines_++
                && made->encode(text, space, vector)) {
                vectors_.push_back(vector);
                codes_.push_back(code_of(vector));
            }
        }
        ASSERT_EQ(vectors_.size(), kTexts);
    }

    size_t lines_ = 0;
    std::vector<Vector> vectors_;
    std::vector<Code> codes_;
};

TEST_F(IndexRecall, SketchesMissAtMostOneInAThousand) {
    for (float floor : {0.70f, 0.75f, 0.80f, 0.85f, 0.90f}) {
        Radii radii = radii_of(floor);
        size_t above = 0, missed = 0, below = 0, passed = 0;
        double error = 0;
        for (size_t a = 0; a < vectors_.size(); a++) {
            for (size_t b = 0; b < vectors_.size(); b++) {
                if (a == b) {
                    continue;  // a pair counts twice: as either's query
                }
                double cosine = cosine_of(vectors_[a], vectors_[b]);
                bool near = true;
                for (size_t p = 0; p < kPlanes; p++) {
                    near = near
                           && distance(codes_[a], codes_[b].sketch,
                                       kPlaneBytes * (p + 1))
                                  <= radii[p];
                }
                if (cosine < floor) {
                    below++;
                    passed += near ? 1 : 0;
                    continue;
                }
                above++;
                missed += near ? 0 : 1;
                double product =
                    portable_scan()->dot(codes_[a].bytes.data(),
                                         codes_[b].bytes.data(), kMaxDims);
                error = std::max(
                    error, std::fabs(product * codes_[a].inverse
                                         * codes_[b].inverse
                                     - cosine));
            }
        }
        printf("floor %.2f: %zu pairs above, %zu missed; of those below "
               "%.3f %% rescored; largest error of a cosine %.4f\n",
               floor, above, missed,
               100 * static_cast<double>(passed)
                   / static_cast<double>(below),
               error);
        EXPECT_LE(static_cast<double>(missed),
                  std::max(1.0, 0.001 * static_cast<double>(above)));
        EXPECT_LT(error, 0.004);
    }
}

TEST_F(IndexRecall, SearchFindsTheNearest) {
    IndexZone zone(4 << 20);
    for (size_t n = 0; n < vectors_.size(); n++) {
        add(*zone, 1, codes_[n], n);
    }
    size_t wanted = 0, right = 0;
    for (size_t n = 0; n < vectors_.size(); n++) {
        double best = 0;
        for (size_t other = 0; other < vectors_.size(); other++) {
            if (other != n) {
                best = std::max(best,
                                cosine_of(vectors_[n], vectors_[other]));
            }
        }
        if (best < 0.85) {
            continue;
        }
        wanted++;
        auto found = find(*zone, 1, codes_[n], 0.84f);
        right += found.size() >= 2
                         && std::fabs(found[1].cosine - best) < 0.004
                     ? 1
                     : 0;
    }
    EXPECT_GT(wanted, 50u);
    EXPECT_EQ(right, wanted);
}

}  // namespace
}  // namespace llm::semantic
