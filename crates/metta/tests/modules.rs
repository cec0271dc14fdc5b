//! Modules: names, folders, paths, and what an interpreter without a loader refuses.

#![allow(clippy::unwrap_used, reason = "what fails in a test panics")]

use std::sync::Arc;

use metta::{Metta, ModuleText, Wanted};

/// Folders, files and their texts. A folder ends in `/`.
const FILES: &[(&str, &str)] = &[
    ("area", "(= (area $a $b) (* $a $b))"),
    ("shop/", "! (import! &self self:stock) (= (shop) (stock))"),
    ("shop/stock", "(= (stock) 12)"),
    ("shop/deep/", ""),
    ("shop/deep/well", "(= (well) (area 2 3)) ! (import! &self area)"),
    ("../shared/", "(= (shared) yes)"),
    ("../shared/tax", "(= (tax) 7)"),
    ("broken", "! (/ 1 0)"),
];

/// Returns the printed results of a program that may load [`FILES`].
fn run(program: &str) -> Vec<Vec<String>> {
    let mut metta = Metta::new();
    metta.load_modules_with(Arc::new(|folder, wanted| {
        let (Wanted::Name(name) | Wanted::Path(name)) = wanted;
        let path = format!("{folder}{name}");
        let (file, text) = FILES.iter().find(|(file, _)| file.trim_end_matches('/') == path)?;
        let within = if file.ends_with('/') { file } else { &file[..file.rfind('/').map_or(0, |end| end + 1)] };
        Some(ModuleText {
            name: file.trim_end_matches('/').rsplit('/').next()?.to_owned(),
            file: (*file).to_owned(),
            folder: within.to_owned(),
            text: (*text).to_owned(),
        })
    }));
    printed(&mut metta, program)
}

fn printed(metta: &mut Metta, program: &str) -> Vec<Vec<String>> {
    let lists = metta.run("program", program).unwrap();
    lists.iter().map(|list| list.iter().map(ToString::to_string).collect()).collect()
}

/// Returns the results of the last `!`.
fn last(program: &str) -> String {
    run(program).pop().unwrap_or_default().join(" | ")
}

#[test]
fn names_lead_through_folders() {
    assert_eq!(last("! (import! &self area) ! (area 2 5)"), "10");
    assert_eq!(last("! (import! &self top:area:) ! (area 2 5)"), "10");
    assert_eq!(last("! (import! &self shop) ! (shop)"), "12");
    assert_eq!(last("! (import! &self shop:stock) ! (stock)"), "12");
    assert_eq!(last("! (import! &self shop:deep:well) ! (well)"), "6");
    assert_eq!(last("! (import! &self shop:deep) ! (well)"), "(well)", "a folder needs no program of its own");
    assert_eq!(last("! (import! &a area) ! (match &a (= (area $x $y) $z) found)"), "found");
    assert_eq!(last("! (match (mod-space! shop:stock) (= (stock) $n) $n)"), "12");
    assert_eq!(last("! (import! &self corelib) ! (import! &self stdlib) ! (+ 1 2)"), "3");
    assert_eq!(last("! (include area) ! (area 3 3)"), "9");
    assert_eq!(last("! (import! &self area) ! (import! &self area) ! (area 1 1)"), "1");
}

#[test]
fn what_is_not_found_is_named() {
    assert!(last("! (import! &self shop:none:x)").contains("Failed to resolve module top:shop:none)"));
    assert!(last("! (import! &self shop/stock)").contains("Illegal module name: shop/stock"));
    assert!(last("! (import! &self ../shared)").contains("Illegal module name: ../shared"));
    assert!(last("! (import! &self (a b))").contains("import! expects a destination &space and a module name"));
    assert!(last("! (import! &self broken)").contains("DivisionByZero"));
    for absent in ["fileio", "random", "catalog", "das", "json", "py_ops", "skel"] {
        assert!(last(&format!("! (import! &self {absent})")).contains("it is not available, because"), "{absent}");
    }
    assert!(last("! (git-module! \"https://example.org/a.git\")").contains("do not read from the network"));
}

#[test]
fn a_registered_path_gets_a_name() {
    assert_eq!(last("! (register-module! ../shared) ! (import! &self shared:tax) ! (tax)"), "7");
    assert_eq!(last("! (register-module! ../shared/tax) ! (import! &self tax) ! (tax)"), "7");
    assert_eq!(last("! (register-module! ../shared) ! (import! &self shared) ! (shared)"), "yes");
    assert!(
        last("! (register-module! area) ! (register-module! area)").contains("conflicts with existing module: area")
    );
    assert!(last("! (register-module! nowhere)").contains("No module format able to interpret module at nowhere"));
}

/// Rules on a server run in an interpreter without a loader.
#[test]
fn without_a_loader_nothing_is_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/library/types.metta");
    for program in [
        format!("! (register-module! \"{file}\")"),
        format!("! (include \"{file}\")"),
        "! (import! &self area)".to_owned(),
        "! (mod-space! shop:stock)".to_owned(),
        "! (include area)".to_owned(),
    ] {
        let results = printed(&mut Metta::new(), &program).concat();
        assert!(results.len() == 1 && results[0].starts_with("(Error "), "{program}: {results:?}");
    }
}

#[test]
fn loaded_modules_are_listed() {
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut metta = Metta::new();
    let into = Arc::clone(&lines);
    metta.print_to(Arc::new(move |line: &str| into.lock().unwrap().push(line.to_owned())));
    metta.load_modules_with(Arc::new(|_, wanted| {
        let (Wanted::Name(name) | Wanted::Path(name)) = wanted;
        let name = name.to_owned();
        Some(ModuleText { file: name.clone(), folder: name.clone(), text: String::new(), name })
    }));
    assert_eq!(printed(&mut metta, "! (import! &self a:b) ! (print-mods!)"), [["()"], ["()"]]);
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 3);
    assert!(lines[0] == "top" && lines[1].contains("- a = ") && lines[2].starts_with("    - b = "), "{lines:?}");
}
