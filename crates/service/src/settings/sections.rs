//! All settings, each with its section, name, meaning, default and environment variable. The types, `config.example.toml` and
//! the messages about wrong settings are made from this.

use std::{net::SocketAddr, path::PathBuf};

use alloy_primitives::Address;
use domain::distribution::Policy;

use super::{Currencies, Finality, LogFormat, MinPayouts, Patterns, Secret, SecretUrl, load::Values, value::Value};

/// The value of a setting when nothing sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// There is no default: it must be set, for example to this.
    Required(&'static str),
    /// It is unset. It can be set, for example to this.
    Unset(&'static str),
    Is(&'static str),
}

/// One setting.
pub(super) struct Key {
    pub name: &'static str,
    /// The environment variable that sets it.
    pub variable: &'static str,
    pub default: Default,
    /// The lines of its description.
    pub about: &'static [&'static str],
}

/// The settings of one subject, which are a table of the configuration file.
pub(super) struct Section {
    pub name: &'static str,
    pub about: &'static [&'static str],
    pub keys: &'static [Key],
}

macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $type:ty = $default:expr, $variable:literal;
            )+
        }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $field: $type, )+
            }
        )+

        /// The settings with which a process starts.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $( $(#[doc = $about])+ pub $section: $Section, )+
        }

        /// Every section, in the order in which they are shown.
        pub(super) const SECTIONS: &[Section] = &[$(
            Section {
                name: stringify!($section),
                about: &[$($about),+],
                keys: &[$(
                    Key {
                        name: stringify!($field),
                        variable: $variable,
                        default: $default,
                        about: &[$($doc),+],
                    },
                )+],
            },
        )+];

        impl Settings {
            /// Returns what is wrong, for each wrong value.
            pub(super) fn faults(values: &Values) -> Vec<String> {
                let faults = [$($(
                    values.get::<$type>(stringify!($section), stringify!($field)).err(),
                )+)+];
                faults.into_iter().flatten().collect()
            }

            pub(super) fn read(values: &Values) -> Result<Self, String> {
                Ok(Self {$(
                    $section: $Section {
                        $( $field: values.get(stringify!($section), stringify!($field))?, )+
                    },
                )+})
            }

            /// Returns section, name and value of every setting, without secrets.
            pub(super) fn shown(&self) -> Vec<(&'static str, &'static str, Option<String>)> {
                vec![$($(
                    (stringify!($section), stringify!($field), self.$section.$field.show()),
                )+)+]
            }
        }
    };
}

