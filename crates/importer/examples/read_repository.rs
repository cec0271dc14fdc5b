//! Reads a repository and prints what was found:
//! `cargo run --release -p importer --example read_repository -- PATH [MAPPING]`.

use std::{collections::BTreeMap, error::Error, path::PathBuf, time::Instant};

use importer::{Options, Repository, User, parse_mapping, read};
use rust_decimal::Decimal;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("give the path of a repository")?);
    let mut options = Options::default();
    if let Some(mapping) = arguments.next() {
        options.mapping = parse_mapping(&std::fs::read_to_string(mapping)?)?;
    }
    let start = Instant::now();
    let mut last = BTreeMap::new();
    let found = read(&path, &options, &mut |progress| {
        last.insert(format!("{:?}", progress.phase), (progress.done, start.elapsed()));
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let cost: Decimal = found.commits.iter().map(|commit| commit.cost).sum();
    let direct = found.uses.iter().filter(|link| link.from == User::Root).count();
    println!("{} {:?} {}", found.name, found.url, found.key);
    println!("title {:?}, description {:?}, licence {:?}", found.title, found.description, found.license);
    println!("head {} at {}, content {}", found.head, found.head_time, found.content_hash);
    println!("{} files, {} bytes, manifest of {} bytes", found.files, found.bytes, found.manifest.len());
    println!("{} commits of {} people, cost {cost}", found.commits.len(), found.people.len());
    print_shares(&found, cost);
    println!("{} tests touched", found.commits.iter().filter(|commit| commit.touches_tests).count());
    println!("{} dependencies, {direct} direct, {} links", found.externals.len(), found.uses.len());
    for warning in &found.warnings {
        println!("warning: {warning}");
    }
    println!("{seconds:.2} s {last:?}");
    Ok(())
}

/// Prints who holds how much of the cost, largest first.
fn print_shares(found: &Repository, cost: Decimal) {
    let mut shares = vec![Decimal::ZERO; found.people.len()];
    for commit in &found.commits {
        for author in &commit.authors {
            shares[*author] += commit.cost / Decimal::from(commit.authors.len());
        }
    }
    let mut people: Vec<_> = found.people.iter().zip(shares).collect();
    people.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    println!("{} are programs", people.iter().filter(|(person, _)| person.system).count());
    for (person, share) in people {
        let share = (share * Decimal::ONE_HUNDRED / cost.max(Decimal::new(1, 2))).round_dp(3);
        println!("{share} % {}{} ({})", if person.system { "program " } else { "" }, person.identity, person.name);
    }
}
