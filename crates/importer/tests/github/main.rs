//! Deliveries of GitHub's webhook, from the raw body to contributions. The payloads have the fields that GitHub
//! documents.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::collections::BTreeMap;

use domain::cost::Evidence;
use hmac::{Hmac, Mac};
use importer::Programs;
use importer::github::{
    Contribution, Contributions, Event, LeftOut, MAX_COMMITS, MAX_FILES, MAX_PATH, Merge, PayloadError, Push, Reason,
    SignatureError, contributions_of, merge_of, verify_signature,
};
use proptest::{collection, prelude::*};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &[u8] = b"It's a Secret to Everybody";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn id(number: u32) -> String {
    format!("{number:040x}")
}

fn repository() -> Value {
    json!({
        "id": 35_129_377, "node_id": "R_1", "name": "hello", "full_name": "octo/hello", "private": false, "fork": false,
        "owner": {"name": "octo", "login": "octo", "id": 1, "type": "User"}, "html_url": "https://github.com/octo/hello",
        "created_at": 1_430_869_197, "pushed_at": 1_430_869_217, "default_branch": "main", "master_branch": "main",
        "topics": [], "license": null
    })
}

fn commit(number: u32) -> Value {
    let signer = json!({"name": "Octo Cat", "email": "Octo@Example.org", "username": "octocat"});
    json!({
        "id": id(number), "tree_id": id(number + 1000), "distinct": true, "message": format!("Work {number}"),
        "timestamp": "2024-03-01T13:00:00+01:00", "url": format!("https://github.com/octo/hello/commit/{}", id(number)),
        "author": signer, "committer": signer, "added": ["src/a.rs"], "removed": ["old.rs"], "modified": ["src/lib.rs"]
    })
}

fn with(mut value: Value, changes: Value) -> Value {
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    value
}

fn push(commits: &[Value]) -> Value {
    let after = commits.last().map_or(json!(id(999)), |commit| commit["id"].clone());
    json!({
        "ref": "refs/heads/main", "before": id(0xbefe), "after": after, "base_ref": null, "created": false,
        "deleted": false, "forced": false, "compare": "https://github.com/octo/hello/compare/a...b", "commits": commits,
        "head_commit": commits.last(), "repository": repository(), "pusher": {"name": "octocat", "email": "octo@example.org"},
        "sender": {"login": "octocat", "id": 1, "type": "User", "site_admin": false}
    })
}

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Reads a delivery as an endpoint does.
fn deliver(event: &str, payload: &Value) -> Result<Event, PayloadError> {
    let body = payload.to_string().into_bytes();
    verify_signature(SECRET, &body, &sign(&body)).unwrap().event(event)
}

fn parsed(payload: &Value) -> Push {
    match deliver("push", payload).unwrap() {
        Event::Push(push) => push,
        other => panic!("{other:?}"),
    }
}

fn contributions(payload: &Value) -> Contributions {
    contributions_of(&parsed(payload), &Programs::default())
}

fn only(commit: Value) -> Contribution {
    let mut found = contributions(&push(&[commit]));
    assert_eq!((found.taken.len(), found.left_out.len()), (1, 0));
    found.taken.remove(0)
}

#[test]
fn a_push_is_contributions() {
    let tests = with(commit(2), json!({"added": ["tests/a.rs", "src/b.rs"], "modified": ["src/b.rs"]}));
    let found = contributions(&push(&[commit(1), tests]));
    assert!(found.left_out.is_empty() && !found.incomplete && !found.rewritten);
    let [first, second] = &*found.taken else { panic!("{found:?}") };
    assert_eq!((first.key.clone(), &first.commit), (format!("git:{}", id(1)), &id(1)));
    assert_eq!((&*first.subject, first.time), ("Work 1", 1_709_294_400));
    assert_eq!((&first.added[..], &first.modified[..]), (&["src/a.rs".to_owned()][..], &["src/lib.rs".to_owned()][..]));
    assert_eq!(first.removed, ["old.rs"]);
    // 0.10 + 0.15 x 2: removed files do not count, and a file that is both added and modified counts once.
    for contribution in [first, second] {
        assert_eq!(contribution.cost, "0.40".parse().unwrap());
        assert_eq!(contribution.evidence, Evidence::FilesOrLines);
        assert_eq!(contribution.evidence.confidence(), "0.65".parse().unwrap());
    }
    assert_eq!((first.touches_tests, first.coherence), (false, "0.5".parse().unwrap()));
    assert_eq!((second.touches_tests, second.coherence), (true, "0.7".parse().unwrap()));
    let [author] = &*first.authors else { panic!("{:?}", first.authors) };
    assert_eq!((&*author.identity, &*author.name), ("github:octocat", "Octo Cat"));
    assert_eq!(author.also, ["mailto:octo@example.org"]);
    assert_eq!((author.login.as_deref(), author.system), (Some("octocat"), false));
}

