#include "tests/mock/log.hpp"

#include <time.h>
#include <zlib.h>

#include <algorithm>
#include <map>

#include "tests/mock/text.hpp"

namespace llm::mock {

RequestLog::~RequestLog() {
    if (file_ != nullptr) {
        std::fclose(file_);
    }
}

bool RequestLog::open(const std::string& path) {
    file_ = std::fopen(path.c_str(), "ae");
    return file_ != nullptr;
}

std::uint64_t RequestLog::begin(const HttpRequest& request,
                                std::uint64_t connection,
                                std::string_view api) {
    std::uint64_t id = next_++;
    if (!recording_) {
        return id;
    }
    records_.resize(std::min<std::size_t>(
        kMaxRecords, std::max<std::size_t>(records_.size(), id + 1)));
    Record& record = records_[id % kMaxRecords];
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    record.id = id;
    record.connection = connection;
    record.time = static_cast<double>(now.tv_sec)
                  + static_cast<double>(now.tv_nsec) / 1e9;
    record.head.assign(request.head);
    record.body.assign(request.body, 0, kMaxBody);
    record.api = api;
    record.body_length = request.body.size();
    record.crc = static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(request.body.data()),
              static_cast<uInt>(request.body.size())));
    record.status = 0;
    record.bytes_sent = 0;
    record.closed_early = false;
    record.finished = false;
    return id;
}

void RequestLog::end(std::uint64_t id, int status, std::uint64_t bytes_sent,
                     bool closed_early) {
    if (!recording_ || records_.empty()) {
        return;
    }
    Record& record = records_[id % kMaxRecords];
    if (record.id != id) {
        return;  // overtaken by kMaxRecords younger ones
    }
    record.status = status;
    record.bytes_sent = bytes_sent;
    record.closed_early = closed_early;
    record.finished = true;
    if (file_ != nullptr) {
        std::string line;
        append(line, record);
        line += '\n';
        std::fwrite(line.data(), 1, line.size(), file_);
        std::fflush(file_);
    }
}

void RequestLog::append(std::string& out, const Record& record) const {
    std::string_view head = record.head;
    std::string_view first = head.substr(0, head.find("\r\n"));
    std::size_t space = first.find(' ');
    std::size_t last = first.rfind(' ');
    char number[64];
    std::snprintf(number, sizeof(number), "%.6f", record.time);
    out += "{\"id\":" + std::to_string(record.id) + ",\"time\":" + number;
    out += ",\"connection\":" + std::to_string(record.connection);
    out += ",\"method\":" + quoted(first.substr(0, space));
    out += ",\"path\":" + quoted(first.substr(space + 1, last - space - 1));
    out += ",\"version\":" + quoted(first.substr(last + 1));
    out += ",\"api\":" + quoted(record.api) + ",\"headers\":{";
    std::map<std::string, std::string> folded;
    std::string lines;
    for_each_header(head, [&](std::string_view name, std::string_view value) {
        std::string key(name);
        std::transform(key.begin(), key.end(), key.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        auto [at, fresh] = folded.try_emplace(key, value);
        if (!fresh) {
            at->second.append(", ").append(value);
        }
        lines += lines.empty() ? "" : ",";
        append_quoted(lines, std::string(name) + ": " + std::string(value));
    });
    const char* comma = "";
    for (const auto& [name, value] : folded) {
        out += comma + quoted(name) + ":" + quoted(value);
        comma = ",";
    }
    std::snprintf(number, sizeof(number), "%08x", record.crc);
    out += "},\"header_lines\":[" + lines + "],\"body_length\":"
           + std::to_string(record.body_length) + ",\"body_crc32\":\"" + number
           + "\",\"body\":" + quoted(record.body)
           + ",\"status\":" + std::to_string(record.status)
           + ",\"bytes_sent\":" + std::to_string(record.bytes_sent)
           + ",\"closed_early\":" + (record.closed_early ? "true" : "false")
           + ",\"finished\":" + (record.finished ? "true" : "false") + "}";
}

std::string RequestLog::json() const {
    std::string out = "[";
    std::uint64_t oldest = next_ > kMaxRecords ? next_ - kMaxRecords : 0;
    for (std::uint64_t id = std::max(first_, oldest);
         recording_ && id < next_; ++id) {
        out += out.size() > 1 ? ",\n" : "";
        append(out, records_[id % kMaxRecords]);
    }
    return out + "]\n";
}

}  // namespace llm::mock
