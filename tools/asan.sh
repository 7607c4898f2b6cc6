# ./run asan: the tests with AddressSanitizer and UBSan in core and module. Part
# of run, which sources it.

# Not run with sanitizers: what looks at the tree, and what measures memory,
# time or symbols, which they change.
unchecked='arrows|exports|figures|harness|model|readme|run'
unchecked="$unchecked|keys_many|semantic_large|upstream_load"

run_asan() {
    # shellcheck disable=SC2086  # lists of words
    build_all 'to build and test' $test_packages
    step 'build the mock upstream' build_core mock_upstream distil
    step 'build the core with sanitizers' locked core asan -- \
        -DLLM_SANITIZE=address,undefined \
        -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="$checked_opt"
    objects=checked
    cc_opt='-g1 -fsanitize=address,undefined -fno-omit-frame-pointer'
    step 'build the module with sanitizers' locked build_module
    test_environment
    checked_nginx
    unit_result=0 prove_result=0
    step 'unit tests with sanitizers' ctest --test-dir "$build/asan" \
        --parallel 2 --output-on-failure ${1:+-R "$1"} || unit_result=$?
    files=$(cd "$root" && ls t/*.t | grep -E -- "${1:-.}" |
        grep -vE "^t/($unchecked)\.t$" || true)
    [ -z "$files" ] ||
        step 'black-box tests with sanitizers' black_box_tests "$files"
    [ "$unit_result" -eq 0 ] && [ "$prove_result" -eq 0 ]
}

# Debian's nginx with the module that was built with sanitizers: their
# libraries must come first. What they say goes to the error log, which each
# test reads. Allocations that nginx's pools keep to the end are no leaks.
checked_nginx() {
    export LLM_SANITIZED=1 LLM_MODULE="$build/checked/ngx_llm_module.so"
    export LLM_NGINX="$build/checked/nginx-checked"
    cat >"$LLM_NGINX" <<END
#!/bin/sh
export LD_PRELOAD="$(cc -print-file-name=libasan.so) \
$(cc -print-file-name=libubsan.so) \${LD_PRELOAD:-}"
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
exec "$nginx" "\$@"
END
    chmod 755 "$LLM_NGINX"
}
