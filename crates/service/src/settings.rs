//! Settings come from one optional TOML file (`TRIBUTARY_CONFIG`) and from environment variables, which win.
//! An unknown key in the file is an error, and a secret never prints itself. README.md has the table of all settings.

use std::{collections::BTreeMap, env, fmt, net::SocketAddr, path::PathBuf};

use alloy_primitives::{Address, U256};
use domain::{distribution::Policy, money::Amount};
use serde::Deserialize;

/// A value that must not reach a log or an error message.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself; call it only where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// How the mirror tells that a block is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// By the chain's own `safe` and `finalized` tags.
    Tags,
    /// So many blocks behind the head, for chains without tags.
    Depth(u64),
}

impl<'de> Deserialize<'de> for Finality {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match (text.as_str(), text.parse()) {
            ("tags", _) => Ok(Self::Tags),
            (_, Ok(depth)) => Ok(Self::Depth(depth)),
            _ => Err(serde::de::Error::custom(format!("finality is `tags` or a number of blocks, not `{text}`"))),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// PostgreSQL, as a URL.
    pub database_url: Secret,
    /// JSON-RPC over HTTP: several URLs, separated by commas, are endpoints to choose among. Those of other chains than the
    /// first one's are mirrored as well.
    pub rpc_url: String,
    /// Of settled blocks with events, every so-manieth has its receipts checked in a backfill; 1 checks all. Newer blocks are
    /// checked always.
    #[serde(default = "default_verify_receipts", deserialize_with = "number")]
    pub verify_receipts: u64,
    /// The first chain's WebSocket; it only wakes the indexer. Without it the indexer polls.
    #[serde(default)]
    pub ws_url: Option<String>,
    #[serde(default = "default_finality")]
    pub finality: Finality,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The origin people see, which sign-in messages must name. Default: http:// and the listening address.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where content blocks are stored when `ipfs_api_url` is not set.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    #[serde(default)]
    pub ipfs_api_url: Option<String>,
    /// Built web pages to serve.
    #[serde(default)]
    pub frontend_dir: Option<PathBuf>,
    /// The largest upload, in bytes.
    #[serde(default = "default_upload_limit", deserialize_with = "number")]
    pub upload_limit: u64,
    /// Private key of the account with the ENGINE role: it publishes payout roots.
    #[serde(default)]
    pub engine_key: Option<Secret>,
    /// Receives the market's fee on a newly deployed market. Default: the deployer.
    #[serde(default)]
    pub treasury: Option<Address>,
    /// May veto payout roots on a newly deployed market. Default: the deployer, who publishes them.
    #[serde(default)]
    pub guardian: Option<Address>,
    /// Seconds between the proposal of a payout root and its activation on a newly deployed market.
    #[serde(default = "default_payout_delay", deserialize_with = "number")]
    pub payout_delay: u64,
    /// How income reaches the works beneath: `pass_down` or `pooled`.
    #[serde(default)]
    pub distribution_policy: Policy,
    /// The least that is paid, by currency: `0xtoken=amount` in base units, several with commas; the native coin is the zero
    /// address. What is below waits for more.
    #[serde(default)]
    pub min_payouts: MinPayouts,
    /// Seconds after which an event of the ledger is anchored on chain, with all before it. Default: 600; 5 on a local chain.
    #[serde(default, deserialize_with = "optional_number")]
    pub anchor_interval: Option<u64>,
    /// The ledger is anchored before that when so many events wait for it.
    #[serde(default = "default_anchor_events", deserialize_with = "number")]
    pub anchor_events: u64,
    /// The ERC-20 that is staked on works on a newly deployed market. Needed on every chain but a local one, which gets a test
    /// token.
    #[serde(default)]
    pub stake_token: Option<Address>,
    /// Seconds that GOVERNOR's calls wait on a newly deployed market; none on a local chain.
    #[serde(default = "default_governance_delay", deserialize_with = "number")]
    pub governance_delay: u64,
    /// `text` or `json`.
    #[serde(default = "default_log_format")]
    pub log_format: String,
    /// Where a process without the HTTP API serves `/metrics`.
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
}

fn default_verify_receipts() -> u64 {
    256
}

fn default_finality() -> Finality {
    Finality::Tags
}
fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 4400).into()
}
fn default_data_dir() -> PathBuf {
    ".data".into()
}
fn default_upload_limit() -> u64 {
    1 << 30
}
fn default_payout_delay() -> u64 {
    86_400
}
fn default_anchor_events() -> u64 {
    10_000
}
fn default_governance_delay() -> u64 {
    172_800
}
fn default_log_format() -> String {
    "text".into()
}

/// The least that is paid, by currency, in its base units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MinPayouts(pub BTreeMap<Address, Amount>);

impl TryFrom<String> for MinPayouts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
            let parts = pair.split_once('=').and_then(|(token, amount)| {
                let digits = Some(amount.trim()).filter(|digits| !digits.is_empty())?;
                Some((token.trim().parse().ok()?, Amount(U256::from_str_radix(digits, 10).ok()?)))
            });
            parts.ok_or_else(|| format!("min_payouts: `{pair}` is not `0xtoken=amount`, the amount in base units"))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

