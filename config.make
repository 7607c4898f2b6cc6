# -std=c++20 must not reach the C files that nginx generates: a pattern
# variable gives it to our objects alone.
cat << END                                                    >> $NGX_MAKEFILE

$NGX_OBJS/addon/%.o: CFLAGS += -std=c++20 -O2 -fvisibility=hidden

END