#[test]
fn authors_are_those_the_commit_names() {
    for (author, message, expected) in [
        (json!({"name": "A", "email": null}), "x", vec![("name:a", None, false)]),
        (
            json!({"name": "D", "email": "49699333+dependabot[bot]@users.noreply.github.com", "username": "dependabot[bot]"}),
            "x",
            vec![("mailto:49699333+dependabot[bot]@users.noreply.github.com", Some("dependabot[bot]"), true)],
        ),
        (
            json!({"name": "M", "email": "m@x.org", "username": "merger[bot]"}),
            "x",
            vec![("mailto:m@x.org", Some("merger[bot]"), true)],
        ),
        (
            json!({"name": "A", "email": "a@x.org"}),
            "x\n\nCo-authored-by: Nobody <n@x.org>\n\nmore\n\nCo-Authored-By: B <7+bea@users.noreply.github.com>\r\n\
             Co-authored-by: A <A@x.org>\nReviewed-by: C <c@x.org>\n",
            vec![("mailto:a@x.org", None, false), ("github:bea", Some("bea"), false)],
        ),
        (json!({"name": "A", "email": null, "username": "Ada"}), "x", vec![("github:ada", Some("Ada"), false)]),
        (
            json!({"name": "A", "email": "a@x.org", "username": "ada"}),
            "x\n\nCo-authored-by: A <a@x.org>\nCo-authored-by: A <7+Ada@users.noreply.github.com>\n\
             Co-authored-by: Claude <noreply@anthropic.com>",
            vec![("github:ada", Some("ada"), false)],
        ),
        (
            json!({"name": "claude[bot]", "email": "209825114+claude[bot]@users.noreply.github.com", "username": "claude[bot]"}),
            "x\n\nCo-authored-by: @bea",
            vec![("github:bea", Some("bea"), false)],
        ),
        (
            json!({"name": "Claude Code", "email": "a@x.org", "username": "ada"}),
            "x",
            vec![("github:ada", Some("ada"), false)],
        ),
        (
            json!({"name": "A", "email": "a@x.org"}),
            "Co-authored-by: B <b@x.org>",
            vec![("mailto:a@x.org", None, false)],
        ),
    ] {
        let found = only(with(commit(1), json!({"author": author, "message": message})));
        let authors: Vec<_> = found.authors.iter().map(|a| (&*a.identity, a.login.as_deref(), a.system)).collect();
        assert_eq!(authors, expected);
    }
}

