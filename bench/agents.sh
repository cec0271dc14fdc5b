# The agents: how long advice takes with the history of 100 000 sales in memory, one question after the other. Beside each figure
# stands its goal; one that is missed fails the benchmark. Then how long a million sales take to learn, to fit from and to search
# (seconds, beside those of 100 000). Every driver prints lines `name value`.
#
# BENCH_SALES=100000 and BENCH_MOST=1000000 say how many sales are in memory.
bench_goal() {
    case $1 in
    pricing_p99_ms) echo 5 ;;
    risk_p99_ms) echo 10 ;;
    collaboration_p99_ms) echo 50 ;;
    market_p99_ms) echo 20 ;;
    esac
}
bench_missed=
bench_sales=${BENCH_SALES:-100000} bench_most=${BENCH_MOST:-1000000}
declare -A bench_seconds
for bench_driver in latency latency_risk; do
    say "Building $bench_driver, optimised, and measuring"
    cargo build --quiet --release -p agents --example "$bench_driver"
    while read -r bench_name bench_value; do
        case $bench_name in *_s) bench_seconds[$bench_name]=$bench_value ;; esac
        bench_limit=$(bench_goal "$bench_name")
        [ -n "$bench_limit" ] || continue
        figure agents "$bench_name" "$bench_value" ms lower goal "$bench_limit"
        if awk "BEGIN { exit !($bench_value > $bench_limit) }"; then bench_missed="$bench_missed $bench_name"; fi
    done < <("$CARGO_TARGET_DIR/release/examples/$bench_driver" "$bench_sales")
    while read -r bench_name bench_value; do
        case $bench_name in
        *_s) figure agents "${bench_name}_of_$bench_most" "$bench_value" s lower "$bench_sales sales" "${bench_seconds[$bench_name]}" ;;
        esac
    done < <("$CARGO_TARGET_DIR/release/examples/$bench_driver" "$bench_most")
done
[ -z "$bench_missed" ] || die "missed:$bench_missed"
