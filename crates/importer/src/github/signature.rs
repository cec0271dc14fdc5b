//! `X-Hub-Signature-256`: the proof that GitHub sent a body, and that nobody changed it.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Event, MAX_BODY_BYTES, PayloadError};

/// What the header begins with.
const PREFIX: &str = "sha256=";

/// A body that was signed by somebody who knows the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a>(&'a [u8]);

/// The reason why a body is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The secret is empty, so anyone could sign.
    #[error("no secret is set for this webhook: set one here and at GitHub")]
    NoSecret,
    /// The body is larger than GitHub's largest.
    #[error("the body has {0} bytes, the limit is {MAX_BODY_BYTES}")]
    TooLarge(usize),
    /// The header has another form than GitHub's.
    #[error("X-Hub-Signature-256 must be `sha256=` and 64 lower-case hex digits")]
    Malformed,
    /// Another secret, or another body.
    #[error("the signature does not fit the body: check that the secret here is the one at GitHub")]
    Mismatch,
}

/// Checks the header `X-Hub-Signature-256` against the raw body, before any of it is parsed. The comparison takes the same
/// time wherever the signatures differ.
///
/// # Errors
/// When the secret is empty, the header is malformed, the body is too large, or the body is not the one that was signed
/// with this secret.
pub fn verify_signature<'a>(secret: &[u8], body: &'a [u8], header: &str) -> Result<Verified<'a>, SignatureError> {
    if secret.is_empty() {
        return Err(SignatureError::NoSecret);
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(SignatureError::TooLarge(body.len()));
    }
    let signature = digest(header).ok_or(SignatureError::Malformed)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| SignatureError::NoSecret)?;
    mac.update(body);
    mac.verify_slice(&signature).map_err(|_| SignatureError::Mismatch)?;
    Ok(Verified(body))
}

/// Returns the header's digest. Upper case is refused, because GitHub does not write it, and each signature has only one
/// form.
fn digest(header: &str) -> Option<[u8; 32]> {
    let digits =
        header.strip_prefix(PREFIX).filter(|digits| !digits.bytes().any(|digit| digit.is_ascii_uppercase()))?;
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).ok()?;
    Some(digest)
}

impl<'a> Verified<'a> {
    /// Accepts a body that was verified when it arrived, and was kept since.
    pub fn kept(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// Returns the body.
    pub fn body(&self) -> &'a [u8] {
        self.0
    }

    /// Reads the body as the event that the header `X-GitHub-Event` names.
    ///
    /// # Errors
    /// When the body does not have the form that GitHub documents, or exceeds a limit.
    pub fn event(&self, name: &str) -> Result<Event, PayloadError> {
        Event::parse(name, self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    fn sign(secret: &[u8], body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
        mac.update(body);
        format!("{PREFIX}{}", hex::encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn known_answers() {
        // Test cases 1 and 2 of RFC 4231, and the example of GitHub's documentation.
        for (secret, body, digest) in [
            (
                &b"It's a Secret to Everybody"[..],
                &b"Hello, World!"[..],
                "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            ),
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let verified = verify_signature(secret, body, &format!("sha256={digest}"));
            assert_eq!(verified, Ok(Verified(body)));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let good = sign(b"secret", b"body");
        let digits = &good[PREFIX.len()..];
        for header in [
            String::new(),
            digits.to_owned(),
            format!("sha1={digits}"),
            format!("sha256={}", digits.to_uppercase()),
            format!("SHA256={digits}"),
            format!("sha256= {digits}"),
            format!("{good} "),
            good[..good.len() - 2].to_owned(),
            format!("{good}00"),
            format!("sha256={}", "é".repeat(32)),
        ] {
            assert_eq!(verify_signature(b"secret", b"body", &header), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(verify_signature(b"", b"body", &sign(b"", b"body")), Err(SignatureError::NoSecret));
        assert_eq!(verify_signature(b"other", b"body", &good), Err(SignatureError::Mismatch));
        let large = vec![0; MAX_BODY_BYTES + 1];
        assert_eq!(verify_signature(b"secret", &large, &good), Err(SignatureError::TooLarge(large.len())));
    }

    #[test]
    fn any_byte_of_a_signature_that_changes_is_found() {
        let header = sign(b"secret", b"body");
        for (at, change) in (0..header.len()).flat_map(|at| (1..=255_u8).map(move |change| (at, change))) {
            let mut bytes = header.clone().into_bytes();
            bytes[at] ^= change;
            // Bytes that are not text never reach us, because a header is a string.
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(verify_signature(b"secret", b"body", &changed).is_err(), "{changed}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified(secret in collection::vec(any::<u8>(), 1..100), body in collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(verify_signature(&secret, &body, &sign(&secret, &body)), Ok(Verified(&body)));
        }

        #[test]
        fn any_byte_of_a_body_that_changes_is_found(
            body in collection::vec(any::<u8>(), 1..300), place in any::<prop::sample::Index>(), change in 1..=255_u8
        ) {
            let header = sign(b"secret", &body);
            let mut changed = body.clone();
            changed[place.index(body.len())] ^= change;
            prop_assert_eq!(verify_signature(b"secret", &changed, &header), Err(SignatureError::Mismatch));
        }

        #[test]
        fn a_cut_body_is_found(body in collection::vec(any::<u8>(), 1..300), length in any::<prop::sample::Index>()) {
            let header = sign(b"secret", &body);
            let cut = &body[..length.index(body.len())];
            prop_assert_eq!(verify_signature(b"secret", cut, &header), Err(SignatureError::Mismatch));
        }
    }
}
