//! One market, mirrored and served, from which every test of the API starts. Chain, contracts, database, mirror,
//! vault, HTTP and signatures are real.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use advisors::risk::Memory;
use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::Provider,
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use anyhow::{Context, Result, ensure};
use backend::AppState;
use bindings::{AssetRegistry, Registration, Share};
use indexer::Indexer;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use service::{Finality, Settings};
use store::lineage;
use tempfile::TempDir;
use testkit::Market;
use tokio::{net::TcpListener, sync::Mutex};
use vault::{DiskStore, Vault};

/// The largest upload of the servers under test.
pub const UPLOAD_LIMIT: u64 = 1 << 20;

pub struct App {
    pub market: Market,
    pub state: AppState,
    pub origin: String,
    indexer: Mutex<Indexer>,
    http: Client,
    _content: TempDir,
}

/// Someone with a key and a session.
pub struct Person {
    pub signer: PrivateKeySigner,
    pub cookie: String,
}

impl Person {
    pub fn address(&self) -> Address {
        self.signer.address()
    }
}

/// A work as it is put on chain. It belongs to whoever registers it.
pub struct Work {
    pub content_hash: B256,
    pub kind: &'static str,
    pub cid: String,
    pub royalty_bps: u16,
    pub parents: Vec<u64>,
}

impl Work {
    /// Creates a piece of code that nobody else has.
    pub fn new() -> Self {
        let content_hash = random_hash();
        Self { content_hash, kind: "CODE", cid: format!("bafk{content_hash:x}"), royalty_bps: 500, parents: vec![] }
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub bytes: bytes::Bytes,
}

impl Answer {
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// Asserts the status of an answer, and returns its body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    /// Asserts that the answer is a complete problem document with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Problem {
        let body = self.expect(status);
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert_eq!(body["type"], format!("urn:tributary:problem:{code}"), "{body}");
        assert!(!body["title"].as_str().unwrap_or_default().is_empty(), "{body}");
        assert!(!body["detail"].as_str().unwrap_or_default().is_empty(), "{body}");
        let trace = body["traceId"].as_str().unwrap_or_default();
        assert!(trace.len() == 16 && trace.bytes().all(|byte| byte.is_ascii_hexdigit()), "{body}");
        assert_eq!(self.header(header::HeaderName::from_static("x-request-id")), trace, "{body}");
        for error in body["errors"].as_array().into_iter().flatten() {
            for part in ["field", "code", "message"] {
                assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{body}");
            }
        }
        Problem(body)
    }
}

/// A problem document.
#[derive(Debug)]
pub struct Problem(pub Value);

impl Problem {
    /// Asserts that the detail says this.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let detail = self.0["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(text), "`{text}` is not in `{detail}`");
        self
    }

    /// Asserts that exactly one field is wrong, with this code.
    #[track_caller]
    pub fn code(&self, code: &str) -> &Self {
        let errors = self.0["errors"].as_array().cloned().unwrap_or_default();
        let codes: Vec<&str> = errors.iter().filter_map(|error| error["code"].as_str()).collect();
        assert_eq!(codes, [code], "{}", self.0);
        self
    }

    /// Asserts that exactly this field is wrong, and that the message says this.
    #[track_caller]
    pub fn field(&self, field: &str, message: &str) -> &Self {
        let errors = self.0["errors"].as_array().cloned().unwrap_or_default();
        let fields: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        assert_eq!(fields, [field], "{}", self.0);
        let text = errors[0]["message"].as_str().unwrap_or_default();
        assert!(text.contains(message), "`{message}` is not in `{text}`");
        self
    }
}

