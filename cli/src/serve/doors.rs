//! Who gets in: TLS, credentials, bounds of connections and rates, as settings of `berth serve`. In
//! the settings file they stand in the table `[doors]`.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_api::{
    Access, Bounds, KeysError, Rate, RateSettings, Roles, Tls, TlsError, TlsFiles, TokenSettings,
    Tokens,
};
use clap::Args;
use serde::Deserialize;

/// By how much the clocks of issuer and node may differ, unless set.
const LEEWAY_SECONDS: u64 = 30;
/// More is no leeway any more.
const LEEWAY_SECONDS_MAX: u64 = 300;
/// How often the keys of tokens are looked at.
pub const KEYS_LOOKED_AT: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(next_help_heading = "Who gets in")]
pub struct DoorArgs {
    /// Certificate of both listeners (PEM), read again on SIGHUP [default: no TLS]
    #[arg(long, env = "BERTH_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, env = "BERTH_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Roots (PEM) of the certificates that callers must show [default: they need none]
    #[arg(long, env = "BERTH_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Roles of a caller by a DNS name of its certificate, where no tokens are set up: NAME=ROLES,
    /// roles joined by +; again for each
    #[arg(long, env = "BERTH_TLS_CLIENT_ROLE", value_name = "NAME=ROLES", value_delimiter = ',')]
    #[serde(default)]
    tls_client_role: Vec<String>,
    /// Public keys of the issuer of tokens (JWKS), read again when they change [default: no tokens]
    #[arg(long, env = "BERTH_JWT_KEYS", value_name = "FILE")]
    jwt_keys: Option<PathBuf>,
    /// What `iss` of a token must be
    #[arg(long, env = "BERTH_JWT_ISSUER", value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// What `aud` of a token must have
    #[arg(long, env = "BERTH_JWT_AUDIENCE", value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// By how much the clocks of issuer and node may differ, in seconds [default: 30]
    #[arg(long, env = "BERTH_JWT_LEEWAY_SECONDS", value_name = "S")]
    jwt_leeway_seconds: Option<u64>,
    /// Listen without TLS where others can reach it
    #[arg(long)]
    #[serde(default)]
    insecure_without_tls: bool,
    /// Listen without asking for credentials where others can reach it
    #[arg(long)]
    #[serde(default)]
    insecure_without_auth: bool,
    /// Connections of each listener at once [default: 4096]
    #[arg(long, env = "BERTH_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<u32>,
    /// Connections at once from one address (IPv4, /64 of IPv6) [default: 1024]
    #[arg(long, env = "BERTH_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    max_connections_per_address: Option<u32>,
    /// Calls of one connection at once [default: 256]
    #[arg(long, env = "BERTH_MAX_STREAMS", value_name = "N")]
    max_streams: Option<u32>,
    /// Seconds for the TLS handshake, and for the first bytes behind it [default: 5]
    #[arg(long, env = "BERTH_HANDSHAKE_SECONDS", value_name = "S")]
    handshake_seconds: Option<u64>,
    /// Seconds after which a connection is asked to leave, give or take a tenth; 0 is never
    /// [default: 1800]
    #[arg(long, env = "BERTH_CONNECTION_AGE_SECONDS", value_name = "S")]
    connection_age_seconds: Option<u64>,
    /// Commands of a caller: N a second, or N:BURST [default: no limit]
    #[arg(long, env = "BERTH_CALLER_RATE", value_name = "RATE")]
    caller_rate: Option<String>,
    /// The same of callers whose token says tier premium [default: that of all]
    #[arg(long, env = "BERTH_CALLER_RATE_PREMIUM", value_name = "RATE")]
    caller_rate_premium: Option<String>,
    /// The same of callers whose token says tier basic [default: that of all]
    #[arg(long, env = "BERTH_CALLER_RATE_BASIC", value_name = "RATE")]
    caller_rate_basic: Option<String>,
    /// Commands of all callers of one address: N a second, or N:BURST [default: no limit]
    #[arg(long, env = "BERTH_ADDRESS_RATE", value_name = "RATE")]
    address_rate: Option<String>,
}

/// What holds.
#[derive(Debug)]
pub struct Doors {
    pub bounds: Bounds,
    pub tls: Option<Arc<Tls>>,
    pub access: Option<Arc<Access>>,
    pub rates: RateSettings,
    without_tls: bool,
    without_auth: bool,
}

