//! Who calls, and what they may do. A handler names what it needs as an argument, so it cannot forget to
//! check:
//!
//! | argument | who reaches the handler |
//! |---|---|
//! | [`Caller`] | everybody, and the handler learns who it is |
//! | [`SignedIn`] | people with a session of their own |
//! | [`Allowed<S>`] | callers that may act for an account within the scope `S` |
//! | [`OwnedWork<S>`] | the same, if the account owns the work that the path names |
//!
//! A handler documents what it needs with `security(..)`. A test compares the two.

use std::marker::PhantomData;

use alloy::primitives::Address;
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};
use axum_extra::extract::CookieJar;
use commands::Actor;
use facts::Account;

use crate::{
    AppState,
    auth::session::{self, SessionId},
    problem::{Problem, Result},
    values::id_of,
};

/// Something that may be done for an account. A session holds every scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    ReadMarket,
    ReadAnalytics,
    WriteListings,
    ManageWebhooks,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::ReadMarket, Self::ReadAnalytics, Self::WriteListings, Self::ManageWebhooks];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadMarket => "read:market",
            Self::ReadAnalytics => "read:analytics",
            Self::WriteListings => "write:listings",
            Self::ManageWebhooks => "webhooks:manage",
        }
    }
}

/// A scope as a type, for the arguments of handlers.
pub trait Needs: Send {
    const SCOPE: Scope;
}

/// Reading the account's own data.
pub struct ReadMarket;
/// Uploads, works, contributions and their settings.
pub struct WriteListings;
/// Managing hooks, by which others tell us of events and we tell them.
pub struct ManageWebhooks;

impl Needs for ReadMarket {
    const SCOPE: Scope = Scope::ReadMarket;
}

impl Needs for WriteListings {
    const SCOPE: Scope = Scope::WriteListings;
}

impl Needs for ManageWebhooks {
    const SCOPE: Scope = Scope::ManageWebhooks;
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Nobody,
    /// Somebody in a browser, by the cookie of a session.
    Session {
        account: Address,
        session: SessionId,
    },
}

impl Caller {
    /// Returns the account that the caller acts for.
    pub const fn account(&self) -> Option<Address> {
        match self {
            Self::Nobody => None,
            Self::Session { account, .. } => Some(*account),
        }
    }

    /// Returns what the caller may do for the account.
    pub const fn scopes(&self) -> &[Scope] {
        match self {
            Self::Nobody => &[],
            Self::Session { .. } => &Scope::ALL,
        }
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        // Several arguments of a handler may ask for the caller, so it is kept.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let jar = CookieJar::from_headers(&parts.headers);
        let caller = match session::find(state, &jar, &parts.method).await? {
            None => Self::Nobody,
            Some((session, account)) => {
                session::check_origin(state, &parts.method, &parts.headers)?;
                Self::Session { account, session }
            }
        };
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// Somebody in a session. No key gives access to sessions themselves, and to what an account must sign for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub account: Address,
    pub session: SessionId,
}

impl SignedIn {
    pub const fn actor(&self) -> Actor {
        Actor(self.account)
    }
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Nobody => Err(Problem::unauthorized()),
            Caller::Session { account, session } => Ok(Self { account, session }),
        }
    }
}

/// A caller that may act for an account within a scope.
pub struct Allowed<S> {
    pub account: Address,
    scope: PhantomData<S>,
}

impl<S> Allowed<S> {
    pub const fn actor(&self) -> Actor {
        Actor(self.account)
    }
}

impl<S: Needs> FromRequestParts<AppState> for Allowed<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let account = caller.account().ok_or_else(Problem::unauthorized)?;
        if !caller.scopes().contains(&S::SCOPE) {
            let detail = format!("This needs the scope `{}`, which the caller does not hold.", S::SCOPE.as_str());
            return Err(Problem::new(StatusCode::FORBIDDEN, "scope", detail));
        }
        Ok(Self { account, scope: PhantomData })
    }
}

/// The work that the path names as `{id}`, of an account that the caller may act for within a scope.
pub struct OwnedWork<S> {
    pub id: i64,
    pub owner: Address,
    scope: PhantomData<S>,
}

impl<S> OwnedWork<S> {
    pub const fn actor(&self) -> Actor {
        Actor(self.owner)
    }
}

impl<S: Needs> FromRequestParts<AppState> for OwnedWork<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let owner = Allowed::<S>::from_request_parts(parts, state).await?.account;
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid(rejection.body_text()))?;
        let named = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value).unwrap_or_default();
        // A work never changes its owner.
        let id = sqlx::query_scalar!(
            "SELECT id FROM works WHERE id = $1 AND owner = $2",
            id_of("work", named)?,
            Account(owner) as _
        )
        .fetch_optional(&state.pool)
        .await?
        .ok_or_else(|| Problem::not_found(format!("work {named} of yours")))?;
        Ok(Self { id, owner, scope: PhantomData })
    }
}
