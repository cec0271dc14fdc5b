//! A client of the API and of the contracts for one user of the market, who signs in, uploads, registers, lists, buys and
//! claims, over HTTP and through the transaction sender. The demo and the sample catalogue are such users.
//!
//! Every step has a key and may be repeated. What was done before is found and not done again.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    signers::{Signer, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::{Context, Result, bail};
use bindings::{AssetRegistry, Market, Payouts, Registration, Share};
use domain::money::{Amount, COIN};
use reqwest::{Method, StatusCode, header};
use sender::{Intent, Sender, Settled};
use serde_json::{Value, json};
use service::Shutdown;
use store::deployments::Deployment;

const POLL: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Client {
    pub deployment: Deployment,
    pub sender: Sender,
    pub origin: String,
    pub shutdown: Shutdown,
    http: reqwest::Client,
}

/// A signed-in account.
pub struct Session {
    cookie: String,
}

/// Content that the vault holds.
#[derive(Clone, Debug)]
pub struct Stored {
    pub content_hash: B256,
    pub cid: String,
}

/// What is registered.
pub struct Asset<'a> {
    pub kind: &'a str,
    pub content: Stored,
    pub royalty_bps: u16,
    /// Co-owners in basis points; they sum to 10000.
    pub shares: Vec<(Address, u16)>,
    pub parents: Vec<u64>,
    /// Whether anyone may register works made from it, without consent.
    pub open: bool,
    /// One for each parent: nothing if the parent is open, otherwise a licence's id or its owner's signature. May be empty.
    pub consents: Vec<Bytes>,
}

/// A stored order, ready to be filled.
pub struct Listed {
    pub order: bindings::Order,
    pub signature: Bytes,
    pub hash: String,
}

