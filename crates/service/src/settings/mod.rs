//! Settings come from one optional TOML file (`TRIBUTARY_CONFIG`) and from environment variables, which win. An
//! unknown name in the file is an error, and a secret never prints itself. `sections` lists every setting, and
//! `config.example.toml` is made from it.

mod example;
mod load;
mod secret;
mod sections;
mod value;

use std::env::{self, VarError};

pub use example::example;
use load::Values;
pub use secret::{Secret, SecretUrl};
pub use sections::{
    Chain, Content, Database, Distribution, Engine, Http, Ledger, Market, Repositories, Settings, Telemetry,
};
pub use value::{Currencies, Finality, LogFormat, MinPayouts, Patterns};

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the configuration file {path} could not be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    /// The parser's own message is not used, because it would quote the line, which may contain a secret.
    #[error("the configuration file {path} is not valid TOML: line {line}: {message}")]
    Malformed { path: String, line: usize, message: String },
    #[error("the settings are not valid:\n  {}\nconfig.example.toml describes every setting", .0.join("\n  "))]
    Invalid(Vec<String>),
}

impl Settings {
    /// Reads the file named by `TRIBUTARY_CONFIG`, if any, then the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or when a setting is unknown, missing or wrong. The error lists everything
    /// that is wrong.
    pub fn load() -> Result<Self, SettingsError> {
        Self::load_with_values().map(|(settings, _)| settings)
    }

