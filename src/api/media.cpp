#include "src/api/media.hpp"

namespace llm::api {
namespace {

struct Known {
    Bytes type;
    Media media;
};

constexpr Known kKnown[] = {
    {"image_url", Media::kImage},
    {"input_image", Media::kImage},
    {"image", Media::kImage},
    {"computer_screenshot", Media::kImage},
    {"input_audio", Media::kSound},
    {"audio", Media::kSound},
    {"audio_url", Media::kSound},
    {"file", Media::kFile},
    {"input_file", Media::kFile},
    {"document", Media::kFile},
    {"video_url", Media::kFile},
    {"video", Media::kFile},
};

}  // namespace

Media media_of(const json::Document& doc, json::NodeId part) {
    json::NodeId type = doc.find(part, "type");
    if (!doc.is(type, json::Type::kString)) {
        return Media::kNone;
    }
    // An upstream reads escapes too.
    std::string scratch;
    Bytes name = doc.string(type, scratch);
    for (const Known& known : kKnown) {
        if (known.type == name) {
            return known.media;
        }
    }
    return Media::kNone;
}

}  // namespace llm::api
