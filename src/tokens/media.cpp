#include "src/tokens/media.hpp"

#include "src/api/media.hpp"

namespace llm::tokens {
namespace {

using api::Media;
using json::Document;
using json::kNoNode;
using json::kRoot;
using json::NodeId;

constexpr uint64_t kSoundBytes = 256;  // a token
constexpr uint64_t kFileBytes = 16;    // a token
constexpr uint64_t kElsewhere = 8192;
// Less than that holds an address, or the id of what was sent before.
constexpr size_t kLongestAddress = 2048;

struct ImageTokens {
    Bytes model;  // a part of its name
    uint64_t low;
    uint64_t high;
    uint64_t other;  // the provider chooses
};

constexpr ImageTokens kImages[] = {
    {"gpt-4o-mini", 2833, 48169, 48169},
    {"gpt-4o", 85, 1445, 1445},
    {"gpt-4", 3779, 3779, 3779},
    {"gpt-", 3779, 3779, 14400},
    {"", 4784, 4784, 4784},
};

// "" where it does not say.
Bytes detail_of(const Document& doc, NodeId part) {
    NodeId detail = doc.find(part, "detail");
    if (detail == kNoNode) {
        NodeId image = doc.find(part, "image_url");
        detail = image == kNoNode ? kNoNode : doc.find(image, "detail");
    }
    return detail == kNoNode ? Bytes{} : doc.raw(detail);
}

uint64_t image_tokens(Bytes detail, Bytes model) {
    const ImageTokens* image = kImages;
    while (model.find(image->model) == Bytes::npos) {
        image++;
    }
    return detail == "\"low\""    ? image->low
           : detail == "\"high\"" ? image->high
                                  : image->other;
}

uint64_t tokens_of(const Document& doc, NodeId part, Media media,
                   Bytes model) {
    if (media == Media::kImage) {
        return image_tokens(detail_of(doc, part), model);
    }
    uint64_t bytes = doc.raw(part).size();
    if (bytes < kLongestAddress) {
        return kElsewhere;
    }
    return bytes / (media == Media::kSound ? kSoundBytes : kFileBytes);
}

}  // namespace

MediaTokens media_tokens(const Document& request, Bytes model) {
    MediaTokens sum;
    if (request.empty()) {
        return sum;
    }
    NodeId end = request.node(kRoot).next;
    for (NodeId id = kRoot; id < end;) {
        Media media = request.is(id, json::Type::kObject)
                          ? api::media_of(request, id)
                          : Media::kNone;
        if (media == Media::kNone) {
            id++;
            continue;
        }
        uint64_t tokens = tokens_of(request, id, media, model);
        sum.all += tokens;
        sum.sound += media == Media::kSound ? tokens : 0;
        id = request.node(id).next;
    }
    return sum;
}

}  // namespace llm::tokens
