# -std=c++20 must not reach the C files that nginx generates: a pattern
# variable gives it to our objects alone. The compiler notes which headers
# each of them includes, so that a changed header rebuilds what needs it.
cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/%.o: CFLAGS += -std=c++20 -O2 -fvisibility=hidden -MMD -MP

-include $NGX_OBJS/addon/*/*.d

# Data files that are built in: src/base/embed.hpp.
$NGX_OBJS/addon/%/embedded.o: CFLAGS += '-DLLM_DATA_DIR="$ngx_addon_dir/data"'
$NGX_OBJS/addon/route/embedded.o $NGX_OBJS/addon/semantic/embedded.o: \
    `find "$ngx_addon_dir/data" -type f 2>/dev/null | tr '\n' ' '`

END
