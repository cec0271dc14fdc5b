# Reading a repository of 10 000 commits with a lock file of 1 000 packages, beside `git log --numstat` on the same
# repository: what git itself needs to say which lines every commit changed, and so the limit.
folder=$(mktemp -d)
git init -q -b main "$folder"
awk 'BEGIN {
    lock = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\ndependencies = [\n"
    for (p = 0; p < 1000; p += 10) lock = lock " \"p" p "\",\n"
    lock = lock "]\n"
    sum = sprintf("%064d", 0)
    for (p = 0; p < 1000; p++) {
        lock = lock "\n[[package]]\nname = \"p" p "\"\nversion = \"1.0.0\"\nsource = \"registry+https://example.org/index\"\nchecksum = \"" sum "\"\n"
        if (p % 10 != 9) lock = lock "dependencies = [\"p" p + 1 "\"]\n"
    }
    for (c = 0; c < 10000; c++) {
        who = "author" c % 97
        print "commit refs/heads/main"
        print "author " who " <" who "@example.org> " 1700000000 + c * 600 " +0000"
        print "committer " who " <" who "@example.org> " 1700000000 + c * 600 " +0000"
        print "data 10\nchange " sprintf("%03d", c % 1000)
        for (f = 0; f < 3; f++) {
            body = ""
            for (l = 0; l < 40; l++) body = body "line " l " of " (c * 7 + l * f) % 131 "\n"
            print "M 100644 inline src/part" (c + f * 31) % 400 ".rs\ndata " length(body)
            printf "%s\n", body
        }
        if (c == 0) { print "M 100644 inline Cargo.lock\ndata " length(lock); printf "%s\n", lock }
    }
}' | git -C "$folder" fast-import --quiet
cargo build --quiet --release -p importer --example read_repository
limit=$(seconds git -C "$folder" log --no-merges --numstat --format=%H)
ours=$(seconds "$CARGO_TARGET_DIR/release/examples/read_repository" "$folder")
figure import read_10000_commits "$ours" s lower "git log --numstat" "$limit"
rm -rf "$folder"
