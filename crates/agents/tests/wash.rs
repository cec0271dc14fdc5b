//! Round trips planted into an honest market are found, and the honest trades are left alone.
//!
//! The market is drawn from a seed. It has accounts of very different activity, works whose value drifts, gifts, owners who buy
//! a work back, traders who meet again and again, and sales that are reversed at once. Wash trades are planted as pairs and
//! rings, at constant and at rising prices, quick and slow, by new accounts and by known ones.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::collections::BTreeSet;

use agents::{
    risk::{
        Limits, Market, Records,
        trade::{Transfer, cycles},
    },
    rules::RuleBase,
};
use domain::{Address, Amount, AssetId};

const DAY: i64 = 86_400;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Returns an approximately normal number, the sum of twelve uniform ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Draws a trader. Few accounts trade often.
    fn trader(&mut self, count: usize) -> usize {
        ((count as f64).powf(self.unit()) - 1.0) as usize % count
    }
}

fn account(number: usize) -> Address {
    Address::left_padding_from(&(number as u64 + 1).to_be_bytes())
}

fn amount(value: f64) -> Option<Amount> {
    Some(Amount::from((value * 1e15) as u128))
}

const ACCOUNTS: usize = 600;
const WORKS: usize = 2_000;

struct Simulation {
    random: Random,
    transfers: Vec<Transfer>,
    /// The places of planted transfers, by wash trade.
    planted: Vec<Vec<usize>>,
    owners: Vec<(usize, Option<usize>)>,
    /// The time until which a work's transfers are planned.
    planned: Vec<i64>,
    values: Vec<f64>,
    newcomers: usize,
}

impl Simulation {
    fn run(seed: u64, trades: usize) -> Self {
        let mut random = Random(seed);
        let owners = (0..WORKS).map(|_| (random.trader(ACCOUNTS), None)).collect();
        let values = (0..WORKS).map(|_| (random.normal() * 1.2).exp()).collect();
        let planned = vec![0; WORKS];
        let (transfers, planted) = (Vec::new(), Vec::new());
        let mut market = Self { random, transfers, planted, owners, planned, values, newcomers: ACCOUNTS };
        let mut time = 1_600_000_000;
        for trade in 0..trades {
            time += 1 + (-market.random.unit().ln() * 1_200.0) as i64;
            market.honest(time);
            if trade % 100 == 50 {
                market.wash(time);
            }
        }
        market
    }

    fn pass(&mut self, work: usize, to: usize, time: i64, price: Option<Amount>) {
        let from = self.owners[work].0;
        if from == to {
            return;
        }
        self.transfers.push(Transfer {
            asset: AssetId(work as u64),
            from: account(from),
            to: account(to),
            time,
            price,
        });
        self.owners[work] = (to, Some(from));
        self.planned[work] = time;
    }

    fn honest(&mut self, time: i64) {
        let work = self.random.below(WORKS);
        if self.planned[work] >= time {
            return;
        }
        self.values[work] *= (self.random.normal() * 0.12).exp();
        let price = amount(self.values[work] * (self.random.normal() * 0.15).exp());
        let luck = self.random.unit();
        let buyer = match self.owners[work].1 {
            Some(before) if luck < 0.01 => before,
            _ => self.random.trader(ACCOUNTS),
        };
        let gift = self.random.unit() < 0.05;
        self.pass(work, buyer, time, if gift { None } else { price });
        if luck > 0.998 {
            // The sale is reversed at once, at the price paid.
            if let (_, Some(seller)) = self.owners[work] {
                self.pass(work, seller, time + 3_600, price);
            }
        }
    }

    fn newcomer(&mut self) -> usize {
        self.newcomers += 1;
        self.newcomers
    }