#[test]
fn the_work_of_a_program_counts_for_whoever_set_it_to_work() {
    let bot = json!({"name": "dependabot[bot]", "email": "49699333+dependabot[bot]@users.noreply.github.com",
                     "username": "dependabot[bot]"});
    let github = json!({"name": "GitHub", "email": "noreply@github.com", "username": "web-flow"});
    let bea = json!({"name": "Bea", "email": "b@x.org", "username": "bea"});
    let sign = "x\n\nSigned-off-by: dependabot[bot] <support@github.com>\nSigned-off-by: C <c@x.org>";
    let app = json!({"login": "mergify[bot]", "type": "Bot"});
    for (committer, message, sender, expected) in [
        (bea, sign, json!({"login": "octocat"}), Some("github:bea")),
        (github.clone(), sign, json!({"login": "octocat"}), Some("mailto:c@x.org")),
        (github.clone(), "x", json!({"login": "octocat"}), Some("github:octocat")),
        (github.clone(), "x", app.clone(), None),
        (json!(null), "x", json!(null), None),
        (bot.clone(), "x", json!({"login": "acme-deploy", "type": "Bot"}), None),
    ] {
        let commit = with(commit(1), json!({"author": bot, "committer": committer, "message": message}));
        let mut found = contributions(&with(push(&[commit]), json!({"sender": sender})));
        let found = found.taken.remove(0);
        assert!(found.authors.len() == 1 && found.authors[0].system);
        assert_eq!(found.authors[0].identity, "mailto:49699333+dependabot[bot]@users.noreply.github.com");
        assert_eq!(found.triggered_by.as_ref().map(|person| &*person.identity), expected);
    }
    let ours = Programs::with("login octocat").unwrap();
    let found = contributions_of(&parsed(&push(&[commit(1)])), &ours);
    assert!(found.taken[0].authors[0].system, "a market knows further programs");
}

#[test]
fn a_merge_with_the_title_of_its_request_is_known_by_its_files() {
    let github = json!({"name": "GitHub", "email": "noreply@github.com", "username": "web-flow"});
    let files = |files: &[&str]| json!({"added": [], "removed": [], "modified": files, "committer": github});
    let commit = |number, message: &str, touched: &[&str]| {
        with(with(commit(number), files(touched)), json!({"message": message}))
    };
    let left_out = |commits: &[Value]| {
        contributions(&push(commits)).left_out.into_iter().map(|left_out| left_out.commit).collect::<Vec<_>>()
    };
    for title in ["Fix it (#7)", "Merged PR 7: Fix it", "Merged in fix (pull request #7)", "Merge fix into app"] {
        let work = [commit(1, "One", &["a", "b"]), commit(2, "Two", &["c"])];
        let merge = [work[0].clone(), work[1].clone(), commit(3, title, &["a", "c"])];
        assert_eq!(left_out(&merge), [id(3)], "{title}");
        assert_eq!(left_out(&merge[1..]), [""; 0], "{title}: `a` comes with the last commit alone");
        assert_eq!(left_out(&merge[2..]), [""; 0], "{title}: all of it in one commit");
    }
    // A queue that merges several requests, each as one commit, brings work only.
    let queue = [commit(1, "Fix it (#7)", &["a"]), commit(2, "Fix it again (#8)", &["a"])];
    assert_eq!(left_out(&queue), [""; 0]);
    let empty = [commit(1, "One", &["a"]), commit(2, "Merge with care", &[]), commit(3, "Merge with care", &["a"])];
    assert_eq!(left_out(&empty), [id(2)]);
}

#[test]
fn subjects_are_one_line() {
    let subject = |message: &str| only(with(commit(1), json!({"message": message}))).subject;
    assert_eq!(subject("One\r\ntwo\r\n\r\nthree"), "One two");
    assert_eq!(subject(&"é".repeat(300)).chars().count(), 200);
    assert_eq!(subject(""), "");
}

#[test]
fn only_the_default_branch_counts() {
    for reference in ["refs/heads/feature", "refs/heads/main/x", "refs/tags/main", "refs/heads/Main"] {
        let found = contributions(&with(push(&[commit(1)]), json!({"ref": reference, "forced": true})));
        assert_eq!(found.left_out, [LeftOut { commit: id(1), reason: Reason::OtherBranch }], "{reference}");
        assert!(found.taken.is_empty() && !found.incomplete && !found.rewritten);
    }
    // When the branch is merged, its commits are listed again, and are no longer distinct.
    assert_eq!(only(with(commit(1), json!({"distinct": false}))).commit, id(1));
}

#[test]
fn a_deleted_or_new_branch_brings_what_it_lists() {
    let nothing = json!({"after": ZERO, "deleted": true, "commits": [], "head_commit": null});
    assert_eq!(contributions(&with(push(&[]), nothing)), Contributions::default());
    assert_eq!(
        contributions(&push(&[])),
        Contributions::default(),
        "back to an older commit, or a branch of one that is known"
    );
    let found = contributions(&with(push(&[commit(1)]), json!({"before": ZERO, "created": true})));
    assert_eq!(found.taken.len(), 1);
}

