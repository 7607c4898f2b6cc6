#include "src/route/model_name_body.hpp"

namespace llm::route {
namespace {

constexpr Bytes kModel = "model";
constexpr size_t kNoKey = SIZE_MAX;

}  // namespace

void BodyModel::take(Bytes bytes, size_t end) {
    if (end > from_) {
        pieces_.push_back(bytes.substr(from_, end - from_));
    }
    from_ = end;
}

// A byte outside of strings that means something.
void BodyModel::token(char c) {
    switch (c) {
    case '{':
    case '[':
        depth_++;
        key_next_ = depth_ == 1 && c == '{';
        is_model_ = false;
        break;
    case '}':
    case ']':
        depth_ -= depth_ > 0 ? 1 : 0;
        if (depth_ == 0) {
            state_ = State::kDone;
        }
        break;
    case ',':
        // In an outermost array there are no keys; none is `model` there,
        // as no colon follows.
        key_next_ = depth_ == 1;
        is_model_ = false;
        break;
    case ':':
        key_next_ = false;
        break;
    default:
        break;
    }
}

// Behind the string's end, or at the end of what there is.
size_t BodyModel::skip_string(Bytes bytes, size_t at) {
    for (; at < bytes.size(); at++) {
        char c = bytes[at];
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
            matched_ = kNoKey;
        } else if (c == '"') {
            return at;
        } else if (state_ == State::kKey && matched_ != kNoKey) {
            bool fits = matched_ < kModel.size() && kModel[matched_] == c;
            matched_ = fits ? matched_ + 1 : kNoKey;
        }
    }
    return at;
}

size_t BodyModel::next(Bytes bytes, size_t at) {
    if (state_ == State::kBetween) {
        if (bytes[at] != '"') {
            token(bytes[at]);
            return at + 1;
        }
        matched_ = 0;
        state_ = key_next_ ? State::kKey : State::kString;
        if (is_model_ && !key_next_ && depth_ == 1) {
            state_ = State::kName;
            take(bytes, at);
            pieces_.push_back(value_);
        }
        return at + 1;
    }
    at = skip_string(bytes, at);
    if (at == bytes.size()) {
        return at;
    }
    if (state_ == State::kName) {
        from_ = at + 1;
        state_ = State::kDone;
        return at + 1;
    }
    if (state_ == State::kKey) {
        is_model_ = matched_ == kModel.size();
    }
    state_ = State::kBetween;
    return at + 1;
}

const std::vector<Bytes>& BodyModel::feed(Bytes bytes) {
    pieces_.clear();
    from_ = 0;
    for (size_t at = 0; at < bytes.size() && state_ != State::kDone;) {
        at = next(bytes, at);
    }
    if (state_ != State::kName) {
        take(bytes, bytes.size());
    }
    return pieces_;
}

}  // namespace llm::route