    /// Reads settings from a file's text alone.
    ///
    /// # Errors
    /// In the same cases as [`Settings::load`].
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        Self::from_parts(text, "given", |_| Ok(None)).map(|(settings, _)| settings)
    }

    /// Returns the settings in force, as a configuration file without secrets.
    ///
    /// # Errors
    /// In the same cases as [`Settings::load`].
    pub fn in_force() -> Result<String, SettingsError> {
        Self::load_with_values().map(|(settings, values)| example::in_force(&settings, &values))
    }

    fn load_with_values() -> Result<(Self, Values), SettingsError> {
        let variable = |name: &str| match env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(format!("{name} is set to something that is no text in UTF-8")),
        };
        let (path, text) = match variable("TRIBUTARY_CONFIG").map_err(|fault| SettingsError::Invalid(vec![fault]))? {
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => (path, text),
                Err(source) => return Err(SettingsError::Unreadable { path, source }),
            },
            None => (String::new(), String::new()),
        };
        Self::from_parts(&text, &path, variable)
    }

    fn from_parts(
        text: &str,
        path: &str,
        environment: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<(Self, Values), SettingsError> {
        let table = text.parse::<toml::Table>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            SettingsError::Malformed { path: path.to_owned(), line, message: error.message().to_owned() }
        })?;
        let (values, mut faults) = Values::collect(&table, environment);
        faults.extend(Self::faults(&values));
        if !faults.is_empty() {
            return Err(SettingsError::Invalid(faults));
        }
        let settings = Self::read(&values).map_err(|fault| SettingsError::Invalid(vec![fault]))?;
        Ok((settings, values))
    }

    /// Returns the endpoints of the chain.
    pub fn rpc_urls(&self) -> Vec<&str> {
        self.chain.rpc_url.iter().map(SecretUrl::expose).collect()
    }

    /// Returns the origin that people see, without a trailing slash.
    pub fn origin(&self) -> String {
        match &self.http.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.http.listen),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, U256};
    use domain::{distribution::Policy, money::Amount};

    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<(Settings, Values), SettingsError> {
        Settings::from_parts(file, "test.toml", |variable| {
            Ok(environment.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.to_string()))
        })
    }

    fn loaded(file: &str, environment: &[(&str, &str)]) -> Settings {
        load(file, environment).unwrap().0
    }

    fn refused(file: &str, environment: &[(&str, &str)]) -> String {
        load(file, environment).unwrap_err().to_string()
    }

    const MINIMUM: &str = "
        [database]
        url = 'postgres://u:hunter2@db.example/d'
        [chain]
        rpc_url = 'https://eth.example/v2/hunter2'
    ";

    #[test]
    fn a_variable_that_is_no_text_is_not_taken_for_unset() {
        let unreadable = |variable: &str| match variable {
            "UPLOAD_LIMIT" => Err(format!("{variable} is no text")),
            _ => Ok(None),
        };
        let error = Settings::from_parts(MINIMUM, "test.toml", unreadable).unwrap_err().to_string();
        assert!(error.contains("UPLOAD_LIMIT is no text"), "{error}");
    }

    #[test]
    fn environment_wins_over_file() {
        let settings = loaded(
            &format!("{MINIMUM}\n[content]\nupload_limit = 11"),
            &[
                ("RPC_URL", "http://other, http://third"),
                ("UPLOAD_LIMIT", "12"),
                ("FINALITY", "3"),
                ("ANCHOR_INTERVAL", "7"),
                ("CHAIN_ID", "10"),
                ("DATABASE_CONNECTIONS", "5"),
            ],
        );
        assert_eq!(settings.rpc_urls(), ["http://other", "http://third"]);
        assert_eq!(settings.content.upload_limit, 12);
        assert_eq!((settings.chain.finality, settings.chain.id), (Finality::Depth(3), Some(10)));
        assert_eq!(settings.origin(), "http://127.0.0.1:4400");
        assert_eq!((settings.ledger.anchor_interval, settings.ledger.anchor_events), (Some(7), 10_000));
        assert_eq!(settings.database.connections, 5);
        // The environment alone is enough, as in containers.
        let settings = loaded("", &[("DATABASE_URL", "postgres://h/d"), ("RPC_URL", "http://h")]);
        assert_eq!((settings.database.connections, settings.chain.id), (24, None));
        // A file may write a list as a TOML array.
        let list = MINIMUM.replace("'https://eth.example/v2/hunter2'", "['http://a', 'http://b']");
        assert_eq!(loaded(&list, &[]).rpc_urls(), ["http://a", "http://b"]);
    }

    #[test]
    fn what_is_unknown_is_refused_and_the_nearest_name_is_told() {
        for (file, told) in [
            ("[database]\nconections = 3", "there is no setting database.conections: is `connections` meant?"),
            ("[databse]\nurl = 'x'", "there is no section [databse]: is [database] meant?"),
            ("[database]\ndatabase_url = 'x'", "there is no setting database.database_url: it is `url` in [database]"),
            ("[http]\ndata_dir = 'x'", "there is no setting http.data_dir: it is `data_dir` in [content]"),
            ("[engine]\nwibble = 1", "there is no setting engine.wibble\n"),
            ("wibble = 1", "there is no setting `wibble`\n"),
            ("engine_kay = 'x'", "there is no setting `engine_kay`: is `key` in [engine] meant?"),
            ("database = 'x'", "`database` is a section: write [database]"),
            ("[http]\nlisten = { port = 1 }", "http.listen: a text, a number or a list of these is needed"),
        ] {
            let error = refused(file, &[("DATABASE_URL", "postgres://h/d"), ("RPC_URL", "http://h")]);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn every_setting_that_stood_at_the_top_is_told_where_it_is_now() {
        for (section, key) in load::all() {
            let old = key.variable.to_lowercase();
            let error = refused(&format!("{old} = 'x'"), &[]);
            let told =
                format!("`{old}` stands outside of every section: it is `{}` in [{}] now", key.name, section.name);
            assert!(error.contains(&told), "{error}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error = refused("[http]\nlisten = 'here'", &[("FINALITY", "soon"), ("RPC_URL", " , ")]);
        for told in [
            "database.url is not set: set it in the file, or the environment variable DATABASE_URL",
            "chain.rpc_url, which RPC_URL sets: there is no URL in it",
            "chain.finality, which FINALITY sets: `soon` is not `tags`",
            "http.listen: `here` is not an address with a port",
        ] {
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn least_payouts_are_by_currency() {
        let token = "0x00000000000000000000000000000000000000aa";
        let text = format!("0x0000000000000000000000000000000000000000=1000000000000000, {token}=5");
        let settings = loaded(MINIMUM, &[("MIN_PAYOUTS", &text), ("DISTRIBUTION_POLICY", "pooled")]);
        assert_eq!(settings.distribution.min_payouts.0.len(), 2);
        let least = settings.distribution.min_payouts.0[&token.parse::<Address>().unwrap()];
        assert_eq!(least, Amount(U256::from(5)));
        assert_eq!(settings.distribution.policy, Policy::Pooled);
        for wrong in ["5", "0xaa=5", &format!("{token}=-1"), &format!("{token}=0x5"), &format!("{token}=")] {
            let error = refused(MINIMUM, &[("MIN_PAYOUTS", wrong)]);
            assert!(error.contains("base units"), "{wrong}: {error}");
        }
    }

    #[test]
    fn currencies_are_left_out_by_address() {
        let (one, other) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let settings = loaded(MINIMUM, &[("CURRENCIES_LEFT_OUT", &format!("{one}, {other},{one}"))]);
        assert_eq!(settings.distribution.left_out.0, [one, other].into());
        assert!(loaded(MINIMUM, &[]).distribution.left_out.0.is_empty());
        let error = refused(MINIMUM, &[("CURRENCIES_LEFT_OUT", "USDC")]);
        assert!(error.contains("`USDC` is not the address of a token"), "{error}");
    }

    #[test]
    fn secrets_do_not_print() {
        let environment = [
            ("ENGINE_KEY", "hunter2"),
            ("WS_URL", "wss://eth.example/ws/hunter2"),
            ("IPFS_API_URL", "https://user:hunter2@ipfs.example:5001/hunter2"),
        ];
        let (settings, values) = load(MINIMUM, &environment).unwrap();
        let (debug, in_force) = (format!("{settings:?}"), example::in_force(&settings, &values));
        for text in [&debug, &in_force] {
            assert!(!text.contains("hunter2"), "{text}");
            for shown in
                ["postgres://db.example", "https://eth.example", "wss://eth.example", "https://ipfs.example:5001"]
            {
                assert!(text.contains(shown), "`{shown}` is not in {text}");
            }
        }
        assert!(in_force.contains("url = \"postgres://db.example\"  # from the file\n"), "{in_force}");
        assert!(in_force.contains("key = \"[secret]\"  # from ENGINE_KEY\n"), "{in_force}");
        assert!(
            in_force.contains("\nconnections = 24\n") && in_force.contains("# treasury is not set\n"),
            "{in_force}"
        );
        // Errors must not contain secrets either.
        for variable in ["DATABASE_URL", "RPC_URL", "WS_URL", "IPFS_API_URL"] {
            let error = refused(MINIMUM, &[(variable, "hunter2")]);
            assert!(error.contains("is no URL") && !error.contains("hunter2"), "{error}");
        }
        let error = refused("[database]\nurl = 'postgres://u:hunter2@h/d\n", &[]);
        assert!(error.contains("test.toml is not valid TOML: line 2: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_example_is_checked_in_and_holds_every_setting() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config.example.toml");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(kept, example(), "renew it: tributary config example >config.example.toml");
        loaded(&kept, &[]);
        // The example is valid when every setting that is commented out is put in force.
        let is_setting = |line: &str| load::all().any(|(_, key)| line.starts_with(&format!("# {} = ", key.name)));
        let all: Vec<&str> = kept.lines().map(|line| if is_setting(line) { &line[2..] } else { line }).collect();
        let (settings, values) = load(&all.join("\n"), &[]).unwrap();
        for (section, name, _) in settings.shown() {
            assert_eq!(values.origin(section, name), load::Origin::File, "{section}.{name}");
        }
    }
}
