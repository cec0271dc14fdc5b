//! The text of a file of a repository, or the reason why it has none.
//!
//! Files come in the encodings of many editors and shells. UTF-8 and UTF-16 are read, with or without a byte order mark. A
//! file that only stands for another one, that is empty, or that a merge left unfinished, has no text that may be used.

use std::borrow::Cow;

/// How pointers of Git LFS begin, of today and of its first versions.
const POINTERS: [&[u8]; 2] = [b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"];
/// A pointer is never longer than this, in bytes.
const LONGEST_POINTER: usize = 1024;

/// Returns the text of a file that must be well-formed. The error says what the file is instead.
pub(crate) fn strict(content: &[u8]) -> Result<Cow<'_, str>, String> {
    read(content, |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(format!("line {}: it is not UTF-8 text", line_of_byte(bytes, error.valid_up_to()))),
    })
}

/// Returns the text of a file in which a letter in another encoding does no harm; such letters are replaced.
pub(crate) fn lossy(content: &[u8]) -> Result<Cow<'_, str>, String> {
    read(content, |bytes| Ok(String::from_utf8_lossy(bytes)))
}

fn read<'a>(
    content: &'a [u8],
    utf8: impl FnOnce(&'a [u8]) -> Result<Cow<'a, str>, String>,
) -> Result<Cow<'a, str>, String> {
    if content.len() <= LONGEST_POINTER && POINTERS.iter().any(|pointer| content.starts_with(pointer)) {
        return Err("it is a pointer of Git LFS, and the file itself is not in the repository".to_owned());
    }
    let text = match content {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        // Without a mark, the zero half of the first two letters tells the encoding.
        [1..=255, 0, 1..=255, 0, ..] => utf16(content, u16::from_le_bytes)?,
        [0, 1..=255, 0, 1..=255, ..] => utf16(content, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest)?,
        _ => utf8(content)?,
    };
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if let Some(at) = text.find('\0') {
        return Err(format!("line {}: it has a NUL, so it is not text", line_at(&text, at)));
    }
    match conflict(&text) {
        Some(line) => Err(format!("line {line}: it has the marks of a merge conflict")),
        None => Ok(text),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if bytes.len().is_multiple_of(2) => Ok(Cow::Owned(text)),
        _ => Err("it is not well-formed UTF-16 text".to_owned()),
    }
}

/// Returns the first line of a merge conflict, counted from 1. A line that looks like its beginning needs one that looks
/// like its end.
fn conflict(text: &str) -> Option<usize> {
    let begins = |line: &str| line.starts_with("<<<<<<< ") || line.trim_end() == "<<<<<<<";
    let ends = |line: &str| line.starts_with(">>>>>>> ") || line.trim_end() == ">>>>>>>";
    let mut lines = text.lines().enumerate();
    let (number, _) = lines.find(|(_, line)| begins(line))?;
    lines.any(|(_, line)| ends(line)).then_some(number + 1)
}

/// Returns what is wrong in a JSON text, and in which line.
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    format!("line {}: {}", error.line().max(1), json_detail(error))
}

/// Returns what is wrong in a JSON text, without the place.
pub(crate) fn json_detail(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(detail, _)| detail.to_owned())
}

/// Returns the line of a byte, counted from 1.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    line_of_byte(text.as_bytes(), byte)
}

fn line_of_byte(bytes: &[u8], byte: usize) -> usize {
    1 + bytes[..byte.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "{\"ü\": 1}\r\n";
        let (little, big) = (wide(text, u16::to_le_bytes), wide(text, u16::to_be_bytes));
        for content in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", &*little].concat(),
            [b"\xfe\xff", &*big].concat(),
            little,
            big,
        ] {
            assert_eq!(strict(&content).as_deref(), Ok(text), "{content:?}");
            assert_eq!(lossy(&content).as_deref(), Ok(text));
        }
        assert_eq!(strict(b"a\n\xfc"), Err("line 2: it is not UTF-8 text".to_owned()));
        assert_eq!(lossy(b"a\n\xfc").as_deref(), Ok("a\n\u{fffd}"));
    }

    #[test]
    fn what_is_no_text_says_what_it_is() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        let conflict = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\n";
        for (content, why) in [
            (pointer.as_bytes(), "pointer of Git LFS"),
            (b"", "it is empty"),
            (b"\xef\xbb\xbf\r\n ", "it is empty"),
            (b"\xff\xfe", "it is empty"),
            (conflict.as_bytes(), "line 2: it has the marks of a merge conflict"),
            (b"a\nb\n\0", "line 3: it has a NUL"),
            (b"\xff\xfe\x00\xd8", "UTF-16"),
            (b"\xff\xfea", "UTF-16"),
        ] {
            for read in [strict, lossy] {
                let error = read(content).unwrap_err();
                assert!(error.contains(why), "{error}");
            }
        }
        assert!(strict(b"<<<<<<< a line of something else\n=======\n").is_ok());
    }
}