/// Why nobody gets in.
#[derive(Debug, thiserror::Error)]
pub enum DoorFault {
    /// A setting that needs another.
    #[error("{name} is set and {missing}: {todo}")]
    Alone {
        /// What is set.
        name: &'static str,
        /// What is not.
        missing: &'static str,
        /// What to do.
        todo: &'static str,
    },
    /// A value.
    #[error("{name} is {value:?}: {why}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Keys of tokens.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A door that anybody could walk in by.
    #[error("{name} is {address}, which others can reach, and there is no {what}: {todo}")]
    Open {
        /// Which listener.
        name: &'static str,
        /// Its address.
        address: String,
        /// What is missing.
        what: &'static str,
        /// What to do.
        todo: &'static str,
    },
}

impl DoorArgs {
    /// These, and where they are silent those of the file.
    pub fn over(&self, file: Self) -> Self {
        let own = self.clone();
        Self {
            tls_cert: own.tls_cert.or(file.tls_cert),
            tls_key: own.tls_key.or(file.tls_key),
            tls_client_ca: own.tls_client_ca.or(file.tls_client_ca),
            tls_client_role: if own.tls_client_role.is_empty() {
                file.tls_client_role
            } else {
                own.tls_client_role
            },
            jwt_keys: own.jwt_keys.or(file.jwt_keys),
            jwt_issuer: own.jwt_issuer.or(file.jwt_issuer),
            jwt_audience: own.jwt_audience.or(file.jwt_audience),
            jwt_leeway_seconds: own.jwt_leeway_seconds.or(file.jwt_leeway_seconds),
            insecure_without_tls: own.insecure_without_tls || file.insecure_without_tls,
            insecure_without_auth: own.insecure_without_auth || file.insecure_without_auth,
            max_connections: own.max_connections.or(file.max_connections),
            max_connections_per_address: own
                .max_connections_per_address
                .or(file.max_connections_per_address),
            max_streams: own.max_streams.or(file.max_streams),
            handshake_seconds: own.handshake_seconds.or(file.handshake_seconds),
            connection_age_seconds: own.connection_age_seconds.or(file.connection_age_seconds),
            caller_rate: own.caller_rate.or(file.caller_rate),
            caller_rate_premium: own.caller_rate_premium.or(file.caller_rate_premium),
            caller_rate_basic: own.caller_rate_basic.or(file.caller_rate_basic),
            address_rate: own.address_rate.or(file.address_rate),
        }
    }

    /// Reads the files and checks what goes with what.
    pub fn resolve(self) -> Result<Doors, DoorFault> {
        let tls = self.tls()?;
        let access = self.access()?;
        let rates = self.rates()?;
        if rates.has_callers() && access.is_none() {
            return Err(DoorFault::Alone {
                name: "caller_rate",
                missing: "callers are not known",
                todo: "set jwt_keys or tls_client_ca, or address_rate instead",
            });
        }
        Ok(Doors {
            bounds: self.bounds()?,
            tls: tls.map(Arc::new),
            access: access.map(Arc::new),
            rates,
            without_tls: self.insecure_without_tls,
            without_auth: self.insecure_without_auth,
        })
    }

