//! Content is stored completely or not at all, and is returned unchanged.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::stream;
use reqwest::{Body, Method, header};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::app::{App, Person, UPLOAD_LIMIT, Work, random_hash};

fn bytes(length: u64) -> Vec<u8> {
    (0..length).map(|place| (place * place / 7) as u8).collect()
}

/// Returns a body that is sent in pieces, without a length.
fn pieces(length: u64) -> Body {
    let pieces: Vec<_> = bytes(length).chunks(10_000).map(<[u8]>::to_vec).map(Ok::<_, std::io::Error>).collect();
    Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_back_equal_by_their_cid() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    // No bytes, one byte, one whole block, a block and a byte, and the largest upload.
    for (length, cid) in [
        (0, Some("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")),
        (1, None),
        (262_144, None),
        (262_145, None),
        (UPLOAD_LIMIT, None),
    ] {
        let upload = app.upload(&person, bytes(length)).await?;
        let hash = format!("0x{}", hex::encode(Sha256::digest(bytes(length))));
        assert_eq!(upload["contentHash"], hash);
        assert_eq!(upload["size"], length);
        assert!(upload.get("assetId").is_none(), "{upload}");
        if let Some(cid) = cid {
            assert_eq!(upload["cid"], cid);
        }
        assert_eq!(app.upload(&person, pieces(length)).await?, upload, "again, in pieces");

        let path = format!("/v1/content/{}", upload["cid"].as_str().context("no CID")?);
        let answer = app.get(&path).await?;
        answer.expect(200);
        assert_eq!(answer.bytes, bytes(length));
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/octet-stream");
        assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));

        let tag = answer.header(header::ETAG);
        let again = app.send(app.request(Method::GET, &path).header(header::IF_NONE_MATCH, tag)).await?;
        again.expect(304);
        assert!(again.bytes.is_empty());
        assert_eq!(again.header(header::ETAG), tag);
        let changed = app.send(app.request(Method::GET, &path).header(header::IF_NONE_MATCH, "\"other\"")).await?;
        changed.expect(200);
    }
    assert_eq!(app.count("uploads").await?, 5);

    // An upload of the same bytes by another account belongs to that account. If the bytes are registered,
    // the answer names the asset.
    let other = app.person(2).await?;
    let upload = app.upload(&person, "the work").await?;
    assert_eq!(app.upload(&other, "the work").await?, upload);
    assert_eq!(app.count("uploads").await?, 7);
    let content_hash = upload["contentHash"].as_str().context("no hash")?.parse()?;
    let asset = app.register(other.address(), Work { content_hash, ..Work::new() }).await?;
    assert_eq!(app.upload(&person, "the work").await?["assetId"], asset.to_string());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_cut_off_or_nobodys_leaves_nothing() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    let upload = || app.request(Method::POST, "/v1/uploads").header(header::COOKIE, &person.cookie);
    // The bodies are close to the limit, because a client that is still sending when the answer comes may not
    // see it.
    for body in [Body::from(bytes(UPLOAD_LIMIT + 1)), pieces(UPLOAD_LIMIT + 1)] {
        let answer = app.send(upload().body(body)).await?;
        answer.problem(413, "too_large").says("at most 1048576 bytes");
    }
    let nobody = app.request(Method::POST, "/v1/uploads").body(bytes(10));
    app.send(nobody).await?.problem(401, "sign_in");

    // The upload is cut off: the sender ends its side half way and still listens, or is gone.
    let answer = cut_off(&app, &person, true).await?;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(r#""code":"cut_off""#), "{answer}");
    assert!(answer.contains("Nothing was recorded; send it again"), "{answer}");
    cut_off(&app, &person, false).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(app.count("uploads").await?, 0);

    // The server accepts the next upload all the same.
    app.upload(&person, bytes(10)).await?;
    Ok(())
}

/// Sends half of an upload, and returns the answer if it waits for one.
async fn cut_off(app: &App, person: &Person, wait: bool) -> Result<String> {
    let host = app.origin.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await?;
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nContent-Length: 600000\r\n\r\n",
        person.cookie
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&bytes(300_000)).await?;
    let mut answer = String::new();
    if wait {
        connection.shutdown().await?;
        connection.read_to_string(&mut answer).await?;
    }
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_or_unknown_is_said_to_be() -> Result<()> {
    let app = App::start().await?;
    let cid = app.upload(&app.person(1).await?, "here").await?["cid"].as_str().context("no CID")?.to_owned();
    let cut = &cid[..cid.len() - 1];
    for bad in ["nonsense", "%00", "..%2f..%2fCargo.toml", cut, &cid.to_uppercase(), &random_hash().to_string(), "%ff"]
    {
        let answer = app.get(&format!("/v1/content/{bad}")).await?;
        answer.problem(422, "invalid");
    }
    let unknown = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
    app.get(&format!("/v1/content/{unknown}")).await?.problem(404, "not_found").says(unknown);
    app.get(&format!("/v1/content/{cid}")).await?.expect(200);
    Ok(())
}
