//! Payout addresses, and their sources.

use importer::{AddressSource, Options, parse_mapping};

use crate::support::{Repo, person, warned};

fn address(digit: char) -> String {
    format!("0x{}", digit.to_string().repeat(40))
}

fn paid(found: &importer::Repository, identity: &str) -> Option<(String, AddressSource)> {
    let person = person(found, identity);
    person.address.map(|address| (format!("{address:#x}"), person.address_source.unwrap()))
}

#[test]
fn mapping_before_trailer_before_file() {
    let mut repo = Repo::new();
    let funding = format!(
        r#"{{"drips": {{"ethereum": {{"ownedBy": "{}"}}}}, "tributary": {{"payoutAddresses":
           {{"Ada@example.org": "{}", "bob@b.org": "{}", "eve@old.org": "{}", "zed@z.org": "0x12"}}}}}}"#,
        address('1'),
        address('2'),
        address('3'),
        address('4')
    );
    repo.write("FUNDING.json", &funding).write(".mailmap", "Eve <eve@new.org> <eve@old.org>\n");
    repo.commit(&format!("one\n\nPayout-Address: {}", address('5')));
    repo.commit_as("Bob <bob@b.org>", &format!("two\n\nPayout-Address: {}", address('6')));
    repo.commit_as("Bob <bob@b.org>", &format!("three\n\npayout-address: {}", address('7')));
    repo.commit_as("Bob <bob@b.org>", "four\n\nPayout-Address: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1beaed");
    repo.commit_as("Eve <eve@new.org>", "five");
    let found = repo.read();
    assert_eq!(found.owner_address.map(|owner| format!("{owner:#x}")), Some(address('1')));
    assert_eq!(paid(&found, "mailto:ada@example.org"), Some((address('5'), AddressSource::Trailer)));
    assert_eq!(paid(&found, "mailto:bob@b.org"), Some((address('7'), AddressSource::Trailer)), "the newest sound one");
    assert_eq!(paid(&found, "mailto:eve@new.org"), Some((address('4'), AddressSource::Funding)), "by her old email");
    assert!(warned(&found, "zed@z.org") && warned(&found, "wrong checksum"), "{:?}", found.warnings);

    let text =
        format!("ada@example.org = {}\neve@old.org {}\nstranger@x.org {}", address('8'), address('8'), address('9'));
    let found = repo.read_with(&Options { mapping: parse_mapping(&text).unwrap(), ..Options::default() });
    assert_eq!(paid(&found, "mailto:ada@example.org"), Some((address('8'), AddressSource::Mapping)));
    assert_eq!(paid(&found, "mailto:eve@new.org"), Some((address('8'), AddressSource::Mapping)));
    assert!(warned(&found, "1 people of the address mapping"));
}

#[test]
fn a_broken_file_is_a_warning() {
    let found = Repo::of(&[("FUNDING.json", "{\"drips\":\n")]).read();
    assert!(warned(&found, "FUNDING.json cannot be read: line 2: ") && found.owner_address.is_none());
}
