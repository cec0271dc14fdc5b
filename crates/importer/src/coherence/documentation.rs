//! Documentation: a README, pages for readers, and comments.
//!
//! ```text
//! readme   = min(1, words of the README / 300)
//! pages    = min(1, 10 x p / (p + c))     p lines of text in folders of documentation, c lines of code without tests
//! comments = min(1,  5 x k / (k + c))     k lines of comments outside tests
//! value    = 0.4 readme + 0.3 pages + 0.3 comments
//! ```
//!
//! So a README of one page, one line of documentation for nine lines of code, and one line of comments for four lines
//! of code give 1.

use rust_decimal::Decimal;

use super::{Input, Source, Survey, plural, ratio, rounded};

pub(super) fn source(survey: &Survey) -> Source {
    let code = survey.lines.code;
    if code + survey.lines.tests == 0 {
        return Source::unmeasured(Input::Documentation, "There is no code in a language that is known.");
    }
    let words = survey.readme_words.unwrap_or_default();
    let share =
        |times: u64, part: u64| if part == 0 { Decimal::ZERO } else { capped(times.saturating_mul(part), part + code) };
    let readme = capped(words, 300);
    let (pages, comments) = (share(10, survey.docs_lines), share(5, survey.lines.comments));
    let value = rounded(Decimal::new(4, 1) * readme + Decimal::new(3, 1) * (pages + comments));
    let how = format!(
        "There is {}, {} in folders of documentation and {} of comments to {} of code.",
        survey.readme_words.map_or("no README".to_owned(), |words| format!("a README of {}", plural(words, "word"))),
        plural(survey.docs_lines, "line"),
        plural(survey.lines.comments, "line"),
        plural(code, "line")
    );
    Source::counted(Input::Documentation, value, how)
}

fn capped(part: u64, whole: u64) -> Decimal {
    ratio(part, whole).min(Decimal::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coherence::lines::Lines;

    #[test]
    fn readme_pages_and_comments_add_up() {
        for (readme_words, docs_lines, comments, value) in [
            (None, 0, 0, "0"),
            (Some(0), 0, 0, "0"),
            (Some(150), 0, 0, "0.2"),
            (Some(9000), 0, 0, "0.4"),
            (None, 100, 0, "0.3"),
            (None, 50, 0, "0.1579"),
            (None, 0, 225, "0.3"),
            (Some(300), 100, 225, "1"),
        ] {
            let lines = Lines { code: 900, tests: 100, comments };
            let survey = Survey { lines, readme_words, docs_lines, ..Survey::default() };
            let source = source(&survey);
            assert_eq!(source.value, Some(value.parse().unwrap()), "{}", source.how);
        }
        let prose_alone = Survey { readme_words: Some(300), ..Survey::default() };
        assert_eq!(source(&prose_alone).value, None);
    }
}
