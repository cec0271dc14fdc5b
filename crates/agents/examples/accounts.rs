//! `accounts FILE` measures how well fraudulent accounts can be told from honest ones by their behaviour, in a table with the
//! columns FLAG (1 is fraud) and an address first. This is a sanity check of the boosting and not a measure of the risk agent.
//! In the tables known to us, honest accounts are older than fraudulent ones, so everything that reveals the date reveals the
//! answer. Dates, ages, spans and everything about tokens (which came later) are left out; one account in five, chosen by its
//! address, is kept aside.

use std::{error::Error, path::Path};

use agents::{csv::Table, evaluate::Outcomes};
use learning::boost::{Loss, Matrix, Sample, Settings, train};
use sha2::{Digest, Sha256};

/// Parts of the names of columns that reveal the date.
const DATED: [&str; 8] = ["date", "Time Diff", "ERC20", "span", "Address", "address", "FLAG", "h_first"];

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("accounts FILE")?;
    let table = Table::read(Path::new(&file))?;
    let header = std::fs::read_to_string(&file)?.lines().next().unwrap_or_default().to_owned();
    let used: Vec<usize> = header
        .split(',')
        .enumerate()
        .filter(|(_, name)| !DATED.iter().any(|dated| name.contains(dated)))
        .map(|(place, _)| place)
        .collect();
    let flag = table.column("FLAG")?;
    let (mut known, mut targets, mut aside) = (Matrix::new(used.len()), Vec::new(), Vec::new());
    for row in table.rows() {
        let row = row?;
        let features: Vec<f64> = used.iter().map(|column| row.number(*column, "number").unwrap_or(f64::NAN)).collect();
        let fraud = row.text(flag) == "1";
        if Sha256::digest(row.text(0))[0] % 5 == 0 {
            aside.push((features, fraud));
        } else {
            known.push(&features)?;
            targets.push(f64::from(u8::from(fraud)));
        }
    }
    let settings = Settings {
        loss: Loss::Logistic,
        trees: 200,
        leaves: 16,
        row_share: 0.7,
        feature_share: 0.5,
        ..Settings::default()
    };
    let model = train(&settings, &Sample { table: &known, targets: &targets, weights: None }, None)?;
    let forecasts: Vec<(f64, bool)> = aside.iter().map(|(row, fraud)| (model.predict(row), *fraud)).collect();
    let outcomes = Outcomes::of(&forecasts).ok_or("only one outcome")?;
    println!(
        "{} accounts aside, {} fraudulent, {} columns: AUC {:.3}, average precision {:.3}, recall at 1 % false positives {:.3}, ECE {:.3}",
        outcomes.rows,
        outcomes.positives,
        used.len(),
        outcomes.auc,
        outcomes.ap,
        outcomes.recall,
        outcomes.ece
    );
    Ok(())
}
