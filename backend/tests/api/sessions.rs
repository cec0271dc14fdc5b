//! Sessions: they are listed, end at once, and are safe from other sites.

use std::sync::Arc;

use alloy::signers::SignerSync;
use anyhow::{Context, Result};
use reqwest::{Method, header};
use serde_json::json;

use crate::app::{App, Person, SignInMessage, cookie};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_end_at_once() -> Result<()> {
    let app = App::start().await?;
    let (first, second) = (app.person(1).await?, app.person(1).await?);
    let (third, stranger) = (app.person(1).await?, app.person(2).await?);
    let list = |person| app.by(person, Method::GET, "/v1/auth/sessions", None);
    let current = |person| app.by(person, Method::GET, "/v1/auth/session", None);

    let listed = list(&second).await?.expect(200);
    let listed = listed.as_array().context("no list")?;
    assert_eq!(listed.len(), 3);
    let own: Vec<bool> = listed.iter().map(|session| session["current"] == true).collect();
    assert_eq!(own, [false, true, false], "the newest first, the second of three asks");
    let id_of_first = listed[2]["id"].as_str().context("no id")?;

    // A revoked session ends at once, for everything.
    let revoke = |person, id: &str| {
        let path = format!("/v1/auth/sessions/{id}");
        let app = &app;
        async move { app.by(person, Method::DELETE, &path, None).await }
    };
    revoke(&stranger, id_of_first).await?.problem(404, "not_found");
    current(&first).await?.expect(200);
    revoke(&second, id_of_first).await?.expect(204);
    current(&first).await?.problem(401, "sign_in").says("GET /v1/auth/nonce");
    app.by(&first, Method::POST, "/v1/works", Some(json!({}))).await?.problem(401, "sign_in");
    for id in [id_of_first, "7", "00000000-0000-0000-0000-000000000000"] {
        revoke(&second, id).await?.problem(404, "not_found");
    }
    revoke(&second, "%00").await?.problem(422, "invalid").says("NUL");

    // Signing out ends one's own session, and tells the browser to remove the cookie.
    let out = app.by(&second, Method::DELETE, "/v1/auth/session", None).await?;
    out.expect(204);
    assert!(out.header(header::SET_COOKIE).starts_with("session=; "), "{:?}", out.headers);
    assert!(out.header(header::SET_COOKIE).contains("Max-Age=0"), "{:?}", out.headers);
    current(&second).await?.problem(401, "sign_in");

    // Time ends a session too.
    assert_eq!(list(&third).await?.expect(200).as_array().map(Vec::len), Some(1));
    sqlx::query("UPDATE sessions SET expires_at = now()").execute(&app.market.pool).await?;
    list(&third).await?.problem(401, "sign_in");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_was_not_given_is_nobody() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    let token = person.cookie.trim_start_matches("session=");
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(hex::decode(token)?));
    let wrong = [
        String::new(),
        "session=".into(),
        format!("session={}", "0".repeat(64)),
        format!("session={}", &token[2..]),
        format!("session={token}00"),
        format!("session={hash}"),
        format!("__Host-session={token}"),
        "session=\u{fc}".into(),
    ];
    for cookie in wrong {
        let request = app.request(Method::GET, "/v1/auth/session").header(header::COOKIE, cookie.as_bytes());
        app.send(request).await?.problem(401, "sign_in");
    }
    // Only the hash of a token is stored.
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT sessions::text FROM sessions").fetch_all(&app.market.pool).await?;
    assert!(stored[0].contains(&hash) && !stored[0].contains(token));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() -> Result<()> {
    let app = App::start().await?;
    let secure = app
        .serve(|state| Arc::make_mut(&mut state.settings).http.public_url = Some("https://tributary.example".into()))
        .await?;
    let signer = testkit::signer(1);

    // Behind HTTPS, the cookie's name begins with `__Host-`. A browser accepts such a cookie, and its removal, only
    // with `Secure` and `Path=/`.
    let mut message = SignInMessage::new(&app, signer.address()).await?;
    message.domain = "tributary.example".into();
    message.uri = "https://tributary.example".into();
    let body = json!({
        "message": message.text(),
        "signature": format!("0x{}", hex::encode(signer.sign_message_sync(message.text().as_bytes())?.as_bytes())),
    });
    let verify = |origin: &'static str| {
        app.request_at(&secure, Method::POST, "/v1/auth/verify").header(header::ORIGIN, origin).json(&body)
    };
    app.send(verify("https://evil.example")).await?.problem(403, "foreign_origin").says("another site");
    let answer = app.send(verify("https://tributary.example")).await?;
    answer.expect(200);
    let request = app.request_at(&secure, Method::DELETE, "/v1/auth/session").header(header::COOKIE, cookie(&answer));
    let removal = app.send(request).await?;
    removal.expect(204);
    for answer in [&answer, &removal] {
        let set = answer.header(header::SET_COOKIE);
        assert!(set.starts_with("__Host-session="), "{set}");
        let mut flags: Vec<&str> = set.split("; ").skip(1).filter(|flag| !flag.starts_with("Expires=")).collect();
        flags.retain(|flag| *flag != "Max-Age=0");
        flags.sort_unstable();
        assert_eq!(flags, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"], "{set}");
    }

    // On plain loopback there is no `Secure`, and everything else is the same.
    let message = SignInMessage::new(&app, signer.address()).await?.text();
    let answer = app.verify(&message, &signer.sign_message_sync(message.as_bytes())?.as_bytes()).await?;
    let set = answer.header(header::SET_COOKIE);
    let mut flags: Vec<&str> = set.split("; ").skip(1).collect();
    flags.sort_unstable();
    assert_eq!(flags, ["HttpOnly", "Path=/", "SameSite=Lax"], "{set}");

    // A page of another site cannot change anything with the cookie.
    let person = Person { signer, cookie: cookie(&answer) };
    let with_origin = |method: Method, path: &str, origin: &str| {
        app.request(method, path).header(header::COOKIE, &person.cookie).header(header::ORIGIN, origin)
    };
    for origin in ["https://evil.example", "null", "http://127.0.0.1", ""] {
        let changes = [
            (Method::POST, "/v1/works"),
            (Method::POST, "/v1/uploads"),
            (Method::POST, "/v1/contributions"),
            (Method::DELETE, "/v1/auth/session"),
        ];
        for (method, path) in changes {
            let request = with_origin(method, path, origin).json(&json!({}));
            app.send(request).await?.problem(403, "foreign_origin").says("another site");
        }
        app.send(with_origin(Method::GET, "/v1/works", origin)).await?.expect(200);
    }
    assert_eq!(app.count("uploads").await?, 0);
    app.send(with_origin(Method::POST, "/v1/uploads", &app.origin).body("bytes")).await?.expect(201);
    Ok(())
}

