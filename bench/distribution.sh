# A division of income over 100 contributors, and over 1 000 000 contributions to 100 000 assets, compute only: beside the
# targets, and beside the slow and obvious implementation with which the tests compare the engine.
cargo build --quiet --release -p domain --example measure_distribution
while IFS=$'\t' read -r metric value unit better peer other; do
    figure distribution "$metric" "$value" "$unit" "$better" "$peer" "$other"
done < <("$CARGO_TARGET_DIR/release/examples/measure_distribution")