impl Client {
    /// Creates a client for a deployment and the API at `origin`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(deployment: Deployment, sender: Sender, origin: String, shutdown: Shutdown) -> Result<Self> {
        let http = outbound::client().no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { deployment, sender, origin, shutdown, http })
    }

    /// Sends one request, and returns the status and the JSON body of the answer.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        session: Option<&Session>,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.origin));
        if let Some(session) = session {
            request = request.header(header::COOKIE, &session.cookie);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("{path} did not answer"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("the answer of {path} broke off"))?;
        Ok((status, body_of(path, status, text)?))
    }

    /// Gets a path of the API.
    ///
    /// # Errors
    /// When the server does not answer, or the status is not a success. The error has the problem's detail.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let (status, body) = self.request(Method::GET, path, None, None).await?;
        if !status.is_success() {
            bail!("GET {path} answered {status}: {}", detail(&body));
        }
        Ok(body)
    }

    /// Posts to a path of the API.
    ///
    /// # Errors
    /// When the server does not answer, or the status is not a success. The error has the problem's detail.
    pub async fn post(&self, path: &str, session: Option<&Session>, body: Value) -> Result<Value> {
        let (status, body) = self.request(Method::POST, path, session, Some(body)).await?;
        if !status.is_success() {
            bail!("POST {path} answered {status}: {}", detail(&body));
        }
        Ok(body)
    }

    /// Asks again until `ready` finds what is waited for.
    ///
    /// # Errors
    /// When a request fails, when it takes too long, or when the shutdown begins.
    pub async fn wait_for<T>(&self, what: &str, path: &str, ready: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = ready(&self.get(path).await?) {
                return Ok(found);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("waited {} s for {what} at {path}", PATIENCE.as_secs());
            }
            if !self.shutdown.sleep(POLL).await {
                bail!("stopped while waiting for {what}");
            }
        }
    }

    /// Signs in with Ethereum.
    ///
    /// # Errors
    /// When the server does not answer, or refuses the signature.
    pub async fn sign_in(&self, signer: &PrivateKeySigner) -> Result<Session> {
        let nonce = self.get("/v1/auth/nonce").await?["nonce"].as_str().context("no nonce")?.to_owned();
        let domain = self.origin.split("://").nth(1).unwrap_or(&self.origin);
        let message = format!(
            "{domain} wants you to sign in with your Ethereum account:\n{}\n\nSign in to Tributary.\n\nURI: {}\nVersion: 1\n\
             Chain ID: {}\nNonce: {nonce}\nIssued At: {}",
            signer.address().to_checksum(None),
            self.origin,
            self.deployment.chain_id,
            chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
        let signature = signer.sign_message(message.as_bytes()).await?;
        let response = self
            .http
            .post(format!("{}/v1/auth/verify", self.origin))
            .json(&json!({"message": message, "signature": Bytes::from(signature.as_bytes().to_vec())}))
            .send()
            .await?;
        let cookie =
            response.headers().get(header::SET_COOKIE).and_then(|cookie| cookie.to_str().ok()).map(str::to_owned);
        if !response.status().is_success() {
            bail!("sign-in was refused: {}", response.text().await.context("the refusal of a sign-in broke off")?);
        }
        let cookie = cookie.context("sign-in set no cookie")?.split(';').next().unwrap_or_default().to_owned();
        Ok(Session { cookie })
    }

    /// Uploads bytes, and returns their content hash and CID.
    ///
    /// # Errors
    /// When the server does not answer, or refuses the upload.
    pub async fn upload(&self, session: &Session, bytes: Vec<u8>) -> Result<Stored> {
        let response = self
            .http
            .post(format!("{}/v1/uploads", self.origin))
            .header(header::COOKIE, &session.cookie)
            .body(bytes)
            .send()
            .await?
            .error_for_status()?;
        let upload: Value = response.json().await?;
        Ok(Stored {
            content_hash: upload["contentHash"].as_str().context("an upload without a content hash")?.parse()?,
            cid: upload["cid"].as_str().context("an upload without a CID")?.to_owned(),
        })
    }

    /// Describes an upload as a work of the session's account, and returns its id.
    ///
    /// # Errors
    /// When the server does not answer, or refuses the work.
    pub async fn describe(
        &self,
        session: &Session,
        kind: &str,
        title: &str,
        about: &str,
        content: &Stored,
    ) -> Result<String> {
        let (status, works) = self.request(Method::GET, "/v1/works?limit=200", Some(session), None).await?;
        if !status.is_success() {
            bail!("GET /v1/works answered {status}: {}", detail(&works));
        }
        let known = works["items"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|work| work["contentHash"].as_str() == Some(&content.content_hash.to_string()));
        if let Some(work) = known {
            return Ok(work["id"].as_str().context("a work without id")?.to_owned());
        }
        let body = json!({"kind": kind, "title": title, "description": about, "contentHash": content.content_hash});
        let work = self.post("/v1/works", Some(session), body).await?;
        Ok(work["id"].as_str().context("a work without id")?.to_owned())
    }

    /// Sends a transaction, once under its key, and waits until it is mined.
    ///
    /// # Errors
    /// When the chain refuses the transaction, when the database or the node fails, or when the shutdown begins.
    pub async fn send(
        &self,
        key: &str,
        from: &PrivateKeySigner,
        to: Address,
        value: U256,
        data: Vec<u8>,
    ) -> Result<Settled> {
        let intent = Intent { account: from.address(), key: key.to_owned(), to: Some(to), value, data: data.into() };
        Ok(self.sender.send(&intent, &self.shutdown).await?)
    }

    /// Registers a work on chain, waits until the mirror shows it, and returns its id.
    ///
    /// # Errors
    /// When the kind is unknown, when the transaction fails, or when the mirror does not show the asset in time.
    pub async fn register(&self, key: &str, from: &PrivateKeySigner, asset: &Asset<'_>) -> Result<u64> {
        let mut shares = asset.shares.clone();
        shares.sort_unstable();
        let registration = Registration {
            to: from.address(),
            kind: bindings::kind_number(asset.kind).context("no such kind")?,
            open: asset.open,
            contentHash: asset.content.content_hash,
            cid: asset.content.cid.clone(),
            royaltyBps: asset.royalty_bps,
            shares: shares.into_iter().map(|(account, bps)| Share { account, bps }).collect(),
            parents: asset.parents.iter().map(|parent| U256::from(*parent)).collect(),
            consents: asset.consents.clone(),
        };
        let call = AssetRegistry::registerCall { registration }.abi_encode();
        self.send(key, from, self.deployment.asset_registry, U256::ZERO, call).await?;
        let path = format!("/v1/assets?contentHash={}", asset.content.content_hash);
        self.wait_for("the registered asset", &path, |found| found["items"][0]["id"].as_str()?.parse().ok()).await
    }

    /// Lets the market move an account's assets.
    ///
    /// # Errors
    /// When the transaction fails.
    pub async fn approve(&self, key: &str, owner: &PrivateKeySigner) -> Result<()> {
        let approve =
            AssetRegistry::setApprovalForAllCall { operator: self.deployment.market, approved: true }.abi_encode();
        self.send(key, owner, self.deployment.asset_registry, U256::ZERO, approve).await?;
        Ok(())
    }

    /// Signs a fixed-price sell order for the chain's own coin, as the owner after `transfers` transfers.
    ///
    /// Everything in the order follows from the asset, so that the same step again gives the same order.
    ///
    /// # Errors
    /// When the asset is unknown, or the owner cannot sign.
    pub async fn offer(&self, owner: &PrivateKeySigner, asset: u64, transfers: u64, price: U256) -> Result<Listed> {
        let detail = self.get(&format!("/v1/assets/{asset}")).await?;
        let registered: chrono::DateTime<chrono::Utc> =
            detail["registeredAt"].as_str().context("an asset without a time")?.parse()?;
        let start = registered.timestamp() as u64;
        let order = bindings::Order {
            maker: owner.address(),
            side: 0,
            assetId: U256::from(asset),
            assetEpoch: transfers,
            currency: Address::ZERO,
            startPrice: price,
            endPrice: price,
            startTime: start,
            endTime: start + 365 * 86_400,
            taker: Address::ZERO,
            nonce: U256::from(asset) + (U256::from(transfers) << 64),
            makerEpoch: 0,
            maxFeeBps: 200,
            minNet: U256::ZERO,
        };
        let hash = bindings::order_hash(&order, self.deployment.chain_id.0, self.deployment.market);
        let signature = Bytes::from(owner.sign_hash(&hash).await?.as_bytes().to_vec());
        Ok(Listed { order, signature, hash: hash.to_string() })
    }

    /// Approves the market, signs a fixed-price sell order for the chain's own coin, and stores it.
    ///
    /// # Errors
    /// When the approval fails, or the server refuses the order.
    pub async fn list(
        &self,
        key: &str,
        owner: &PrivateKeySigner,
        asset: u64,
        transfers: u64,
        price: U256,
    ) -> Result<Listed> {
        self.approve(&format!("{key}:approve"), owner).await?;
        let listed = self.offer(owner, asset, transfers, price).await?;
        let order = &listed.order;
        let body = json!({
            "order": {
                "maker": order.maker.to_checksum(None), "side": "SELL", "assetId": asset.to_string(),
                "assetEpoch": order.assetEpoch, "currency": Address::ZERO, "startPrice": price.to_string(),
                "endPrice": price.to_string(), "startTime": order.startTime, "endTime": order.endTime,
                "taker": Address::ZERO, "nonce": order.nonce.to_string(), "makerEpoch": 0, "maxFeeBps": 200, "minNet": "0",
            },
            "signature": listed.signature,
        });
        let stored = self.post("/v1/orders", None, body).await?;
        if stored["hash"].as_str() != Some(&listed.hash) {
            bail!("the server hashed the order as {}, we as {}", stored["hash"], listed.hash);
        }
        Ok(listed)
    }

    /// Fills an order with the chain's own coin.
    ///
    /// # Errors
    /// When the transaction fails.
    pub async fn fill(&self, key: &str, buyer: &PrivateKeySigner, listed: &Listed) -> Result<Settled> {
        let price = listed.order.startPrice;
        let call = Market::fillCall { order: listed.order.clone(), signature: listed.signature.clone(), limit: price }
            .abi_encode();
        self.send(key, buyer, self.deployment.market, price, call).await
    }

    /// Fills a stored order and waits until the mirror has it.
    ///
    /// # Errors
    /// When the transaction fails, or the mirror does not show the sale in time.
    pub async fn buy(&self, key: &str, buyer: &PrivateKeySigner, listed: &Listed) -> Result<Settled> {
        let settled = self.fill(key, buyer, listed).await?;
        let path = format!("/v1/orders/{}", listed.hash);
        self.wait_for("the sale", &path, |order| (order["state"] == "filled").then_some(())).await?;
        Ok(settled)
    }

    /// Claims what the API says an account can claim in the chain's own coin. `None` when there is nothing to claim.
    ///
    /// # Errors
    /// When the server does not answer, or the transaction fails.
    pub async fn claim(&self, key: &str, account: &PrivateKeySigner) -> Result<Option<Settled>> {
        let path = format!("/v1/accounts/{}/earnings", account.address());
        let earnings = self.get(&path).await?;
        let own =
            earnings.as_array().into_iter().flatten().find(|one| one["currency"] == Address::ZERO.to_checksum(None));
        let Some(claim) = own.map(|own| &own["claim"]).filter(|claim| claim.is_object()) else { return Ok(None) };
        let cumulative = amount(claim, "cumulative")?;
        let call = Payouts::claimCall {
            account: account.address(),
            token: Address::ZERO,
            cumulative,
            proof: serde_json::from_value(claim["proof"].clone())?,
        };
        let key = format!("{key}:{cumulative}");
        let settled = self.send(&key, account, self.deployment.payouts, U256::ZERO, call.abi_encode()).await?;
        self.wait_for("the claim", &path, |earnings| {
            let claimed = earnings.as_array()?.iter().find(|one| one["currency"] == Address::ZERO.to_checksum(None))?;
            (claimed["claimable"] == "0").then_some(())
        })
        .await?;
        Ok(Some(settled))
    }
}

