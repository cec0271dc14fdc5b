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

use crate::app::{Answer, App, Person, UPLOAD_LIMIT, Work, random_hash};

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
    // A client that is still sending when it is refused sees why.
    let sizes = [UPLOAD_LIMIT + 1, 8 * UPLOAD_LIMIT];
    for body in sizes.into_iter().flat_map(|size| [Body::from(bytes(size)), pieces(size)]) {
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

/// Sends a request for content with some headers.
async fn fetch(app: &App, method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> Result<Answer> {
    let request = headers.iter().fold(app.request(method, path), |request, (name, value)| request.header(name, *value));
    app.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_content_is_given_when_a_range_is_asked_for() -> Result<()> {
    let app = App::start().await?;
    // More than one block.
    let all = bytes(300_000);
    let upload = app.upload(&app.person(1).await?, all.clone()).await?;
    let path = format!("/v1/content/{}", upload["cid"].as_str().context("no CID")?);
    let head = fetch(&app, Method::HEAD, &path, &[]).await?;
    head.expect(200);
    assert_eq!((head.header(header::CONTENT_LENGTH), head.bytes.len()), ("300000", 0));
    assert_eq!(head.header(header::ACCEPT_RANGES), "bytes");
    let tag = head.header(header::ETAG);

    let parts: [(&str, std::ops::Range<usize>); 7] = [
        ("bytes=0-0", 0..1),
        ("bytes=262100-262200", 262_100..262_201),
        ("bytes=299999-", 299_999..300_000),
        ("bytes=-5", 299_995..300_000),
        ("bytes=10-999999999", 10..300_000),
        ("bytes=-999999999", 0..300_000),
        ("Bytes=7-8", 7..9),
    ];
    for (range, expected) in parts {
        let answer = fetch(&app, Method::GET, &path, &[(header::RANGE, range), (header::IF_RANGE, tag)]).await?;
        answer.expect(206);
        assert_eq!(answer.bytes, all[expected.clone()], "{range}");
        let said = format!("bytes {}-{}/300000", expected.start, expected.end - 1);
        assert_eq!(answer.header(header::CONTENT_RANGE), said, "{range}");
        assert_eq!(answer.header(header::CONTENT_LENGTH), expected.len().to_string(), "{range}");
    }
    for range in ["bytes=300000-", "bytes=999999-1000000", "bytes=-0"] {
        let answer = fetch(&app, Method::GET, &path, &[(header::RANGE, range)]).await?;
        answer.problem(416, "range").says("300000 bytes");
        assert_eq!(answer.header(header::CONTENT_RANGE), "bytes */300000");
    }
    // The whole is the answer to what is not one range of this content.
    for (range, of) in [
        ("bytes=0-1,5-6", tag),
        ("lines=1-2", tag),
        ("bytes=x", tag),
        ("bytes=9-5", tag),
        ("bytes=1-x", tag),
        ("bytes=-", tag),
        ("bytes=0-1", "\"other\""),
    ] {
        let answer = fetch(&app, Method::GET, &path, &[(header::RANGE, range), (header::IF_RANGE, of)]).await?;
        answer.expect(200);
        assert_eq!(answer.bytes.len(), 300_000, "{range}");
    }
    // Who has the content gets nothing, however the tag is written.
    let weak = format!("W/{tag}");
    for known in [tag, &weak, "*", &format!("\"a\", {weak}, \"b\"")] {
        fetch(&app, Method::GET, &path, &[(header::IF_NONE_MATCH, known)]).await?.expect(304);
    }
    for unknown in ["\"a\"", "W/\"a\", \"b\"", "nonsense"] {
        fetch(&app, Method::GET, &path, &[(header::IF_NONE_MATCH, unknown)]).await?.expect(200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn content_has_the_type_that_it_shows_and_is_no_page() -> Result<()> {
    let app = App::start().await?;
    let person = app.person(1).await?;
    let kinds: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"Level,flow\n1,2\n", "text/plain; charset=utf-8"),
        (b"<html><script>alert(1)</script>", "text/plain; charset=utf-8"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml"),
    ];
    for (bytes, expected) in kinds {
        let upload = app.upload(&person, bytes.to_vec()).await?;
        let answer = app.get(&format!("/v1/content/{}", upload["cid"].as_str().context("no CID")?)).await?;
        assert_eq!(answer.header(header::CONTENT_TYPE), expected);
        assert_eq!(answer.header(header::CONTENT_DISPOSITION), "attachment");
        assert!(answer.header(header::CONTENT_SECURITY_POLICY).starts_with("sandbox; default-src 'none'"));
        assert_eq!(answer.header(header::HeaderName::from_static("cross-origin-resource-policy")), "cross-origin");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_may_ask_but_never_as_somebody() -> Result<()> {
    let app = App::start().await?;
    let asked = app.request(Method::OPTIONS, "/v1/content/x").header(header::ORIGIN, "https://other.example");
    let asked = asked
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "range");
    let answer = app.send(asked).await?;
    answer.expect(200);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS), "*");
    assert!(answer.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("GET"));
    let plain = fetch(&app, Method::GET, "/v1/market", &[(header::ORIGIN, "https://other.example")]).await?;
    plain.expect(200);
    assert_eq!(plain.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(plain.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("content-range"));
    assert!(
        !plain.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS),
        "no cookie comes with such a request"
    );
    Ok(())
}