    fn wash(&mut self, start: i64) {
        let work = self.random.below(WORKS);
        if self.planned[work] >= start {
            return;
        }
        let hops = 2 + self.random.below(5);
        // In half of the rings, the owner uses new accounts. The other half consists of accounts that also trade otherwise.
        // Some of these do it three times, and some once, at constant prices and quickly.
        let known = self.random.unit() < 0.5;
        let owner = if known { self.random.below(ACCOUNTS) } else { self.newcomer() };
        self.pass(work, owner, start, amount(self.values[work]));
        let helpers: Vec<usize> =
            (1..hops).map(|place| if known { (owner + place * 7) % ACCOUNTS } else { self.newcomer() }).collect();
        let ring: Vec<usize> = helpers.into_iter().chain([owner]).collect();
        let once = known && self.random.unit() < 0.4;
        let (climbs, free) = (!once && self.random.unit() < 0.3, !once && self.random.unit() < 0.15);
        let days =
            if self.random.unit() < 0.8 { 0.2 + self.random.unit() * 5.0 } else { 8.0 + self.random.unit() * 15.0 };
        // A slow ring at rising prices, by accounts that also trade otherwise, looks like any other chain of sales.
        let days = if climbs || once { days.min(5.0) } else { days };
        let step = (days * DAY as f64 / ring.len() as f64) as i64;
        let mut time = start + 600;
        for _ in 0..if known && !once { 3 } else { 1 } {
            let mut price = self.values[work] * (1.0 + self.random.unit());
            let mut places = Vec::new();
            for (place, to) in ring.iter().enumerate() {
                price *= if climbs { 1.15 } else { 1.0 + (self.random.unit() - 0.5) * 0.03 };
                let gift = free && place + 1 == ring.len();
                self.pass(work, *to, time, if gift { None } else { amount(price) });
                places.push(self.transfers.len() - 1);
                time += step.max(60);
            }
            self.planted.push(places);
        }
    }
}

#[test]
fn planted_round_trips_are_found_and_honest_trades_left_alone() {
    let limits = Limits::read(&RuleBase::risk().unwrap()).unwrap();
    let (mut found, mut planted, mut alarms, mut honest) = (0_usize, 0, 0, 0);
    for seed in 1..=5 {
        let market = Simulation::run(seed, 8_000);
        let cycles = cycles(&market.transfers, &limits.cycles, &limits.cycle_weights);
        let flagged: BTreeSet<usize> = cycles.iter().flat_map(|cycle| cycle.transfers.iter().copied()).collect();
        let washed: BTreeSet<usize> = market.planted.iter().flatten().copied().collect();
        planted += market.planted.len();
        found += market.planted.iter().filter(|wash| wash.iter().all(|place| flagged.contains(place))).count();
        honest += market.transfers.len() - washed.len();
        alarms += flagged.difference(&washed).count();
    }
    let (recall, false_alarms) = (found as f64 / planted as f64, alarms as f64 / honest as f64);
    println!("{planted} planted, recall {recall:.4}; {honest} honest transfers, false alarms {false_alarms:.4}");
    assert!(planted > 500 && honest > 20_000);
    assert!(recall >= 0.95, "recall {recall}");
    assert!(false_alarms <= 0.01, "false alarms {false_alarms}");
}

#[test]
fn the_same_records_give_the_same_findings_and_moves_between_wallets_are_no_trade() {
    let limits = Limits::read(&RuleBase::risk().unwrap()).unwrap();
    let records = Records { transfers: Simulation::run(9, 1_000).transfers, ..Records::default() };
    let (first, second) = (Market::new(&records, limits), Market::new(&records, limits));
    assert_eq!(first.cycles(), second.cycles());
    assert!(!first.cycles().is_empty());
    let unpaid = records.transfers.iter().map(|transfer| Transfer { price: None, ..*transfer }).collect();
    assert!(Market::new(&Records { transfers: unpaid, ..Records::default() }, limits).cycles().is_empty());
}

#[test]
fn many_sales_of_one_work_between_two_accounts_are_no_hang() {
    let limits = Limits::read(&RuleBase::risk().unwrap()).unwrap();
    let sale = |n: i64| Transfer {
        asset: AssetId(1),
        from: account(n as usize % 2),
        to: account(1 - n as usize % 2),
        time: if n % 1_000 == 7 { i64::MAX } else { n },
        price: Some(Amount(domain::U256::MAX)),
    };
    let transfers = (0..20_000).map(sale).collect();
    let market = Market::new(&Records { transfers, ..Records::default() }, limits);
    assert!(market.cycles().len() > 10_000);
}
