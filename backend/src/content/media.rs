//! What kind of content it is, by its first bytes. What the uploader says is not asked, because others trust it.

/// How many bytes are looked at.
pub const LOOKED_AT: u64 = 4096;

/// Returns the media type of content that begins with these bytes.
pub fn media_type(beginning: &[u8]) -> &'static str {
    match infer::get(beginning).map(|kind| kind.mime_type()) {
        // Markup is text until somebody looks for pictures in it: as a page it could do something.
        Some("text/html" | "text/xml" | "application/xml" | "text/x-shellscript") | None => text(beginning),
        Some(kind) => kind,
    }
}

fn text(beginning: &[u8]) -> &'static str {
    let whole = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return "application/octet-stream",
    };
    let is_control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t' | '\u{c}' | '\u{1b}');
    if whole.is_empty() || whole.contains(is_control) {
        return "application/octet-stream";
    }
    if is_svg(whole) { "image/svg+xml" } else { "text/plain; charset=utf-8" }
}

/// Tells whether the first element is `svg`, after what may stand before it.
fn is_svg(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") || rest.starts_with("<!") {
            ">"
        } else {
            break;
        };
        let Some((_, after)) = rest.split_once(end) else { return false };
        rest = after.trim_start();
    }
    rest.strip_prefix("<svg").is_some_and(|after| after.starts_with([' ', '\n', '\r', '\t', '>', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_kind() {
        let cases: [(&[u8], &str); 15] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0", "image/gif"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"ID3\x04\0", "audio/mpeg"),
            (b"Level and flow\n1.2,3.4\n", "text/plain; charset=utf-8"),
            ("Straße, caf\u{e9}".as_bytes(), "text/plain; charset=utf-8"),
            (&"Straße".as_bytes()[..5], "text/plain; charset=utf-8"),
            (b"<!DOCTYPE html><html><script>alert(1)</script>", "text/plain; charset=utf-8"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
            (b"<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg>\n<svg>", "image/svg+xml"),
            (b"<svgx>", "text/plain; charset=utf-8"),
            (b"", "application/octet-stream"),
            (b"\0\x01\x02", "application/octet-stream"),
            (b"caf\xe9 in another encoding", "application/octet-stream"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(media_type(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