/// Returns the version of a session's row, and when it was seen.
async fn row(app: &App) -> Result<(String, String)> {
    Ok(sqlx::query_as("SELECT xmin::text || ctid::text, last_seen_at::text FROM sessions")
        .fetch_one(&app.market.pool)
        .await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_does_not_write_the_session() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    let read = || async {
        for path in ["/v1/auth/session", "/v1/auth/sessions", "/v1/works", "/v1/identities"] {
            app.by(&person, Method::GET, path, None).await?.expect(200);
        }
        anyhow::Ok(())
    };
    let write = || app.by(&person, Method::POST, "/v1/works", Some(json!({})));
    let first = row(&app).await?;
    read().await?;
    write().await?.problem(422, "invalid");
    assert_eq!(row(&app).await?, first, "it was seen a moment ago");

    // After some minutes, reads still leave it unchanged. Only the first request that may write updates it.
    sqlx::query("UPDATE sessions SET last_seen_at = now() - interval '6 minutes'").execute(&app.market.pool).await?;
    let old = row(&app).await?;
    read().await?;
    assert_eq!(row(&app).await?, old);
    write().await?.problem(422, "invalid");
    let touched = row(&app).await?;
    assert!(touched.1 > old.1, "{touched:?} {old:?}");
    write().await?.problem(422, "invalid");
    assert_eq!(row(&app).await?, touched);
    Ok(())
}
