//! Who may do what: credentials, roles and the calls that they open.
//!
//! A credential is a token (JWT) in `authorization: Bearer`, or, where no tokens are set up, the
//! client certificate that the connection proved. Who it names becomes an extension of the request,
//! and only that: no field of a message says who asks.
//! Always true: a call that has no line in `calls` is refused, and nothing of a credential but the
//! names it proves reaches a log or an answer.

mod caller;
mod calls;
mod keys;
mod ring;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_inventory::UnixMillis;
use tonic::Code;

pub(crate) use self::caller::Caller;
pub use self::caller::{Roles, Tier, UnknownRole};
pub(crate) use self::calls::{Lane, Rule, rule};
pub use self::keys::KeysError;
pub use self::token::{TokenSettings, Tokens};
use crate::door::Visit;
use crate::turned_away::Shut;
use crate::wire::Trouble;

/// How callers prove who they are.
#[derive(Debug)]
pub enum Access {
    /// By a token in each call.
    Tokens(Tokens),
    /// By the certificate of their connection: roles by the first name in it that has some.
    Certificates(BTreeMap<String, Roles>),
}

/// Why a call is refused, for its caller and for those who count.
#[derive(Debug)]
pub(crate) struct Refused(pub Shut, pub Trouble);

impl Refused {
    fn unknown(shut: Shut, why: impl Into<String>) -> Self {
        Self(shut, Trouble::new(Code::Unauthenticated, why))
    }

    fn forbidden(why: String) -> Self {
        Self(Shut::Role, Trouble::new(Code::PermissionDenied, why))
    }
}

impl Access {
    /// Who calls, if he may.
    pub(crate) fn admit(
        &self,
        rule: &Rule,
        headers: &http::HeaderMap,
        visit: &Visit,
        now: UnixMillis,
    ) -> Result<Arc<Caller>, Refused> {
        let caller = match self {
            Self::Tokens(tokens) => tokens.caller(headers, now)?,
            Self::Certificates(roles) => of_certificate(roles, &visit.names)?,
        };
        if caller.roles.meet(rule.roles) {
            return Ok(caller);
        }
        let Caller { subject, roles, .. } = &*caller;
        Err(Refused::forbidden(format!(
            "{} needs the role {}, and {subject} has {roles}; ask whoever gives out credentials",
            rule.path.trim_start_matches('/'),
            rule.roles.either(),
        )))
    }
}

fn of_certificate(
    roles: &BTreeMap<String, Roles>,
    names: &[String],
) -> Result<Arc<Caller>, Refused> {
    let known = names.iter().find_map(|name| Some((name, *roles.get(name)?)));
    let Some((name, roles)) = known else {
        return Err(Refused::forbidden(match names.first() {
            Some(name) => {
                format!(
                    "the certificate of {name} has no roles here; give it some by --tls-client-role"
                )
            }
            None => "the connection showed no certificate with a DNS name; show one".to_owned(),
        }));
    };
    Ok(Arc::new(Caller::of_certificate(name, roles)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_the_roles_of_its_first_known_name() {
        let roles = BTreeMap::from([("desk.example".to_owned(), Roles::BOOKING)]);
        let access = Access::Certificates(roles);
        let visit = |names: &[&str]| Visit {
            address: core::net::Ipv4Addr::LOCALHOST.into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            leaves: None,
        };
        let ask = |path: &str, names: &[&str]| {
            let rule = rule(path).expect("a rule");
            let headers = http::HeaderMap::new();
            access.admit(rule, &headers, &visit(names), UnixMillis(0))
        };
        let caller = ask("/berth.v1.Inventory/Reserve", &["other.example", "desk.example"]);
        let caller = caller.expect("it may");
        assert_eq!((&*caller.subject, &*caller.tenant), ("desk.example", "desk.example"));
        for (path, names, word) in [
            ("/berth.v1.Operations/CloseSale", &["desk.example"][..], "operator"),
            ("/berth.v1.Inventory/Reserve", &["other.example"], "--tls-client-role"),
            ("/berth.v1.Inventory/Reserve", &[], "no certificate"),
        ] {
            let Refused(shut, trouble) = ask(path, names).expect_err("refused");
            let status = trouble.into_status();
            assert_eq!((shut, status.code()), (Shut::Role, Code::PermissionDenied), "{path}");
            assert!(status.message().contains(word), "{}", status.message());
        }
    }
}
