//! The people of a history: one for each identity, with the address at which they are paid if somebody named
//! it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::Address;

use crate::{
    AddressSource, Commit, ImportError, Mapping, Person,
    funding::{Funding, parse_address},
    git::Git,
    history::History,
    people::{Contact, by_mailmap},
};

/// Further warnings about one thing are only counted.
const MOST_WARNINGS: usize = 20;

/// Turns the contacts of a history into people, and updates the numbers in its commits.
pub(crate) fn build(
    git: &Git,
    history: &mut History,
    mapping: &Mapping,
    funding: &Funding,
) -> Result<(Vec<Person>, Vec<String>), ImportError> {
    let identities: Vec<String> = history.contacts.iter().map(Contact::identity).collect();
    let names = newest_names(&history.commits, &history.contacts, &identities);
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut people: Vec<Person> = Vec::new();
    for commit in &mut history.commits {
        let mut seen = BTreeSet::new();
        for author in std::mem::take(&mut commit.authors) {
            let identity = &*identities[author];
            let person = *numbers.entry(identity).or_insert_with(|| {
                people.push(person(identity, names.get(identity).copied().unwrap_or(&history.contacts[author])));
                people.len() - 1
            });
            if seen.insert(person) {
                commit.authors.push(person);
            }
        }
    }
    let mut warnings = Vec::new();
    let trailers = trailers(history, &identities, &mut warnings);
    let from_trailers = trailers.iter().map(|(identity, (_, address))| (*identity, *address));
    pay(&mut people, &numbers, from_trailers, AddressSource::Trailer);
    let said: Vec<&str> = mapping.iter().map(|(identity, _)| identity).collect();
    let said = said.into_iter().chain(funding.people.iter().map(|(identity, _)| &**identity));
    let today = Today::ask(git, said)?;
    let file = || funding.people.iter().map(|(identity, address)| (&**identity, *address));
    // An email that the mailmap replaced still counts for its owner, but less than the one they use now.
    pay(&mut people, &numbers, today.retired(file()), AddressSource::Funding);
    pay(&mut people, &numbers, file(), AddressSource::Funding);
    pay(&mut people, &numbers, today.retired(mapping.iter()), AddressSource::Mapping);
    pay(&mut people, &numbers, mapping.iter(), AddressSource::Mapping);
    let strangers = mapping.iter().filter(|(identity, _)| !numbers.contains_key(today.of(identity))).count();
    if strangers > 0 {
        warnings.push(format!("{strangers} people of the address mapping wrote no commit that was read"));
    }
    Ok((people, warnings))
}

fn person(identity: &str, contact: &Contact) -> Person {
    Person {
        identity: identity.to_owned(),
        name: contact.display_name(),
        system: contact.is_system(),
        address: None,
        address_source: None,
    }
}

/// Returns the name that each person used last. A name as an author outranks one as a co-author.
fn newest_names<'a>(
    commits: &[Commit],
    contacts: &'a [Contact],
    identities: &'a [String],
) -> HashMap<&'a str, &'a Contact> {
    let mut names = HashMap::new();
    let newest = || commits.iter().rev();
    let authors = newest().flat_map(|commit| commit.authors.iter().take(1));
    for contact in authors.chain(newest().flat_map(|commit| commit.authors.iter().skip(1))) {
        names.entry(&*identities[*contact]).or_insert(&contacts[*contact]);
    }
    names
}

/// Returns the address in each author's newest commit that has one. If a commit has several, the last one
/// counts.
fn trailers<'a>(
    history: &'a History,
    identities: &'a [String],
    warnings: &mut Vec<String>,
) -> BTreeMap<&'a str, (&'a str, Address)> {
    let mut found: BTreeMap<&str, (&str, Address)> = BTreeMap::new();
    let mut wrong = 0;
    for (commit, author, text) in &history.payouts {
        match parse_address(text) {
            Ok(address) => {
                let newest = found.entry(&identities[*author]).or_insert((commit, address));
                if newest.0 == commit {
                    newest.1 = address;
                }
            }
            Err(detail) => {
                wrong += 1;
                if wrong <= MOST_WARNINGS {
                    warnings.push(format!("commit {commit}, Payout-Address is left out: {detail}"));
                }
            }
        }
    }
    if wrong > MOST_WARNINGS {
        warnings.push(format!("{} more Payout-Address trailers are left out", wrong - MOST_WARNINGS));
    }
    found
}

/// Returns the rank of a source among the others.
fn rank(source: AddressSource) -> u8 {
    match source {
        AddressSource::Funding => 0,
        AddressSource::Trailer => 1,
        AddressSource::Mapping => 2,
    }
}

fn pay<'a>(
    people: &mut [Person],
    numbers: &HashMap<&str, usize>,
    addresses: impl Iterator<Item = (&'a str, Address)>,
    source: AddressSource,
) {
    for (identity, address) in addresses {
        let Some(person) = numbers.get(identity).map(|number| &mut people[*number]) else { continue };
        if person.address_source.is_none_or(|known| rank(known) <= rank(source)) {
            person.address = Some(address);
            person.address_source = Some(source);
        }
    }
}

/// The identities people go by today, by the mailmap.
struct Today(HashMap<String, String>);

impl Today {
    fn ask<'a>(git: &Git, identities: impl Iterator<Item = &'a str>) -> Result<Self, ImportError> {
        let emails = identities.filter_map(|identity| identity.strip_prefix("mailto:"));
        let contacts = emails.map(|email| Contact { name: String::new(), email: email.to_owned() });
        let mapped = by_mailmap(git, contacts.collect())?;
        Ok(Self(mapped.into_iter().map(|(before, now)| (before.identity(), now.identity())).collect()))
    }

    fn of<'a>(&'a self, identity: &'a str) -> &'a str {
        self.0.get(identity).map_or(identity, String::as_str)
    }

    fn retired<'a>(
        &'a self,
        addresses: impl Iterator<Item = (&'a str, Address)>,
    ) -> impl Iterator<Item = (&'a str, Address)> {
        addresses.map(|(identity, address)| (self.of(identity), address))
    }
}
