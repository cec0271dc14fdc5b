//! Streams and subjects as text, and back.

use domain::{Address, B256};
use facts::{ChainId, Stream, Subject};
use proptest::prelude::*;

#[test]
fn streams_and_subjects_have_the_names_that_the_ledger_uses() {
    let account = "account:0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    for name in [
        "asset:31337:7",
        "work:5",
        account,
        "contributor:9",
        "distribution:3",
        "payouts:31337",
        "roots:1",
        "books:1",
        "chain:1",
    ] {
        assert_eq!(name.parse::<Stream>().unwrap().to_string(), name);
    }
    for name in [
        "asset:31337:7",
        "work:5",
        account,
        "contribution:1",
        "identity:2",
        "reserve:4",
        "advice:6",
        "watch:8",
        "github_hook:67e55044-10b1-426f-9247-bb680e5fe0c8",
    ] {
        assert_eq!(name.parse::<Subject>().unwrap().to_string(), name);
    }
    let lower = account.to_lowercase().parse::<Stream>().unwrap();
    assert_eq!(lower.to_string(), account, "an address has one spelling");
    for wrong in ["", "asset", "asset:1", "asset:1:2:3", "asset:x:7", "asset:1:-7", "work:", "account:0x12", "moon:1"] {
        assert!(wrong.parse::<Stream>().is_err() && wrong.parse::<Subject>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn every_name_leads_back(chain: u64, asset in 0..=i64::MAX as u64, row: i64, address: [u8; 20], hash: [u8; 32], uuid: u128) {
        let chain = ChainId(chain);
        let streams = [
            Stream::asset(chain, asset),
            Stream::work(row),
            Stream::account(Address::from(address)),
            Stream::Root { root: B256::from(hash).into() },
        ];
        for stream in streams {
            prop_assert_eq!(stream.to_string().parse(), Ok(stream));
        }
        let subjects = [Subject::Order { order: B256::from(hash).into() }, Subject::GithubHook { hook: facts::Uuid(uuid) }];
        for subject in subjects {
            prop_assert_eq!(subject.to_string().parse(), Ok(subject));
        }
    }
}
