//! Signing in with Ethereum: who gets a session, and why others do not get one.

use alloy::{
    primitives::{Address, B256, Bytes, Signature, address},
    providers::Provider,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolValue,
};
use anyhow::Result;
use chrono::{Duration, Utc};
use reqwest::{Method, header};
use serde_json::json;

use crate::app::{App, SignInMessage, cookie};

fn sign(signer: &PrivateKeySigner, message: &str) -> Result<Signature> {
    Ok(signer.sign_message_sync(message.as_bytes())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_opens_a_session() -> Result<()> {
    let app = App::start().await?;
    let signer = testkit::signer(1);
    let message = SignInMessage::new(&app, signer.address()).await?.text();
    let signature = sign(&signer, &message)?;
    let request = app
        .request(Method::POST, "/v1/auth/verify")
        .header(header::USER_AGENT, "a browser")
        .json(&json!({"message": message, "signature": format!("0x{}", hex::encode(signature.as_bytes()))}));
    let answer = app.send(request).await?;
    let session = answer.expect(200);
    assert_eq!(session["account"], signer.address().to_checksum(None));
    assert_eq!(session["caip10"], format!("eip155:31337:{}", signer.address().to_checksum(None)));
    assert_eq!(session["userAgent"], "a browser");
    assert_eq!(session["current"], true);
    let request = app.request(Method::GET, "/v1/auth/session").header(header::COOKIE, cookie(&answer));
    assert_eq!(app.send(request).await?.expect(200)["id"], session["id"]);

    // The short form of a signature (ERC-2098) is accepted too. Expiry and not-before are respected.
    let mut message = SignInMessage::new(&app, signer.address()).await?;
    message.expires = Some(Utc::now() + Duration::hours(1));
    message.not_before = Some(Utc::now() - Duration::hours(1));
    let short = sign(&signer, &message.text())?.as_erc2098();
    app.verify(&message.text(), &short).await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_signs_in_by_its_own_rule() -> Result<()> {
    let app = App::start().await?;
    let key = testkit::signer(1);
    let account = Address::repeat_byte(0x12);
    testkit::contract_account(&app.market.chain, account, key.address()).await?;

    let message = SignInMessage::new(&app, account).await?.text();
    let answer = app.verify(&message, &sign(&key, &message)?.as_bytes()).await?;
    assert_eq!(answer.expect(200)["account"], account.to_checksum(None));

    // A signer whom the contract refuses, a contract that cannot answer, and an account without code.
    let registry = app.market.deployment.asset_registry;
    for (account, signer) in [(account, 2), (registry, 1), (Address::repeat_byte(0x34), 1)] {
        let message = SignInMessage::new(&app, account).await?.text();
        let answer = app.verify(&message, &sign(&testkit::signer(signer), &message)?.as_bytes()).await?;
        answer.problem(401, "sign_in_refused").says("not by the account");
    }
    assert_eq!(app.count("sessions").await?, 1);
    Ok(())
}

/// The grammar of EIP-4361, production by production, each as a wallet may send it.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_grammar_allows_is_accepted_as_it_was_signed() -> Result<()> {
    let app = App::start().await?;
    let signer = testkit::signer(1);
    type Change = fn(&str, &str) -> String;
    let changes: [(&str, Change); 15] = [
        ("no statement", |text, _| text.replace("Sign in.\n\n", "\n")),
        ("an empty statement", |text, _| text.replace("Sign in.", "")),
        ("a statement of odd characters", |text, _| text.replace("Sign in.", "~!@#$&'()*+,;=:/?[]-._ Sign: in")),
        ("a statement like a field", |text, _| text.replace("Sign in.", "URI: https://evil.example")),
        ("a scheme", |text, _| format!("http://{text}")),
        ("a scheme in capitals", |text, _| format!("HTTP://{text}")),
        ("a lower-case address", |text, account| text.replace(account, &account.to_lowercase())),
        ("an upper-case address", |text, account| {
            text.replace(account, &account.to_uppercase().replacen("0X", "0x", 1))
        }),
        ("an address with capitals anywhere", |text, account| {
            let flipped = account[2..]
                .chars()
                .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
            text.replace(account, &format!("0x{}", flipped.collect::<String>()))
        }),
        ("a time with a fraction and an offset", |text, _| {
            let (head, _) = text.split_once("Issued At: ").unwrap();
            format!("{head}Issued At: 2026-01-02T03:04:05.678901+05:30")
        }),
        ("a request id", |text, _| format!("{text}\nRequest ID: a-b_c.d~e%20f!g")),
        ("an empty request id", |text, _| format!("{text}\nRequest ID: ")),
        ("no resources in a list", |text, _| format!("{text}\nResources:")),
        ("resources", |text, _| format!("{text}\nResources:\n- ipfs://bafy\n- https://example.org/a?b=c#d\n- urn:a:b")),
        ("every field", |text, _| {
            format!(
                "{text}\nExpiration Time: 2999-01-01T00:00:00Z\nNot Before: 2020-01-01T00:00:00Z\nRequest ID: 7\nResources:\n- did:a:b"
            )
        }),
    ];
    for (name, change) in changes {
        let message = SignInMessage::new(&app, signer.address()).await?;
        let text = change(&message.text(), &message.account.to_checksum(None));
        let answer = app.verify(&text, &sign(&signer, &text)?.as_bytes()).await?;
        assert_eq!(answer.status, 200, "{name}: {text}\n{}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(answer.expect(200)["account"], signer.address().to_checksum(None), "{name}");
    }
    // Hardware wallets end a signature in 0 or 1.
    let text = SignInMessage::new(&app, signer.address()).await?.text();
    let mut signature = sign(&signer, &text)?.as_bytes();
    signature[64] -= 27;
    app.verify(&text, &signature).await?.expect(200);
    // What was signed is what counts: the same message in other words was not signed.
    let message = SignInMessage::new(&app, signer.address()).await?;
    let lower_case = message.text().replace(&message.account.to_checksum(None), &format!("{:#x}", message.account));
    let answer = app.verify(&lower_case, &sign(&signer, &message.text())?.as_bytes()).await?;
    answer.problem(401, "sign_in_refused").says("not by the account");
    Ok(())
}

/// The account of a wallet that is deployed with its first transaction (ERC-6492).
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_signs_in_before_it_is_deployed() -> Result<()> {
    // The deterministic deployment proxy, which a local chain has: it creates what follows the salt.
    const FACTORY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
    let app = App::start().await?;
    let (key, stranger) = (testkit::signer(1), testkit::signer(2));
    let runtime = testkit::contract_account_code(key.address());
    let length = u16::try_from(runtime.len())?.to_be_bytes();
    // Copies the code that follows, and returns it.
    let mut creation = vec![0x61, length[0], length[1], 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3];
    creation.extend(&runtime);
    let salt = B256::repeat_byte(7);
    let account = FACTORY.create2_from_code(salt, &creation);
    let call = [salt.as_slice(), &creation].concat();
    let wrapped = |factory: Address, call: &[u8], signature: &[u8]| {
        let parts = (factory, Bytes::copy_from_slice(call), Bytes::copy_from_slice(signature));
        [parts.abi_encode_params(), [0x64, 0x92].repeat(16)].concat()
    };
    let text = SignInMessage::new(&app, account).await?.text();
    let signature = sign(&key, &text)?.as_bytes();
    let of_a_stranger = wrapped(FACTORY, &call, &sign(&stranger, &text)?.as_bytes());
    let of_another_account = wrapped(FACTORY, &[[1; 32].as_slice(), &creation].concat(), &signature);
    let without_factory = wrapped(stranger.address(), &call, &signature);
    let cut = [[0xff; 40].as_slice(), &[0x64, 0x92].repeat(16)].concat();
    for bad in
        [&of_a_stranger, &of_another_account, &without_factory, &cut, &[0x64, 0x92].repeat(16), &signature.to_vec()]
    {
        app.verify(&text, bad).await?.problem(401, "sign_in_refused").says("not by the account");
    }
    let answer = app.verify(&text, &wrapped(FACTORY, &call, &signature)).await?;
    assert_eq!(answer.expect(200)["account"], account.to_checksum(None));
    let node = &app.market.chain.provider;
    assert!(node.get_code_at(account).await?.is_empty(), "the check leaves nothing behind");

    // Once it is deployed, wallets may go on to send the same form.
    testkit::contract_account(&app.market.chain, account, key.address()).await?;
    let text = SignInMessage::new(&app, account).await?.text();
    let signature = sign(&key, &text)?.as_bytes();
    app.verify(&text, &wrapped(FACTORY, &call, &signature)).await?.expect(200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_for_here_and_now_is_refused_with_the_reason() -> Result<()> {
    let app = App::start().await?;
    let signer = testkit::signer(1);
    type Change = fn(&mut SignInMessage);
    let cases: [(&str, Change, &str); 9] = [
        ("another domain", |m| m.domain = "evil.example".into(), "The message is for evil.example, this is 127.0.0.1"),
        ("another port", |m| m.domain = "127.0.0.1:1".into(), "The message is for 127.0.0.1:1, this is"),
        ("a domain that begins like ours", |m| m.domain.push_str(".evil.example"), "The message is for 127.0.0.1"),
        ("another scheme", |m| m.domain.insert_str(0, "https://"), "The message is for https://127.0.0.1"),
        ("another chain", |m| m.chain_id = 1, "for chain 1, this is chain 31337"),
        ("expired", |m| m.expires = Some(Utc::now() - Duration::seconds(2)), "expired or is not valid yet"),
        ("not yet valid", |m| m.not_before = Some(Utc::now() + Duration::hours(1)), "expired or is not valid yet"),
        ("a nonce of somebody else", |m| m.nonce = "0123456789abcdef".into(), "Ask for a new one"),
        ("another's account", |m| m.account = testkit::account(2), "not by the account in the message"),
    ];
    for (name, change, reason) in cases {
        let mut message = SignInMessage::new(&app, signer.address()).await?;
        change(&mut message);
        let answer = app.verify(&message.text(), &sign(&signer, &message.text())?.as_bytes()).await?;
        answer.problem(401, "sign_in_refused").says(reason);
        assert!(!answer.headers.contains_key(header::SET_COOKIE), "{name}");
    }

    // The nonce is too old.
    let message = SignInMessage::new(&app, signer.address()).await?.text();
    sqlx::query("UPDATE siwe_nonces SET expires_at = now()").execute(&app.market.pool).await?;
    let answer = app.verify(&message, &sign(&signer, &message)?.as_bytes()).await?;
    answer.problem(401, "sign_in_refused").says("Ask for a new one");
    assert_eq!(app.count("sessions").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_signs_in_once_even_when_sent_at_once() -> Result<()> {
    let app = App::start().await?;
    let signer = testkit::signer(1);
    let message = SignInMessage::new(&app, signer.address()).await?.text();
    let signature = sign(&signer, &message)?.as_bytes();
    let answers = futures::future::try_join_all((0..8).map(|_| app.verify(&message, &signature))).await?;
    let (opened, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
    assert_eq!(opened.len(), 1);
    for answer in refused {
        answer.problem(401, "sign_in_refused").says("used before");
    }
    app.verify(&message, &signature).await?.problem(401, "sign_in_refused").says("used before");
    assert_eq!(app.count("sessions").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_or_signature_is_named() -> Result<()> {
    let app = App::start().await?;
    let signer = testkit::signer(1);
    let good = SignInMessage::new(&app, signer.address()).await?;
    let text = good.text();
    let signature = format!("0x{}", hex::encode(sign(&signer, &text)?.as_bytes()));
    let messages = [
        "".to_owned(),
        "Let me in".to_owned(),
        format!("{text}\n"),
        format!("\0{text}"),
        text.replace("Version: 1", "Version: 2"),
        text.replace("Chain ID: 31337", "Chain ID: many"),
        text.replace(&good.nonce, "short"),
        text.replace(&good.nonce, "a\0aaaaaaaaaaaa"),
        text.replace("Sign in.", "Sign\tin."),
        text.replace("Version: 1\n", ""),
        format!("{text}\nResources:\n- not a URI"),
        text.replace(&good.account.to_checksum(None), "0x1234"),
    ];
    for message in messages {
        let answer = app.post("/v1/auth/verify", &json!({"message": message, "signature": signature})).await?;
        answer.problem(422, "invalid").field("message", "is not a sign-in message of EIP-4361");
    }
    let answer = app.post("/v1/auth/verify", &json!({"message": text.repeat(100), "signature": signature})).await?;
    answer.problem(422, "invalid").field("message", "has at most 16384 bytes");
    let too_long = format!("0x{}", "00".repeat(4097));
    for bad in ["not hex", "0x123", "0x0x1234", too_long.as_str()] {
        let answer = app.post("/v1/auth/verify", &json!({"message": text, "signature": bad})).await?;
        answer.problem(422, "invalid").field("signature", "is not hex of at most 4096 bytes");
    }
    // These are hex but not signatures: empty, cut, all zeros, or with a last byte that no wallet sends.
    let mut other_v = sign(&signer, &text)?.as_bytes();
    other_v[64] = 2;
    for bad in [&[][..], &[7; 64], &[0; 65], &[9; 66], &other_v] {
        app.verify(&text, bad).await?.problem(401, "sign_in_refused").says("not by the account");
    }
    for body in
        [json!({"message": text}), json!({"signature": signature}), json!([]), json!({"message": 1, "signature": 2})]
    {
        app.post("/v1/auth/verify", &body).await?.problem(422, "invalid");
    }
    let form = app.request(Method::POST, "/v1/auth/verify").header(header::CONTENT_TYPE, "text/plain").body("{}");
    app.send(form).await?.problem(415, "media_type").says("Content-Type: application/json");
    assert_eq!(app.count("sessions").await?, 0);
    // None of these used up the nonce.
    app.verify(&text, &sign(&signer, &text)?.as_bytes()).await?.expect(200);
    Ok(())
}
