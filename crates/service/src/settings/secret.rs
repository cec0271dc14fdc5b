//! Values that must not reach a log or an error message.

use std::fmt;

/// A key or password. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value itself; call it only where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A URL that may contain a password or an API key. It prints its scheme and host, and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Reads a URL from text.
    ///
    /// # Errors
    /// When the text does not begin with a scheme and `://`. The text is not in the error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one))
        };
        match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) && !rest.is_empty() => Ok(Self(text.to_owned())),
            _ => Err("the value, which is not shown, is no URL".into()),
        }
    }

    /// Returns the URL itself; call it only where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let (authority, behind) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        // An `@` that comes later may end a password that was not escaped. Then it is unknown where the host
        // is.
        write!(f, "{scheme}://{}", if behind.contains('@') { "" } else { host })
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_show_scheme_and_host() {
        for (url, shown) in [
            ("postgres://tributary:hunter2@db.example:5432/market?sslkey=hunter2", "postgres://db.example:5432"),
            ("https://eth.example/v2/hunter2", "https://eth.example"),
            ("https://eth.example?key=hunter2", "https://eth.example"),
            ("wss://hunter2:hunter2@[::1]:8546/#hunter2", "wss://[::1]:8546"),
            ("postgres://u:hunter2/x@db.example/d", "postgres://"),
            ("postgres://u:a@hunter2?@db.example/d", "postgres://"),
            ("postgres:///market?host=/run/hunter2", "postgres://"),
        ] {
            let parsed = SecretUrl::parse(url).unwrap();
            assert_eq!((parsed.to_string().as_str(), format!("{parsed:?}").as_str()), (shown, shown));
            assert_eq!(parsed.expose(), url);
        }
        for wrong in ["hunter2", "://hunter2", "https://", "hunter2 x://y", ""] {
            let error = SecretUrl::parse(wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
