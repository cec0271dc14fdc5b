//! Extractors for bodies, queries and paths. They work as axum's, but answer with problem documents
//! when they refuse a request.

use axum::extract::{FromRequest, FromRequestParts};

use crate::problem::Problem;

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