#[test]
fn merges_repeats_and_rewrites() {
    let merge = |number, message: &str| with(commit(number), json!({"message": message}));
    let found = contributions(&push(&[
        commit(1),
        merge(2, "Merge pull request #7 from octo/fix\n\nFix"),
        merge(3, "Merge branch 'main' into fix"),
        merge(4, "Merge remote-tracking branch 'origin/main'"),
        commit(1),
        merge(5, "Merge two lists in linear time"),
    ]));
    let taken: Vec<_> = found.taken.iter().map(|contribution| contribution.commit.clone()).collect();
    assert_eq!(taken, [id(1), id(5)]);
    let reasons: Vec<_> = found.left_out.iter().map(|left_out| left_out.reason).collect();
    assert_eq!(reasons, [Reason::Merge, Reason::Merge, Reason::Merge, Reason::Repeated]);
    let forced = contributions(&with(push(&[commit(1)]), json!({"forced": true})));
    assert!(forced.rewritten && forced.taken.len() == 1);
}

#[test]
fn what_github_did_not_list_is_known_to_be_missing() {
    assert!(contributions(&with(push(&[commit(1)]), json!({"after": id(9)}))).incomplete);
    let listed: Vec<Value> = (0..2048).map(commit).collect();
    let found = contributions(&push(&listed));
    assert!(found.incomplete && found.taken.len() == 2048);
    assert!(!contributions(&push(&listed[1..])).incomplete);
}

