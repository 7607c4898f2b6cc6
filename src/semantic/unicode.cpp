#include "src/semantic/unicode.hpp"

#include <utf8proc.h>

namespace llm::semantic {

uint32_t next_wide_code_point(const char*& p, const char* end) {
    utf8proc_int32_t code = -1;
    utf8proc_ssize_t size =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(p),
                         end - p < 4 ? end - p : 4, &code);
    if (size <= 0 || code < 0) {
        p++;
        return kReplacement;
    }
    p += size;
    return static_cast<uint32_t>(code);
}

bool is_space(uint32_t code) {
    if (code < 0x80) {
        return code == ' ' || (code >= 9 && code <= 13);
    }
    return code == 0x85 || code == 0xa0 || code == 0x1680
           || (code >= 0x2000 && code <= 0x200a) || code == 0x2028
           || code == 0x2029 || code == 0x202f || code == 0x205f
           || code == 0x3000;
}

bool is_control(uint32_t code) {
    if (code == '\t' || code == '\n' || code == '\r') {
        return false;
    }
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
        return true;
    default:
        return false;
    }
}

bool is_cjk(uint32_t code) {
    return (code >= 0x4e00 && code <= 0x9fff)
           || (code >= 0x3400 && code <= 0x4dbf)
           || (code >= 0x20000 && code <= 0x2a6df)
           || (code >= 0x2a700 && code <= 0x2b73f)
           || (code >= 0x2b740 && code <= 0x2b81f)
           || (code >= 0x2b920 && code <= 0x2ceaf)
           || (code >= 0xf900 && code <= 0xfaff)
           || (code >= 0x2f800 && code <= 0x2fa1f);
}

bool is_punctuation(uint32_t code) {
    if (code < 0x80) {
        return (code >= 33 && code <= 47) || (code >= 58 && code <= 64)
               || (code >= 91 && code <= 96) || (code >= 123 && code <= 126);
    }
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return true;
    default:
        return false;
    }
}

unsigned write_utf8(uint32_t code, char* out) {
    return static_cast<unsigned>(utf8proc_encode_char(
        static_cast<utf8proc_int32_t>(code),
        reinterpret_cast<utf8proc_uint8_t*>(out)));
}

}  // namespace llm::semantic