sections! {
    /// PostgreSQL, which holds everything that is not on chain.
    database: Database {
        /// The server and the database, as a URL. PostgreSQL 15 or newer.
        url: SecretUrl = Default::Required("postgres://tributary:password@127.0.0.1:5432/tributary"), "DATABASE_URL";
        /// The most connections that one process opens at once.
        connections: u32 = Default::Is("24"), "DATABASE_CONNECTIONS";
    }
    /// The chain that the market is on.
    chain: Chain {
        /// JSON-RPC over HTTP. Several URLs, separated by commas, are endpoints to choose among: when one fails, the others
        /// are used, and the mirror checks them against each other. URLs of other chains than the served one are mirrored
        /// as well.
        rpc_url: Vec<SecretUrl> = Default::Required("http://127.0.0.1:8545"), "RPC_URL";
        /// The id of the chain that is served. By default that of the first URL; set it where the URLs are of several chains.
        id: Option<u64> = Default::Unset("31337"), "CHAIN_ID";
        /// A WebSocket of the served chain. It only wakes the mirror, which polls without it.
        ws_url: Option<SecretUrl> = Default::Unset("ws://127.0.0.1:8546"), "WS_URL";
        /// The folder from which `tributary up` restores a local chain, and to which it writes each new block. The node itself
        /// keeps the chain in memory only, so without this folder the chain ends with the node.
        local_dir: Option<PathBuf> = Default::Unset(".data/chain"), "LOCAL_CHAIN_DIR";
        /// How blocks become final: `tags`, by the chain's own tags, or a number of blocks behind the head.
        finality: Finality = Default::Is("tags"), "FINALITY";
        /// In a backfill the receipts of one in this many final blocks with events are checked; 1 checks every block. Blocks
        /// that are not final yet are always checked.
        verify_receipts: u64 = Default::Is("256"), "VERIFY_RECEIPTS";
    }
    /// The HTTP API and the web pages.
    http: Http {
        /// The address of the server.
        listen: SocketAddr = Default::Is("127.0.0.1:4400"), "LISTEN";
        /// The origin that people see, which sign-in messages must name. By default `http://` and the address of the server.
        public_url: Option<String> = Default::Unset("https://market.example"), "PUBLIC_URL";
        /// The folder of built web pages that are served.
        frontend_dir: Option<PathBuf> = Default::Unset("frontend/dist"), "FRONTEND_DIR";
    }
    /// Where content is kept.
    content: Content {
        /// The folder for content, unless `ipfs_api_url` is set.
        data_dir: PathBuf = Default::Is(".data"), "DATA_DIR";
        /// The RPC of a Kubo node, which is used instead of the folder.
        ipfs_api_url: Option<SecretUrl> = Default::Unset("http://127.0.0.1:5001"), "IPFS_API_URL";
        /// The largest upload, in bytes.
        upload_limit: u64 = Default::Is("1073741824"), "UPLOAD_LIMIT";
    }
    /// How repositories are read.
    repositories: Repositories {
        /// A file that names programs whose commits belong to whoever set them to work, beside those that are known, and
        /// people who would be taken for programs. `crates/importer/src/programs.txt` has the form and the known ones.
        programs_file: Option<PathBuf> = Default::Unset("programs.txt"), "PROGRAMS_FILE";
        /// Paths whose dependencies, reports and lines do not count, as in `.gitignore`, several with commas: `examples/, demo/`.
        /// Folders of tests, fixtures and other people's code never count, unless `.gitattributes` has `-tributary-exclude`.
        exclude: Patterns = Default::Is(""), "IMPORT_EXCLUDE";
    }
    /// The account with the ENGINE role.
    engine: Engine {
        /// Its private key, 32 bytes in 0x-hex: it deploys, publishes payout roots, anchors the ledger and signs its receipts.
        key: Option<Secret> = Default::Unset("0x..."), "ENGINE_KEY";
    }
    /// What a newly deployed market is made with. Nothing here changes a market that exists.
    market: Market {
        /// The account that receives the market's fee. By default the deployer.
        treasury: Option<Address> = Default::Unset("0x00000000000000000000000000000000000000aa"), "TREASURY";
        /// The account that may veto payout roots. By default the deployer; name another than the key that publishes them.
        guardian: Option<Address> = Default::Unset("0x00000000000000000000000000000000000000bb"), "GUARDIAN";
        /// Seconds from the proposal of a payout root to its activation.
        payout_delay: u64 = Default::Is("86400"), "PAYOUT_DELAY";
        /// The ERC-20 that is staked on works. Needed on every chain but a local one, which gets a test token.
        stake_token: Option<Address> = Default::Unset("0x00000000000000000000000000000000000000cc"), "STAKE_TOKEN";
        /// Seconds that GOVERNOR's calls wait. On a local chain they do not wait.
        governance_delay: u64 = Default::Is("172800"), "GOVERNANCE_DELAY";
    }
    /// How income is divided.
    distribution: Distribution {
        /// How income reaches the works beneath: `pass_down` or `pooled`.
        policy: Policy = Default::Is("pass_down"), "DISTRIBUTION_POLICY";
        /// The least that is paid, by currency: `0xtoken=amount` in base units, several with commas; the native coin is the
        /// zero address. Smaller amounts are carried until they reach it.
        min_payouts: MinPayouts = Default::Is(""), "MIN_PAYOUTS";
        /// Currencies whose income waits undivided, several with commas: tokens that only cost gas. What roots promised in them
        /// already stays.
        left_out: Currencies = Default::Is(""), "CURRENCIES_LEFT_OUT";
    }
    /// The ledger of everything that was recorded.
    ledger: Ledger {
        /// Seconds after which an event is anchored on chain, with all before it. By default 600; 5 on a local chain.
        anchor_interval: Option<u64> = Default::Unset("600"), "ANCHOR_INTERVAL";
        /// The ledger is anchored earlier when this many events wait for it.
        anchor_events: u64 = Default::Is("10000"), "ANCHOR_EVENTS";
    }
    /// Logs and metrics.
    telemetry: Telemetry {
        /// `text`, or `json` for one object per line. The variable `RUST_LOG` selects what is logged.
        log_format: LogFormat = Default::Is("text"), "LOG_FORMAT";
        /// The address where a process without the HTTP API serves `/metrics`.
        metrics_listen: Option<SocketAddr> = Default::Unset("127.0.0.1:9400"), "METRICS_LISTEN";
    }
}
