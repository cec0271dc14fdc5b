//! No input causes a panic: NaN and infinity, extreme prices and times, empty histories, duplicates, and files and models with
//! damaged bytes.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a test panics")]

use std::{collections::BTreeSet, fs};

use agents::{
    collaboration::{self, Member, People, Person, Together},
    evaluate::{Kind, evaluate, score},
    market::{MarketState, WeekForecaster},
    pricing::{Facts, Forecaster, History, Question, Settings, Today, advise},
    risk::{
        Limits, Market, Records, Sources, Subject, WatchList, assess,
        ratings::{Calibration, Rating, Schedule, Stream},
        trade::{Payment, Registration, Transfer},
    },
    rules::RuleBase,
    sales::{Day, Item, Sale, by_day},
};
use domain::{Address, Amount, AssetId, B256, ContentHash, U256};
use learning::{
    boost::{Loss, Matrix, Model, Sample, Settings as Boost, train},
    conformal::{Conformal, Outcome},
};
use proptest::{collection::vec, prelude::*, sample::select};

fn number() -> impl Strategy<Value = f64> {
    let odd = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, 1e-308, 1e308, f64::MAX, f64::MIN];
    prop_oneof![3 => 1.0..20.0, 1 => select(odd), 1 => any::<f64>()]
}

fn day() -> impl Strategy<Value = Day> {
    prop_oneof![8 => 0..60, 1 => select(vec![i32::MIN, i32::MAX, -1, 737_794]), 1 => any::<i32>()].prop_map(Day)
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0i64..1_000_000, 1 => select(vec![i64::MIN, i64::MAX]), 1 => any::<i64>()]
}

fn sale() -> impl Strategy<Value = Sale> {
    let traits = vec(select(vec!["gold", "plain", "", "kind:image"]).prop_map(str::to_owned), 0..4);
    let who = prop_oneof![4 => 0u64..4, 1 => any::<u64>()];
    (day(), (0u64..9, traits), who.clone(), who, number()).prop_map(|(day, (id, traits), seller, buyer, price)| Sale {
        day,
        item: Item { id, traits },
        seller,
        buyer,
        price,
    })
}

/// Returns settings that fit quickly, and after only a few sales.
fn settings() -> Settings {
    let quick = |boost: Boost| Boost { trees: 4, rows_per_leaf: 2, ..boost };
    let Settings { medians, quantiles, .. } = Settings::default();
    let medians = medians.into_iter().map(quick).collect();
    Settings { fewest: 8, medians, quantiles: quick(quantiles), ..Settings::default() }
}

fn question(work: u64, odd: f64) -> Question {
    let facts = Facts {
        kind: "Digital".to_owned(),
        region: "Global".to_owned(),
        utilities: Vec::new(),
        reputation: odd,
        elasticity: Some(odd),
    };
    Question { work, traits: vec!["gold".to_owned(), "new".to_owned(), "gold".to_owned()], facts, seller: Some(1) }
}