    fn tls(&self) -> Result<Option<Tls>, DoorFault> {
        let alone = |name, missing, todo| Err(DoorFault::Alone { name, missing, todo });
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(Tls::new(TlsFiles {
                cert: cert.clone(),
                key: key.clone(),
                client_ca: self.tls_client_ca.clone(),
            })?)),
            (Some(_), None) => alone("tls_cert", "tls_key is not", "set both"),
            (None, Some(_)) => alone("tls_key", "tls_cert is not", "set both"),
            (None, None) if self.tls_client_ca.is_some() => {
                alone("tls_client_ca", "tls_cert is not", "set tls_cert and tls_key too")
            }
            (None, None) => Ok(None),
        }
    }

    fn access(&self) -> Result<Option<Access>, DoorFault> {
        let alone = |name, missing, todo| DoorFault::Alone { name, missing, todo };
        if let Some(keys) = &self.jwt_keys {
            let set = "set both, so that tokens for others are not taken";
            let missing =
                |it: &Option<String>, missing| it.clone().ok_or(alone("jwt_keys", missing, set));
            let leeway = self.jwt_leeway_seconds.unwrap_or(LEEWAY_SECONDS);
            let leeway = within("jwt_leeway_seconds", leeway, 0, LEEWAY_SECONDS_MAX)?;
            return Ok(Some(Access::Tokens(Tokens::new(TokenSettings {
                keys: keys.clone(),
                issuer: missing(&self.jwt_issuer, "jwt_issuer is not")?,
                audience: missing(&self.jwt_audience, "jwt_audience is not")?,
                leeway: Duration::from_secs(leeway),
            })?)));
        }
        for (name, is_set) in
            [("jwt_issuer", &self.jwt_issuer), ("jwt_audience", &self.jwt_audience)]
        {
            if is_set.is_some() {
                return Err(alone(name, "jwt_keys is not", "set jwt_keys, or nothing of tokens"));
            }
        }
        match (&self.tls_client_ca, self.tls_client_role.is_empty()) {
            (None, true) => Ok(None),
            (None, false) => Err(alone(
                "tls_client_role",
                "tls_client_ca is not",
                "set the roots of the certificates that have these roles",
            )),
            (Some(_), true) => Err(alone(
                "tls_client_ca",
                "nobody has a role",
                "give roles by tls_client_role, or tokens by jwt_keys",
            )),
            (Some(_), false) => Ok(Some(Access::Certificates(self.client_roles()?))),
        }
    }

    fn client_roles(&self) -> Result<BTreeMap<String, Roles>, DoorFault> {
        let role = |text: &String| {
            let wrong =
                |why| DoorFault::Value { name: "tls_client_role", value: text.clone(), why };
            let (name, roles) = text
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| wrong("expected NAME=ROLES, such as desk.example=booking".into()))?;
            let roles = roles.parse::<Roles>().map_err(|fault| wrong(fault.to_string()))?;
            Ok((name.to_owned(), roles))
        };
        self.tls_client_role.iter().map(role).collect()
    }

    fn rates(&self) -> Result<RateSettings, DoorFault> {
        let rate = |name, text: &Option<String>| {
            let parse = |text: &String| {
                text.parse::<Rate>().map_err(|fault| DoorFault::Value {
                    name,
                    value: text.clone(),
                    why: fault.to_string(),
                })
            };
            text.as_ref().map(parse).transpose()
        };
        Ok(RateSettings {
            standard: rate("caller_rate", &self.caller_rate)?,
            premium: rate("caller_rate_premium", &self.caller_rate_premium)?,
            basic: rate("caller_rate_basic", &self.caller_rate_basic)?,
            address: rate("address_rate", &self.address_rate)?,
        })
    }

    fn bounds(&self) -> Result<Bounds, DoorFault> {
        let defaults = Bounds::default();
        let count = |name, set: Option<u32>, default: usize, most| {
            within(name, set.map_or(default as u64, u64::from), 1, most).map(|n| n as usize)
        };
        let connections =
            count("max_connections", self.max_connections, defaults.connections, 1_000_000)?;
        let (name, set) = ("max_connections_per_address", self.max_connections_per_address);
        let default = defaults.connections_per_address.min(connections);
        let connections_per_address = count(name, set, default, connections as u64)?;
        let streams = defaults.streams as usize;
        let streams = count("max_streams", self.max_streams, streams, 16_384)? as u32;
        let handshake = self.handshake_seconds.unwrap_or(defaults.handshake.as_secs());
        let handshake = within("handshake_seconds", handshake, 1, 60)?;
        let age = self.connection_age_seconds.unwrap_or(defaults.age.as_secs());
        let age = within("connection_age_seconds", age, 0, 7 * 86_400)?;
        Ok(Bounds {
            connections,
            connections_per_address,
            streams,
            handshake: Duration::from_secs(handshake),
            age: Duration::from_secs(age),
            ..defaults
        })
    }
}

