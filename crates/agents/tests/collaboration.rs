//! Checks the advice of the collaboration agent.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use agents::{
    collaboration::{Advice, Member, People, Person, Question, Together, advise},
    rules::RuleBase,
};
use domain::{Address, Amount, AssetId};

const NOW: i64 = 1_700_000_000;
const DAY: i64 = 86_400;

fn account(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn person(number: u8, skills: &[&str], reputation: f64) -> Person {
    let skills = skills.iter().map(|skill| (*skill).to_owned()).collect();
    Person { account: account(number), skills, reputation: Some(reputation) }
}

fn together(a: u8, b: u8, days: i64) -> Together {
    Together { a: account(a), b: account(b), work: AssetId(1), time: NOW - days * DAY }
}

/// Returns people of whom account 1 asks. 2 and 3 both write and sing, and 3 worked with 4, who worked with 1. 5 has too little
/// reputation, 6 has other skills, 7 only sings, and 8 worked with 1 before.
fn people() -> People {
    let people = [
        person(1, &["code"], 70.0),
        person(2, &["text", "voice"], 80.0),
        person(3, &["text", "voice"], 80.0),
        person(4, &["code"], 60.0),
        person(5, &["text", "voice"], 50.0),
        person(6, &["video"], 99.0),
        person(7, &["voice"], 80.0),
        person(8, &["text", "voice"], 80.0),
    ];
    People::new(&people, &[together(1, 4, 30), together(4, 3, 20), together(1, 8, 400), together(8, 8, 1)])
}

fn question() -> Question {
    let wanted = ["text", "voice"].map(str::to_owned).into();
    let team = vec![Member { account: account(1), cost: Amount::from(600_u64) }];
    Question { team, wanted, cost: Amount::from(300_u64), now: NOW, count: 10 }
}

fn ask(question: &Question) -> Advice {
    advise(&people(), &RuleBase::collaboration().unwrap(), question).unwrap()
}

#[test]
fn partners_match_by_skills_and_reputation_and_are_ranked_by_ties() {
    let advice = ask(&question());
    let order: Vec<Address> = advice.partners.iter().map(|partner| partner.account).collect();
    assert_eq!(order, [3, 2, 8, 7].map(account), "{advice:#?}");
    assert_eq!((advice.considered, advice.matched), (7, 4));
    let first = &advice.partners[0];
    // The overlap is 1 and the reputation 80. There is one common partner, who has two partners. The last work was 20 days ago,
    // and there is one new partner.
    let fresh = 0.5_f64.powf(20.0 / 180.0);
    let near = 1.0 / 2.0_f64.ln();
    let expected = 0.8 + 0.3 * near / (1.0 + near) + 0.2 * fresh + 0.2 * fresh / (1.0 + fresh);
    assert!((first.score - expected).abs() < 1e-12, "{} {expected}", first.score);
    assert!(first.reasons[0].says.contains("text, voice"));
    assert!(first.reasons.iter().any(|reason| reason.says == "worked with 1 of the team's partners"));
    assert!(
        first
            .rules
            .iter()
            .any(|rule| rule.place.starts_with("collaboration.metta:") && rule.call.starts_with("(match-score "))
    );
    assert_eq!(first.split.iter().map(|share| share.get()).collect::<Vec<_>>(), [6_633, 3_367]);
    // The score has the diversity of code, text and voice, the balance of the split, and a mean reputation of 75.
    let balance = 1.0 - (0.6633 - 0.3367) / 2.0;
    assert!((first.team_score - (0.3 * 2.0 / 3.0 + 0.4 * balance + 0.3 * 0.75)).abs() < 1e-12);
    let known = &advice.partners[2];
    assert!(
        known.reasons.last().is_some_and(|reason| reason.adds < 0.0 && reason.says == "worked with the team before")
    );
}

#[test]
fn anyone_fits_where_nothing_is_wanted_and_nobody_is_invented() {
    let mut open = question();
    open.wanted.clear();
    assert_eq!(ask(&open).matched, 6);
    open.count = 2;
    assert_eq!(ask(&open).partners.len(), 2);
    let rules = RuleBase::collaboration().unwrap();
    let nobody = advise(&People::new(&[], &[]), &rules, &question()).unwrap();
    assert!(nobody.partners.is_empty() && nobody.team_score.is_some());
    let mut alone = question();
    alone.team.clear();
    let advice = ask(&alone);
    assert_eq!(advice.team_score, None);
    assert!(!advice.partners.is_empty());
    assert!(advice.partners.iter().all(|partner| partner.split.len() == 1 && partner.split[0].get() == 10_000));
    let mut twice = question();
    twice.team.push(twice.team[0]);
    assert!(advise(&people(), &rules, &twice).is_err());
}

#[test]
fn odd_numbers_are_no_panic_and_the_same_question_gives_the_same_bytes() {
    let odd = [(2, f64::MAX), (3, f64::NAN), (4, f64::INFINITY), (5, -1e300)];
    let odd = odd.map(|(number, reputation)| person(number, &["text"], reputation));
    let times = [i64::MIN, i64::MAX, 0];
    let ties: Vec<Together> = times.iter().map(|time| Together { time: *time, ..together(2, 3, 0) }).collect();
    let rules = RuleBase::collaboration().unwrap();
    let advice = advise(&People::new(&odd, &ties), &rules, &Question { now: i64::MIN, ..question() }).unwrap();
    assert!(!advice.partners.is_empty() && advice.partners.iter().all(|partner| partner.score.is_finite()));
    assert_eq!(serde_json::to_string(&ask(&question())).unwrap(), serde_json::to_string(&ask(&question())).unwrap());
}
