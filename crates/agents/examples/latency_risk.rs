//! Measures how long advice on risk and on partners takes with loaded data: 100 000 sales (or as many as the first argument
//! says) and 1 000 people. Prints lines `name value` for `./dev bench agents`: 99th percentiles in milliseconds, and for risk
//! the worst of all kinds.

use std::{collections::BTreeSet, error::Error, hint::black_box, time::Instant};

use agents::{
    collaboration::{self, Member, People, Person, Together},
    risk::{
        Context, Limits, Market, Order, PriceRange, Records, Sources, Subject, WatchList, WorkFacts, assess,
        ratings::{Calibration, Rating, Schedule, Stream},
        screen,
        trade::{Payment, Registration, Transfer},
    },
    rules::RuleBase,
};
use domain::{Address, Amount, AssetId, B256, ContentHash};

const ACCOUNTS: u64 = 20_000;
const NOW: i64 = 1_700_000_000;
const QUESTIONS: u64 = 1_000;

fn account(number: u64) -> Address {
    Address::left_padding_from(&(number + 1).to_be_bytes())
}

/// Returns the same numbers in every run.
fn mixed(n: u64, end: u64) -> u64 {
    let z = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) % end
}

fn records(sales: u64) -> Records {
    let works = sales / 10 + 1;
    let mut owners: Vec<u64> = (0..works).map(|work| mixed(work, ACCOUNTS)).collect();
    let mut transfers = Vec::new();
    let mut payments = Vec::new();
    for n in 0..sales {
        let work = mixed(n, works) as usize;
        let (from, to) = (owners[work], mixed(n * 3 + 1, ACCOUNTS));
        let time = NOW - (sales - n) as i64 * 60;
        let price = Some(Amount::from(1_000 + mixed(n, 9_000)));
        transfers.push(Transfer { asset: AssetId(work as u64), from: account(from), to: account(to), time, price });
        payments.push(Payment {
            from: account(mixed(n * 7, ACCOUNTS)),
            to: account(to),
            time,
            amount: Amount::from(mixed(n, 500)),
        });
        owners[work] = to;
    }
    let content = |work: u64| ContentHash(B256::left_padding_from(&mixed(work, works).to_be_bytes()));
    let registrations = (0..works)
        .map(|work| Registration {
            asset: AssetId(work),
            registrant: account(mixed(work, ACCOUNTS)),
            content: content(work),
            time: work as i64,
        })
        .collect();
    Records { transfers, payments, registrations, trusted: BTreeSet::new() }
}

/// Returns the 99th percentile of what `QUESTIONS` questions took, in milliseconds.
fn percentile(mut ask: impl FnMut(u64)) -> f64 {
    let mut times: Vec<f64> = (0..QUESTIONS)
        .map(|n| {
            let start = Instant::now();
            ask(n);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

fn main() -> Result<(), Box<dyn Error>> {
    let sales = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let rules = RuleBase::risk()?;
    let records = records(sales);
    let start = Instant::now();
    let market = Market::new(&records, Limits::read(&rules)?);
    println!("risk_search_s {:.3}", start.elapsed().as_secs_f64());
    let (watch_list, calibration) = (WatchList::default(), Calibration::default());
    let sources =
        Sources { market: &market, watch_list: &watch_list, rules: &rules, calibration: &calibration, learned: None };
    let kinds = risk(sources, &records).into_iter().chain([("learned", learned()?)]);
    let mut worst = 0.0_f64;
    for (kind, p99) in kinds {
        println!("risk_{kind}_p99_ms {p99:.3}");
        worst = worst.max(p99);
    }
    println!("risk_p99_ms {worst:.3}");
    println!("collaboration_p99_ms {:.3}", partners()?);
    Ok(())
}

fn risk(sources: Sources, records: &Records) -> [(&'static str, f64); 4] {
    let range = Some(PriceRange { low: Amount::from(2_000_u64), high: Amount::from(9_000_u64) });
    let accounts = percentile(|n| {
        black_box(assess(sources, &Subject::Account(account(mixed(n, ACCOUNTS)))).is_ok());
    });
    let works = percentile(|n| {
        let work = WorkFacts {
            asset: AssetId(n),
            kind: "Digital".to_owned(),
            market: "neutral".to_owned(),
            registrant: account(n),
            reputation: Some(60.0),
        };
        black_box(assess(sources, &Subject::Work(work)).is_ok());
    });
    let sales = percentile(|n| {
        let sale = records.transfers[mixed(n, records.transfers.len() as u64) as usize];
        black_box(assess(sources, &Subject::Sale { sale, range }).is_ok());
    });
    let orders = percentile(|n| {
        let maker = account(mixed(n, ACCOUNTS));
        let order = Order {
            asset: AssetId(n),
            maker,
            asset_epoch: 1,
            price: Amount::from(500 + n),
            signed: NOW - 60,
            ends: NOW + 60,
        };
        let context = Context {
            now: NOW,
            owner: Some(maker),
            asset_epoch: 1,
            approved: true,
            cancelled: false,
            frozen_until: None,
            range,
            buyer: Some(account(n)),
        };
        black_box(screen(sources, &order, &context).is_ok());
    });
    [("account", accounts), ("work", works), ("sale", sales), ("order", orders)]
}

/// Measures the learned model of ratings, with its reasons, over 10 000 ratings.
fn learned() -> Result<f64, Box<dyn Error>> {
    let mut stream = Stream::new(Schedule { first: 5_000, every: 5_000, ..Schedule::default() });
    for n in 0..10_000 {
        let (source, target) = (mixed(n, 900), mixed(n * 5 + 2, 1_000));
        let value = if target % 17 == 0 { -5.0 } else { 2.0 };
        let rating = Rating { source, target, value, time: NOW + n as i64 * 300 };
        let forecast = stream.forecast(source, target, rating.time);
        stream.learn(&rating, forecast)?;
    }
    Ok(percentile(|n| {
        let forecast = stream.forecast(mixed(n, 900), mixed(n * 11, 1_000), NOW + 10_000_000);
        black_box(stream.effects(&forecast, 5));
    }))
}

fn partners() -> Result<f64, Box<dyn Error>> {
    let rules = RuleBase::collaboration()?;
    let skills = ["rust", "music", "text", "design", "video", "data"];
    let person = |n: u64| Person {
        account: account(n),
        skills: (0..3).map(|k| skills[mixed(n * 3 + k, 6) as usize].to_owned()).collect(),
        reputation: Some(mixed(n, 100) as f64),
    };
    let people: Vec<Person> = (0..1_000).map(person).collect();
    let together: Vec<Together> = (0..20_000)
        .map(|n| Together {
            a: account(mixed(n, 1_000)),
            b: account(mixed(n * 3 + 1, 1_000)),
            work: AssetId(n),
            time: NOW - n as i64 * 3_600,
        })
        .collect();
    let people = People::new(&people, &together);
    Ok(percentile(|n| {
        let team = vec![Member { account: account(n), cost: Amount::from(500_u64) }];
        let wanted = [skills[n as usize % 6].to_owned(), skills[(n as usize + 1) % 6].to_owned()].into();
        let question = collaboration::Question { team, wanted, cost: Amount::from(300_u64), now: NOW, count: 10 };
        black_box(collaboration::advise(&people, &rules, &question).is_ok());
    }))
}
