//! Extractors: what a handler is given is already checked, so it cannot forget to.

use alloy::primitives::Address;
use axum::{
    extract::{FromRequest, FromRequestParts},
    http::request::Parts,
};
use axum_extra::extract::CookieJar;

use crate::{
    AppState,
    auth::session,
    problem::{Problem, Result},
};

/// JSON whose rejections are problem documents.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// The account of a live session. A handler that takes it cannot be reached without signing in.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn(pub Address);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let jar = CookieJar::from_headers(&parts.headers);
        let account = session::account(state, &jar).await?.ok_or_else(Problem::unauthorized)?;
        session::check_origin(state, &parts.method, &parts.headers)?;
        Ok(Self(account))
    }
}
