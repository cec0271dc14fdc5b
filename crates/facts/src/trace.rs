//! The cause of a fact, as in W3C Trace Context: one id for everything that follows from one
//! request.

use std::{fmt, str::FromStr};

use crate::ParseError;

/// The trace that a fact belongs to, and the step of it that told the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Names the trace; not zero.
    pub trace: u128,
    /// Names the step; not zero.
    pub step: u64,
}

/// Writes the context as the header `traceparent` has it: version 00, sampled.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.step)
    }
}

impl FromStr for TraceContext {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parts: Vec<&str> = text.split('-').collect();
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let parsed = match parts[..] {
            ["00", trace, step, flags]
                if (trace.len(), step.len(), flags.len()) == (32, 16, 2) && parts.iter().all(|part| hex(part)) =>
            {
                u128::from_str_radix(trace, 16).ok().zip(u64::from_str_radix(step, 16).ok())
            }
            _ => None,
        };
        let found = parsed.filter(|(trace, step)| *trace != 0 && *step != 0);
        found
            .map(|(trace, step)| Self { trace, step })
            .ok_or_else(|| ParseError::new("a traceparent of version 00", text))
    }
}
