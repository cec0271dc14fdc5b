//! Novelty: 1 minus the highest similarity to any earlier work of the catalogue.

use rust_decimal::Decimal;

use super::{Input, Source, Surroundings, Survey, plural, signature::similarity};

pub(super) fn source(survey: &Survey, surroundings: &Surroundings<'_>) -> Source {
    let Some(earlier) = surroundings.earlier else {
        return Source::unmeasured(Input::Novelty, "The work was not compared with the catalogue.");
    };
    let Some(signature) = &survey.signature else {
        return Source::unmeasured(Input::Novelty, "The work has no content to compare.");
    };
    let alike = earlier.iter().map(|work| (similarity(signature, &work.signature), &*work.name));
    // Among works that are equally similar, the first one given is named.
    let closest = alike.reduce(|best, other| if other.0 > best.0 { other } else { best });
    let (value, how) = match closest {
        Some((likeness, name)) if likeness > Decimal::ZERO => {
            let compared = plural(earlier.len() as u64, "earlier work");
            let how =
                format!("Compared with {compared}; {name} is most alike, with {likeness} of their content in common.");
            (Decimal::ONE - likeness, how)
        }
        _ => (Decimal::ONE, "No earlier work of the catalogue is seen to share content with it.".to_owned()),
    };
    Source::recorded(Input::Novelty, value, how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coherence::{Earlier, signature::signature_of};

    #[test]
    fn the_closest_work_counts() {
        let text = "one two three four five six seven eight nine ten eleven twelve";
        let survey = Survey { signature: signature_of([text]), ..Survey::default() };
        let work = |name: &str, text: &str| Earlier { name: name.to_owned(), signature: signature_of([text]).unwrap() };
        let novelty =
            |earlier: Option<&[Earlier]>| source(&survey, &Surroundings { earlier, ..Surroundings::default() });
        let far = work("far", "nothing of this stands in the other text at all");
        // The set has 8 runs and the file itself. After a change of the last word, 7 of 11 elements
        // are shared.
        let near = work("near", &text.replace("twelve", "13"));
        let same = work("same", text);
        for (earlier, value, named) in [
            (vec![], "1", "No earlier work"),
            (vec![far.clone()], "1", "No earlier work"),
            (vec![far.clone(), near.clone()], "0.3636", "near"),
            (vec![near, same, far], "0", "same"),
        ] {
            let source = novelty(Some(&earlier));
            assert_eq!(source.value, Some(value.parse().unwrap()));
            assert!(source.how.contains(named), "{}", source.how);
        }
        assert_eq!(novelty(None).value, None);
        assert_eq!(
            source(&Survey::default(), &Surroundings { earlier: Some(&[]), ..Surroundings::default() }).value,
            None
        );
    }
}
