//! `evaluate KIND TRAIN TEST OUT`: predicts as the command `tributary agents evaluate` does, then scores.

use std::{error::Error, path::Path, time::Instant};

use agents::evaluate::{Kind, evaluate, score};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, train, test, out] = arguments.as_slice() else { return Err("evaluate KIND TRAIN TEST OUT".into()) };
    let kind = match kind.as_str() {
        "pricing" => Kind::Pricing,
        "market" => Kind::Market,
        "risk" => Kind::Risk,
        "collaboration" => Kind::Collaboration,
        other => return Err(format!("there is no kind {other}").into()),
    };
    let (train, test, out) = (Path::new(train), Path::new(test), Path::new(out));
    let start = Instant::now();
    evaluate(kind, train, test, out, &mut |what| eprintln!("{what}"))?;
    print!("{}", score(kind, Some(train), test, out)?);
    println!("{:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