impl App {
    /// Creates a market on a chain of its own, mirrored, and served on a free port.
    pub async fn start() -> Result<Self> {
        service::telemetry::metrics();
        let market = Market::start().await?;
        let content = TempDir::new()?;
        let store = Arc::new(DiskStore::open(content.path())?);
        let settings = Settings::from_toml(&format!(
            "database.url = 'postgres://unused'\nchain.rpc_url = '{}'\ncontent.upload_limit = {UPLOAD_LIMIT}",
            market.chain.url()
        ))?;
        let indexer = Indexer::new(market.pool.clone(), market.chain.pool().await?, market.deployment, Finality::Tags);
        let state = AppState {
            pool: market.pool.clone(),
            provider: market.chain.provider.clone(),
            vault: Arc::new(Vault::new(store, UPLOAD_LIMIT)),
            settings: Arc::new(settings),
            deployment: market.deployment,
            signer: Some(Arc::new(testkit::signer(0))),
            lineage: lineage::cache(market.pool.clone(), market.deployment.chain_id),
            risk: Memory::new(market.pool.clone(), market.deployment.chain_id),
            partners: advisors::partners::Cache::new(market.pool.clone(), market.deployment.chain_id),
        };
        let http =
            outbound::client().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(20));
        let mut app = Self {
            market,
            state,
            origin: String::new(),
            indexer: Mutex::new(indexer),
            http: http.build()?,
            _content: content,
        };
        app.origin = app.serve(|_| {}).await?;
        app.mirror().await?;
        app.state.risk.fresh().await?;
        Ok(app)
    }

    /// Serves on another free port with a changed state, and returns the origin.
    pub async fn serve(&self, change: impl FnOnce(&mut AppState)) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address: SocketAddr = listener.local_addr()?;
        let mut state = self.state.clone();
        Arc::make_mut(&mut state.settings).http.listen = address;
        change(&mut state);
        tokio::spawn(backend::serve(state, listener, self.market.shutdown.clone()));
        Ok(format!("http://{address}"))
    }

    // --------------------------------------------------------------------------------------------------------- HTTP

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin))
    }

    /// Returns a request to another server than the first one.
    pub fn request_at(&self, origin: &str, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{origin}{path}"))
    }

    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, bytes: response.bytes().await? })
    }

    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a request of a session, with a JSON body if there is one.
    pub async fn by(&self, person: &Person, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let request = self.request(method, path).header(header::COOKIE, &person.cookie);
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Returns all items behind a path, page by page.
    pub async fn pages(&self, path: &str, limit: usize) -> Result<Vec<Value>> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit={limit}{cursor}")).await?.expect(200);
            let page_items = page["items"].as_array().context("no items")?;
            items.extend(page_items.iter().cloned());
            let Some(next) = page["nextCursor"].as_str() else { return Ok(items) };
            ensure!(page_items.len() == limit, "a page that is not the last holds {} items", page_items.len());
            cursor = format!("&cursor={next}");
        }
    }

    // ------------------------------------------------------------------------------------------------------- people

    /// Returns the n-th funded account of the chain, signed in.
    pub async fn person(&self, n: u32) -> Result<Person> {
        let signer = testkit::signer(n);
        let message = SignInMessage::new(self, signer.address()).await?;
        let signature = signer.sign_message_sync(message.text().as_bytes())?;
        let answer = self.verify(&message.text(), &signature.as_bytes()).await?;
        answer.expect(200);
        Ok(Person { signer, cookie: cookie(&answer) })
    }

    pub async fn verify(&self, message: &str, signature: &[u8]) -> Result<Answer> {
        self.post("/v1/auth/verify", &json!({"message": message, "signature": Bytes::copy_from_slice(signature)})).await
    }

    /// Uploads bytes; the answer's body.
    pub async fn upload(&self, person: &Person, bytes: impl Into<reqwest::Body>) -> Result<Value> {
        let request = self.request(Method::POST, "/v1/uploads").header(header::COOKIE, &person.cookie).body(bytes);
        Ok(self.send(request).await?.expect(201))
    }

    /// Uploads and describes a work, and returns its id and content hash.
    pub async fn describe(&self, person: &Person, kind: &str, title: &str, about: &str) -> Result<(String, B256)> {
        let upload = self.upload(person, format!("{title}:{about}:{}", random_hash())).await?;
        let body =
            json!({"kind": kind, "title": title, "description": about, "contentHash": upload["contentHash"].clone()});
        let work = self.by(person, Method::POST, "/v1/works", Some(body)).await?.expect(201);
        let id = work["id"].as_str().context("a work without id")?.to_owned();
        Ok((id, work["contentHash"].as_str().unwrap_or_default().parse()?))
    }

    // -------------------------------------------------------------------------------------------------------- chain

    /// Brings the mirror up to the head.
    pub async fn mirror(&self) -> Result<()> {
        let mut indexer = self.indexer.lock().await;
        Ok(indexer.level().await?)
    }

    /// Returns what the market's workers work with.
    pub fn workers(&self) -> workers::Context {
        workers::Context {
            pool: self.market.pool.clone(),
            provider: self.market.chain.provider.clone(),
            vault: self.state.vault.clone(),
            deployment: self.market.deployment,
            engine: testkit::account(0),
            distribution: workers::DistributionPolicy::default(),
            anchoring: workers::Anchoring { after: Duration::MAX, events: u64::MAX },
            programs: commands::Programs::default(),
        }
    }

    /// Sends a transaction of an account whose key the local chain holds, and waits until it is mined.
    pub async fn transact(&self, from: Address, to: TxKind, value: U256, data: Vec<u8>) -> Result<TransactionReceipt> {
        let mut request = TransactionRequest::default().from(from).value(value).with_input(data);
        request.to = Some(to);
        let provider = &self.market.chain.provider;
        let hash = *provider.send_transaction(request).await?.tx_hash();
        loop {
            if let Some(receipt) = provider.get_transaction_receipt(hash).await? {
                ensure!(receipt.status(), "transaction {hash} failed");
                return Ok(receipt);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn call(&self, from: Address, to: Address, call: impl SolCall) -> Result<TransactionReceipt> {
        self.transact(from, TxKind::Call(to), U256::ZERO, call.abi_encode()).await
    }

    /// Registers a work on chain and in the mirror, and returns its id.
    pub async fn register(&self, owner: Address, work: Work) -> Result<u64> {
        let content_hash = work.content_hash;
        let registration = Registration {
            to: owner,
            kind: bindings::kind_number(work.kind).context("no such kind")?,
            open: true,
            contentHash: content_hash,
            cid: work.cid,
            royaltyBps: work.royalty_bps,
            shares: vec![Share { account: owner, bps: 10_000 }],
            parents: work.parents.into_iter().map(U256::from).collect(),
            consents: vec![],
        };
        let registry = self.market.deployment.asset_registry;
        self.call(owner, registry, AssetRegistry::registerCall { registration }).await?;
        self.mirror().await?;
        let registry = AssetRegistry::new(registry, &self.market.chain.provider);
        Ok(registry.assetOf(content_hash).call().await?.to())
    }

    // ----------------------------------------------------------------------------------------------------- database

    /// Returns how many rows a table has.
    pub async fn count(&self, table: &str) -> Result<i64> {
        let query = format!("SELECT count(*) FROM {table}");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&self.market.pool).await?)
    }
}

