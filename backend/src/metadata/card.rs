//! A picture for what has none: a card with a title.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};

/// The most letters in a line of the title, and the most lines.
const LINE: usize = 22;
const LINES: usize = 5;

/// Draws a card, and returns it as a `data:` URI. The hue, in degrees, sets tokens apart.
pub fn draw(above: &str, title: &str, below: &str, hue: u16) -> String {
    let mut drawn = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 600 600' font-family='Georgia,serif'>\
         <rect width='600' height='600' fill='hsl({hue},32%,24%)'/>\
         <path d='M0 430C150 380 230 500 360 450S520 400 600 440V600H0Z' fill='hsl({hue},38%,32%)'/>\
         <path d='M0 490C140 450 260 550 390 505S530 470 600 500V600H0Z' fill='hsl({hue},42%,40%)'/>\
         <text x='40' y='70' fill='#fff' fill-opacity='.75' font-size='24' letter-spacing='3'>{}</text>",
        escaped(above)
    );
    for (place, line) in lines(title).iter().enumerate() {
        let y = 140 + 54 * place;
        // Writing to a string does not fail.
        let _ = write!(drawn, "<text x='40' y='{y}' fill='#fff' font-size='44'>{}</text>", escaped(line));
    }
    let _ = write!(drawn, "<text x='40' y='565' fill='#fff' font-size='24'>{}</text></svg>", escaped(below));
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(drawn))
}

/// Returns a hue that is the same each time for the same bytes.
pub fn hue(bytes: &[u8]) -> u16 {
    let [first, second, ..] = bytes else { return 210 };
    (u16::from(*first) << 8 | u16::from(*second)) % 360
}

/// Breaks a title into lines between words. What does not fit ends in an ellipsis.
fn lines(title: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        let word: String = match word.chars().count() > LINE {
            true => word.chars().take(LINE - 1).chain(['…']).collect(),
            false => word.to_owned(),
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(LINE - 1).chain(['…']).collect();
        }
    }
    lines
}

/// Writes text as XML has it. Letters that XML does not have are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_title_is_broken_between_words_and_cut_at_the_end() {
        assert_eq!(lines("Flood forecaster"), ["Flood forecaster"]);
        assert_eq!(lines("Reading the river, in all seasons"), ["Reading the river, in", "all seasons"]);
        assert_eq!(lines(""), Vec::<String>::new());
        let long = lines(&"word ".repeat(60));
        assert_eq!(long.len(), LINES);
        assert!(long.iter().all(|line| line.chars().count() <= LINE) && long[LINES - 1].ends_with('…'), "{long:?}");
        assert_eq!(lines(&"x".repeat(90)), [format!("{}…", "x".repeat(LINE - 1))]);
    }

    #[test]
    fn markup_in_a_title_stays_text() {
        let card = draw("CODE", "</text><script>&\0", "#1", 0);
        let drawn =
            String::from_utf8(BASE64_STANDARD.decode(card.split_once(',').expect("a comma").1).expect("base64"));
        assert!(drawn.expect("text").contains(">&lt;/text&gt;&lt;script&gt;&amp;<"));
    }
}