#[test]
fn payloads_of_another_form_are_refused_by_name() {
    let fails = |payload: &Value, part: &str| {
        let error = deliver("push", payload).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    for field in ["ref", "before", "after", "repository"] {
        let mut payload = push(&[commit(1)]);
        payload.as_object_mut().unwrap().remove(field);
        fails(&payload, field);
    }
    for field in ["id", "message", "timestamp", "author"] {
        let mut broken = commit(1);
        broken.as_object_mut().unwrap().remove(field);
        fails(&push(&[broken]), field);
    }
    for (change, part) in [
        (json!({"id": "--all"}), "a commit's id is \"--all\""),
        (json!({"id": id(1).to_uppercase().replace('0', "A")}), "lower-case"),
        (json!({"timestamp": "yesterday"}), "timestamp"),
        (json!({"added": "a"}), "expected a sequence"),
        (json!({"added": vec!["a"; MAX_FILES + 1]}), "10003 files, the limit is 10000"),
        (json!({"added": ["a".repeat(MAX_PATH + 1)]}), "4097 bytes"),
    ] {
        // The push names a valid commit. The fault is inside the list.
        fails(&with(push(&[with(commit(1), change)]), json!({"after": id(1)})), part);
    }
    fails(&with(push(&[]), json!({"after": "main"})), "after");
    fails(&with(push(&[]), json!({"ref": "main"})), "ref");
    fails(&push(&vec![commit(1); MAX_COMMITS + 1]), "4097 commits, the limit is 4096");
}

#[test]
fn forged_and_cut_deliveries_are_not_parsed() {
    let body = push(&[commit(1)]).to_string().into_bytes();
    let header = sign(&body);
    assert_eq!(verify_signature(b"guess", &body, &header), Err(SignatureError::Mismatch));
    assert_eq!(verify_signature(SECRET, &body, &sign(b"another")), Err(SignatureError::Mismatch));
    assert_eq!(verify_signature(SECRET, &body[..body.len() - 1], &header), Err(SignatureError::Mismatch));
    assert_eq!(verify_signature(SECRET, &body, ""), Err(SignatureError::Malformed));
    // The body was cut before it was signed.
    for length in [0, 1, body.len() / 2, body.len() - 1] {
        let cut = &body[..length];
        let verified = verify_signature(SECRET, cut, &sign(cut)).unwrap();
        assert!(matches!(verified.event("push"), Err(PayloadError::Malformed { event: "push", .. })));
    }
}

#[test]
fn other_events_say_nothing() {
    assert_eq!(deliver("ping", &json!({"zen": "Keep it simple.", "hook_id": 1})).unwrap(), Event::Ping);
    assert_eq!(deliver("star", &json!({"action": "created"})).unwrap(), Event::Other);
}

fn pull_request(action: &str, changes: Value) -> Value {
    let details = json!({
        "url": "https://api.github.com/repos/octo/hello/pulls/7", "id": 2, "number": 7, "state": "closed", "locked": false,
        "html_url": "https://github.com/octo/hello/pull/7", "title": "Fix it", "user": {"login": "ada", "id": 3},
        "body": null, "merged_at": "2024-03-01T12:00:00Z", "merge_commit_sha": id(7), "draft": false, "merged": true,
        "merged_by": {"login": "bob", "id": 4}, "commits": 3, "additions": 10, "deletions": 4, "changed_files": 2,
        "base": {"label": "octo:main", "ref": "main", "sha": id(1)}, "head": {"label": "ada:fix", "ref": "fix", "sha": id(6)}
    });
    let sender = json!({"login": "bob", "id": 4});
    json!({"action": action, "number": 7, "pull_request": with(details, changes), "repository": repository(), "sender": sender})
}

#[test]
fn a_merged_pull_request_tells_who_and_how_much() {
    let merge = |payload: &Value| match deliver("pull_request", payload).unwrap() {
        Event::PullRequest(request) => merge_of(&request),
        other => panic!("{other:?}"),
    };
    let Merge { commit, number, author, merged_by, commits, size, url, title } =
        merge(&pull_request("closed", json!({}))).unwrap();
    assert_eq!((commit, number, commits), (id(7), 7, 3));
    assert_eq!((author.as_deref(), merged_by.as_deref()), (Some("ada"), Some("bob")));
    assert_eq!((size.files, size.changed_lines), (2, 14));
    assert_eq!((&*title, &*url), ("Fix it", "https://github.com/octo/hello/pull/7"));
    assert_eq!(merge(&pull_request("closed", json!({"user": null}))).unwrap().author, None);
    for (action, changes) in [
        ("opened", json!({"merged": false, "merge_commit_sha": null})),
        ("synchronize", json!({})),
        ("closed", json!({"merged": false})),
        ("closed", json!({"base": {"ref": "next"}})),
    ] {
        assert_eq!(merge(&pull_request(action, changes)), None, "{action}");
    }
    assert!(deliver("pull_request", &pull_request("closed", json!({"merge_commit_sha": "x"}))).is_err());
    assert!(deliver("pull_request", &json!({"action": "closed"})).is_err());
}

/// Returns what a store that keeps the first contribution of each key holds in the end.
fn stored<'a>(deliveries: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Contribution> {
    let mut stored = BTreeMap::new();
    for contribution in deliveries.into_iter().flat_map(|payload| contributions(payload).taken) {
        stored.entry(contribution.key.clone()).or_insert(contribution);
    }
    stored
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn deliveries_may_come_again_and_in_any_order(
        sizes in collection::vec(0_usize..4, 1..6), order in collection::vec(any::<prop::sample::Index>(), 0..12)
    ) {
        let mut next = 0;
        let pushes: Vec<Value> = sizes.iter().map(|size| {
            // A push begins with the last commit of the previous push, as after a force push to an older commit.
            let commits: Vec<Value> = (next..next + *size as u32 + 1).map(commit).collect();
            next += *size as u32;
            push(&commits)
        }).collect();
        let shuffled = order.iter().map(|place| &pushes[place.index(pushes.len())]);
        let all = stored(shuffled.chain(pushes.iter().rev()));
        prop_assert_eq!(&all, &stored(&pushes));
        prop_assert_eq!(all.len() as u32, next + 1);
    }

    #[test]
    fn any_text_in_a_commit_is_taken(message in ".{0,200}", name in ".{0,50}", email in ".{0,50}", path in ".{0,50}") {
        let found = contributions(&push(&[with(commit(1), json!({
            "message": message, "author": {"name": name, "email": email}, "added": [path],
        }))]));
        prop_assert_eq!(found.taken.len() + found.left_out.len(), 1);
        prop_assert!(found.taken.iter().all(|contribution| !contribution.authors.is_empty()));
    }
}
