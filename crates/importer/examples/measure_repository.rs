//! Measures a repository at HEAD, with other repositories as the catalogue, and prints where each number comes from:
//! `cargo run --release -p importer --example measure_repository -- PATH [OTHER]...`.

use std::{error::Error, path::Path, time::Instant};

use importer::{
    Options,
    coherence::{Earlier, Surroundings, contributor_weights, survey},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1);
    let path = paths.next().ok_or("give the path of a repository")?;
    let start = Instant::now();
    let found = survey(Path::new(&path), None, &Options::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let mut earlier = Vec::new();
    for other in paths {
        let signature = survey(Path::new(&other), None, &Options::default())?.signature;
        earlier.extend(signature.map(|signature| Earlier { name: other.to_string_lossy().into_owned(), signature }));
    }
    let weights = contributor_weights(&importer::read(Path::new(&path), &Options::default(), &mut |_| {})?);
    let surroundings = Surroundings { downstream: Some(0), contributors: &weights, earlier: Some(&earlier) };
    let measured = found.measure(&surroundings);
    println!("{} at {}: {} files in {seconds:.2} s", path.to_string_lossy(), found.commit, found.files);
    println!("{:?}", found.lines);
    println!("{:?}", found.left_out);
    for source in &measured.sources {
        let value = source.value.map_or("-".to_owned(), |value| value.to_string());
        println!(
            "{:<24} {value:>7}  {:<11} {}",
            format!("{:?}", source.input),
            format!("{:?}", source.kind),
            source.how
        );
    }
    let coherence = measured.inputs.coherence()?;
    println!("coherence {} with confidence {}", coherence.score, coherence.confidence);
    Ok(())
}
