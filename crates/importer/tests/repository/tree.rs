//! The files of HEAD, the manifest, and what is read from them.

use std::os::unix::{
    ffi::OsStrExt,
    fs::{PermissionsExt, symlink},
};

use sha2::{Digest, Sha256};

use crate::support::{Repo, warned};

fn sum(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[test]
fn the_manifest_lists_every_file() {
    let inner = Repo::of(&[("x", "1")]);
    let mut repo = Repo::new();
    repo.write("run.sh", "#!\n")
        .write("a/ü space", "same")
        .write("a.b", "same")
        .write("a\nb\\c", "")
        .write("bin", b"\0\xff");
    std::fs::write(repo.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "latin").unwrap();
    symlink("no/where", repo.path().join("link")).unwrap();
    repo.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "sub"]);
    std::fs::set_permissions(repo.path().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.commit("files");
    repo.write("run.sh", "changed and not committed");
    let found = repo.read();
    let modules = repo.git(&["show", "HEAD:.gitmodules"]) + "\n";
    let same = sum(b"same");
    let expected = [
        "tributary-tree-v1".to_owned(),
        format!("100644 {} {}  .gitmodules", modules.len(), sum(modules.as_bytes())),
        format!("100644 0 {}  a\\x0ab\\\\c", sum(b"")),
        format!("100644 4 {same}  a.b"),
        format!("100644 4 {same}  a/ü space"),
        format!("100644 2 {}  bin", sum(b"\0\xff")),
        format!("120000 8 {}  link", sum(b"no/where")),
        format!("100755 3 {}  run.sh", sum(b"#!\n")),
        format!("160000 0 {}  sub", inner.git(&["rev-parse", "HEAD"])),
        format!("100644 5 {}  \\xff", sum(b"latin")),
        String::new(),
    ];
    assert_eq!(String::from_utf8(found.manifest.clone()).unwrap(), expected.join("\n"));
    assert_eq!(found.content_hash, Sha256::digest(&found.manifest)[..]);
    assert_eq!((found.files, found.bytes), (9, modules.len() as u64 + 26));
}

#[test]
fn two_clones_have_one_manifest() {
    let repo = Repo::of(&[("a", "1\n"), ("b/c", "2\r\n"), (".gitattributes", "* text eol=crlf\n")]);
    let clone = tempfile::TempDir::new().unwrap();
    let target = clone.path().join("bare.git");
    repo.git(&["clone", "--quiet", "--bare", ".", target.to_str().unwrap()]);
    let bare = importer::read(&target, &importer::Options::default(), &mut |_| {}).unwrap();
    let here = repo.read();
    assert_eq!((bare.manifest, bare.key, bare.commits), (here.manifest, here.key, here.commits));
    assert_eq!(bare.name, here.name, "the origin's last part");
    assert_eq!(bare.url, None, "a folder is no address for others");
}

#[test]
fn an_empty_tree_is_a_work_too() {
    let mut repo = Repo::new();
    repo.commit("nothing yet");
    let found = repo.read();
    assert_eq!((&*found.manifest, found.files, found.bytes), (&b"tributary-tree-v1\n"[..], 0, 0));
    assert!(warned(&found, "no lock file"));
}

#[test]
fn files_say_what_the_work_is() {
    let repo = Repo::of(&[
        ("README.md", "# A tool\n"),
        ("Cargo.toml", "[package]\nname = 'x'\ndescription = 'Does it'\nlicense = 'MIT'\n"),
        ("sub/README.md", "# Not this\n"),
    ]);
    repo.git(&["remote", "add", "origin", "https://me:secret@host.example/group/tool.git"]);
    let found = repo.read();
    assert_eq!(found.title.as_deref(), Some("A tool"));
    assert_eq!(found.description.as_deref(), Some("Does it"));
    assert_eq!(found.license.as_deref(), Some("MIT"));
    assert_eq!((&*found.name, found.url.as_deref()), ("tool", Some("https://host.example/group/tool.git")));
}