/// Reads the body of an answer. What a proxy says is no JSON: as a refusal it is passed on as it is, and as an answer it is none.
fn body_of(path: &str, status: StatusCode, text: String) -> Result<Value> {
    match serde_json::from_str(&text) {
        Ok(body) => Ok(body),
        Err(_) if text.is_empty() || !status.is_success() => Ok(Value::String(text)),
        Err(error) => Err(error).with_context(|| format!("the answer of {path} is not JSON: {text:.200}")),
    }
}

/// What a refusal says: its detail when it is a problem of ours, and otherwise all of it.
fn detail(refusal: &Value) -> String {
    refusal["detail"].as_str().map_or_else(|| format!("{:.200}", refusal.to_string()), str::to_owned)
}

/// Thousandths of an ether, in wei.
pub fn milliether(thousandths: u64) -> U256 {
    U256::from(thousandths) * U256::from(10).pow(U256::from(COIN.decimals - 3))
}

/// An amount in an answer of the API, in base units.
///
/// # Errors
/// When the field is not there, or holds anything but an amount.
pub fn amount(answer: &Value, field: &str) -> Result<U256> {
    let text = answer[field].as_str().with_context(|| format!("the answer has no amount `{field}`: {answer}"))?;
    Ok(text.parse::<Amount>().with_context(|| format!("the answer's `{field}`"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_amount_is_not_zero() {
        let answer = json!({"paid": "7", "empty": "", "number": 7, "grouped": "1_000"});
        assert_eq!(amount(&answer, "paid").ok(), Some(U256::from(7)));
        for field in ["empty", "number", "grouped", "missing"] {
            assert!(amount(&answer, field).is_err(), "{field}");
        }
        assert_eq!(milliether(1_500), U256::from(1_500_000_000_000_000_000_u64));
    }

    #[test]
    fn a_refusal_says_why_even_when_a_proxy_gives_it() {
        let refused = |text: &str| body_of("/v1/works", StatusCode::BAD_GATEWAY, text.to_owned()).unwrap();
        assert_eq!(detail(&refused(r#"{"detail": "Try again."}"#)), "Try again.");
        assert_eq!(detail(&refused(r#"{"error": "overloaded"}"#)), r#"{"error":"overloaded"}"#);
        assert_eq!(detail(&refused("<h1>Bad gateway</h1>")), r#""<h1>Bad gateway</h1>""#);
        let answered = |text: &str| body_of("/v1/works", StatusCode::OK, text.to_owned());
        assert_eq!(answered(r#"{"items": []}"#).unwrap(), json!({"items": []}));
        let error = answered("<h1>Welcome</h1>").unwrap_err().to_string();
        assert_eq!(error, "the answer of /v1/works is not JSON: <h1>Welcome</h1>");
    }
}
