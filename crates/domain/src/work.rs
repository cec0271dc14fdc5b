//! What makes the description of a work recordable. Titles and descriptions stay off chain, so no contract checks them. The
//! kinds are those of the registry (`IAssetRegistry.Kind`), which accepts no others when the work is registered.

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 5000;

/// A rule that a work's description breaks. [`code`](Fault::code) and [`field`](Fault::field) are stable; the text is for
/// people, and completes a sentence that begins with the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the texts say what the arguments are")]
pub enum Fault {
    #[error("`{kind}` is not a kind of asset")]
    UnknownKind { kind: String },
    #[error("has 1 to {MAX_TITLE} characters")]
    TitleLength,
    #[error("has at most {MAX_DESCRIPTION} characters")]
    DescriptionTooLong,
    #[error("is not of an upload of yours: POST /v1/uploads first")]
    NotUploaded,
    #[error("is one of anyone, contributors, nobody")]
    UnknownProposals,
}

impl Fault {
    /// Returns the stable code of the fault, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind { .. } => "unknown_kind",
            Self::TitleLength | Self::DescriptionTooLong => "wrong_length",
            Self::NotUploaded => "not_uploaded",
            Self::UnknownProposals => "unknown_proposals",
        }
    }

    /// Returns the field that is wrong.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::UnknownKind { .. } => "kind",
            Self::TitleLength => "title",
            Self::DescriptionTooLong => "description",
            Self::NotUploaded => "contentHash",
            Self::UnknownProposals => "proposals",
        }
    }
}

/// Returns what is wrong with a title and a description, whose surrounding spaces were removed before.
pub fn check_description(title: &str, description: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !(1..=MAX_TITLE).contains(&title.chars().count()) {
        faults.push(Fault::TitleLength);
    }
    if description.chars().count() > MAX_DESCRIPTION {
        faults.push(Fault::DescriptionTooLong);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_descriptions_have_their_limits() {
        for (title, description, faults) in [
            (1, 0, vec![]),
            (200, 5000, vec![]),
            (0, 0, vec![Fault::TitleLength]),
            (201, 0, vec![Fault::TitleLength]),
            (1, 5001, vec![Fault::DescriptionTooLong]),
            (0, 5001, vec![Fault::TitleLength, Fault::DescriptionTooLong]),
        ] {
            assert_eq!(check_description(&"é".repeat(title), &"é".repeat(description)), faults);
        }
    }
}