/// Numbers come as TOML integers from the file and as text from the environment.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => {
            text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is not a whole number")))
        }
    }
}

fn optional_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    number(deserializer).map(Some)
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the configuration file {path} could not be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the configuration file {path} is not valid TOML: {source}")]
    Malformed { path: String, source: Box<toml::de::Error> },
    #[error("the configuration is not valid: {0}. README.md lists every setting")]
    Invalid(String),
}

/// Every setting that an environment variable of the same name in capitals may give.
const KEYS: [&str; 23] = [
    "database_url",
    "rpc_url",
    "ws_url",
    "finality",
    "listen",
    "public_url",
    "data_dir",
    "ipfs_api_url",
    "frontend_dir",
    "upload_limit",
    "engine_key",
    "treasury",
    "guardian",
    "payout_delay",
    "stake_token",
    "governance_delay",
    "log_format",
    "verify_receipts",
    "metrics_listen",
    "distribution_policy",
    "min_payouts",
    "anchor_interval",
    "anchor_events",
];

impl Settings {
    /// Reads the file named by `TRIBUTARY_CONFIG`, if any, then the environment.
    pub fn load() -> Result<Self, SettingsError> {
        let file = match env::var("TRIBUTARY_CONFIG") {
            Ok(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| SettingsError::Unreadable { path: path.clone(), source })?;
                text.parse::<toml::Table>()
                    .map_err(|source| SettingsError::Malformed { path, source: Box::new(source) })?
            }
            Err(_) => toml::Table::new(),
        };
        Self::from_parts(file, |key| env::var(key).ok().filter(|value| !value.is_empty()))
    }

    fn from_parts(mut table: toml::Table, environment: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        for key in KEYS {
            if let Some(value) = environment(&key.to_uppercase()) {
                table.insert(key.into(), toml::Value::String(value));
            }
        }
        table.try_into().map_err(|error: toml::de::Error| SettingsError::Invalid(error.message().to_owned()))
    }

    /// The endpoints of `rpc_url`.
    pub fn rpc_urls(&self) -> Vec<&str> {
        self.rpc_url.split(',').map(str::trim).filter(|url| !url.is_empty()).collect()
    }

    /// The origin people see, without a trailing slash.
    pub fn origin(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_parts(file.parse().unwrap(), |key| {
            environment.iter().find(|(name, _)| *name == key).map(|(_, value)| value.to_string())
        })
    }

    const MINIMUM: &str = "database_url = 'postgres://u:hunter2@h/d'\nrpc_url = 'http://127.0.0.1:8545'";

    #[test]
    fn environment_wins_over_file() {
        let settings = load(
            MINIMUM,
            &[
                ("RPC_URL", "http://other, http://third"),
                ("UPLOAD_LIMIT", "12"),
                ("FINALITY", "3"),
                ("ANCHOR_INTERVAL", "7"),
            ],
        )
        .unwrap();
        assert_eq!(settings.rpc_urls(), ["http://other", "http://third"]);
        assert_eq!(settings.upload_limit, 12);
        assert_eq!(settings.finality, Finality::Depth(3));
        assert_eq!(settings.origin(), "http://127.0.0.1:4400");
        assert_eq!((settings.anchor_interval, settings.anchor_events), (Some(7), 10_000));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let unknown = load(&format!("{MINIMUM}\ndatabase_uri = 'x'"), &[]).unwrap_err().to_string();
        assert!(unknown.contains("database_uri"), "{unknown}");
        let missing = load("", &[]).unwrap_err().to_string();
        assert!(missing.contains("database_url"), "{missing}");
        let finality = load(MINIMUM, &[("FINALITY", "soon")]).unwrap_err().to_string();
        assert!(finality.contains("soon"), "{finality}");
    }

    #[test]
    fn least_payouts_are_by_currency() {
        let token = "0x00000000000000000000000000000000000000aa";
        let text = format!("0x0000000000000000000000000000000000000000=1000000000000000, {token}=5");
        let settings = load(MINIMUM, &[("MIN_PAYOUTS", &text), ("DISTRIBUTION_POLICY", "pooled")]).unwrap();
        assert_eq!(settings.min_payouts.0.len(), 2);
        assert_eq!(settings.min_payouts.0[&token.parse::<Address>().unwrap()], Amount(U256::from(5)));
        assert_eq!(settings.distribution_policy, Policy::Pooled);
        for wrong in ["5", "0xaa=5", &format!("{token}=-1"), &format!("{token}=0x5"), &format!("{token}=")] {
            let error = load(MINIMUM, &[("MIN_PAYOUTS", wrong)]).unwrap_err().to_string();
            assert!(error.contains("base units"), "{wrong}: {error}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let settings = load(MINIMUM, &[("ENGINE_KEY", "0xkey")]).unwrap();
        let printed = format!("{settings:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("0xkey"), "{printed}");
    }
}
