//! Errors in logs.

use std::{error::Error, fmt};

/// Returns an error with its chain of causes, on one line. A cause that is contained in the text so far is left out,
/// because many errors quote their cause.
///
/// ```
/// let error = std::io::Error::new(std::io::ErrorKind::Other, "the disk is full");
/// assert_eq!(service::error_chain(&error).to_string(), "the disk is full");
/// ```
pub fn error_chain(error: &(dyn Error + 'static)) -> impl fmt::Display {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the index could not be read")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("page 7 is damaged: {0}")]
    struct Middle(#[source] std::io::Error);

    #[test]
    fn causes_are_said_once_each() {
        let error = Outer(Middle(std::io::Error::other("checksum")));
        assert_eq!(error_chain(&error).to_string(), "the index could not be read: page 7 is damaged: checksum");
    }
}