/// Returns the hash of content that nobody registered.
pub fn random_hash() -> B256 {
    B256::from(rand::random::<[u8; 32]>())
}

/// Returns the `name=value` that an answer sets.
pub fn cookie(answer: &Answer) -> String {
    answer.header(header::SET_COOKIE).split(';').next().unwrap_or_default().to_owned()
}

/// A message of EIP-4361, to be changed in one place by a test.
pub struct SignInMessage {
    pub domain: String,
    pub account: Address,
    pub uri: String,
    pub chain_id: u64,
    pub nonce: String,
    pub issued: chrono::DateTime<chrono::Utc>,
    pub expires: Option<chrono::DateTime<chrono::Utc>>,
    pub not_before: Option<chrono::DateTime<chrono::Utc>>,
}

impl SignInMessage {
    /// Creates a valid message, with a nonce from the server.
    pub async fn new(app: &App, account: Address) -> Result<Self> {
        let nonce = app.get("/v1/auth/nonce").await?.expect(200);
        Ok(Self {
            domain: app.origin.trim_start_matches("http://").to_owned(),
            account,
            uri: app.origin.clone(),
            chain_id: app.market.deployment.chain_id.0,
            nonce: nonce["nonce"].as_str().context("no nonce")?.to_owned(),
            issued: chrono::Utc::now(),
            expires: None,
            not_before: None,
        })
    }

    pub fn text(&self) -> String {
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let mut text = format!(
            "{} wants you to sign in with your Ethereum account:\n{}\n\nSign in.\n\nURI: {}\nVersion: 1\nChain ID: {}\n\
             Nonce: {}\nIssued At: {}",
            self.domain,
            self.account.to_checksum(None),
            self.uri,
            self.chain_id,
            self.nonce,
            time(self.issued)
        );
        if let Some(expires) = self.expires {
            text.push_str(&format!("\nExpiration Time: {}", time(expires)));
        }
        if let Some(not_before) = self.not_before {
            text.push_str(&format!("\nNot Before: {}", time(not_before)));
        }
        text
    }
}