impl Doors {
    /// Whether these listeners may be opened: loopback may, any other address needs TLS and
    /// credentials, or somebody who says that it needs none.
    pub fn may_open(&self, listeners: &[(&'static str, &str)]) -> Result<(), DoorFault> {
        for &(name, address) in listeners {
            // What cannot be resolved cannot be bound either, and then the system says why.
            let Ok(mut all) = address.to_socket_addrs() else { continue };
            if all.all(|one| one.ip().is_loopback()) {
                continue;
            }
            let open =
                |what, todo| DoorFault::Open { name, address: address.to_owned(), what, todo };
            if self.tls.is_none() && !self.without_tls {
                return Err(open(
                    "TLS",
                    "set --tls-cert and --tls-key, or say --insecure-without-tls",
                ));
            }
            if self.access.is_none() && !self.without_auth {
                return Err(open(
                    "credential asked for",
                    "set --jwt-keys or --tls-client-ca, or say --insecure-without-auth",
                ));
            }
        }
        Ok(())
    }

    /// Reads certificates and keys again, for callers from now on, and tells of it. What cannot be
    /// used leaves all as it was.
    pub fn reload(&self) {
        if let Some(tls) = &self.tls {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificates were read again"),
                Err(fault) => tracing::error!(%fault, "the certificates of before are used on"),
            }
        }
        self.refresh();
    }

    /// Reads the keys of tokens again if they have changed.
    pub fn refresh(&self) {
        let Some(Access::Tokens(tokens)) = self.access.as_deref() else { return };
        match tokens.refresh() {
            Ok(None) => {}
            Ok(Some(count)) => tracing::info!(count, "the keys of tokens were read again"),
            Err(fault) => tracing::error!(%fault, "the keys of before are used on"),
        }
    }
}

fn within(name: &'static str, value: u64, min: u64, max: u64) -> Result<u64, DoorFault> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let why = format!("expected {min} to {max}");
    Err(DoorFault::Value { name, value: value.to_string(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(args: DoorArgs) -> String {
        args.resolve().expect_err("they do not go together").to_string()
    }

    #[test]
    fn what_does_not_go_together_is_named_with_what_to_do() {
        let path = || Some(PathBuf::from("/nowhere/at.all"));
        let text = |text: &str| Some(text.to_owned());
        let none = DoorArgs::default;
        for (args, expected) in [
            (
                DoorArgs { tls_cert: path(), ..none() },
                "tls_cert is set and tls_key is not: set both",
            ),
            (
                DoorArgs { tls_key: path(), ..none() },
                "tls_key is set and tls_cert is not: set both",
            ),
            (DoorArgs { tls_client_ca: path(), ..none() }, "set tls_cert and tls_key too"),
            (DoorArgs { jwt_issuer: text("x"), ..none() }, "jwt_issuer is set and jwt_keys is not"),
            (DoorArgs { jwt_keys: path(), ..none() }, "jwt_issuer is not"),
            (DoorArgs { caller_rate: text("5"), ..none() }, "callers are not known"),
            (DoorArgs { address_rate: text("lots"), ..none() }, "such as 500 or 500:2000"),
            (DoorArgs { max_streams: Some(0), ..none() }, "expected 1 to 16384"),
            (
                DoorArgs { tls_cert: path(), tls_key: path(), ..none() },
                "cannot use /nowhere/at.all as the certificate",
            ),
        ] {
            let fault = fault(args);
            assert!(fault.contains(expected), "{fault}");
        }
        let one = DoorArgs { max_connections: Some(7), ..none() }.resolve().unwrap();
        assert_eq!((one.bounds.connections, one.bounds.connections_per_address), (7, 7));
    }

    #[test]
    fn only_loopback_opens_without_tls_and_credentials() {
        let open = |args: &DoorArgs, address: &str| {
            let doors = args.clone().resolve().unwrap();
            let told = doors.may_open(&[("listen", "127.0.0.1:0"), ("admin_listen", address)]);
            told.map_err(|fault| fault.to_string())
        };
        let none = DoorArgs::default();
        for address in ["127.0.0.1:1", "[::1]:1", "localhost:1", "127.1.2.3:1"] {
            assert_eq!(open(&none, address), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            let fault = open(&none, address).unwrap_err();
            assert!(fault.contains(address) && fault.contains("--insecure-without-tls"), "{fault}");
            let some = DoorArgs { insecure_without_tls: true, ..none.clone() };
            let fault = open(&some, address).unwrap_err();
            assert!(fault.contains("--insecure-without-auth"), "{fault}");
            let all = DoorArgs { insecure_without_auth: true, ..some };
            assert_eq!(open(&all, address), Ok(()));
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = "max_streams = 9\nhandshake_seconds = 2\ntls_client_role = [\"a=booking\"]\n";
        let file: DoorArgs = toml::from_str(file).unwrap();
        let args = DoorArgs { max_streams: Some(5), ..DoorArgs::default() };
        let both = args.over(file);
        assert_eq!((both.max_streams, both.handshake_seconds), (Some(5), Some(2)));
        assert_eq!(both.client_roles().unwrap()["a"], Roles::BOOKING);
        assert!(toml::from_str::<DoorArgs>("max_stream = 9\n").is_err());
    }
}
