//! Every call with the roles that may make it and how rate limits count it: one table, which a test
//! holds against the descriptors of all services.

use super::Roles;

/// How rate limits see a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Not at all: who watches over a node must hear it also under load.
    Free,
    /// Ends or keeps what is already held: refused last.
    Finish,
    /// Everything else.
    Take,
    /// A stream of answers: counted when it begins.
    Stream,
    /// A session: its commands are counted one by one.
    Session,
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub path: &'static str,
    pub roles: Roles,
    pub lane: Lane,
}

impl Rule {
    /// Whether a line in the log says who made it: calls that operate and those that read history.
    pub fn is_audited(&self) -> bool {
        ["/berth.v1.Operations/", "/berth.v1.Journal/"].iter().any(|it| self.path.starts_with(it))
    }
}

const fn line(path: &'static str, roles: Roles, lane: Lane) -> Rule {
    Rule { path, roles, lane }
}

const SELL: Roles = Roles::BOOKING;
const LOOK_UP: Roles = Roles::BOOKING.and(Roles::AUDITOR);
const ENQUIRE: Roles = Roles::BOOKING.and(Roles::READ_ONLY).and(Roles::OPERATOR);
const OPERATE: Roles = Roles::OPERATOR;
const INSPECT: Roles = Roles::OPERATOR.and(Roles::AUDITOR);
const HISTORY: Roles = Roles::AUDITOR;
const METRICS: Roles = Roles::OPERATOR.and(Roles::AUDITOR).and(Roles::READ_ONLY);

/// See the module.
const CALLS: &[Rule] = &[
    line("/berth.v1.Inventory/Session", SELL, Lane::Session),
    line("/berth.v1.Inventory/Reserve", SELL, Lane::Take),
    line("/berth.v1.Inventory/Confirm", SELL, Lane::Finish),
    line("/berth.v1.Inventory/Release", SELL, Lane::Finish),
    line("/berth.v1.Inventory/Extend", SELL, Lane::Finish),
    line("/berth.v1.Inventory/Cancel", SELL, Lane::Finish),
    line("/berth.v1.Inventory/GetHold", LOOK_UP, Lane::Take),
    line("/berth.v1.Inventory/GetBooking", LOOK_UP, Lane::Take),
    line("/berth.v1.Availability/Query", ENQUIRE, Lane::Take),
    line("/berth.v1.Availability/BatchQuery", ENQUIRE, Lane::Take),
    line("/berth.v1.Availability/GetBerthMap", ENQUIRE, Lane::Take),
    line("/berth.v1.Availability/Watch", ENQUIRE, Lane::Stream),
    line("/berth.v1.WaitingRoom/Join", SELL, Lane::Take),
    line("/berth.v1.WaitingRoom/GetTicket", SELL, Lane::Take),
    line("/berth.v1.WaitingRoom/Watch", SELL, Lane::Stream),
    line("/berth.v1.WaitingRoom/Leave", SELL, Lane::Finish),
    line("/berth.v1.Operations/CreateTrainRun", OPERATE, Lane::Take),
    line("/berth.v1.Operations/RetireTrainRun", OPERATE, Lane::Take),
    line("/berth.v1.Operations/OpenSale", OPERATE, Lane::Take),
    line("/berth.v1.Operations/CloseSale", OPERATE, Lane::Take),
    line("/berth.v1.Operations/BlockBerths", OPERATE, Lane::Take),
    line("/berth.v1.Operations/UnblockBerths", OPERATE, Lane::Take),
    line("/berth.v1.Operations/GetTrainRun", INSPECT, Lane::Take),
    line("/berth.v1.Operations/ListTrainRuns", INSPECT, Lane::Take),
    line("/berth.v1.Operations/GetStats", INSPECT, Lane::Free),
    line("/berth.v1.Operations/GetServerInfo", INSPECT, Lane::Free),
    line("/berth.v1.Journal/Read", HISTORY, Lane::Stream),
    line("/berth.v1.Journal/Follow", HISTORY, Lane::Stream),
    line("/grpc.health.v1.Health/Check", Roles::NOBODY, Lane::Free),
    line("/grpc.health.v1.Health/Watch", Roles::NOBODY, Lane::Free),
    line("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Roles::ALL, Lane::Take),
    line("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Roles::ALL, Lane::Take),
    line("/metrics", METRICS, Lane::Free),
];

/// What holds for a call; `None`: there is no such call.
pub(crate) fn rule(path: &str) -> Option<&'static Rule> {
    CALLS.iter().find(|rule| rule.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_call_of_every_service_has_its_line_and_no_other_has() {
        let mut served = BTreeSet::from(["/metrics".to_owned()]);
        for set in [
            berth_proto::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            let set = prost_types::FileDescriptorSet::decode(set).expect("it decodes");
            for file in &set.file {
                for service in &file.service {
                    for call in &service.method {
                        let path =
                            format!("/{}.{}/{}", file.package(), service.name(), call.name());
                        let is_stream = rule(&path).is_some_and(|rule| rule.lane == Lane::Stream);
                        let streams = call.server_streaming() && !call.client_streaming();
                        if path.starts_with("/berth.") {
                            assert_eq!(is_stream, streams, "{path}");
                        }
                        served.insert(path);
                    }
                }
            }
        }
        let listed: BTreeSet<String> = CALLS.iter().map(|rule| rule.path.to_owned()).collect();
        assert_eq!(listed, served, "left: lines of CALLS; right: what is served");
        assert_eq!(listed.len(), CALLS.len(), "a call has one line");
    }

    #[test]
    fn only_health_needs_no_credential_and_operators_alone_change_runs() {
        for rule in CALLS {
            let is_health = rule.path.starts_with("/grpc.health.v1.");
            assert_eq!(rule.roles == Roles::NOBODY, is_health, "{}", rule.path);
            if rule.path.starts_with("/berth.v1.Operations/") && !rule.path.contains("/Get") {
                assert!(!rule.roles.meet(Roles::BOOKING.and(Roles::READ_ONLY)), "{}", rule.path);
            }
        }
    }
}
