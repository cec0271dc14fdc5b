//! Answers that never change, and callers who have them already.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::headers::{ETag, HeaderMapExt, IfNoneMatch};

/// The entity tag of an answer that never changes.
#[derive(Clone, Debug)]
pub struct Tag(String);

impl Tag {
    /// Names an answer. Only letters, digits and punctuation that need no escape belong in the name.
    pub fn of(name: impl std::fmt::Display) -> Self {
        Self(format!("\"{name}\""))
    }

    /// Returns the tag as a header has it.
    pub fn header(&self) -> Option<ETag> {
        self.0.parse().ok()
    }

    /// Tells whether the caller has the answer: whether `If-None-Match` names the tag, alone or in a list, strong or weak, or
    /// is `*`.
    fn is_known(&self, asked: &HeaderMap) -> bool {
        let known: Option<IfNoneMatch> = asked.typed_get();
        known.zip(self.header()).is_some_and(|(known, tag)| !known.precondition_passes(&tag))
    }

    /// Says that the caller has the answer already, if that is so.
    pub fn not_modified(&self, asked: &HeaderMap) -> Option<Response> {
        self.is_known(asked).then(|| (StatusCode::NOT_MODIFIED, self.headers()).into_response())
    }

    /// Returns the headers that go with the answer.
    pub fn headers(&self) -> [(header::HeaderName, String); 2] {
        [(header::ETAG, self.0.clone()), (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned())]
    }
}

/// Returns an answer that never changes, or says that the caller already has it.
pub fn unchanging(asked: &HeaderMap, name: impl std::fmt::Display, answer: impl IntoResponse) -> Response {
    let tag = Tag::of(name);
    tag.not_modified(asked).unwrap_or_else(|| (tag.headers(), answer).into_response())
}
