# The interpreter of rule bases, beside the reference (PyPI's hyperon) on the same programs in the same run: recursion, matching,
# joins, search, lists and states; then 100 000 facts, loaded and asked by every argument. Below 50 times the reference's speed,
# or with an indexed match above 0.1 ms, the benchmark fails.
bench_python=$DATA/bench/hyperon
if ! "$bench_python/bin/python" -c 'import hyperon' 2>/dev/null; then
    python3 -c 'import venv, ensurepip' 2>/dev/null || debian "the reference interpreter of MeTTa" python3 python3-venv
    say "Installing the reference interpreter of MeTTa, hyperon 0.2.10, from PyPI"
    mkdir -p "$DATA/bench"
    python3 -m venv "$bench_python"
    "$bench_python/bin/pip" install --quiet hyperon==0.2.10
fi
cargo build --quiet --release -p metta --example measure_metta
bench_slow=()
while IFS=$'\t' read -r metric value unit better peer other; do
    figure metta "$metric" "$value" "$unit" "$better" "$peer" "$other"
    case $peer in
    hyperon*) awk "BEGIN { exit !($value * 50 <= $other) }" || bench_slow+=("$metric is less than 50 times as fast as the reference") ;;
    target) awk "BEGIN { exit !($value <= $other) }" || bench_slow+=("$metric is above $other $unit") ;;
    esac
done < <("$CARGO_TARGET_DIR/release/examples/measure_metta" "$bench_python/bin/python")
[ ${#bench_slow[@]} -eq 0 ] || die "${bench_slow[*]}"