fn ask(forecaster: &Forecaster, day: Day, odd: f64) {
    let today = Today::new(forecaster, &RuleBase::market().unwrap(), day).unwrap();
    if let Ok(advice) = advise(forecaster, &today, &RuleBase::pricing().unwrap(), &question(3, odd)) {
        assert!(advice.range90.low <= advice.range80.low && advice.range80.low <= advice.fair);
        assert!(advice.fair <= advice.range80.high && advice.range80.high <= advice.range90.high);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sales_are_learned_from(sales in vec(sale(), 0..120), sorted: bool, on in day(), odd in number()) {
        let mut sales = sales;
        if sorted {
            sales.sort_by_key(|sale| sale.day);
        }
        let mut forecaster = Forecaster::new(settings());
        forecaster.live(&sales).unwrap();
        forecaster.refit(on).unwrap();
        for day in [on, Day(60), Day(i32::MAX), Day(i32::MIN)] {
            ask(&forecaster, day, odd);
        }
        if let Some(knowledge) = forecaster.knowledge() {
            let mut other = Forecaster::new(settings());
            other.take_up(&knowledge).unwrap();
            prop_assert_eq!(other.knowledge(), Some(knowledge));
            ask(&other, on, odd);
        }
        let mut weeks = WeekForecaster::default();
        let mut history = History::default();
        for (day, today) in by_day(&sales) {
            if let Some(week) = weeks.forecast(day) {
                prop_assert!(week.low80 <= week.price && week.price <= week.high80 && week.count >= 0.0, "{:?}", week);
            }
            weeks.learn(day, today);
            history.add(day, today);
        }
        MarketState::on(&history, &RuleBase::market().unwrap(), on).unwrap();
    }

    #[test]
    fn damaged_knowledge_is_refused_or_taken_up(place: prop::sample::Index, byte: u8, swapped in number()) {
        let sales: Vec<Sale> = (0..80).map(|n| Sale {
            day: Day(n / 2),
            item: Item { id: n as u64 % 7, traits: vec![] },
            seller: 1,
            buyer: 2,
            price: 5.0 + f64::from(n % 5),
        }).collect();
        let mut forecaster = Forecaster::new(settings());
        forecaster.live(&sales).unwrap();
        let knowledge = forecaster.knowledge().unwrap();
        let at = place.index(knowledge.len());
        let mut damaged = knowledge.clone();
        damaged[at] = byte;
        let mut other_number = knowledge.clone();
        let at = at.min(knowledge.len() - 8);
        other_number[at..at + 8].copy_from_slice(&swapped.to_le_bytes());
        for bytes in [damaged, other_number] {
            let mut other = forecaster.clone();
            let took = other.take_up(&bytes).is_ok();
            prop_assert_eq!(other.knowledge().unwrap() == bytes, took);
            let later: Vec<Sale> = sales.iter().map(|sale| Sale { day: sale.day.plus(50), ..sale.clone() }).collect();
            other.live(&later).unwrap();
            ask(&other, Day(120), 50.0);
        }
    }

    #[test]
    fn any_outcomes_keep_a_margin(outcomes in vec((number(), number(), number()), 0..200), coverage in number()) {
        let mut conformal = Conformal::new(coverage);
        for (value, low, high) in outcomes {
            conformal.observe(conformal.margin(), [Outcome { value, low, high }]);
        }
        prop_assert!(conformal.margin().is_none_or(f64::is_finite));
    }

    #[test]
    fn any_table_is_learned_from_or_refused(
        rows in vec((number(), number(), number(), number()), 0..60),
        loss in select(vec![Loss::Squared, Loss::Absolute, Loss::Quantile(0.9), Loss::Logistic]),
        rate in number(),
        leaves in 0usize..40,
        rows_per_leaf in 0usize..9,
    ) {
        let (mut table, mut targets, mut weights) = (Matrix::new(2), Vec::new(), Vec::new());
        for (a, b, target, weight) in &rows {
            table.push(&[*a, *b]).unwrap();
            targets.push(*target);
            weights.push(*weight);
        }
        for (targets, weights) in [(&targets, Some(&weights[..])), (&targets, None), (&vec![1.0; rows.len()], None)] {
            for learning_rate in [rate, 0.1] {
                let settings = Boost { loss, trees: 5, leaves, rows_per_leaf, learning_rate, ..Boost::default() };
                if let Ok(model) = train(&settings, &Sample { table: &table, targets, weights }, None) {
                    for (a, b, ..) in &rows {
                        model.predict(&[*a, *b]);
                        model.effects(&[*a, *b]).strongest(2);
                    }
                    // A model with numbers out of range may be refused when it is read again.
                    if let Ok(again) = Model::from_bytes(&model.to_bytes()) {
                        prop_assert_eq!(again, model);
                    }
                }
            }
        }
    }
}

fn account() -> impl Strategy<Value = Address> {
    (0u8..6).prop_map(Address::with_last_byte)
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![4 => 0u64..5_000, 1 => any::<u64>()]
        .prop_map(Amount::from)
        .boxed()
        .prop_union(Just(Amount(U256::MAX)).boxed())
}

fn records() -> impl Strategy<Value = Records> {
    let transfer = (0u64..4, account(), account(), time(), prop::option::of(amount()))
        .prop_map(|(asset, from, to, time, price)| Transfer { asset: AssetId(asset), from, to, time, price });
    let payment = (account(), account(), time(), amount()).prop_map(|(from, to, time, amount)| Payment {
        from,
        to,
        time,
        amount,
    });
    let registration = (0u64..9, account(), 0u8..3, time()).prop_map(|(asset, registrant, content, time)| {
        Registration { asset: AssetId(asset), registrant, content: ContentHash(B256::with_last_byte(content)), time }
    });
    (vec(transfer, 0..60), vec(payment, 0..60), vec(registration, 0..20), vec(account(), 0..3)).prop_map(
        |(transfers, payments, registrations, trusted)| Records {
            transfers,
            payments,
            registrations,
            trusted: trusted.into_iter().collect(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_records_are_assessed(records in records(), outcomes in vec((number(), any::<bool>()), 0..120)) {
        let rules = RuleBase::risk().unwrap();
        let market = Market::new(&records, Limits::read(&rules).unwrap());
        let mut calibration = Calibration::default();
        outcomes.iter().for_each(|(log_odds, happened)| calibration.learn(*log_odds, *happened));
        let watch_list = WatchList::default();
        let sources =
            Sources { market: &market, watch_list: &watch_list, rules: &rules, calibration: &calibration, learned: None };
        let accounts = (0..6).map(|n| Subject::Account(Address::with_last_byte(n)));
        let sales = records.transfers.iter().take(5).map(|sale| Subject::Sale { sale: *sale, range: None });
        for subject in accounts.chain(sales) {
            let advice = assess(sources, &subject).unwrap();
            prop_assert!((0.0..=1.0).contains(&advice.probability), "{:?}", advice);
        }
    }

    #[test]
    fn any_ratings_are_forecast(ratings in vec((0u64..5, any::<u64>(), number(), time()), 0..80)) {
        let mut schedule = Schedule { first: 20, every: 20, ..Schedule::default() };
        (schedule.settings.trees, schedule.settings.rows_per_leaf) = (3, 2);
        let mut stream = Stream::new(schedule);
        for (source, target, value, time) in ratings {
            let target = if target % 3 == 0 { target } else { target % 5 };
            let forecast = stream.forecast(source, target, time);
            prop_assert!((0.0..=1.0).contains(&forecast.probability));
            stream.effects(&forecast, 3);
            stream.learn(&Rating { source, target, value, time }, forecast).unwrap();
        }
    }

    #[test]
    fn any_people_are_matched(
        people in vec((account(), number(), 0usize..4), 0..8),
        ties in vec((account(), account(), time()), 0..20),
        team in vec((account(), amount()), 0..4),
        now in time(),
        cost in amount(),
    ) {
        let skills = |count: usize| -> BTreeSet<String> {
            ["text", "code", ""].iter().take(count).map(|skill| (*skill).to_owned()).collect()
        };
        let people: Vec<Person> = people.into_iter()
            .map(|(account, reputation, count)| Person { account, skills: skills(count), reputation: Some(reputation) })
            .collect();
        let ties: Vec<Together> =
            ties.into_iter().map(|(a, b, time)| Together { a, b, work: AssetId(1), time }).collect();
        let team = team.into_iter().map(|(account, cost)| Member { account, cost }).collect();
        let question = collaboration::Question { team, wanted: skills(2), cost, now, count: usize::MAX };
        let (people, rules) = (People::new(&people, &ties), RuleBase::collaboration().unwrap());
        if let Ok(advice) = collaboration::advise(&people, &rules, &question) {
            for partner in &advice.partners {
                prop_assert!(partner.score.is_finite());
                prop_assert_eq!(partner.split.iter().map(|share| u32::from(share.get())).sum::<u32>(), 10_000);
            }
        }
    }
}

const FILES: [(Kind, &str, &str, &str); 4] = [
    (
        Kind::Pricing,
        "pricing_sales.csv",
        "date,punk_id,seller_id,buyer_id,price_eth,type,gender,skin_tone,attr_count,attributes",
        "2021-01-04,7,1,2,3.5,Human,Male,Dark,2,Hat|Pipe",
    ),
    (
        Kind::Market,
        "pricing_sales.csv",
        "date,punk_id,seller_id,buyer_id,price_eth,type,gender,skin_tone,attr_count,attributes",
        "2021-01-04,7,1,2,3.5,Human,Male,Dark,2,Hat|Pipe",
    ),
    (Kind::Risk, "risk_otc_ratings.csv", "source,target,rating,time,date", "1,2,-3,1300000000,2011-03-13"),
    (Kind::Collaboration, "collab_songs.csv", "title,artists,first_charted,peak,weeks", "Song,A|B,2001-02-03,5,9"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0usize..4,
        fields in vec((0usize..10, select(vec![
            "", "-1", "NaN", "inf", "1e308", "0", "18446744073709551615", "18446744073709551616", "+262142-12-31",
            "-262143-01-01", "2021-01-05", "\"", "\"a\"b", "A|A|B", "|", "\u{0}", "é", ",",
        ])), 0..6),
        place: prop::sample::Index,
        byte: u8,
    ) {
        let (kind, name, header, row) = FILES[which];
        let folder = tempfile::tempdir().unwrap();
        let path = |of: &str| folder.path().join(of);
        let mut test = format!("{header}\n{row}\n");
        for (column, value) in &fields {
            let mut row: Vec<&str> = row.split(',').collect();
            let column = column % row.len();
            row[column] = value;
            test += &format!("{}\n", row.join(","));
        }
        let mut bytes = test.clone().into_bytes();
        if byte % 2 == 0 {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        for (of, text) in [("train", format!("{header}\n{row}\n").as_bytes()), ("test", &bytes)] {
            fs::create_dir(path(of)).unwrap();
            fs::write(path(of).join(name), text).unwrap();
        }
        let (train, test, out) = (path("train"), path("test"), path("out.csv"));
        if evaluate(kind, &train, &test, &out, &mut |_| ()).is_ok() {
            // A single outcome, or no rows at all, has no score.
            let _ = score(kind, Some(&train), &test, &out);
            let mut said = fs::read(&out).unwrap();
            let at = place.index(said.len());
            said[at] = byte;
            fs::write(&out, said).unwrap();
            let _ = score(kind, Some(&train), &test, &out);
        }
    }
}
