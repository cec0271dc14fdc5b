//! Settings as text: the commented example, and the settings in force.

use super::{
    Settings,
    load::{Origin, Values, all},
    sections::{Default, SECTIONS},
};

const HEAD: &str = "\
# Settings of Tributary. `tributary config example` prints this file, which is made from the code.
#
# The variable TRIBUTARY_CONFIG names the file to read. The environment variable that stands with each setting sets it too, and
# wins over the file. `tributary config check` says what is wrong with the settings, and what is in force.
";

/// Returns the configuration file with every setting and its description. Settings with a default are
/// commented out.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        text.push('\n');
        section.about.iter().for_each(|line| text.push_str(&format!("#{line}\n")));
        text.push_str(&format!("[{}]\n", section.name));
        for key in section.keys {
            text.push('\n');
            key.about.iter().for_each(|line| text.push_str(&format!("#{line}\n")));
            let (mark, shown, value) = match key.default {
                Default::Required(value) => ("", "required", value),
                Default::Unset(value) => ("# ", "no default, for example", value),
                Default::Is(value) => ("# ", "default", value),
            };
            text.push_str(&format!("# {} ({shown}):\n{mark}{} = {}\n", key.variable, key.name, toml(value)));
        }
    }
    text
}

/// Returns the settings in force as a configuration file without secrets, which says where each value
/// comes from.
pub(super) fn in_force(settings: &Settings, values: &Values) -> String {
    let (mut text, mut shown_section) = (String::new(), "");
    for ((section, name, value), (_, key)) in settings.shown().into_iter().zip(all()) {
        if section != shown_section {
            text.push_str(if shown_section.is_empty() { "" } else { "\n" });
            text.push_str(&format!("[{section}]\n"));
            shown_section = section;
        }
        let line = value.map_or_else(|| format!("# {name} is not set"), |value| format!("{name} = {}", toml(&value)));
        text.push_str(&match values.origin(section, name) {
            Origin::File => format!("{line}  # from the file\n"),
            Origin::Environment => format!("{line}  # from {}\n", key.variable),
            Origin::Default => format!("{line}\n"),
        });
    }
    text
}

/// Writes a value in TOML: numbers as they are, and everything else as text.
fn toml(value: &str) -> String {
    if value.parse::<i64>().is_ok() {
        return value.to_owned();
    }
    let escaped = value.chars().fold(String::new(), |mut text, one| {
        match one {
            '"' | '\\' => text.extend(['\\', one]),
            one if one.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(one))),
            one => text.push(one),
        }
        text
    });
    format!("\"{escaped}\"")
}
