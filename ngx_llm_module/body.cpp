#include "ngx_llm_module/body.hpp"

#include <algorithm>

namespace llm::door {
namespace {

// May be called inside ngx_http_read_client_request_body() or later.
void on_body(ngx_http_request_t* r) {
    Context* ctx = Context::find(r);
    if (ctx != nullptr) {
        ctx->body_ready = true;
    }
    // Whoever runs after us, a redirect to a fallback too, needs it again.
    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}

Result<void> append(ngx_buf_t* buf, std::string& out) {
    if (ngx_buf_in_memory(buf)) {
        out.append(reinterpret_cast<char*>(buf->pos),
                   static_cast<size_t>(buf->last - buf->pos));
        return {};
    }
    if (!buf->in_file) {
        return {};  // an empty body is one special buffer
    }
    size_t size = static_cast<size_t>(buf->file_last - buf->file_pos);
    size_t at = out.size();
    out.resize(at + size);
    ssize_t n = ngx_read_file(buf->file,
                              reinterpret_cast<u_char*>(out.data() + at),
                              size, buf->file_pos);
    if (n < 0 || static_cast<size_t>(n) != size) {
        return Error{Errc::kIo, "reading the request body's temporary file"};
    }
    return {};
}

// $content_length and the upstream's header follow the new size.
ngx_int_t set_content_length(ngx_http_request_t* r, size_t size) {
    r->headers_in.content_length_n = static_cast<off_t>(size);
    r->headers_in.chunked = 0;
    if (r->headers_in.content_length == nullptr) {
        return NGX_OK;
    }
    auto* text = static_cast<u_char*>(ngx_pnalloc(r->pool,
                                                  NGX_OFF_T_LEN + 1));
    if (text == nullptr) {
        return NGX_ERROR;
    }
    u_char* end = ngx_sprintf(text, "%uz", size);
    *end = '\0';
    r->headers_in.content_length->value = {
        static_cast<size_t>(end - text), text};
    return NGX_OK;
}

// nginx keeps the first value that these had: they are what a kin of
// proxy_pass and proxy_set_body send.
void forget_variables(ngx_http_request_t* r) {
    for (ngx_int_t index : main_conf(r).route.body_variables) {
        r->variables[index].valid = 0;
        r->variables[index].not_found = 0;
    }
}

// A smaller body is copied sooner than cut in pieces.
constexpr size_t kShareFrom = 16 * 1024;

// start == pos: ngx_http_upstream_reinit() rewinds to start on a retry.
ngx_chain_t* link_of(ngx_pool_t* pool, ngx_buf_t* buf) {
    ngx_chain_t* link = buf == nullptr ? nullptr : ngx_alloc_chain_link(pool);
    if (link != nullptr) {
        link->buf = buf;
        link->next = nullptr;
    }
    return link;
}

// Memory that outlives the request's last attempt, as a buffer.
ngx_buf_t* buf_over(ngx_pool_t* pool, Bytes bytes) {
    auto* buf = static_cast<ngx_buf_t*>(ngx_calloc_buf(pool));
    if (buf != nullptr) {
        ngx_str_t text = immortal(bytes);
        buf->start = text.data;
        buf->pos = text.data;
        buf->last = text.data + text.len;
        buf->end = buf->last;
        buf->memory = 1;
    }
    return buf;
}

ngx_chain_t* copy_body(ngx_http_request_t* r, Bytes body,
                       const route::Edits& edits, size_t size) {
    ngx_buf_t* buf = ngx_create_temp_buf(r->pool, size > 0 ? size : 1);
    if (buf != nullptr) {
        edits.apply(body, reinterpret_cast<char*>(buf->pos));
        buf->last = buf->pos + size;
    }
    return link_of(r->pool, buf);
}

Bytes bytes_of(const ngx_buf_t* buf) {
    return {reinterpret_cast<char*>(buf->pos),
            static_cast<size_t>(buf->last - buf->pos)};
}

bool is_in_memory(const ngx_chain_t* chain) {
    for (; chain != nullptr; chain = chain->next) {
        if (!ngx_buf_in_memory(chain->buf)) {
            return false;
        }
    }
    return true;
}

// A chain that is made link by link.
class Chain {
public:
    explicit Chain(ngx_pool_t* pool) : pool_(pool) {}

    void add(Bytes bytes) {
        if (whole_ && !bytes.empty()) {
            *next_ = link_of(pool_, buf_over(pool_, bytes));
            whole_ = *next_ != nullptr;
            next_ = whole_ ? &(*next_)->next : next_;
        }
    }
    void add_copy(Bytes bytes) {
        ngx_str_t copy = copy_to(pool_, bytes);
        whole_ = whole_ && copy.data != nullptr;
        add(view(copy));
    }
    // So many bytes from `offset` on of what `bufs` hold together.
    void add_part(const ngx_chain_t* bufs, size_t offset, size_t size) {
        for (; bufs != nullptr && size > 0; bufs = bufs->next) {
            Bytes here = bytes_of(bufs->buf);
            size_t skipped = std::min(offset, here.size());
            Bytes part = here.substr(skipped, size);
            add(part);
            offset -= skipped;
            size -= part.size();
        }
    }
    ngx_chain_t* whole() { return whole_ ? first_ : nullptr; }

private:
    ngx_pool_t* pool_;
    ngx_chain_t* first_ = nullptr;
    ngx_chain_t** next_ = &first_;
    bool whole_ = true;
};

// The client's bytes where they stand, with what is put in between them.
// `body` is all that `client` holds.
ngx_chain_t* splice_body(ngx_http_request_t* r, const ngx_chain_t* client,
                         Bytes body, const route::Edits& edits) {
    Chain chain(r->pool);
    edits.each_piece(body, [&](Bytes piece, bool put_in) {
        if (put_in) {
            chain.add_copy(piece);
        } else {
            chain.add_part(client,
                           static_cast<size_t>(piece.data() - body.data()),
                           piece.size());
        }
    });
    return chain.whole();
}

}  // namespace

ngx_int_t ask_for_body(ngx_http_request_t* r, Context& ctx) {
    ctx.body_asked = true;
    r->request_body_in_single_buf = 1;
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }
    // Drops the reference that reading took.
    ngx_http_finalize_request(r, NGX_DONE);
    return NGX_DONE;
}

Result<Bytes> gather_body(ngx_chain_t* chain, std::string& scratch) {
    if (chain == nullptr) {
        return Bytes{};
    }
    if (chain->next == nullptr && ngx_buf_in_memory(chain->buf)) {
        ngx_buf_t* buf = chain->buf;
        return Bytes(reinterpret_cast<char*>(buf->pos),
                     static_cast<size_t>(buf->last - buf->pos));
    }
    scratch.clear();
    for (; chain != nullptr; chain = chain->next) {
        if (auto done = append(chain->buf, scratch); !done.ok()) {
            return done.error();
        }
    }
    return Bytes(scratch);
}

ngx_int_t replace_body(ngx_http_request_t* r, const ngx_chain_t* client,
                       Bytes body, const route::Edits& edits) {
    size_t size = edits.size_after(body.size());
    bool large = body.size() >= kShareFrom && is_in_memory(client);
    ngx_chain_t* bufs = large ? splice_body(r, client, body, edits)
                              : copy_body(r, body, edits, size);
    if (bufs == nullptr) {
        return NGX_ERROR;
    }
    r->request_body->bufs = bufs;
    r->request_body->buf = nullptr;
    // The file itself stays to the request's end: a mirror may send it.
    r->request_body->temp_file = nullptr;
    forget_variables(r);
    return set_content_length(r, size);
}

}  // namespace llm::door
