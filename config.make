# -std=c++20 must not reach the C files that nginx generates: a pattern
# variable gives it to our objects alone. The compiler notes which headers
# each of them includes, so that a changed header rebuilds what needs it.
cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/%.o: CFLAGS += -std=c++20 -O2 -fvisibility=hidden -MMD -MP

-include $NGX_OBJS/addon/*/*.d

END
